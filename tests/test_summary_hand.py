"""Hand poses from rows to results.json and the gate: joints, errors without depth, and both tasks in one file."""

import copy

import numpy as np
import pytest

from benchmarks.core.errors import UserError
from benchmarks.evaluation import regression, summary
from benchmarks.evaluation.tasks import GAZE, HAND, MILLIMETRES, PIXELS
from tests import gaze_results
from tests.hand_results import DATA, LEVELS, hand_results


def summarise(rows, resamples=600):
    return summary.summarise(rows, HAND, np.random.default_rng(0), DATA, resamples)


@pytest.fixture(scope="module")
def rows():
    return hand_results()


@pytest.fixture(scope="module")
def metrics(rows):
    return summarise(rows)


def test_values_are_means_over_seeds_of_each_seeds_own_statistic(rows, metrics):
    by_hand = {
        "within_5px": lambda px, mm: (px <= 5).mean(),
        "within_5px_heatmap": lambda px, mm: (px / 3.5 <= 5).mean(),
        "within_5px_worst_joint": lambda px, mm: (px <= 5).all(axis=1).mean(),
        "mean_error_px": lambda px, mm: px.mean(),
        "mean_error_mm": lambda px, mm: np.nanmean(mm),
    }
    assert set(metrics["hand"]["real"]) == set(by_hand)
    for condition in LEVELS:
        for metric, function in by_hand.items():
            chosen = rows[rows["condition"] == condition]
            seeds = [chosen[chosen["seed"] == s] for s in range(3)]
            expected = [function(one[list(PIXELS)].to_numpy(), one[list(MILLIMETRES)].to_numpy()) for one in seeds]
            found = metrics["hand"][condition][metric]
            assert found["seeds"] == pytest.approx(expected, rel=1e-5)
            assert found["low"] <= found["value"] <= found["high"]


def test_clusters_are_blocks_and_errors_without_depth_are_counted(rows, metrics):
    data = metrics["data"]["hand"]
    assert (data["images"], data["blocks"], data["seeds"]) == (120, 6, [0, 1, 2])
    for condition, share in data["unmeasured"].items():
        missing = rows.loc[rows["condition"] == condition, list(MILLIMETRES)].isna().to_numpy().mean()
        assert share == pytest.approx(missing, rel=1e-5)


def test_known_differences_are_judged_in_the_declared_direction(metrics):
    verdicts = {name: found["verdict"] for name, found in metrics["comparisons"]["hand"].items()}
    assert verdicts.pop("refined_3x_beats_real_within_5px") == "contradicted"
    assert set(verdicts.values()) == {"reproduced"}
    assert len(metrics["comparisons"]["hand"]) == 8
    for found in metrics["comparisons"]["hand"].values():
        assert found["p"] <= found["p_holm"] <= 8 * found["p"] + 1e-9
        assert found["optimistic"]["mcnemar_p"] < 1e-9


def test_where_real_is_behind_there_is_no_gap_to_close():
    found = summarise(hand_results(LEVELS | {"real": 9.5}))["comparisons"]["hand"]
    share = found["refined_3x_within_5px"]["share_of_gap_closed"]
    assert share["value"] is None
    assert share["reason"] == "synthetic_3x is better than real"


def test_a_hard_sequence_widens_the_interval_as_images_alone_would_not(rows):
    """One of six sequences is far harder: with blocks as clusters the mean must be uncertain by its weight."""
    hard = rows["sequence"] == 0
    shifted = rows.assign(**{column: rows[column] + np.where(hard, 20.0, 0.0) for column in PIXELS})
    alike = rows.assign(sequence=0, person="p00")
    by_blocks = summarise(shifted)["hand"]["real"]["mean_error_px"]
    as_one = summarise(alike.assign(**{c: shifted[c] for c in PIXELS}))["hand"]["real"]["mean_error_px"]
    assert by_blocks["high"] - by_blocks["low"] > 2 * (as_one["high"] - as_one["low"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r.drop(columns="frame"), "no column frame"),
        (lambda r: r.drop(columns="palm_mm"), "no column palm_mm"),
        (lambda r: r.assign(palm_px=np.nan), "2520 values of palm_px are negative or not finite, first nan"),
        (lambda r: r.assign(palm_mm=r["palm_mm"].where(r.index != 9, np.inf)), "1 values of palm_mm .* first inf"),
        (lambda r: r.assign(palm_mm=-1.0), "values of palm_mm are negative"),
        (
            lambda r: r.assign(**{c: r[c].where(r["condition"] != "real") for c in MILLIMETRES}),
            "condition real seed 0 has no pinky_tip_mm at all",
        ),
        (
            lambda r: r.assign(sequence=r["sequence"].where(r.index != r.index[-1], 77)),
            "gives image 119 another block",
        ),
    ],
)
def test_incomplete_rows_are_named(rows, spoil, message):
    with pytest.raises(UserError, match=f"results of hand: .*{message}"):
        summarise(spoil(rows), 10)


def test_both_tasks_share_one_file_and_one_gate(metrics, tmp_path):
    eyes = summary.summarise(gaze_results.gaze_results(), GAZE, np.random.default_rng(0), gaze_results.DATA, 50)
    both = summary.merge(eyes, metrics)
    summary.write(both, tmp_path / "results.json")
    assert summary.read(tmp_path / "results.json") == both
    regression.accept(both, tmp_path / "accepted.json", "first values of both")
    accepted = summary.read(tmp_path / "accepted.json")
    rows = regression.compare(both, accepted)
    assert (list(rows["task"]).count("gaze"), list(rows["task"]).count("hand")) == (28, 35)
    assert set(rows["status"]) == {"ok"}

    worse = copy.deepcopy(both)
    worse["hand"]["refined_3x"]["within_5px"]["value"] = metrics["hand"]["synthetic"]["within_5px"]["value"]
    failed = regression.compare(worse, accepted).query("status == 'regressed'")
    assert failed[["task", "condition", "metric"]].values.tolist() == [["hand", "refined_3x", "within_5px"]]
    del worse["hand"]
    assert list(regression.compare(worse, accepted)["status"]).count("missing") == 35
