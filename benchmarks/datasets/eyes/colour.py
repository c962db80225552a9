"""Colour eyes for Figure 6: the grey renderer once for red, green and blue each, with what skin and iris reflect of it.

Albedos relative to a grey scene's: melanin and blood take most of the blue and some of the green from skin; dark irises
are brown and light ones blue, which is no pigment but scattering. The simulator's light is white. The stand-in's is a
room's, mostly warm, and its webcam washes colours out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.datasets.eyes import CHUNK, sensor
from benchmarks.datasets.eyes import geometry as geo
from benchmarks.datasets.eyes.geometry import Scenes
from benchmarks.datasets.eyes.renderer import CROP, Frame, render
from benchmarks.datasets.eyes.scenes import camera_scenes, simulator_scenes

SKIN = np.array([1.30, 0.96, 0.74], np.float32)
BROWN, BLUE = np.array([1.45, 0.95, 0.60], np.float32), np.array([0.75, 1.00, 1.25], np.float32)
SCLERA = np.array([1.04, 1.00, 0.96], np.float32)
DARK_IRIS = 0.12  # albedo below which it is brown
WARMTH = 0.15, 0.15  # mean and deviation of the log of a room's red over its green, and of its green over its blue
SATURATION = 0.7  # of the webcam
BATCH = 16  # images rendered at a time, so that their pixels stay in a core's cache

Chunk = tuple[np.ndarray, pd.DataFrame | None]


def simulator(count: int, seed: int) -> Iterator[Chunk]:
    """Clean colour eyes, uint8 (n, 35, 55, 3), without labels; the scenes are those of the grey `simulator`."""
    for chunk, start in enumerate(range(0, count, CHUNK)):
        scenes = simulator_scenes(CHUNK, np.random.default_rng([seed, chunk, 0]))[: min(CHUNK, count - start)]
        light = radiance(scenes, CROP)
        yield np.clip(255 * light ** np.float32(1 / 2.2) + 0.5, 0, 255).astype(np.uint8), None


def camera(count: int, seed: int, persons: Sequence[int]) -> Iterator[Chunk]:
    """The stand-in for real colour eyes, uint8 (n, 35, 55, 3), without labels; not equalised."""
    laptops = [sensor.laptop(number) for number in range(max(persons) + 1)]
    for chunk, start in enumerate(range(0, count, CHUNK)):
        rng = np.random.default_rng([seed, chunk, 2])
        size = min(CHUNK, count - start)
        who = np.asarray(persons)[(chunk * CHUNK + np.arange(CHUNK)) % len(persons)]
        light = radiance(camera_scenes(who, rng)[:size], sensor.FRAME)
        warmth = rng.normal(*WARMTH, size)
        light *= np.exp(warmth[:, None] * (1, 0, -1)).astype(np.float32)[:, None, None]
        grey = light.mean(-1, keepdims=True)
        light = grey + np.float32(SATURATION) * (light - grey)
        images = np.empty((size, geo.HEIGHT, geo.WIDTH, 3), np.uint8)
        for i, eye in enumerate(light):
            images[i] = sensor.photograph_colour(eye, laptops[who[i]], sensor.expose(rng), rng)
        yield images, None


def radiance(scenes: Scenes, frame: Frame) -> np.ndarray:
    """Linear radiance, float32 (n, height, width, 3)."""
    channels = []
    for red_green_blue in range(3):
        iris = np.where(scenes.iris_albedo < DARK_IRIS, BROWN[red_green_blue], BLUE[red_green_blue])
        tinted = replace(
            scenes,
            skin_albedo=scenes.skin_albedo * SKIN[red_green_blue],
            iris_albedo=scenes.iris_albedo * iris,
            sclera_albedo=scenes.sclera_albedo * SCLERA[red_green_blue],
        )
        channels.append(np.concatenate([render(tinted[i : i + BATCH], frame) for i in range(0, len(scenes), BATCH)]))
    return np.stack(channels, -1)
