"""What the outline's measures say of shapes whose outline is known."""

import numpy as np
import pytest

from benchmarks.measures.outline import moved, outline


def square(size: int = 64, low: int = 16, high: int = 48) -> np.ndarray:
    hand = np.zeros((1, size, size), np.uint16)
    hand[:, low:high, low:high] = 700
    return hand


def test_a_square_is_smooth_whole_and_in_one_piece():
    found = outline(square())
    assert found.ragged == pytest.approx(1, abs=0.05)
    assert (found.holes, found.specks) == (0, 0)


def test_teeth_holes_and_specks_are_found():
    toothed = square()
    toothed[:, 15, 16:48:4] = 700  # 8 teeth, each two sides longer
    assert outline(toothed).ragged - outline(square()).ragged == pytest.approx(16 / 128, abs=0.03)
    pierced, specked = square(), square()
    pierced[:, 30:34, 30:34] = 0
    specked[:, 2:6, 2:6] = 700
    assert outline(pierced).holes == pytest.approx(16 / (32**2 - 16))
    assert outline(specked).specks == pytest.approx(16 / (32**2 + 16))


def test_images_without_a_hand_are_left_out():
    empty = np.zeros_like(square())
    assert outline(np.concatenate([square(), empty])) == outline(square())
    assert np.isnan(outline(empty).ragged)
    assert np.isnan(moved(square(), empty).area)


def test_a_moved_and_shrunk_hand_is_told():
    found = moved(square(), np.roll(square(), (2, -3), (1, 2)))
    assert (found.right, found.down, found.area) == pytest.approx((-3, 2, 0))
    assert found.distance == pytest.approx(13**0.5)
    assert found.overlap == pytest.approx(29 * 30 / (2 * 32**2 - 29 * 30))
    assert moved(square(), square(low=17, high=47)).area == pytest.approx(30**2 / 32**2 - 1)
