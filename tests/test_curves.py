"""Cumulative curves: hand-counted hits, and the same strictness everywhere."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.evaluation import curves
from benchmarks.evaluation.curves import weighted_within
from benchmarks.evaluation.tasks import GAZE

ERRORS = np.array([6.9, 7.0, 7.0, 7.1, 13.0, 20.0])


@pytest.mark.parametrize(("d", "hits"), [(6.9, 1), (np.nextafter(7.0, 0), 1), (7.0, 3), (12.9, 4), (13.0, 5)])
def test_an_error_of_exactly_d_is_a_hit(d, hits):
    assert curves.within(ERRORS, d) == hits / 6
    assert curves.cumulative(ERRORS, np.array([d]))[0] == hits / 6
    assert weighted_within(ERRORS, np.ones((1, 6)), d=d)[0] == pytest.approx(hits / 6)


def test_the_declared_metrics_count_hits_at_their_own_distance():
    once = np.ones((1, 6))
    assert GAZE.metrics["within_7deg"].statistic(ERRORS, once)[0] == pytest.approx(3 / 6)
    assert GAZE.metrics["within_13deg"].statistic(ERRORS, once)[0] == pytest.approx(5 / 6)


@given(st.lists(st.floats(0, 180), min_size=1), st.lists(st.floats(0, 180), min_size=1))
def test_a_curve_counts_as_within_does_and_never_falls(errors, grid):
    grid = np.sort(grid)
    curve = curves.cumulative(np.array(errors), grid)
    assert curve.tolist() == [curves.within(np.array(errors), d) for d in grid]
    assert np.all(np.diff(curve) >= 0)


def test_seeds_are_kept_apart_and_the_band_is_their_range():
    rows = pd.DataFrame({"seed": [1, 1, 0, 0], "error_deg": [1.0, 2.0, 3.0, 9.0]})
    by_seed = curves.per_seed(rows, "error_deg", np.array([1.0, 2.5, 5.0]))
    assert by_seed.tolist() == [[0, 0, 0.5], [0.5, 1, 1]]
    band = curves.band(by_seed)
    assert (band.low.tolist(), band.mean.tolist(), band.high.tolist()) == (
        [0, 0, 0.5],
        [0.25, 0.5, 0.75],
        [0.5, 1, 1],
    )


def test_joints_count_one_by_one_and_the_worst_speaks_for_its_image():
    errors = np.array([[1.0, 5.0], [5.1, 2.0]])
    assert curves.within(errors, 5) == 3 / 4
    assert curves.cumulative(errors, np.array([1.0, 5.0, 6.0])).tolist() == [1 / 4, 3 / 4, 1]
    assert curves.within(curves.worst(errors), 5) == 1 / 2
    rows = pd.DataFrame({"seed": [0, 0, 1, 1], "a": [1.0, 5.1, 9, 9], "b": [5.0, 2.0, 9, 9]})
    assert curves.per_seed(rows, ["a", "b"], np.array([5.0])).tolist() == [[3 / 4], [0]]


def test_distances_are_euclidean():
    assert curves.distances(np.array([[3.0, 4.0, 1.0]]), np.array([[0.0, 0.0, 1.0]])).tolist() == [5.0]
