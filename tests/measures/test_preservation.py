"""The fit against ellipses drawn at known sub-pixel centres, planted shifts, and the simulator's exact labels."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.core.errors import UserError
from benchmarks.datasets import eyes
from benchmarks.measures.preservation import fit_centres, points, preservation

SIZE = (35, 55)
TURN = 2 * np.pi * np.arange(16) / 16
WIDE = np.array([[1.0, 1.0], [53.0, 1.0], [53.0, 33.0], [1.0, 33.0]])  # lids that hide nothing
SLIT = np.array([[4.0, 17.0], [27.0, 10.0], [50.0, 17.0], [27.0, 24.0]])


def drawn(centre: tuple[float, float], radii: tuple[float, float], lids: np.ndarray = WIDE) -> np.ndarray:
    """A dark upright ellipse on a bright ground between grey lids, each pixel the mean of 8x8 samples -> (35, 55)."""
    import cv2

    fine = (np.arange(8) - 3.5) / 8
    y = (np.arange(SIZE[0])[:, None] + fine).ravel()[:, None]
    x = (np.arange(SIZE[1])[:, None] + fine).ravel()
    inside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 < 1
    image = np.where(inside, 60.0, 190.0).reshape(SIZE[0], 8, SIZE[1], 8).mean((1, 3))
    if lids is not WIDE:
        opening = cv2.fillPoly(np.zeros(SIZE, np.uint8), [np.rint(lids).astype(np.int32)], 1)
        image[opening == 0] = 120
    return image.round().astype(np.uint8)


def limbus(centre: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    return np.stack([centre[0] + radii[0] * np.cos(TURN), centre[1] + radii[1] * np.sin(TURN)], -1)


def fitted(image: np.ndarray, iris: np.ndarray, lids: np.ndarray = WIDE) -> np.ndarray:
    return fit_centres(image[None], iris[None], lids[None])[0]


@settings(max_examples=25, deadline=None)
@given(st.floats(20, 34), st.floats(15, 19), st.floats(7.5, 10), st.floats(0.85, 1))
def test_drawn_ellipses_are_found_to_a_tenth_of_a_pixel(x: float, y: float, radius: float, flat: float):
    radii = radius * flat, radius
    assert np.linalg.norm(fitted(drawn((x, y), radii), limbus((x, y), radii)) - (x, y)) < 0.1


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.1, 0.0), (0.0, -1.1), (-0.8, 0.7), (2.0, 1.0)])
@pytest.mark.parametrize("lids", [WIDE, SLIT], ids=["open", "slit"])
def test_the_search_region_does_not_hold_the_fit_back(shift: tuple[float, float], lids: np.ndarray):
    truth = (27.3 + shift[0], 17.2 + shift[1])
    found = fitted(drawn(truth, (8.5, 9), lids), limbus((27.3, 17.2), (8.5, 9)), lids)
    assert np.linalg.norm(found - truth) < 0.15


@pytest.mark.parametrize("shift", [(-3.0, 0.0), (3.0, 1.0), (0.0, 4.0), (5.0, 0.0)])
def test_shifts_at_the_end_of_the_reach_and_beyond_are_found_or_fail_but_never_look_small(shift: tuple[float, float]):
    truth = (27.3 + shift[0], 17.2 + shift[1])
    error = np.linalg.norm(fitted(drawn(truth, (8.5, 9), SLIT), limbus((27.3, 17.2), (8.5, 9)), SLIT) - truth)
    assert math.isnan(error) or error < 0.15


def test_blank_images_fail_and_noise_seldom_passes():
    noise = np.random.default_rng(0).integers(0, 256, (200, *SIZE), dtype=np.uint8)
    iris, lids = np.tile(limbus((27, 17), (9, 9)), (200, 1, 1)), np.tile(SLIT, (200, 1, 1))
    assert np.isfinite(fit_centres(noise, iris, lids)[:, 0]).mean() < 0.2
    assert np.isnan(fit_centres(np.full_like(noise, 99), iris, lids)).all()


def labelled(centres: list[tuple[float, float]]) -> pd.DataFrame:
    table: dict[str, list[float]] = {"pupil_x": [c[0] for c in centres], "pupil_y": [c[1] for c in centres]}
    outlines = {"iris": [limbus(c, (9, 9)) for c in centres], "lid": [WIDE for _ in centres]}
    for name, all_points in outlines.items():
        for k in range(len(all_points[0])):
            table |= {f"{name}_{k:02d}_{axis}": [p[k, i] for p in all_points] for i, axis in enumerate("xy")}
    return pd.DataFrame(table)


def test_planted_shifts_and_failures_come_out():
    centres = [(24.2, 16.9), (27.0, 17.4), (30.6, 16.5), (26.1, 18.0)]
    shifts = [(1.5, 0.0), (0.0, 0.5), (0.6, 0.8)]
    synthetic = np.stack([drawn(c, (9, 9)) for c in centres])
    moved = [drawn((c[0] + s[0], c[1] + s[1]), (9, 9)) for c, s in zip(centres, shifts, strict=False)]
    refined = np.stack([*moved, np.full(SIZE, 99, np.uint8)])
    found = preservation(synthetic, refined, labelled(centres))
    assert found.shifts[:3] == pytest.approx([1.5, 0.5, 1.0], abs=0.06)
    assert math.isnan(found.shifts[3])
    assert found.shift_mean == pytest.approx(1.0, abs=0.05)
    assert found.shift_sd == pytest.approx(0.5, abs=0.05)
    assert found.fit_error_mean < 0.05
    assert (found.failed_synthetic, found.failed_refined) == (0, 0.25)


@pytest.fixture(scope="module")
def rendered() -> tuple[np.ndarray, pd.DataFrame]:
    return next(eyes.simulator(200, 5))


def test_the_simulators_centres_are_found_under_its_lids(rendered: tuple[np.ndarray, pd.DataFrame]):
    images, labels = rendered
    centres = fit_centres(images, points(labels, "iris"), points(labels, "lid"))
    errors = np.linalg.norm(centres - labels[["pupil_x", "pupil_y"]], axis=1)
    assert np.isnan(errors).mean() < 0.08
    assert np.nanmean(errors) < 0.25
    assert np.nanquantile(errors, 0.95) < 0.5


def test_moved_renders_show_the_move(rendered: tuple[np.ndarray, pd.DataFrame]):
    images, labels = rendered
    found = preservation(images, np.roll(images, 1, axis=2), labels)
    assert found.shift_mean == pytest.approx(1.0, abs=0.05)
    assert preservation(images, images, labels).shift_mean == 0


def test_one_images_fit_does_not_depend_on_the_others(rendered: tuple[np.ndarray, pd.DataFrame]):
    images, labels = rendered
    iris, lids = points(labels, "iris"), points(labels, "lid")
    np.testing.assert_allclose(fit_centres(images, iris, lids)[7:9], fit_centres(images[7:9], iris[7:9], lids[7:9]))


def test_labels_without_landmarks_and_images_without_eyes_are_refused():
    labels = labelled([(27, 17)])
    blank = np.full((1, *SIZE), 99, np.uint8)
    with pytest.raises(UserError, match="no iris could be fitted"):
        preservation(blank, blank, labels)
    for column in ("iris_00_x", "lid_00_x", "pupil_y", "iris_03_y"):
        with pytest.raises(UserError, match=column):
            preservation(blank, blank, labels.drop(columns=column))
