"""Embedded hands: small stand-ins for the rendered and the Kinect images of NYU in section 3.2.

`simulator` draws clean depth images, `camera` the stand-in for real ones, `photographed` the simulator's scenes as the
stand-in's sensor sees them. All give exact labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.datasets.hands import crops
from benchmarks.datasets.hands.kinect import observe
from benchmarks.datasets.hands.poses import SIDES, Poses, independent, sequence
from benchmarks.datasets.hands.renderer import FOREARM, STUB, Rays, render, spheres
from benchmarks.datasets.hands.skeleton import JOINTS, PERSONS, Shape, digits, evaluation_joints

BLOCK = 64  # frames that share one random stream; for the stand-in, one sequence
SIZES = 0.06  # sd of the simulator's hand size: adults' hand length, both sexes together (Gordon et al. 2014)
MARGIN = 6  # sensor pixels around a crop, for what edges and shadows bring in

__all__ = ["BLOCK", "JOINTS", "PERSONS", "aligned", "camera", "photographed", "simulator"]

Chunk = tuple[np.ndarray, pd.DataFrame]


def simulator(count: int, seed: int, views: Sequence[int] = (0,), size: int = 224, start: int = 0) -> Iterator[Chunk]:
    """Clean depth of `count` frames seen by each view: uint16 mm (n, size, size), 0 background, and a table of n rows.

    Frame i depends on (seed, i) alone: a longer call begins with a shorter one's frames, one with `start`, a multiple
    of `BLOCK`, leaves out those before it, and more views add images without changing the others (a frame's views are
    neighbours). The hand is the mean one, in sizes of adults.

    Columns: `person` ("simulator"), `frame`, `view`, `sequence`; of each of `JOINTS` `_u`, `_v` in crop pixels (u
    right, v down, centres at integers) and `_x`, `_y`, `_d` in mm in the view's camera frame (y up, d the depth); the
    crop's centre `crop_u`, `crop_v` in pixels of the 640x480 frame and `crop_d` in mm (see `crops.crop_to_frame`).
    Raises UserError for a view that does not exist or a size below 8.
    """
    _check(views, size)
    for first, _, seen, factors in _scenes(count, seed, views, start):
        images = [_clean(each, Shape(), size, factors) for each in seen]
        yield _interleaved(images), _simulated(seen, views, first, size, factors)


def photographed(
    count: int,
    seed: int,
    views: Sequence[int] = (0,),
    size: int = 224,
    masked: bool = True,
    detail: float = 1.0,
    start: int = 0,
) -> Iterator[Chunk]:
    """The very scenes of `simulator(count, seed)` with their labels, as `camera`'s sensor sees them.

    Only the looks of these images are the stand-in's: hand and poses stay the simulator's. `masked` and `detail` as in
    `camera`; raises as `simulator`.
    """
    _check(views, size)
    for first, block, seen, factors in _scenes(count, seed, views, start):
        images = []
        for view, each in zip(views, seen, strict=True):
            rng = np.random.default_rng([seed, first // BLOCK, 3, view])
            depth = _sensed(each, Shape(), size, _side(block.seen(view), detail), detail, rng, factors)
            images.append(crops.keep_under(depth, _clean(each, Shape(), size, factors)) if masked else depth)
        yield _interleaved(images), _simulated(seen, views, first, size, factors)


def camera(
    count: int,
    seed: int,
    persons: Sequence[int],
    views: Sequence[int] = (0,),
    size: int = 224,
    masked: bool = True,
    detail: float = 1.0,
    start: int = 0,
) -> Iterator[Chunk]:
    """The stand-in for Kinect frames: as `simulator`, in sequences of `BLOCK` frames, persons taking turns.

    `masked` keeps what the aligned render covers, as the paper does; otherwise the forearm stays. `detail` is as in
    `aligned`.
    """
    for depth, clean, labels in aligned(count, seed, persons, views, size, detail, start):
        yield (crops.keep_under(depth, clean) if masked else depth), labels


def aligned(
    count: int,
    seed: int,
    persons: Sequence[int],
    views: Sequence[int] = (0,),
    size: int = 224,
    detail: float = 1.0,
    start: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray, pd.DataFrame]]:
    """`camera`'s frames unmasked, the renders aligned with them (both uint16 mm (n, size, size)), and their labels.

    `detail` is the sensor's resolution relative to the Kinect's. 1 is physical, and what was matched to NYU's frame: a
    crop of 64 pixels then resamples about 220, and edges are ragged by a quarter of a pixel. size / 224 makes edges as
    ragged in crop pixels as they are at 224, which in mm is 224 / size times the Kinect's.
    Persons ("p00", "p01") are NYU's two, of which it keeps the second for testing. Raises UserError for
    persons or views that do not exist, none, or one named twice.
    """
    _check(views, size)
    if not persons or len(set(persons)) < len(persons) or not set(persons) <= set(range(len(PERSONS))):
        raise UserError(f"persons: expected distinct numbers from 0 to {len(PERSONS) - 1}, got {list(persons)}")
    for first in range(start, count, BLOCK):
        block = first // BLOCK
        who = persons[block % len(persons)]
        shape = PERSONS[who]
        poses = sequence(BLOCK, np.random.default_rng([seed, block, 1]))
        n = min(BLOCK, count - first)
        frames = np.arange(first, first + n)
        parts = []
        for view in views:
            rng = np.random.default_rng([seed, block, 2, view])
            side = _side(poses.seen(view), detail)
            seen = poses.seen(view).first(n)
            labels = _identified(_labels(seen, shape, size), f"p{who:02d}", frames, view, np.full(n, block))
            parts.append((_sensed(seen, shape, size, side, detail, rng), _clean(seen, shape, size), labels))
        depth, clean, labels = zip(*parts, strict=True)
        yield _interleaved(depth), _interleaved(clean), _interleaved_tables(labels)


def _scenes(
    count: int, seed: int, views: Sequence[int], start: int
) -> Iterator[tuple[int, Poses, list[Poses], np.ndarray]]:
    """The simulator's blocks: first frame, poses of a whole block, those of its n frames by view, hand sizes (n,)."""
    for first in range(start, count, BLOCK):
        rng = np.random.default_rng([seed, first // BLOCK, 0])
        block = independent(BLOCK, rng)
        sizes = 1 + SIZES * np.clip(rng.standard_normal(BLOCK), -2, 2)
        n = min(BLOCK, count - first)
        yield first, block, [block.seen(view).first(n) for view in views], sizes[:n]


def _simulated(seen: Sequence[Poses], views: Sequence[int], start: int, size: int, factors: np.ndarray) -> pd.DataFrame:
    frames = np.arange(start, start + len(factors))
    tables = [
        _identified(_labels(each, Shape(), size, factors), "simulator", frames, view, frames)
        for view, each in zip(views, seen, strict=True)
    ]
    return _interleaved_tables(tables)


def _clean(poses: Poses, shape: Shape, size: int, factors: np.ndarray | float = 1.0) -> np.ndarray:
    factors = np.broadcast_to(factors, len(poses.angles))
    centres, radii = spheres(poses.angles, shape, STUB)
    centres = poses.place(centres * factors[:, None, None])
    depth = render(centres, radii * factors[:, None], crops.crop_rays(poses.palms, size))
    return crops.in_cube(depth, poses.palms)


def _side(poses: Poses, detail: float) -> int:
    """Sensor pixels across the nearest of these crops."""
    return int(np.ceil(crops.CUBE * crops.FX * detail / poses.palms[:, 2].min())) + 2 * MARGIN


def _sensed(
    poses: Poses,
    shape: Shape,
    size: int,
    side: int,
    detail: float,
    rng: np.random.Generator,
    factors: np.ndarray | float = 1.0,
) -> np.ndarray:
    """Rendered with the forearm at the sensor's own pixels, observed, and cropped to the nearest pixel."""
    pixels = crops.FX * detail
    step = np.full(len(poses.palms), 1 / pixels)
    corner = poses.palms[:, :2] / poses.palms[:, 2:] + np.array([-1, 1]) * (side - 1) / 2 / pixels
    factors = np.broadcast_to(factors, len(poses.angles))
    centres, radii = spheres(poses.angles, shape, FOREARM)
    centres, radii = centres * factors[:, None, None], radii * factors[:, None]
    depth = render(poses.place(centres), radii, Rays(corner[:, 0], corner[:, 1], step, side, side))
    images = np.empty((len(depth), size, size))
    for image, full, palm in zip(images, depth, poses.palms, strict=True):
        box = _box(full < np.inf)
        seen = np.zeros_like(full)
        seen[box] = observe(full[box], rng, detail)
        offsets = (np.arange(size) - (size - 1) / 2) * crops.CUBE / (size * palm[2]) * pixels
        nearest = np.rint(offsets + (side - 1) / 2).astype(int)
        image[:] = seen[np.ix_(nearest, nearest)]
    return crops.in_cube(images, poses.palms)


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of a mask, and MARGIN more where there are any."""
    spans = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (slice(max(span[0] - MARGIN, 0), span[-1] + MARGIN + 1) for span in spans)
    return rows, columns


def _labels(poses: Poses, shape: Shape, size: int, factors: np.ndarray | float = 1.0) -> pd.DataFrame:
    factors = np.broadcast_to(factors, len(poses.angles))
    joints = evaluation_joints(digits(poses.angles, shape), shape) * factors[:, None, None]
    points = poses.place(joints)
    crop = crops.project(poses.palms)
    uv = crops.frame_to_crop(crops.project(points)[..., :2], crop, size)
    values = np.concatenate([uv, points], axis=-1)
    table = {f"{joint}_{axis}": values[:, j, k] for j, joint in enumerate(JOINTS) for k, axis in enumerate("uvxyd")}
    return pd.DataFrame(table | {f"crop_{axis}": crop[:, k] for k, axis in enumerate("uvd")})


def _identified(
    labels: pd.DataFrame, person: str, frames: np.ndarray, view: int, sequences: np.ndarray
) -> pd.DataFrame:
    first = {"person": person, "frame": frames, "view": view, "sequence": sequences}
    return pd.concat([pd.DataFrame(first), labels], axis=1)


def _interleaved(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(parts, axis=1).reshape(-1, *parts[0].shape[1:])


def _interleaved_tables(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts).sort_values("frame", kind="stable", ignore_index=True)


def _check(views: Sequence[int], size: int) -> None:
    if not views or len(set(views)) < len(views) or not set(views) <= set(range(len(SIDES))):
        raise UserError(f"views: expected distinct numbers from 0 to {len(SIDES) - 1}, got {list(views)}")
    if size < 8:
        raise UserError(f"size: expected at least 8 pixels, got {size}")
