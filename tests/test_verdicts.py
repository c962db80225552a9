"""The paper's claims: what is judged where, and the findings computed from its own numbers."""

import copy

import numpy as np
import pytest

from benchmarks import summary, verdicts
from benchmarks.tasks import GAZE
from tests.gaze_results import DATA, gaze_results

KEYS = {"id", "place", "quote", "says", "published", "ours", "test", "verdict"}


@pytest.fixture(scope="module")
def metrics():
    return summary.summarise(gaze_results(), GAZE, np.random.default_rng(0), DATA, 200)


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
