"""Depth images of the hand of section 3.2: a sphere-mesh (Tkach, Pauly & Tagliasacchi 2016) met by rays.

The skin is the union of tapered capsules along bones and of the flat patches that touch three spheres (palm, webs).
Each pixel's ray is intersected in closed form with the primitives whose projected box holds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.datasets.hands.skeleton import PIVOT, Shape, digits, forearm_frame, palm_points

# Spheres 0 to 19 are the digits' joints, base to tip, thumb to pinky; then those named here.
(WRIST_U, WRIST_R, EDGE, THENAR, WEB_I, WEB_M, WEB_R, WEB_P, WEB_T, ARM_U, ARM_R, ELBOW_U, ELBOW_R) = range(20, 33)
THUMB, INDEX, MIDDLE, RING, PINKY = range(0, 20, 4)
RADII = np.array(
    [
        *(14.5, 12, 10, 7.5),
        *(11.5, 9.3, 8.2, 7.0),
        *(12, 9.6, 8.4, 7.2),
        *(11.5, 9.0, 7.9, 6.8),
        *(10.5, 8.0, 7.0, 6.0),
        *(14, 14, 12.5, 14.5, 9, 9, 9, 8, 8),
        *(16.5, 16.5),
    ]
)  # mm, without the forearm's far end
PALM = np.array([(-14, -52, 2), (15, -52, 2), (-30, -12, -2), (18, -18, -6)], float)  # WRIST_U to THENAR
PAIRS = 1 << 15  # ray and primitive pairs at a time: they fit a core's cache
STUB, FOREARM = 34.0, 230.0  # mm of forearm: on the render fitted to NYU's frames, and on a person

CAPSULES = np.array(
    [
        *[(d + k, d + k + 1) for d in (THUMB, INDEX, MIDDLE, RING, PINKY) for k in range(3)],
        *[(INDEX, MIDDLE), (MIDDLE, RING), (RING, PINKY), (WRIST_U, WRIST_R)],
        *[(INDEX, WRIST_R), (MIDDLE, WRIST_R), (RING, WRIST_U), (PINKY, EDGE), (EDGE, WRIST_U)],
        *[(WEB_I, WEB_M), (WEB_M, WEB_R), (WEB_R, WEB_P)],
        *[(THUMB, THENAR), (THUMB, WRIST_R), (THENAR, INDEX), (THUMB + 1, WEB_T), (WEB_T, INDEX)],
        *[(THENAR, WRIST_R), (THENAR, WRIST_U), (THENAR, MIDDLE), (THENAR, THUMB + 1), (THENAR, WEB_T)],
        *[(ARM_U, ELBOW_U), (ARM_R, ELBOW_R), (ELBOW_U, ELBOW_R), (ARM_U, WRIST_U), (ARM_R, WRIST_R)],
    ]
)
PATCHES = np.array(
    [
        *[(WRIST_U, WRIST_R, MIDDLE), (WRIST_R, INDEX, MIDDLE), (WRIST_U, MIDDLE, RING), (WRIST_U, RING, PINKY)],
        *[(WRIST_U, EDGE, PINKY), (THUMB, WRIST_R, THENAR), (THENAR, WRIST_R, WRIST_U), (THENAR, INDEX, MIDDLE)],
        *[(THENAR, WRIST_U, MIDDLE), (THUMB, THUMB + 1, THENAR), (THUMB + 1, WEB_T, THENAR), (THENAR, WEB_T, INDEX)],
        *[(INDEX, MIDDLE, WEB_M), (INDEX, WEB_I, WEB_M), (MIDDLE, RING, WEB_R), (MIDDLE, WEB_M, WEB_R)],
        *[(RING, PINKY, WEB_P), (RING, WEB_R, WEB_P)],
        *[(ARM_U, ARM_R, ELBOW_R), (ARM_U, ELBOW_U, ELBOW_R), (WRIST_U, WRIST_R, ARM_R), (WRIST_U, ARM_U, ARM_R)],
    ]
)


@dataclass(frozen=True)
class Rays:
    """Pixel grids of N images: pixel (row, column) looks along (x0 + column * step, y0 - row * step, 1)."""

    x0: np.ndarray  # (N,)
    y0: np.ndarray
    step: np.ndarray
    height: int
    width: int


def spheres(angles: np.ndarray, shape: Shape, forearm: float = STUB) -> tuple[np.ndarray, np.ndarray]:
    """Angles (N, ANGLES), degrees -> centres (N, 33, 3) in the hand frame and radii (33,), mm."""
    n = len(angles)
    joints = digits(angles, shape)
    palm = np.broadcast_to(palm_points(PALM, shape), (n, 4, 3))
    webs = joints[:, 1:, 0] + 0.32 * (joints[:, 1:, 1] - joints[:, 1:, 0])
    fold = joints[:, 1, 0] * 0.72 + palm[:, 3] * 0.28 + np.array([6, 0, 0]) * shape.scale
    taper = forearm / FOREARM
    ends = (
        np.array([(-12, 0, 0), (12, 0, 0), (-12 - 5 * taper, -forearm, 0), (12 + 5 * taper, -forearm, 0)]) * shape.scale
    )
    arm = PIVOT * shape.scale + ends @ np.swapaxes(forearm_frame(angles), 1, 2)
    radii = np.concatenate([RADII, RADII[-2:] + 7.5 * taper]) * shape.scale * shape.thickness
    return np.concatenate([joints.reshape(n, 20, 3), palm, webs, fold[:, None], arm], axis=1), radii


def render(
    centres: np.ndarray,
    radii: np.ndarray,
    rays: Rays,
    capsules: np.ndarray = CAPSULES,
    patches: np.ndarray = PATCHES,
) -> np.ndarray:
    """Spheres of centres (N, V, 3) and radii (V,) or (N, V) -> depth (N, height, width) in mm, inf where there is none.

    Camera frame; every sphere lies wholly in front of the camera. `capsules` (C, 2) and `patches` (P, 3) index spheres.
    """
    depth = np.full(len(centres) * rays.height * rays.width, np.inf)
    radii = np.broadcast_to(radii, centres.shape[:2])
    first, last = _boxes(centres, radii, rays)
    for corners, constants, hits in ((capsules, _capsules, _capsule_hits), (patches, _patches, _patch_hits)):
        if not len(corners):
            continue
        image = np.repeat(np.arange(len(centres)), len(corners))
        points = centres[:, corners].reshape(-1, corners.shape[1], 3)
        table = constants(points, radii[:, corners].reshape(-1, corners.shape[1]))
        top = first[:, corners].min(axis=2).reshape(-1, 2)
        bottom = last[:, corners].max(axis=2).reshape(-1, 2)
        for part, row, column in _pairs(top, bottom):
            who = image[part]
            x = rays.x0[who] + column * rays.step[who]
            y = rays.y0[who] - row * rays.step[who]
            hit, z = hits(table.take(part, axis=1), x, y)
            pixel = (who * rays.height + row) * rays.width + column
            np.minimum.at(depth, pixel[hit], z[hit])
    return depth.reshape(len(centres), rays.height, rays.width)


def _boxes(centres: np.ndarray, radii: np.ndarray, rays: Rays) -> tuple[np.ndarray, np.ndarray]:
    """First and last row and column of each sphere's outline, (N, V, 2) integers within the image."""
    low, high = np.empty((2, *centres.shape[:2], 2))
    for axis in range(2):
        middle = np.arctan2(centres[..., axis], centres[..., 2])
        half = np.arcsin(radii / np.hypot(centres[..., axis], centres[..., 2]))
        low[..., axis], high[..., axis] = np.tan(middle - half), np.tan(middle + half)
    step, x0, y0 = (values[:, None] for values in (rays.step, rays.x0, rays.y0))
    first = np.stack([(y0 - high[..., 1]) / step, (low[..., 0] - x0) / step], axis=-1)
    last = np.stack([(y0 - low[..., 1]) / step, (high[..., 0] - x0) / step], axis=-1)
    limit = np.array([rays.height, rays.width]) - 1
    return np.maximum(np.ceil(first), 0).astype(int), np.minimum(np.floor(last), limit).astype(int)


def _pairs(first: np.ndarray, last: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All (part, row, column) of the boxes (P, 2) to (P, 2), at most about PAIRS at a time."""
    extent = np.maximum(last - first + 1, 0)
    group = np.cumsum(extent.prod(axis=1)) // PAIRS
    for members in np.split(np.arange(len(first)), np.flatnonzero(np.diff(group)) + 1):
        height, width = extent[members].T
        line = np.repeat(np.arange(len(members)), height * (width > 0))
        row = first[members[line], 0] + _counting(height * (width > 0))
        column = np.repeat(first[members[line], 1], width[line]) + _counting(width[line])
        yield np.repeat(members[line], width[line]), np.repeat(row, width[line]), column


def _counting(lengths: np.ndarray) -> np.ndarray:
    """[2, 3] -> [0, 1, 0, 1, 2]."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _capsules(points: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Ends (P, 2, 3) and radii (P, 2) -> the constants (11, P) of the hulls of two spheres."""
    a, axis = points[:, 0], points[:, 1] - points[:, 0]
    ra, rb = radii.T
    taper = ra - rb
    length = (axis**2).sum(-1)
    slant = length - taper**2
    along, a2 = -(axis * a).sum(-1), (a**2).sum(-1)
    body = slant * a2 - along**2 + 2 * along * taper * ra - length * ra**2
    far = a2 - 2 * along + length - rb**2
    return np.stack([*a.T, *axis.T, slant, along - ra * taper, body, a2 - ra**2, far])


def _capsule_hits(table: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the ray (x, y, 1) meets a hull first. One that misses the whole cone misses the spheres."""
    ax, ay, az, bx, by, bz, slant, start, body, near, far = table
    square = x * x + y * y + 1
    towards = -(ax * x + ay * y + az)
    along = bx * x + by * y + bz
    a = slant * square - along * along
    b = slant * towards - along * start
    root = b * b - body * a
    hit = root >= 0
    a[a == 0] = np.nan  # along the axis of a cylinder: only the spheres can be met
    z = np.where(hit, (-b - np.sqrt(np.where(hit, root, 0))) / a, np.inf)
    height = start + np.where(hit, z, 0) * along
    cap = hit & ~((height > 0) & (height < slant))
    if cap.any():
        square, towards, along = square[cap], towards[cap], along[cap]
        ends = np.full((2, len(square)), np.inf)
        for end, (middle, constant) in enumerate(((towards, near[cap]), (towards - along, far[cap]))):
            root = middle * middle - square * constant
            met = root > 0
            ends[end, met] = (-middle[met] - np.sqrt(root[met])) / square[met]
        z[cap] = ends.min(axis=0)
    return z < np.inf, z


def _patches(points: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Centres (P, 3, 3) and radii (P, 3) -> constants (20, P) of the two triangles that touch all three spheres."""
    a, b = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    aa, ab, bb = (a * a).sum(-1), (a * b).sum(-1), (b * b).sum(-1)
    ra, rb = radii[:, 0] - radii[:, 1], radii[:, 0] - radii[:, 2]
    normal = np.cross(a, b)
    area = np.maximum(aa * bb - ab**2, 1e-9)  # the squared length of the normal
    flat = ((bb * ra - ab * rb)[:, None] * a + (aa * rb - ab * ra)[:, None] * b) / area[:, None]
    rise = 1 - (flat**2).sum(-1)
    lift = np.sqrt(np.where(rise > 0, rise, np.nan) / area)  # no plane touches all three: no ray meets it
    sides = []
    for sign in (1, -1):
        v = points + radii[..., None] * (flat + sign * lift[:, None] * normal)[:, None]
        sides += [*np.cross(v[:, 1], v[:, 2]).T, *np.cross(v[:, 2], v[:, 0]).T, *np.cross(v[:, 0], v[:, 1]).T]
        sides.append((v[:, 0] * np.cross(v[:, 1], v[:, 2])).sum(-1))
    return np.stack(sides)


def _patch_hits(table: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the ray (x, y, 1) meets the nearer of a patch's two triangles."""
    nearest = np.full(len(x), np.inf)
    for side in (table[:10], table[10:]):
        first, second, third = (side[k] * x + side[k + 1] * y + side[k + 2] for k in (0, 3, 6))
        inside = (first * second > 0) & (second * third > 0)
        z = np.where(inside, side[9] / np.where(inside, first + second + third, 1), np.inf)
        np.minimum(nearest, z, out=nearest)
    return nearest < np.inf, nearest
