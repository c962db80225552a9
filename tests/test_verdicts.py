"""The paper's claims: what is judged where, and the findings computed from its own numbers."""

import copy

import numpy as np
import pytest

from benchmarks import verdicts
from benchmarks.evaluation import summary
from benchmarks.evaluation.tasks import GAZE, HAND
from tests import hand_results
from tests.gaze_results import DATA, gaze_results

KEYS = {"task", "id", "place", "quote", "says", "published", "ours", "test", "verdict"}


@pytest.fixture(scope="module")
def metrics():
    return summary.summarise(gaze_results(), GAZE, np.random.default_rng(0), DATA, 200)


@pytest.fixture(scope="module")
def hand():
    return summary.summarise(hand_results.hand_results(), HAND, np.random.default_rng(0), hand_results.DATA, 400)


def by_id(metrics):
    return {row["id"]: row for row in verdicts.claims(metrics)}


def test_every_declared_comparison_is_a_claim_with_its_verdict(metrics):
    rows = by_id(metrics)
    assert len(rows) == len(verdicts.claims(metrics))
    for name, found in metrics["comparisons"]["gaze"].items():
        assert rows[name]["verdict"] == found["verdict"]
    assert all(set(row) == KEYS for row in rows.values())


def test_published_numbers_stand_beside_ours(metrics):
    rows = by_id(metrics)
    assert rows["refined_4x_within_7deg"]["published"] == "87.2 % against 64.9 %"
    assert rows["refined_4x_mean_error"]["published"] == "7.8 degrees against 11.2 degrees"
    value = metrics["gaze"]["refined_4x"]["mean_error_deg"]["value"]
    assert rows["refined_4x_mean_error"]["ours"].startswith(f"{value:.2f} degrees against")


def test_a_stand_in_is_never_held_against_the_papers_numbers(metrics):
    rows = by_id(metrics)
    magnitudes = [row for name, row in rows.items() if name.endswith("_published")]
    assert len(magnitudes) == 10
    assert {row["verdict"] for row in magnitudes} == {"not run on this data"}
    unsaid = copy.deepcopy(metrics)
    del unsaid["data"]["gaze"]["stand_in"]
    assert by_id(unsaid)["refined_4x_mean_error_deg_published"]["verdict"] == "not run on this data"


@pytest.mark.parametrize(
    ("value", "half", "verdict"),
    [
        (7.9, 0.4, "reproduced"),  # se 0.204: z = 0.9 / 0.204
        (7.9, 2.0, "inconclusive"),
        (8.7, 0.4, "inconclusive"),
        (10.0, 0.4, "contradicted"),
        (6.0, 0.4, "contradicted"),
    ],
)
def test_on_the_papers_data_a_magnitude_is_an_equivalence_test(metrics, value, half, verdict):
    ours = copy.deepcopy(metrics)
    ours["data"]["gaze"]["stand_in"] = False
    ours["gaze"]["refined_4x"]["mean_error_deg"] |= {
        "value": value,
        "low": value - half,
        "high": value + half,
    }
    row = by_id(ours)["refined_4x_mean_error_deg_published"]
    assert row["verdict"] == verdict
    assert "TOST within 1 degree" in row["test"]


def test_findings_are_computed_from_the_published_numbers():
    found = {row["id"]: row["finding"] for row in verdicts.contradictions()}
    assert "at 12.99 degrees" in found["table2_distance"]
    assert "they read 24.5, 26.2, 29.0, 48.8 %" in found["table2_distance"]
    assert "a mean of at least 11.42" in found["table3_synthetic"]
    assert "0.148 one-sided, 0.297 two-sided" in found["visual_turing_test"]
    assert "569 times" in found["visual_turing_test"]


def test_the_other_findings_are_computed_from_the_published_numbers():
    found = {row["id"]: row for row in verdicts.contradictions()}
    assert len(found) == len(verdicts.contradictions())
    assert "at d = 5, within 0.04 points" in found["table4_distance"]["finding"]
    assert "89 of 89 steps agree" in found["figure9_whole_pixels"]["finding"]
    assert "17.5 of the 224-pixel crop" in found["figure9_whole_pixels"]["finding"]
    assert "5 convolution and 2 max-pooling layers, and lists 1" in found["max_pooling"]["finding"]
    assert found["hand_pretraining"]["finding"] == "500 in section 3.2 and 300 in Figure 16."
    assert "gives 56x56" in found["heat_map_size"]["finding"]
    fields = found["receptive_fields"]["finding"]
    assert "19 pixels for R and 23 for D" in fields
    assert "127 for R with all filters 7x7, or 47 with only the first, and 71 for D" in fields
    improvements = found["improvements"]["finding"]
    assert "relative 21% is from kNN (9.9)" in improvements and "it is 30.4%" in improvements
    assert "8.8 points" in improvements and "of as many it is -2.1" in improvements


def test_the_hands_comparisons_are_claims_with_table_4_beside_them(hand):
    rows = by_id(hand)
    assert len(rows) == len(verdicts.claims(hand))
    assert all(set(row) == KEYS and row["task"] == "hand" for row in rows.values())
    for name, found in hand["comparisons"]["hand"].items():
        assert rows[name]["verdict"] == found["verdict"]
    assert rows["refined_within_5px"]["published"] == "72.4 % against 69.7 %"
    assert rows["refined_3x_beats_real_within_5px"]["published"] == "83.3 % against 74.5 %"
    assert rows["real_beats_refined_within_5px"]["published"] == "74.5 % against 72.4 %"
    assert rows["refined_3x_beats_real_within_5px"]["verdict"] == "contradicted"


def test_table_4_is_judged_in_each_reading_and_on_the_papers_data_only(hand):
    magnitudes = {name: row for name, row in by_id(hand).items() if name.endswith("_published")}
    assert len(magnitudes) == 15
    assert {row["verdict"] for row in magnitudes.values()} == {"not run on this data"}
    ours = copy.deepcopy(hand)
    ours["data"]["hand"]["stand_in"] = False
    ours["hand"]["refined_3x"]["within_5px"] |= {"value": 0.83, "low": 0.82, "high": 0.84}
    ours["hand"]["refined_3x"]["within_5px_heatmap"] |= {"value": 0.96, "low": 0.95, "high": 0.97}
    rows = by_id(ours)
    assert rows["refined_3x_within_5px_published"]["verdict"] == "reproduced"  # z = (2 - 0.3) / 0.51
    assert "TOST within 2 points" in rows["refined_3x_within_5px_published"]["test"]
    assert rows["refined_3x_within_5px_heatmap_published"]["verdict"] == "contradicted"


def test_both_tasks_are_told_in_turn(metrics, hand):
    rows = verdicts.claims(summary.merge(metrics, hand))
    assert rows == [*verdicts.claims(metrics), *verdicts.claims(hand)]
