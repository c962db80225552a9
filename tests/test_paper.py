"""The published numbers, against the paper's text and against one another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import paper
from benchmarks.core.errors import UserError

FIGURES = [(figure, name) for figure in ("figure7", "figure9") for name in paper.curve_names(figure)]


def test_tables_hold_the_numbers_of_the_text():
    assert paper.table2() == {"synthetic": 62.3, "synthetic_4x": 64.9, "refined": 69.4, "refined_4x": 87.2}
    assert (paper.table3()["cnn_synthetic"], paper.table3()["cnn_refined"]) == (11.2, 7.8)
    table4 = {"synthetic": 69.7, "refined": 72.4, "real": 74.5, "synthetic_3x": 77.7, "refined_3x": 83.3}
    assert paper.table4() == table4
    turing = paper.published()["table1"]
    assert turing["real"]["selected_real"] + turing["synthetic"]["selected_synthetic"] == turing["correct"] == 517


@pytest.mark.parametrize(("figure", "name"), FIGURES)
def test_curves_rise_within_0_and_100(figure, name):
    curve = paper.published_curve(figure, name)
    assert np.all(np.diff(curve.x) > 0)
    assert np.all(np.diff(curve.y) >= 0)
    assert 0 <= curve.y[0] <= curve.y[-1] <= 100


@pytest.mark.parametrize("reading", paper.table2_on_figure7(), ids=lambda reading: reading.condition)
def test_table2_is_figure7_at_13_degrees(reading):
    assert reading.d_deg == pytest.approx(13.0, abs=0.1)
    assert reading.percent_at_13deg == pytest.approx(reading.printed_percent, abs=0.06)
    at_7 = {"synthetic": 24.5, "synthetic_4x": 26.2, "refined": 29.0, "refined_4x": 48.8}
    assert reading.percent_at_7deg == pytest.approx(at_7[reading.condition], abs=0.05)


def test_refined_4x_curve_has_table3s_mean_and_synthetic_4x_has_not():
    refined = paper.published_curve("figure7", "refined_4x").mean_bounds()
    assert refined.estimate == pytest.approx(7.8, abs=0.05)
    assert refined.low < 7.8 < refined.high
    assert paper.published_curve("figure7", "synthetic_4x").mean_bounds().estimate == pytest.approx(11.42, abs=0.01)


def test_mean_bounds_by_hand():
    """Errors 1, 2, 3, 4 with equal weight, known within 1, 2 and 3 only; none larger than 10."""
    bounds = paper.Curve(np.array([1.0, 2.0, 3.0]), np.array([25.0, 50.0, 75.0]), "degrees").mean_bounds(10)
    assert bounds.low == pytest.approx(0.75 + 0.5 + 0.25)
    assert bounds.estimate == pytest.approx(0.875 + 0.625 + 0.375)
    assert bounds.high == pytest.approx(1 + 0.75 + 0.5 + 0.25 * 7)


@given(st.lists(st.floats(0, 180), min_size=1, max_size=30))
def test_mean_bounds_hold_the_mean_of_any_errors(errors):
    x = np.linspace(1, 24.6, 60)
    y = 100 * np.mean(np.array(errors)[:, None] <= x, axis=0)
    bounds = paper.Curve(x, y, "degrees").mean_bounds()
    assert bounds.low - 1e-9 <= np.mean(errors) <= bounds.high + 1e-9


@given(st.floats(1.0, 24.5))
def test_solve_inverts_at(d):
    curve = paper.published_curve("figure7", "refined_4x")
    assert curve.solve(curve.at(d)) == pytest.approx(d, abs=1e-6)


@pytest.mark.parametrize("d", [0.5, 30.0])
def test_a_reading_outside_the_figure_is_refused(d):
    with pytest.raises(UserError, match=r"outside the published curve, which runs from 1 to 24\.5999"):
        paper.published_curve("figure7", "refined").at(d)


@pytest.mark.parametrize(
    ("layers", "field"),
    [([], 1), ([(3, 1), (3, 1)], 5), ([(3, 2), (3, 1)], 7), ([(7, 2), (2, 2), (3, 1)], 17), ([(1, 4), (1, 1)], 1)],
)
def test_receptive_fields_by_hand(layers, field):
    assert paper.receptive_field(layers) == field


@given(st.lists(st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 2])), max_size=4))
def test_a_receptive_field_is_what_moves_the_output(layers):
    """Independent: trace the inputs of output 0 back, layer by layer."""
    seen = {0}
    for kernel, stride in reversed(layers):
        seen = {place * stride + k for place in seen for k in range(kernel)}
    assert paper.receptive_field(layers) == max(seen) - min(seen) + 1


def test_whole_pixel_distances_are_roots_of_two_squares():
    expected = [0, 1, 2**0.5, 2, 5**0.5, 8**0.5, 3]
    assert paper.whole_pixel_distances(3.1) == pytest.approx(expected)


@pytest.mark.parametrize("name", paper.curve_names("figure9"))
def test_figure9_rises_where_whole_pixels_have_a_distance_and_nowhere_else(name):
    curve = paper.published_curve("figure9", name)
    roots = np.sqrt([n for n in range(100) if any((n - a * a) ** 0.5 % 1 == 0 for a in range(int(n**0.5) + 1))])
    held = [bool(np.any((roots > low) & (roots <= high))) for low, high in zip(curve.x, curve.x[1:], strict=False)]
    assert paper.rises(curve).tolist() == held


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(UserError, match=r"figure8.*figure7, figure9"):
        paper.published_curve("figure8", "refined")
    with pytest.raises(UserError, match=r"refined_8x.*refined_4x"):
        paper.published_curve("figure7", "refined_8x")
