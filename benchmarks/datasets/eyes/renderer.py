"""Ray caster for the embedded eyes: the role that UnityEyes' renderer plays in the paper's section 3.

One ray a pixel. Edges (lids, limbus, pupil, rim) are antialiased by their distance from the pixel's centre
over the pixel's footprint, which at this size does a box filter's work at a quarter of 2x2 supersampling's price.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.datasets.eyes import geometry as geo
from benchmarks.datasets.eyes.geometry import Scenes

TEXELS, TEXELS_PER_MM = 256, 2.0


@dataclass(frozen=True)
class Frame:
    """Pixels to draw: `height` x `width`, whose first pixel is (`left`, `top`) of the 55x35 crop."""

    height: int = geo.HEIGHT
    width: int = geo.WIDTH
    left: int = 0
    top: int = 0


CROP = Frame()


@dataclass(frozen=True)
class Trace:
    """Where the rays of n scenes meet the anatomy; every array (n, pixels) in the head frame unless noted.

    A ray at depth z passes (x0 + ax z, y0 + ay z). `opening` is the share of the pixel between the lids,
    `iris` and `pupil` the shares inside those circles whether or not a lid hides them.
    """

    x0: np.ndarray
    y0: np.ndarray
    ax: np.ndarray
    ay: np.ndarray
    skin_x: np.ndarray
    skin_y: np.ndarray
    slope_x: np.ndarray
    slope_y: np.ndarray
    lids: geo.Lids
    below_upper: np.ndarray  # mm below the upper margin
    above_lower: np.ndarray  # mm above the lower margin
    opening: np.ndarray
    axis: np.ndarray  # (n, 3)
    disc_x: np.ndarray  # mm from the iris' centre in its plane
    disc_y: np.ndarray
    disc_radius: np.ndarray
    iris: np.ndarray
    pupil: np.ndarray


def trace(scenes: Scenes, frame: Frame = CROP) -> Trace:
    """Casts the rays of `frame`'s pixels, row by row."""
    rotation = geo.head_rotation(scenes).astype(np.float32)
    column = (np.arange(frame.width, dtype=np.float32) + frame.left - geo.CENTRE[0]) / geo.FOCAL
    row = (np.arange(frame.height, dtype=np.float32) + frame.top - geo.CENTRE[1]) / geo.FOCAL
    u, v = np.tile(column, frame.height), np.repeat(row, frame.width)
    eye = -np.einsum("nji,nj->ni", rotation, scenes.centre)  # the camera, seen from the head

    def along(i: int) -> np.ndarray:
        return rotation[:, 0, i, None] * u + rotation[:, 1, i, None] * v + rotation[:, 2, i, None]

    per_depth = 1 / along(2)
    ax, ay = along(0) * per_depth, along(1) * per_depth
    x0, y0 = eye[:, 0:1] - ax * eye[:, 2:3], eye[:, 1:2] - ay * eye[:, 2:3]

    # Fixed point of z = -relief(x(z), y(z)): it contracts by slope * tan(head angle), below 0.3 per turn.
    x, y = x0 - 11 * ax, y0 - 11 * ay
    for _ in range(2):
        depth = geo.relief(scenes, x, y)[0]
        x, y = x0 - depth * ax, y0 - depth * ay
    depth, slope_x, slope_y = geo.relief(scenes, x, y, slopes=True)
    x, y = x0 - depth * ax, y0 - depth * ay

    margin = geo.lids(scenes, x)
    pixel = geo.DISTANCE / geo.FOCAL
    below = (y - margin.upper) / np.sqrt(1 + margin.upper_slope**2)
    above = (margin.lower - y) / np.sqrt(1 + margin.lower_slope**2)
    corners = (1 - np.abs(margin.tau)) * ((scenes.corner_out - scenes.corner_in) / 2)
    gap = np.minimum(np.minimum(below, above), corners)
    opening = np.clip(0.5 + gap / pixel, 0, 1)

    axis = geo.to_head(scenes, scenes.gaze).astype(np.float32)
    right, down = (a.astype(np.float32) for a in geo.disc_axes(axis))
    gx, gy, gz = axis[:, 0:1], axis[:, 1:2], axis[:, 2:3]
    depth = (geo.limbus_depth(scenes) - gx * x0 - gy * y0) / (gx * ax + gy * ay + gz)
    px, py = x0 + ax * depth, y0 + ay * depth
    disc_x = px * right[:, 0:1] + py * right[:, 1:2] + depth * right[:, 2:3]
    disc_y = px * down[:, 0:1] + py * down[:, 1:2] + depth * down[:, 2:3]
    radius = np.sqrt(disc_x * disc_x + disc_y * disc_y) + 1e-6
    footprint = _radial_footprint(disc_x / radius, disc_y / radius, right, down, axis, rotation)
    return Trace(
        x0, y0, ax, ay, x, y, slope_x, slope_y, margin, below, above, opening, axis, disc_x, disc_y, radius,
        iris=np.clip(0.5 + (scenes.iris_radius - radius) / footprint, 0, 1),
        pupil=np.clip(0.5 + (scenes.pupil_radius - radius) / footprint, 0, 1),
    )  # fmt: skip


def _radial_footprint(
    cos: np.ndarray,
    sin: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    axis: np.ndarray,
    rotation: np.ndarray,
) -> np.ndarray:
    """Change of the radius in the iris plane over a pixel, mm: the plane is slanted, so it grows with gaze."""
    view = rotation[:, 2, :]  # the optical axis of the camera, in the head frame
    steps = []
    for side in (0, 1):
        step = rotation[:, side, :]
        step = step - view * (np.sum(step * axis, -1) / np.sum(view * axis, -1))[:, None]
        steps.append(cos * np.sum(step * right, -1)[:, None] + sin * np.sum(step * down, -1)[:, None])
    return geo.DISTANCE / geo.FOCAL * np.sqrt(steps[0] ** 2 + steps[1] ** 2 + 1e-6)


def render(scenes: Scenes, frame: Frame = CROP) -> np.ndarray:
    """Linear radiance, float32 (n, height, width): 1 is a white card facing a key light of strength 1."""
    hit = trace(scenes, frame)
    light = geo.to_head(scenes, scenes.light).astype(np.float32)
    window = geo.to_head(scenes, scenes.window).astype(np.float32)
    view = geo.to_head(scenes, -scenes.centre / np.linalg.norm(scenes.centre, axis=-1, keepdims=True))
    key = scenes.key * _cast_shadow(scenes, hit)
    image = _skin(scenes, hit, light, view, key)
    image += hit.opening * (_eyeball(scenes, hit, light, window, view, key) - image)
    image *= _lashes(scenes, hit)
    if scenes.rim.any():
        image = _spectacles(scenes, hit, image)
    return image.reshape(len(scenes), frame.height, frame.width)


def _dot(vectors: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray | float) -> np.ndarray:
    return vectors[:, 0:1] * x + vectors[:, 1:2] * y + vectors[:, 2:3] * z


def _halfway(light: np.ndarray, view: np.ndarray) -> np.ndarray:
    half = light + view
    return (half / np.linalg.norm(half, axis=-1, keepdims=True)).astype(np.float32)


def _cast_shadow(scenes: Scenes, hit: Trace) -> np.ndarray:
    """Share of the key light left by an occluder (nose, brow, hair, hand) with one straight edge."""
    if not scenes.shadow.any():
        return np.ones((1, 1), np.float32)
    turn = np.radians(scenes.shadow_angle)
    past = hit.skin_x * np.cos(turn) + hit.skin_y * np.sin(turn) - scenes.shadow_offset
    return 1 - scenes.shadow / (1 + np.exp(np.clip(-4 * past / scenes.shadow_soft, -30, 30)))


def _skin(scenes: Scenes, hit: Trace, light: np.ndarray, view: np.ndarray, key: np.ndarray) -> np.ndarray:
    x, y, edge = hit.skin_x, hit.skin_y, hit.lids
    above_crease = (y - edge.crease) * (1 / 0.75)
    fade = np.maximum(1 - 0.6 * edge.tau * edge.tau, 0)
    crease = scenes.crease_depth * fade * np.exp(-above_crease * above_crease)
    under = (y - edge.lower - 5.0) * (1 / 2.2)
    bag = scenes.bag_depth * fade * np.exp(-under * under)
    fold_y = crease * above_crease * (2 / 0.75) + bag * under * (2 / 2.2)
    slope_x = hit.slope_x - crease * above_crease * (2 / 0.75) * edge.crease_slope
    slope_y = hit.slope_y + fold_y
    length = 1 / np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    facing = -_dot(light, slope_x, slope_y, 1.0) * length
    # Light bleeds round the terminator in skin: a wrapped cosine stands for it.
    diffuse = np.maximum((facing + 0.25) * (1 / 1.25), 0)
    sheen = -_dot(_halfway(light, view), slope_x, slope_y, 1.0) * length
    gloss = np.exp((sheen - 1) * 14)
    sky = 0.7 - 0.4 * slope_y * length  # more light comes from above than from below

    # The socket's hollows at the nose and under the fold of the upper lid see less of the sky.
    hollow = 1 - 0.5 * np.exp(-(((x - scenes.corner_in + 1) / 6) ** 2) - ((y + 4) / 7) ** 2)
    under_fold = (y - edge.upper + 0.6) * (1 / 2.0)
    hollow *= 1 - scenes.socket * np.maximum(1.2 - 0.5 * edge.tau * edge.tau, 0) * np.exp(-under_fold * under_fold)
    hollow *= 1 - np.minimum(0.8 * crease + 0.25 * bag, 0.75)
    mottle = 1 + scenes.skin_mottle * _texture(scenes, x, y)
    light_in = scenes.ambient * sky * hollow + key * (diffuse * (0.4 + 0.6 * hollow) + scenes.skin_gloss * gloss)
    albedo = scenes.skin_albedo * mottle * _brow(scenes, x, y)

    # The lower lid's margin is a shelf about 1.5 mm deep that faces up and is wet.
    shelf = np.clip(1 - np.abs(hit.above_lower + 0.7) * 1.3, 0, 1) * (np.abs(edge.tau) < 0.97)
    shelf_light = scenes.ambient * 0.8 + key * np.maximum(0.55 - 0.6 * light[:, 1:2], 0)
    return albedo * (light_in + 0.4 * shelf * (shelf_light - light_in) + 0.04 * shelf)


def _brow(scenes: Scenes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    across = y - scenes.brow_y - scenes.brow_slope * x + 0.012 * x * x
    edge = _texture(scenes, 1.3 * x + 0.8 * across + 31, 0.3 * across)
    band = np.clip(0.5 + (scenes.brow_width * 0.5 - np.abs(across) + 0.5 * edge) * 0.5, 0, 1)
    return 1 - scenes.brow_dark * band * np.clip(0.8 + 0.2 * edge, 0, 1)


def _eyeball(
    scenes: Scenes, hit: Trace, light: np.ndarray, window: np.ndarray, view: np.ndarray, key: np.ndarray
) -> np.ndarray:
    axis, iris = hit.axis, hit.iris
    globe = _sphere(hit, np.zeros_like(axis), geo.GLOBE)
    centre = axis * (geo.limbus_depth(scenes) - np.sqrt(geo.CORNEA**2 - scenes.iris_radius**2))
    cornea = _sphere(hit, centre.astype(np.float32), geo.CORNEA)

    wrapped = np.maximum((_dot(light, *globe) + 0.3) * (1 / 1.3), 0)
    veins = 1 - 0.05 * np.abs(_texture(scenes, hit.skin_x * 1.7, hit.skin_y * 3.1 + 50))
    limbal = 1 - 0.25 * np.exp(-((hit.disc_radius - scenes.iris_radius) ** 2) * 1.1)
    sclera = scenes.sclera_albedo * veins * limbal * (scenes.ambient + key * wrapped)

    into_caruncle = np.clip((scenes.corner_in + 3.2 - hit.skin_x) * 0.8, 0, 1)
    flesh = 0.75 * scenes.skin_albedo * (scenes.ambient + key * wrapped)
    ball = sclera + into_caruncle * (flesh - sclera)
    ball += iris * (_iris(scenes, hit, light, key) - ball)

    # Lids and lashes keep light from the ball beneath them, the more the higher the light.
    overhang = 0.5 + 0.25 * np.clip(-light[:, 1:2], -0.5, 1)
    shade = 1 - overhang * np.exp(-np.maximum(hit.below_upper, 0) * (1 / 2.0))
    shade *= 1 - 0.3 * np.exp(-np.maximum(hit.above_lower, 0) * (1 / 0.7))
    shade *= 1 - 0.5 * np.clip((np.abs(hit.lids.tau) - 0.35) * 1.6, 0, 1)
    ball *= shade

    x, y, z = (flat + iris * (bulge - flat) for flat, bulge in zip(globe, cornea, strict=True))
    wet = 0.25 + 0.75 * iris  # the sclera's film is rougher and reflects less sharply
    ball += scenes.glint * wet * np.exp((_dot(_halfway(light, view), x, y, z) - 1) * 260)
    ball += scenes.window_glint * wet * np.exp((_dot(_halfway(window, view), x, y, z) - 1) * 150)
    return ball


def _iris(scenes: Scenes, hit: Trace, light: np.ndarray, key: np.ndarray) -> np.ndarray:
    cos, sin = hit.disc_x / hit.disc_radius, hit.disc_y / hit.disc_radius
    cos2, sin2 = cos * cos - sin * sin, 2 * sin * cos
    cos4, sin4 = cos2 * cos2 - sin2 * sin2, 2 * sin2 * cos2
    cos8, sin8 = cos4 * cos4 - sin4 * sin4, 2 * sin4 * cos4
    phase = scenes.iris_phase
    fibres = cos8 * np.cos(phase) + sin8 * np.sin(phase)
    fibres += (cos8 * cos4 - sin8 * sin4) * np.cos(3 * phase) + (cos4 * cos - sin4 * sin) * np.sin(2 * phase)
    depth = hit.disc_radius / scenes.iris_radius
    collar = np.exp(-(((hit.disc_radius - scenes.pupil_radius - 0.7) * 1.4) ** 2))
    ring = np.clip((depth - 0.72) * 3.6, 0, 1)
    albedo = scenes.iris_albedo * (1 + scenes.iris_fibres * fibres + 0.12 * collar) * (1 - scenes.limbus * ring)
    # The cornea gathers light on the side of the iris away from the lamp.
    caustic = 1 - 0.35 * depth * (cos * light[:, 0:1] + sin * light[:, 1:2])
    lit = scenes.ambient + key * np.maximum(_dot(light, *(hit.axis[:, i : i + 1] for i in range(3))), 0) * caustic
    return albedo * lit * (1 - hit.pupil) + 0.012 * hit.pupil * lit


def _sphere(hit: Trace, centre: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit normal where the ray meets the near side of a sphere; rays that miss get its outline's."""
    x, y = hit.x0 - centre[:, 0:1], hit.y0 - centre[:, 1:2]
    a = 1 + hit.ax * hit.ax + hit.ay * hit.ay
    b = x * hit.ax + y * hit.ay - centre[:, 2:3]
    c = x * x + y * y + centre[:, 2:3] ** 2 - radius**2
    depth = (-b - np.sqrt(np.maximum(b * b - a * c, 0))) / a
    x, y, z = x + hit.ax * depth, y + hit.ay * depth, depth - centre[:, 2:3]
    length = 1 / np.sqrt(x * x + y * y + z * z)
    return x * length, y * length, z * length


def _lashes(scenes: Scenes, hit: Trace) -> np.ndarray:
    """What lashes and lid margins let through, (n, pixels)."""
    tau, below, above = hit.lids.tau, hit.below_upper, hit.above_lower
    along = np.clip((1.1 - np.abs(tau)) * 6, 0, 1)
    root = np.exp(-(((below + 0.35) * 1.05) ** 2))
    comb = 0.6 + 0.4 * np.sin(hit.skin_x * 4.1 + below * 1.1 * tau + scenes.iris_phase)
    height = -below / scenes.lash_length
    fan = np.clip(1 - height, 0, 1) * (height > 0) * comb * (0.75 + 0.25 * tau)
    upper = along * scenes.lash_dark * np.maximum(root, 0.45 * fan)
    lower = along * scenes.lash_dark * 0.22 * np.exp(-(((above + 1.6) * 1.1) ** 2)) * comb
    return (1 - upper) * (1 - lower)


def _spectacles(scenes: Scenes, hit: Trace, image: np.ndarray) -> np.ndarray:
    """Rim of a rounded lens 12 mm before the cornea, and its soft reflection of the room."""
    x, y = hit.x0 - 25 * hit.ax, hit.y0 - 25 * hit.ay
    across = np.abs(x) / 21
    up = np.abs(y - scenes.rim_y) / scenes.rim_height
    norm = np.sqrt(np.sqrt(across**4 + up**4))
    off = (norm - 1) * scenes.rim_height
    rim = scenes.rim * np.clip(0.5 + (scenes.rim_width / 2 - np.abs(off)) * (geo.FOCAL / geo.DISTANCE), 0, 1)
    spot_x, spot_y = (x - scenes.lens_glare_x) / 5, (y - scenes.lens_glare_y) / 3
    inside = (off < 0) * (scenes.rim > 0)
    image = image + scenes.lens_glare * inside * np.exp(-(spot_x**4) - spot_y**4)
    lit = scenes.rim_albedo * (scenes.ambient + scenes.key)
    return image + rim * (lit - image)


@cache
def _texture_map() -> np.ndarray:
    """A tile of skin: pores on mottle, amplitude falling with frequency, mean 0 and deviation 1."""
    noise = np.random.default_rng(35055).standard_normal((TEXELS, TEXELS))
    frequency = np.hypot(np.fft.fftfreq(TEXELS)[:, None], np.fft.fftfreq(TEXELS)[None, :])
    tile = np.fft.ifft2(np.fft.fft2(noise) / (frequency + 0.06)).real
    return ((tile - tile.mean()) / tile.std()).astype(np.float32).ravel()


def _texture(scenes: Scenes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    column = ((x + scenes.texture_x) * TEXELS_PER_MM).astype(np.int32) & (TEXELS - 1)
    row = ((y + scenes.texture_y) * TEXELS_PER_MM).astype(np.int32) & (TEXELS - 1)
    return _texture_map()[row * TEXELS + column]
