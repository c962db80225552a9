"""Artefacts planted one at a time: each raises its own measure by the known amount and no other's."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from benchmarks.measures.artefacts import artefacts

CLEAN = {"saturated": 0, "grid_2": 0, "grid_4": 0, "speckle": 1, "rim": 0}
SLACK = {"saturated": 0.002, "grid_2": 0.6, "grid_4": 0.6, "speckle": 0.35, "rim": 0.05}


def textured(seed: int, count: int = 150) -> np.ndarray:
    """Grey levels, float, far from black and white."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=(count, 35, 55)), (0, 1.5, 1.5))
    return 128 + 20 * smooth / smooth.std() + rng.normal(0, 3, smooth.shape)


def found(planted: np.ndarray) -> dict[str, float]:
    """In network units: whole grey levels would tie at the level that one real pixel in 1,000 exceeds."""
    return artefacts(planted.clip(0, 255) / 127.5 - 1, textured(1).clip(0, 255) / 127.5 - 1)


def others_are_clean(values: dict[str, float], *changed: str) -> None:
    for name in CLEAN.keys() - set(changed):
        assert values[name] == pytest.approx(CLEAN[name], abs=SLACK[name]), name


def test_other_images_of_the_same_kind_have_none():
    others_are_clean(found(textured(0)))


def test_contrast_is_no_grid():
    values = found(128 + 1.5 * (textured(0) - 128))
    assert values["grid_2"] == pytest.approx(0, abs=0.6)
    assert values["grid_4"] == pytest.approx(0, abs=0.6)


@pytest.mark.parametrize("period, other", [(2, "grid_4"), (4, "grid_2")])
def test_stripes_show_at_their_period(period: int, other: str):
    images = textured(0) + 3 * np.cos(2 * math.pi * np.arange(55) / period)
    values = found(images)
    assert values[f"grid_{period}"] > 3
    assert values[other] == pytest.approx(0, abs=0.6)


def test_a_checkerboard_shows_at_two_pixels():
    board = (-1.0) ** (np.arange(35)[:, None] + np.arange(55))
    assert found(textured(0) + 3 * board)["grid_2"] > 3


def test_saturated_counts_pixels_beyond_the_real_share():
    images = textured(0)
    images[:, 10:20, 10:40] = 255  # 300 of 1925 pixels
    assert found(images)["saturated"] == pytest.approx(300 / 1925, abs=1e-4)


def test_saturation_that_real_images_have_too_is_no_artefact():
    real, refined = np.full((2, 10, 10), 100, np.uint8), np.full((4, 10, 10), 100, np.uint8)
    real[:, :3], refined[:, :2] = 255, 1
    assert artefacts(refined, real)["saturated"] == pytest.approx(0.2 - 0.3)


def test_speckle_counts_outliers_in_units_of_the_real_share():
    images = textured(0)
    images[np.random.default_rng(2).random(images.shape) < 0.01] = 230
    values = found(images)
    assert values["speckle"] == pytest.approx(1 + 0.01 / 0.001, rel=0.05)
    others_are_clean(values, "speckle", "grid_2", "grid_4")


def test_a_frame_shows_at_the_rim():
    images = textured(0)
    images[:, [0, -1]] += 40
    images[:, :, [0, -1]] += 40
    values = found(images)
    assert values["rim"] > 0.5
    others_are_clean(values, "rim", "grid_2", "grid_4", "speckle")


def test_depth_with_an_empty_border_is_measured():
    hands = np.zeros((20, 32, 32), np.float32)
    hands[:, 8:24, 8:24] = -0.6 + 0.1 * np.random.default_rng(3).random((20, 16, 16))
    values = artefacts(hands, hands)
    assert values == pytest.approx(CLEAN)
    assert found(np.full((4, 35, 55), 90.0))["speckle"] == 0


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="size"):
        artefacts(np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 9), np.uint8))
