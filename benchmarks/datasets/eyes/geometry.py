"""Anatomy of the embedded eyes that stand in for the paper's UnityEyes and MPIIGaze crops (section 3).

Units are millimetres and degrees. Camera frame: x right, y down, z forward. Head frame: the same axes carried
along by the head, origin in the eyeball's centre: a head turned to the camera has both frames parallel.
The nose is at negative x (image left). Lengths follow the textbook schematic eye: globe 12 mm, limbus 5.9 mm,
cornea 7.8 mm.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

FOCAL = 960.0  # pixels; MPIIGaze's normalised camera (Zhang et al. 2015) for a 60x36 crop
DISTANCE = 600.0  # mm from that camera to the eye
CENTRE = (27.0, 17.0)  # principal point (column, row) of the 55x35 crop
HEIGHT, WIDTH = 35, 55
GLOBE = 12.0
CORNEA = 7.8
LID_RADIUS = GLOBE + 0.8  # the lid margin glides over the globe on this sphere
LID_POINTS = np.concatenate([np.linspace(-1, 1, 9), np.linspace(0.75, -0.75, 7)]).astype(np.float32)


@dataclass(frozen=True)
class Scenes:
    """n eyes to draw. Every field is float32 (n, 1), vectors (n, 3), so that fields broadcast over pixels."""

    centre: np.ndarray  # (n, 3) eyeball centre, camera frame
    gaze: np.ndarray  # (n, 3) unit optical axis, camera frame
    head_pitch: np.ndarray  # degrees, up positive
    head_yaw: np.ndarray  # degrees, to image left positive
    iris_radius: np.ndarray
    pupil_radius: np.ndarray
    iris_albedo: np.ndarray
    iris_fibres: np.ndarray  # contrast of the radial fibres
    iris_phase: np.ndarray
    limbus: np.ndarray  # darkness of the limbal ring
    sclera_albedo: np.ndarray
    corner_in: np.ndarray  # x of the inner corner, negative
    corner_out: np.ndarray
    corner_y: np.ndarray  # y midway between the corners
    corner_slope: np.ndarray  # dy/dx of the line through the corners
    upper_lid: np.ndarray  # degrees above the globe's equator at level gaze
    lower_lid: np.ndarray  # degrees below it
    upper_round: np.ndarray
    lower_round: np.ndarray
    lid_skew: np.ndarray
    crease: np.ndarray  # mm from the lid margin to the crease
    crease_depth: np.ndarray
    bag_depth: np.ndarray
    socket: np.ndarray  # darkness of the hollow under the fold of the upper lid, 0 to 0.8
    brow_ridge: np.ndarray  # mm that the bone stands forward
    nose_ridge: np.ndarray
    cheek_ridge: np.ndarray
    brow_y: np.ndarray
    brow_slope: np.ndarray
    brow_width: np.ndarray
    brow_dark: np.ndarray
    lash_dark: np.ndarray
    lash_length: np.ndarray
    skin_albedo: np.ndarray
    skin_mottle: np.ndarray  # relative contrast of the skin texture
    skin_gloss: np.ndarray
    texture_x: np.ndarray  # offset into the skin texture, mm
    texture_y: np.ndarray
    light: np.ndarray  # (n, 3) unit vector towards the key light, camera frame
    key: np.ndarray
    ambient: np.ndarray
    glint: np.ndarray  # radiance of the key light's reflection on the cornea
    window: np.ndarray  # (n, 3) unit vector towards a second reflected source
    window_glint: np.ndarray
    shadow: np.ndarray  # depth of a cast shadow, 0 to 1
    shadow_angle: np.ndarray  # direction of its straight edge's normal in the face plane, degrees
    shadow_offset: np.ndarray  # mm from the eye's centre
    shadow_soft: np.ndarray  # penumbra, mm
    rim: np.ndarray  # spectacle rim: 0 none, else its opacity
    rim_albedo: np.ndarray
    rim_y: np.ndarray  # centre of the lens, mm
    rim_height: np.ndarray  # half height of the lens
    rim_width: np.ndarray  # width of the rim's wire
    lens_glare: np.ndarray
    lens_glare_x: np.ndarray
    lens_glare_y: np.ndarray

    def __len__(self) -> int:
        return len(self.gaze)

    def __getitem__(self, index: slice) -> Scenes:
        return Scenes(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def but(self, **values: float | np.ndarray) -> Scenes:
        """The same scenes with some fields set; a number is set in every scene."""
        full = {
            name: np.broadcast_to(np.asarray(value, np.float32), getattr(self, name).shape)
            for name, value in values.items()
        }
        return replace(self, **full)


def direction(pitch: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 3) from MPIIGaze's angles in degrees: pitch up, yaw to image left, (0, 0) at us."""
    pitch, yaw = np.radians(pitch).ravel(), np.radians(yaw).ravel()
    return np.stack([-np.cos(pitch) * np.sin(yaw), -np.sin(pitch), -np.cos(pitch) * np.cos(yaw)], -1)


def angles(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of `direction`: pitch and yaw in degrees, each (n,)."""
    x, y, z = vectors.T
    return np.degrees(np.arcsin(np.clip(-y, -1, 1))), np.degrees(np.arctan2(-x, -z))


def head_rotation(scenes: Scenes) -> np.ndarray:
    """(n, 3, 3) matrices that carry head-frame vectors to the camera frame."""
    pitch, yaw = np.radians(scenes.head_pitch[:, 0]), np.radians(scenes.head_yaw[:, 0])
    cos_p, sin_p, cos_y, sin_y = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw)
    zero = np.zeros_like(cos_p)
    rows = [
        [cos_y, -sin_y * sin_p, sin_y * cos_p],
        [zero, cos_p, sin_p],
        [-sin_y, -cos_y * sin_p, cos_y * cos_p],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def to_head(scenes: Scenes, vectors: np.ndarray) -> np.ndarray:
    """Camera-frame vectors (n, 3) in the head frame."""
    return np.einsum("nji,nj->ni", head_rotation(scenes), vectors)


def project(scenes: Scenes, points: np.ndarray) -> np.ndarray:
    """Head-frame points (n, k, 3) to pixels (n, k, 2), column then row, of the 55x35 crop."""
    camera = np.einsum("nij,nkj->nki", head_rotation(scenes), points) + scenes.centre[:, None, :]
    return FOCAL * camera[..., :2] / camera[..., 2:] + np.asarray(CENTRE)


def relief(scenes: Scenes, x: np.ndarray, y: np.ndarray, slopes: bool = False) -> tuple[np.ndarray, ...]:
    """How far the face, its lids closed, stands out towards -z at (x, y), (n, k); and its slopes if asked."""
    globe = 8.5 * np.exp(-((x * (1 / 11.0)) ** 2) - (y * (1 / 9.5)) ** 2)
    brow_at = (y + 21.0 + 0.1 * x) * (1 / 8.0)
    nose_at = (x + 30.0) * (1 / 10.0)
    cheek_at = (y - 23.0) * (1 / 10.0)
    brow = scenes.brow_ridge * np.exp(-brow_at * brow_at)
    nose = scenes.nose_ridge * np.exp(-nose_at * nose_at)
    cheek = scenes.cheek_ridge * np.exp(-cheek_at * cheek_at)
    temple = np.maximum(x, 0)
    height = 4.5 + globe + brow + nose + cheek - 0.012 * temple * temple
    if not slopes:
        return (height,)
    brow_slope = brow * brow_at * (-2 / 8.0)
    along_x = globe * x * (-2 / 121.0) + 0.1 * brow_slope + nose * nose_at * (-2 / 10.0) - 0.024 * temple
    along_y = globe * y * (-2 / 90.25) + brow_slope + cheek * cheek_at * (-2 / 10.0)
    return height, along_x, along_y


@dataclass(frozen=True)
class Lids:
    """Margins of the lids over the line through the corners, all (n, k) or broadcastable to it."""

    tau: np.ndarray  # position between the corners: -1 inner, 1 outer
    upper: np.ndarray  # y of the margin
    lower: np.ndarray
    upper_slope: np.ndarray
    lower_slope: np.ndarray
    crease: np.ndarray  # y of the upper lid's crease
    crease_slope: np.ndarray


def lids(scenes: Scenes, x: np.ndarray) -> Lids:
    """The lid margins at head-frame x (n, k).

    The upper lid turns with 0.75 of the eye's vertical rotation and the lower with 0.3; the crease follows by
    half as much as the lid, so that looking down unfolds it.
    """
    pitch = np.degrees(np.arcsin(np.clip(-to_head(scenes, scenes.gaze)[:, 1:2], -1, 1)))
    upper_at = np.clip(scenes.upper_lid + 0.75 * pitch, scenes.lower_lid * -0.75, 70)
    lower_at = np.clip(scenes.lower_lid - 0.3 * pitch, 8, 70)
    up = LID_RADIUS * np.sin(np.radians(upper_at)) + scenes.corner_y
    down = LID_RADIUS * np.sin(np.radians(lower_at)) - scenes.corner_y
    fold = LID_RADIUS * np.sin(np.radians(scenes.upper_lid + 0.35 * pitch)) + scenes.corner_y + scenes.crease
    fold = np.maximum(fold, up + 0.8)

    half = (scenes.corner_out - scenes.corner_in) / 2
    middle = (scenes.corner_out + scenes.corner_in) / 2
    tau = (x - middle) / half
    square = tau * tau
    inside = np.maximum(1 - square, 0)
    outside = np.where(inside > 0, 1 / half, 0).astype(np.float32)

    def arch(roundness: np.ndarray, skew: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bulge, tilt = 1 + roundness * square, 1 + skew * tau
        slope = -2 * tau * bulge * tilt + inside * (2 * roundness * tau * tilt + bulge * skew)
        return inside * bulge * tilt, slope * outside

    line = scenes.corner_y + scenes.corner_slope * (x - middle)
    above, above_slope = arch(scenes.upper_round, scenes.lid_skew)
    below, below_slope = arch(scenes.lower_round, -scenes.lid_skew)
    wide = np.maximum(1 - square * 0.7, 0)
    return Lids(
        tau=tau,
        upper=line - up * above,
        lower=line + down * below,
        upper_slope=scenes.corner_slope - up * above_slope,
        lower_slope=scenes.corner_slope + down * below_slope,
        crease=line - fold * wide,
        crease_slope=scenes.corner_slope + fold * 1.4 * tau / half,
    )


def disc_axes(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, 3) spanning the iris plane: to image right, then down, when the eye looks ahead."""
    right = np.stack([-axis[:, 2], np.zeros(len(axis), axis.dtype), axis[:, 0]], -1)
    right = right / np.linalg.norm(right, axis=-1, keepdims=True)
    return right, np.cross(right, axis)


def limbus_depth(scenes: Scenes) -> np.ndarray:
    """Distance (n, 1) of the iris plane from the globe's centre: the limbus lies on the globe."""
    return np.sqrt(GLOBE**2 - scenes.iris_radius**2)


def landmarks(scenes: Scenes) -> dict[str, np.ndarray]:
    """Pixels (n, k, 2) of "centre" (1, the pupil's), "pupil" (8), "iris" (16) and "lid" (16).

    Circles begin at image right and run clockwise; lid points begin at the inner corner, run along the upper
    margin to the outer corner (point 8) and back along the lower one. Hidden points are given too.
    """
    axis = to_head(scenes, scenes.gaze)
    right, down = disc_axes(axis)
    centre = (axis * limbus_depth(scenes))[:, None, :]

    def circle(radius: np.ndarray, count: int) -> np.ndarray:
        turn = 2 * np.pi * np.arange(count)[:, None] / count
        spokes = np.cos(turn) * right[:, None, :] + np.sin(turn) * down[:, None, :]
        return centre + radius[:, None, :] * spokes

    half = (scenes.corner_out - scenes.corner_in) / 2
    x = (scenes.corner_out + scenes.corner_in) / 2 + half * LID_POINTS
    margin = lids(scenes, x)
    y = np.where(np.arange(16) <= 8, margin.upper, margin.lower)
    points = {
        "centre": centre,
        "pupil": circle(scenes.pupil_radius, 8),
        "iris": circle(scenes.iris_radius, 16),
        "lid": np.stack([x, y, -relief(scenes, x, y)[0]], -1),
    }
    return {name: project(scenes, value) for name, value in points.items()}
