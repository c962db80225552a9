"""Table 1's published counts give the published numbers; sessions add up by hand."""

import math
from pathlib import Path

import pytest

from benchmarks import paper
from benchmarks.turing import scores
from benchmarks.turing.session import FILE_NAMES, Kind, Session
from tests.turing.pools import make_pool, play

TABLE1 = paper.published()["table1"]


def upper_tail(hits: int, trials: int) -> float:
    """P(X >= hits) of fair coins, in whole numbers."""
    return sum(math.comb(trials, k) for k in range(hits, trials + 1)) / 2**trials


def test_the_published_counts_give_the_published_numbers():
    judged = scores.judge(TABLE1)
    assert (judged["correct"], judged["trials"], judged["accuracy"]) == (517, 1000, 0.517)
    assert judged["p_one_sided"] == pytest.approx(upper_tail(517, 1000))
    assert round(judged["p_one_sided"], 3) == TABLE1["p"] == 0.148
    assert judged["p_two_sided"] == pytest.approx(2 * judged["p_one_sided"])  # the null is symmetric
    assert judged["low"] < 0.5 < 0.517 < judged["high"]
    assert judged["margin"] == 0.05
    assert round(judged["tost_p"], 3) == 0.020
    assert round(scores.judge(TABLE1, margin=0.04)["tost_p"], 3) == 0.077
    assert judged["bias"]["chose_real"] == 1000 - 569
    assert judged["bias"]["p_two_sided"] == pytest.approx(2 * upper_tail(569, 1000))
    assert judged["confusion"]["real"] == {"selected_real": 224, "selected_synthetic": 276}


def test_the_published_control_is_beyond_chance():
    judged = scores.against_chance(162, 200)
    assert judged["p_one_sided"] == pytest.approx(upper_tail(162, 200))
    assert judged["p_one_sided"] < 1e-8


@pytest.mark.parametrize(
    ("correct", "trials", "told"),
    [
        (517, 1000, "as good as guessing, within 5 points."),
        (162, 200, "is better than guessing."),
        (30, 100, "is worse than guessing."),
        (52, 100, "does not show whether one can tell"),
        (5200, 10000, "better than guessing, though within 5 points"),
    ],
)
def test_the_finding_is_what_the_tests_allow(correct: int, trials: int, told: str):
    assert told in scores.finding(scores.against_chance(correct, trials))


def begun(folder: Path, kind: Kind, rater: str, answers: int, wrong: int = 0) -> None:
    session = Session(make_pool(folder, kind), folder / "results", rater)
    play(session, answers, frozenset(range(wrong)))
    session.close()


def test_finished_sessions_add_up_and_unfinished_ones_are_named(tmp_path: Path):
    begun(tmp_path, "refined", "anna", 100, wrong=40)
    begun(tmp_path, "refined", "ben", 100, wrong=50)
    begun(tmp_path, "refined", "cleo", 99)
    begun(tmp_path, "synthetic", "anna", 20, wrong=2)
    summary = scores.summarise((tmp_path / "results").iterdir())
    refined, control = summary["refined"], summary["synthetic"]
    assert refined["raters"]["anna"] == {"correct": 60, "trials": 100, "accuracy": 0.6}
    assert refined["unfinished"] == {"cleo": 99}
    assert (refined["correct"], refined["trials"], refined["image_sets"]) == (110, 200, 1)
    assert [sum(row.values()) for row in refined["confusion"].values()] == [100, 100]
    half = 12.7062 * 0.05  # t at 97.5 % with 1 degree of freedom, times the standard error of 0.6 and 0.5
    assert refined["between_raters"]["low"] == 0.0
    assert refined["between_raters"]["mean"] == pytest.approx(0.55)
    assert refined["between_raters"]["high"] == min(1, 0.55 + half) == 1
    assert (control["correct"], control["trials"], control["standin"]) == (18, 20, True)
    assert "between_raters" not in control


def test_between_raters_is_students_interval():
    """0.5, 0.52, 0.54: mean 0.52, standard error 0.02 / sqrt(3), t with 2 degrees of freedom 4.3027."""
    between = scores._between([0.5, 0.52, 0.54])
    assert between["high"] - between["mean"] == pytest.approx(4.3027 * 0.02 / math.sqrt(3), rel=1e-4)
    assert between["mean"] - between["low"] == pytest.approx(between["high"] - between["mean"])


def test_no_sessions_and_none_finished(tmp_path: Path):
    assert scores.summarise([]) == {}
    begun(tmp_path, "refined", "anna", 3)
    path = tmp_path / "results" / FILE_NAMES["refined"].format("anna")
    assert scores.summarise([path])["refined"] == {"raters": {}, "unfinished": {"anna": 3}, "image_sets": 0}
