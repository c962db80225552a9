"""Who is looked at, where the eyes look and in what light: section 3's synthetic and real sets, in miniature.

`simulator_scenes` has one generic rendering environment and a wide gaze range. `camera_scenes` has 40
persons, each with own geometry, skin, brows, glasses and gaze, in everyday light. Ranges are those of adult
anatomy; see `sensor` for what was matched to real crops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.datasets.eyes import geometry as geo
from benchmarks.datasets.eyes.geometry import Scenes

PERSONS = 120
ROUND = 15  # glasses and webcams go round after so many persons, as MPIIGaze has
GLASSES = (2, 5, 9, 12)
# Albedos of skin and iris go round the persons, so that every half of them has light and dark.
TONES = ((0.5, 0.07), (0.4, 0.14), (0.58, 0.22), (0.3, 0.07), (0.46, 0.1), (0.54, 0.3), (0.36, 0.08))
PERSON_KEY = 20170721  # persons stay who they are whatever seed a data set is drawn with
NO_GLASSES = {
    "rim": 0.0, "rim_albedo": 0.0, "rim_y": 0.0, "rim_height": 15.0, "rim_width": 1.0,
    "lens_glare": 0.0, "lens_glare_x": 0.0, "lens_glare_y": 0.0,
}  # fmt: skip
NO_SHADOW = {"shadow": 0.0, "shadow_angle": 0.0, "shadow_offset": 0.0, "shadow_soft": 1.0}


def _scenes(count: int, values: dict[str, Any]) -> Scenes:
    """Scenes from numbers, (count,) and (count, 3) arrays."""
    columns = {}
    for name, value in values.items():
        array = np.asarray(value, np.float32)
        columns[name] = array if array.ndim == 2 else np.broadcast_to(array.reshape(-1, 1), (count, 1))
    return Scenes(**columns)


def _towards(
    rng: np.random.Generator, count: int, azimuth: tuple[float, float], elevation: tuple[float, float]
) -> np.ndarray:
    """Directions towards lamps, camera frame; azimuth to image left and elevation up, degrees."""
    return geo.direction(rng.uniform(*elevation, count), rng.uniform(*azimuth, count))


def simulator_scenes(count: int, rng: np.random.Generator) -> Scenes:
    """`count` clean scenes: head within 20 degrees, eye within 30 of the head and 45 of the camera."""

    def spread(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, count)

    pose, gaze = np.zeros((count, 4)), np.zeros((count, 3))
    while (away := gaze[:, 2] > -np.cos(np.radians(45))).any():
        pose[away] = rng.uniform(-1, 1, (int(away.sum()), 4)) * (20, 20, 30, 30)
        gaze = _turned(pose[:, 0], pose[:, 1], geo.direction(pose[:, 2], pose[:, 3]))
    centre = np.stack([spread(-1.5, 1.5), spread(-2.5, 0.5), geo.DISTANCE + spread(-15, 15)], -1)
    iris = spread(5.6, 6.2)
    return _scenes(count, {
        "centre": centre, "gaze": gaze, "head_pitch": pose[:, 0], "head_yaw": pose[:, 1],
        "iris_radius": iris, "pupil_radius": iris * spread(0.3, 0.55),
        "iris_albedo": rng.choice([0.05, 0.09, 0.15, 0.22], count), "iris_fibres": spread(0.05, 0.12),
        "iris_phase": spread(0, 6.28), "limbus": spread(0.4, 0.7), "sclera_albedo": spread(0.65, 0.85),
        "corner_in": spread(-14.5, -13), "corner_out": spread(12.5, 14), "corner_y": spread(0.8, 2.8),
        "corner_slope": spread(-0.1, 0.02), "upper_lid": spread(11.5, 20.5), "lower_lid": spread(20, 27),
        "upper_round": spread(0.2, 0.5), "lower_round": spread(0, 0.3), "lid_skew": spread(-0.15, 0.1),
        "crease": spread(2.2, 4), "crease_depth": spread(0.4, 1), "bag_depth": spread(0.05, 0.3),
        "socket": spread(0.3, 0.6),
        "brow_ridge": spread(6, 9), "nose_ridge": spread(10, 14), "cheek_ridge": spread(4, 8),
        "brow_y": spread(-19, -15), "brow_slope": spread(-0.1, 0), "brow_width": spread(5, 8),
        "brow_dark": spread(0.4, 0.7), "lash_dark": spread(0.6, 0.85), "lash_length": spread(2, 3.5),
        "skin_albedo": rng.choice([0.16, 0.26, 0.36, 0.46], count), "skin_mottle": spread(0.02, 0.05),
        "skin_gloss": spread(0, 0.12), "texture_x": spread(0, 128), "texture_y": spread(0, 128),
        "light": _towards(rng, count, (-75, 75), (5, 65)), "key": spread(0.3, 1.1),
        "ambient": spread(0.2, 0.5),
        "glint": spread(0.4, 1.2), "window": _towards(rng, count, (-40, 40), (10, 40)),
        "window_glint": spread(0, 0.3), **NO_SHADOW, **NO_GLASSES,
    })  # fmt: skip


def _turned(pitch: np.ndarray, yaw: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Head-frame vectors (n, 3) carried to the camera frame by heads of these angles."""
    pitch, yaw = np.radians(pitch), np.radians(yaw)
    x, y, z = vectors.T
    y, z = np.cos(pitch) * y + np.sin(pitch) * z, np.cos(pitch) * z - np.sin(pitch) * y
    return np.stack([np.cos(yaw) * x + np.sin(yaw) * z, y, np.cos(yaw) * z - np.sin(yaw) * x], -1)


def person(number: int) -> dict[str, float]:
    """What stays the same in every image of a person: anatomy, skin, brows, glasses, habits of gaze."""
    rng = np.random.default_rng([PERSON_KEY, number, 0])
    spread = rng.uniform
    skin, iris = TONES[number % len(TONES)]
    glasses = number % ROUND in GLASSES
    return {
        "gaze_yaw": spread(-6, 6), "gaze_pitch": -8 + spread(-3, 3),
        "head_yaw": spread(-6, 6), "head_pitch": spread(-6, 8),
        "iris_radius": spread(5.4, 6.1), "pupil_share": spread(0.32, 0.5),
        "iris_albedo": iris * spread(0.9, 1.1),
        "iris_fibres": spread(0.08, 0.2), "iris_phase": spread(0, 6.28), "limbus": spread(0.2, 0.5),
        "sclera_albedo": spread(0.42, 0.65), "corner_in": spread(-15.5, -12.5), "corner_out": spread(12, 15),
        "corner_y": spread(0.8, 2.6), "corner_slope": spread(-0.14, 0.04), "upper_lid": spread(12, 21),
        "lower_lid": spread(20, 27), "upper_round": spread(0.1, 0.6), "lower_round": spread(0, 0.4),
        "lid_skew": spread(-0.25, 0.15), "crease": spread(1.6, 5), "crease_depth": spread(0.2, 1.1),
        "bag_depth": spread(0.05, 0.6), "brow_ridge": spread(5, 11), "nose_ridge": spread(9, 16),
        "cheek_ridge": spread(5, 11), "socket": spread(0.1, 0.45), "brow_y": spread(-19, -11.5),
        "brow_slope": spread(-0.15, 0.05),
        "brow_width": spread(4, 9), "brow_dark": spread(0.35, 0.8), "lash_dark": spread(0.4, 0.85),
        "lash_length": spread(1.5, 4), "skin_albedo": skin * spread(0.9, 1.1),
        "skin_mottle": spread(0.02, 0.065),
        "skin_gloss": spread(0, 0.3), "texture_x": spread(0, 128), "texture_y": spread(0, 128),
        "rim": glasses * spread(0.6, 0.95), "rim_albedo": (0.05, 0.8)[number % 2] * spread(0.7, 1),
        "rim_y": spread(4, 8), "rim_height": spread(11, 14), "rim_width": spread(0.5, 1.8),
    }  # fmt: skip


def camera_scenes(who: np.ndarray, rng: np.random.Generator) -> Scenes:
    """One everyday scene for each person number in `who` (n,)."""
    count = len(who)
    people = [person(number) for number in range(PERSONS)]

    def own(name: str) -> np.ndarray:
        return np.array([p[name] for p in people])[who]

    def spread(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, count)

    def normal(mean: np.ndarray | float, deviation: float) -> np.ndarray:
        return mean + deviation * np.clip(rng.standard_normal(count), -2.5, 2.5)

    gaze = geo.direction(normal(own("gaze_pitch"), 6), normal(own("gaze_yaw"), 9))
    # Face alignment errs by a millimetre or two, and now and then by much more, as in the real crops.
    lost = rng.random(count) < 0.05
    shift = np.where(lost[:, None], 4.0, 1.0) * rng.standard_normal((count, 2)).clip(-2, 2) * (1.0, 1.1) - (
        0.0,
        1.0,
    )
    centre = np.concatenate([shift, geo.DISTANCE * spread(0.94, 1.1)[:, None]], -1)

    side = rng.random(count) < 0.45
    azimuth = np.where(side, rng.choice([-1, 1], count) * spread(45, 85), spread(-40, 40))
    ambient = spread(0.25, 0.8)
    key = np.where(side, spread(0.5, 1.3), spread(0.2, 0.8))
    shaded = rng.random(count) < 0.3
    glare = (own("rim") > 0) & (rng.random(count) < 0.35)
    same = (
        "iris_radius", "iris_albedo", "iris_fibres", "iris_phase", "limbus", "sclera_albedo", "corner_in",
        "corner_out", "corner_y", "corner_slope", "upper_round", "lower_round", "lid_skew", "crease",
        "crease_depth", "bag_depth", "socket", "brow_ridge", "nose_ridge", "cheek_ridge", "brow_slope",
        "brow_width", "brow_dark", "lash_dark", "lash_length", "skin_albedo", "skin_mottle", "rim",
        "rim_albedo", "rim_height", "rim_width", "texture_x", "texture_y",
    )  # fmt: skip
    return _scenes(count, {
        **{name: own(name) for name in same},
        "centre": centre, "gaze": gaze,
        "head_pitch": normal(own("head_pitch"), 4), "head_yaw": normal(own("head_yaw"), 6),
        "pupil_radius": own("iris_radius") * np.clip(normal(own("pupil_share"), 0.06), 0.22, 0.62),
        "upper_lid": normal(own("upper_lid"), 2.5), "lower_lid": normal(own("lower_lid"), 1.5),
        "brow_y": normal(own("brow_y"), 1), "rim_y": normal(own("rim_y"), 1.5),
        "skin_gloss": own("skin_gloss") * spread(0.3, 1.5),
        "light": geo.direction(spread(-5, 65), azimuth), "key": key, "ambient": ambient,
        "glint": np.maximum(spread(-0.8, 1.0), 0), "window": _towards(rng, count, (-25, 25), (-25, 30)),
        "window_glint": np.where(rng.random(count) < 0.5, spread(0.05, 0.6), 0),
        "shadow": shaded * spread(0.4, 0.95), "shadow_angle": spread(0, 360), "shadow_offset": spread(-10, 4),
        "shadow_soft": spread(1, 10),
        "lens_glare": glare * spread(0.05, 0.4), "lens_glare_x": spread(-12, 12),
        "lens_glare_y": spread(-6, 8),
    })  # fmt: skip
