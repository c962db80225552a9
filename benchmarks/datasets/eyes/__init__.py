"""Embedded eyes: small stand-ins for the paper's synthetic (UnityEyes) and real (MPIIGaze) sets of section 3.

`simulator` draws clean eyes, `camera` the stand-in for real ones, `photographed` the simulator's scenes as the
stand-in's webcams see them. All give exact labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.datasets.eyes import geometry as geo
from benchmarks.datasets.eyes.renderer import render
from benchmarks.datasets.eyes.scenes import PERSONS, camera_scenes, simulator_scenes
from benchmarks.datasets.eyes.sensor import FRAME, expose, laptop, photograph

CHUNK = 512  # images that share one random stream
BATCH = 16  # images rendered at a time, so that their pixels stay in a core's cache

__all__ = ["CHUNK", "PERSONS", "camera", "photographed", "simulator"]

Chunk = tuple[np.ndarray, pd.DataFrame]


def simulator(count: int, seed: int, start: int = 0) -> Iterator[Chunk]:
    """Clean eyes with labels, at most `CHUNK` at a time: uint8 (n, 35, 55) and a table of n rows.

    Image i depends on (seed, i) alone, so a longer call begins with a shorter one's images; one with `start`, a
    multiple of `CHUNK`, leaves out those before it. The columns are
    `person` ("simulator"), `gaze_x/y/z` (unit vector, MPIIGaze's camera frame), `head_pitch_deg`,
    `head_yaw_deg`, and in pixels `pupil_x/y`, `pupil_00_x` to `pupil_07_y`, `iris_00_x` to `iris_15_y` and
    `lid_00_x` to `lid_15_y`.
    """
    for chunk, size in _chunks(count, start):
        rng = np.random.default_rng([seed, chunk, 0])
        scenes = simulator_scenes(CHUNK, rng)[:size]
        light = np.concatenate([render(scenes[i : i + BATCH]) for i in range(0, size, BATCH)])
        images = np.clip(255 * light ** np.float32(1 / 2.2) + 0.5, 0, 255).astype(np.uint8)
        yield images, _labels(scenes, ["simulator"] * size)


def camera(count: int, seed: int, persons: Sequence[int], start: int = 0) -> Iterator[Chunk]:
    """The stand-in for real eyes: as `simulator`, image i of person `persons[i % len(persons)]` ("p00" and so on).

    A person's looks, habits and webcam depend on the person's number alone, not on `seed`. Raises UserError
    if `persons` is empty, names one twice or one outside 0..119.
    """
    _check(persons)
    for chunk, size in _chunks(count, start):
        rng = np.random.default_rng([seed, chunk, 1])
        who = _turns(chunk, persons)
        scenes = camera_scenes(who, rng)[:size]
        yield _photographed(scenes, who, rng), _labels(scenes, [f"p{number:02d}" for number in who[:size]])


def photographed(count: int, seed: int, persons: Sequence[int], start: int = 0) -> Iterator[Chunk]:
    """The very scenes of `simulator(count, seed)` with their labels, taken by the webcams of `persons` in turn.

    Only the looks of these images are the stand-in's: anatomy, light and gaze stay the simulator's. Raises as `camera`.
    """
    _check(persons)
    for chunk, size in _chunks(count, start):
        scenes = simulator_scenes(CHUNK, np.random.default_rng([seed, chunk, 0]))[:size]
        images = _photographed(scenes, _turns(chunk, persons), np.random.default_rng([seed, chunk, 2]))
        yield images, _labels(scenes, ["simulator"] * size)


def _check(persons: Sequence[int]) -> None:
    if not persons or len(set(persons)) < len(persons) or not set(persons) <= set(range(PERSONS)):
        raise UserError(f"persons: expected distinct numbers from 0 to {PERSONS - 1}, got {list(persons)}")


def _turns(chunk: int, persons: Sequence[int]) -> np.ndarray:
    """Whose turn it is in each image of a chunk (CHUNK,)."""
    return np.asarray(persons)[(chunk * CHUNK + np.arange(CHUNK)) % len(persons)]


def _photographed(scenes: geo.Scenes, who: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scenes (n,) through the webcams of persons who (n or more,) -> uint8 (n, 35, 55)."""
    laptops = {number: laptop(number) for number in np.unique(who).tolist()}
    images = np.empty((len(scenes.gaze), geo.HEIGHT, geo.WIDTH), np.uint8)
    for start in range(0, len(images), BATCH):
        for i, light in enumerate(render(scenes[start : start + BATCH], FRAME), start):
            images[i] = photograph(light, laptops[int(who[i])], expose(rng), rng)
    return images


def _chunks(count: int, start: int) -> Iterator[tuple[int, int]]:
    for first in range(start, count, CHUNK):
        yield first // CHUNK, min(CHUNK, count - first)


def _labels(scenes: geo.Scenes, who: list[str]) -> pd.DataFrame:
    gaze = scenes.gaze.astype(np.float64)
    gaze /= np.linalg.norm(gaze, axis=-1, keepdims=True)
    points = geo.landmarks(scenes)
    table: dict[str, object] = {"person": who}
    table |= {f"gaze_{axis}": gaze[:, i] for i, axis in enumerate("xyz")}
    table["head_pitch_deg"] = scenes.head_pitch[:, 0].astype(np.float64)
    table["head_yaw_deg"] = scenes.head_yaw[:, 0].astype(np.float64)
    table |= {f"pupil_{axis}": points["centre"][:, 0, i] for i, axis in enumerate("xy")}
    for name in ("pupil", "iris", "lid"):
        for k in range(points[name].shape[1]):
            table |= {f"{name}_{k:02d}_{axis}": points[name][:, k, i] for i, axis in enumerate("xy")}
    return pd.DataFrame(table)
