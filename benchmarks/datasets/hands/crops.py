"""Crops of section 3.2: a 300 mm cube around NYU's joint 32 (the palm) of a 640x480 frame, and network units.

Pixel centres lie at integers. The crop's pixel (size - 1) / 2 is the palm; its edges are 150 mm from it at its depth,
which at the usual 224 pixels is about the frame's own resolution (0.75 crop pixels a mm).
"""

import numpy as np

from benchmarks.datasets.hands.renderer import Rays

FX, FY, U0, V0 = 588.03, 587.07, 320.0, 240.0  # NYU's frontal camera
CUBE = 300.0  # mm
RELIEF = 400.0  # mm a network unit: with an offset behind the cube, its 300 mm fill [-1, -0.25]
BACKGROUND = -0.125  # network units between background (0) and any foreground (-0.25 or below)


def detail(size: int) -> float:
    """The sensor's resolution, relative to the Kinect's, at which edges are as ragged in crop pixels as at 224."""
    return size / 224


def project(points: np.ndarray) -> np.ndarray:
    """Camera frame (..., 3), mm, y up -> frame pixels and depth (..., 3): u right, v down, d."""
    x, y, d = np.moveaxis(points, -1, 0)
    return np.stack([U0 + FX * x / d, V0 - FY * y / d, d], axis=-1)


def unproject(uvd: np.ndarray) -> np.ndarray:
    """The inverse of `project`."""
    u, v, d = np.moveaxis(uvd, -1, 0)
    return np.stack([(u - U0) * d / FX, (V0 - v) * d / FY, d], axis=-1)


def crop_to_frame(uv: np.ndarray, crop: np.ndarray, size: int) -> np.ndarray:
    """Crop pixels (N, J, 2) -> frame pixels, for crops (N, 3): the labels' `crop_u`, `crop_v`, `crop_d`."""
    return crop[:, None, :2] + (uv - (size - 1) / 2) * _pitch(crop, size)


def frame_to_crop(uv: np.ndarray, crop: np.ndarray, size: int) -> np.ndarray:
    """The inverse of `crop_to_frame`."""
    return (size - 1) / 2 + (uv - crop[:, None, :2]) / _pitch(crop, size)


def crop_to_mm(uvd: np.ndarray, crop: np.ndarray, size: int) -> np.ndarray:
    """Crop pixels and depth (N, J, 3) -> camera frame (N, J, 3), mm."""
    return unproject(np.concatenate([crop_to_frame(uvd[..., :2], crop, size), uvd[..., 2:]], axis=-1))


def crop_rays(palms: np.ndarray, size: int) -> Rays:
    """The rays of crops around palms (N, 3), camera frame, mm."""
    step = CUBE / (size * palms[:, 2])
    corner = palms[:, :2] / palms[:, 2:] + np.array([-1, 1]) * step[:, None] * (size - 1) / 2
    return Rays(corner[:, 0], corner[:, 1], step, size, size)


def in_cube(depth: np.ndarray, palms: np.ndarray) -> np.ndarray:
    """Depth (N, H, W) in mm -> uint16 with 0 outside the cube."""
    kept = np.abs(depth - palms[:, 2, None, None]) <= CUBE / 2
    return np.where(kept, np.rint(np.where(kept, depth, 0)), 0).astype(np.uint16)


def keep_under(depth: np.ndarray, render: np.ndarray) -> np.ndarray:
    """Keeps of a real frame what its aligned render covers, as the paper does. This leaks the label's outline."""
    return np.where(render > 0, depth, 0)


def network_units(depth: np.ndarray, offset: float | np.ndarray = 2000.0, scale: float = 2000.0) -> np.ndarray:
    """uint16 mm (N, H, W) -> float32: background 0, foreground (depth - offset) / scale, so below 0.

    The offset of 2000 mm is the first arXiv version's; the scale then gives [-0.75, -0.4] to hands 0.5 to 1.2 m away.
    With `cube_offset(crop_d)` and scale 400 relief fills [-1, -0.25] instead, at any distance.
    """
    offset = np.asarray(offset, np.float32).reshape(-1, 1, 1)
    return np.where(depth > 0, (depth.astype(np.float32) - offset) / np.float32(scale), np.float32(0))


def millimetres(units: np.ndarray, offset: float | np.ndarray = 2000.0, scale: float = 2000.0) -> np.ndarray:
    """The inverse of `network_units` -> uint16 mm; values above BACKGROUND are background, 0."""
    offset = np.asarray(offset, np.float32).reshape(-1, 1, 1)
    return np.where(units < BACKGROUND, np.rint(np.maximum(units * np.float32(scale) + offset, 1)), 0).astype(np.uint16)


def relief_offset(depth: np.ndarray) -> np.ndarray:
    """An offset (N,) for `network_units` with RELIEF that needs no label: as `cube_offset`, of the median depth."""
    medians = [np.median(image[image > 0]) if image.any() else 0.0 for image in depth]
    return cube_offset(np.array(medians))


def cube_offset(crop_d: np.ndarray) -> np.ndarray:
    """An offset (N,) 100 mm behind each crop's cube."""
    return np.asarray(crop_d) + CUBE / 2 + 100


def _pitch(crop: np.ndarray, size: int) -> np.ndarray:
    """Frame pixels per crop pixel, (N, 1, 2)."""
    return (CUBE / size * np.array([FX, FY]) / crop[:, 2:])[:, None]
