"""Distances of whole sets and edge correlation against closed forms, direct formulas and planted differences."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from benchmarks.measures import realism
from benchmarks.measures.realism import compare, distances, edges, real_against_real, summarise


def textured(count: int, seed: int, sigma: float = 25.0, shape: tuple[int, int] = (35, 55)) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(count, *shape)), (0, 1.5, 1.5))
    return np.clip(128 + sigma * noise / noise.std(), 0, 255).round().astype(np.uint8)


def noisy(count: int, seed: int, sigma: float) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(128, sigma, (count, 35, 55)), 0, 255).round().astype(np.uint8)


def test_a_set_is_no_distance_from_itself_and_keeps_its_edges():
    images = textured(300, 0)  # more than a chunk
    found = compare(images, images[::-1].copy(), images)
    assert found.pop("edges") == pytest.approx(1)
    assert set(found) == {"spectrum", "grey_levels", "mean_image", "deviation_image", "patches"}
    assert all(value == pytest.approx(0, abs=1e-4) for value in found.values())


def test_network_units_give_what_their_pixels_give():
    refined, real = textured(20, 1), noisy(30, 2, 30)
    units = [images.astype(np.float32) / 127.5 - 1 for images in (refined, real, refined)]
    assert compare(*units) == pytest.approx(compare(refined, real, refined), rel=1e-3)


def test_grey_levels_is_the_total_variation():
    dark, mixed = np.zeros((10, 8, 10), np.uint8), np.zeros((10, 8, 10), np.uint8)
    mixed[:3] = 255
    assert realism.grey_levels(summarise(dark), summarise(mixed)) == pytest.approx(0.3)


def test_mean_and_deviation_images_are_numpys():
    a, b = textured(300, 3), noisy(70, 4, 40)
    found = distances(summarise(a), summarise(b))
    for name, statistic in (("mean_image", np.mean), ("deviation_image", np.std)):
        direct = statistic(a, axis=0) - statistic(b, axis=0)
        assert found[name] == pytest.approx(math.sqrt((direct**2).mean()), rel=1e-5)


def test_doubled_contrast_is_six_decibels():
    images = textured(50, 5, sigma=15, shape=(64, 64)) // 2 * 2  # even, so that halves are whole
    assert images.min() > 0
    faint = (images // 2).astype(np.uint8)
    rings = summarise(images).decibels / 50 - summarise(faint).decibels / 50
    assert rings[:8] == pytest.approx(20 * math.log10(2), abs=0.05)  # beyond them the texture nears rounding's noise


def test_blur_lowers_high_frequencies_only():
    images = noisy(40, 6, 30)
    blurred = gaussian_filter(images, (0, 1, 1))
    change = (summarise(blurred).decibels - summarise(images).decibels) / 40
    ring_of = lambda frequency: int(frequency / realism.RING)  # noqa: E731
    for frequency in (0.1, 0.2, 0.3):  # the Gaussian's transfer function, in power
        expected = -10 * math.log10(math.e) * (2 * math.pi * (ring_of(frequency) + 0.5) * realism.RING) ** 2
        assert change[ring_of(frequency)] == pytest.approx(expected, abs=1.0)


def test_patches_of_white_noise_against_flat_ones_are_its_mean_absolute_value():
    flat = np.full((50, 35, 55), 128, np.uint8)
    found = realism.patches(summarise(flat), summarise(noisy(300, 7, 20)))
    assert found == pytest.approx(20 * math.sqrt(2 / math.pi), rel=0.02)


def test_patches_of_flat_images_are_alike_at_any_brightness():
    dark, bright = (np.full((3, 35, 55), value, np.float32) for value in (-0.7123, 0.3456))
    assert realism.patches(summarise(dark), summarise(bright)) == 0


def test_patches_see_texture_that_grey_levels_miss():
    images = textured(60, 8)
    rng = np.random.default_rng(9)
    shuffled = rng.permuted(images.reshape(60, -1), axis=1).reshape(images.shape)
    found = distances(summarise(images), summarise(shuffled))
    assert found["grey_levels"] == 0
    assert found["patches"] > 5


def test_summaries_add_up():
    a, b = textured(30, 10), noisy(40, 11, 25)
    both, sum_of_both = summarise(np.concatenate((a, b))), summarise(a) + summarise(b)
    for name in vars(both):
        np.testing.assert_allclose(getattr(both, name), getattr(sum_of_both, name), rtol=1e-5)


def test_edges_ignore_contrast_and_vanish_with_the_content():
    images = textured(30, 12)
    assert edges(images // 2, images) > 0.99
    assert abs(edges(textured(30, 13), images)) < 0.1
    assert edges(np.full_like(images, 90), images) == 0


def test_a_refiner_halfway_is_nearer():
    real, synthetic, refined = noisy(60, 14, 30), noisy(60, 15, 5), noisy(60, 16, 18)
    start, end = compare(synthetic, real, synthetic), compare(refined, summarise(real), synthetic)
    assert all(end[name] < start[name] for name in ("spectrum", "grey_levels", "deviation_image", "patches"))


def test_real_persons_who_look_alike_give_a_low_level_and_different_ones_a_higher():
    persons = np.repeat(["p0", "p1", "p2", "p3"], 50)
    alike, unlike = textured(200, 17), textured(200, 17)
    unlike[:50] = noisy(50, 18, 60)
    low, high = real_against_real(alike, persons), real_against_real(unlike, persons)
    for name in low:
        assert low[name].shape == (6,)  # four choose two
        assert high[name].min() > low[name].max()


def test_splits_of_many_persons_are_bounded():
    persons = [f"p{i % 40:02d}" for i in range(40)]  # 138 billion splits
    assert 50 < len(real_against_real(textured(40, 19), persons)["patches"]) <= realism.SPLITS


@pytest.mark.parametrize("n, k", [(6, 3), (7, 3), (2, 1)])
def test_combinations_by_rank_are_those_of_itertools(n: int, k: int):
    every = list(combinations(range(n), k))
    assert [realism.combination(n, k, rank) for rank in range(len(every))] == every


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((2, 35, 55), np.uint16), "uint16"),
        (np.full((2, 35, 55), 7.0), r"\[-1, 1\]"),
        (np.full((2, 35, 55), np.nan), r"\[-1, 1\]"),
        (np.zeros((35, 55), np.uint8), "shape"),
        (np.zeros((0, 35, 55), np.uint8), "shape"),
    ],
)
def test_images_of_another_kind_are_refused(images: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        summarise(images)


def test_sizes_that_differ_are_refused():
    a, b = np.zeros((4, 35, 55), np.uint8), np.zeros((4, 35, 54), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        compare(a, b, a)
    with pytest.raises(ValueError, match="shape"):
        compare(a, a, a[:3])
    with pytest.raises(ValueError, match="two persons"):
        real_against_real(a, ["p0"] * 4)
