"""The paper's claims: what is judged where, and the findings computed from its own numbers."""

import copy
import json
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import paper, verdicts
from benchmarks.evaluation import summary
from benchmarks.evaluation.tasks import BASELINES, GAZE, HAND, TABLE3
from benchmarks.turing.session import FILE_NAMES, LABELS, Kind
from benchmarks.verdicts import gaze as gaze_claims
from tests import hand_results
from tests.gaze_results import DATA, gaze_results


@pytest.fixture(scope="module")
def metrics():
    return summary.summarise(gaze_results(), GAZE, np.random.default_rng(0), DATA, 200)


@pytest.fixture(scope="module")
def hand():
    return summary.summarise(hand_results.hand_results(), HAND, np.random.default_rng(0), hand_results.DATA, 400)


def by_id(metrics):
    return {claim.id: claim for claim in verdicts.claims(metrics)}


def test_every_declared_comparison_is_a_claim_with_its_verdict(metrics):
    rows = by_id(metrics)
    assert len(rows) == len(verdicts.claims(metrics))
    controls = {"photographed_mean_error", "refined_beats_equalised_mean_error"}  # no claims of the paper
    for name, found in metrics["comparisons"]["gaze"].items():
        if name in controls:
            assert name not in rows
            continue
        assert rows[name].verdict == found["verdict"]


def test_published_numbers_stand_beside_ours(metrics):
    rows = by_id(metrics)
    assert rows["refined_4x_within_7deg"].published == "87.2 % against 64.9 %"
    assert rows["refined_4x_mean_error"].published == "7.8 degrees against 11.2 degrees"
    value = metrics["gaze"]["refined_4x"]["mean_error_deg"]["value"]
    assert rows["refined_4x_mean_error"].ours.startswith(f"{value:.2f} degrees against")


def test_a_stand_in_is_never_held_against_the_papers_numbers(metrics):
    rows = by_id(metrics)
    magnitudes = [row for name, row in rows.items() if name.endswith("_published")]
    assert len(magnitudes) == 10
    assert {row.verdict for row in magnitudes} == {"not run on this data"}
    unsaid = copy.deepcopy(metrics)
    del unsaid["data"]["gaze"]["stand_in"]
    assert by_id(unsaid)["refined_4x_mean_error_deg_published"].verdict == "not run on this data"


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
    assert row.verdict == verdict
    assert "TOST within 1 degree" in row.test


def test_findings_are_computed_from_the_published_numbers():
    found = {row.id: row.finding for row in verdicts.contradictions()}
    assert "at 12.99 degrees" in found["table2_distance"]
    assert "they read 24.5, 26.2, 29.0, 48.8 %" in found["table2_distance"]
    assert "a mean of at least 11.42" in found["table3_synthetic"]
    assert "0.148 one-sided, 0.297 two-sided" in found["visual_turing_test"]
    assert "569 times" in found["visual_turing_test"]


def test_the_other_findings_are_computed_from_the_published_numbers():
    found = {row.id: row for row in verdicts.contradictions()}
    assert len(found) == len(verdicts.contradictions())
    assert "at d = 5, within 0.04 points" in found["table4_distance"].finding
    assert "89 of 89 steps agree" in found["figure9_whole_pixels"].finding
    assert "17.5 of the 224-pixel crop" in found["figure9_whole_pixels"].finding
    assert "5 convolution and 2 max-pooling layers, and lists 1" in found["max_pooling"].finding
    assert found["hand_pretraining"].finding == "500 in section 3.2 and 300 in Figure 16."
    assert "gives 56x56" in found["heat_map_size"].finding
    fields = found["receptive_fields"].finding
    assert "19 pixels for R and 23 for D" in fields
    assert "127 for R with all filters 7x7, or 47 with only the first, and 71 for D" in fields
    improvements = found["improvements"].finding
    assert "relative 21% is from kNN (9.9)" in improvements and "it is 30.4%" in improvements
    assert "8.8 points" in improvements and "of as many it is -2.1" in improvements


def test_the_hands_comparisons_are_claims_with_table_4_beside_them(hand):
    rows = by_id(hand)
    assert len(rows) == len(verdicts.claims(hand))
    assert all(row.task == "hand" for row in rows.values())
    for name, found in hand["comparisons"]["hand"].items():
        if name.startswith("photographed"):  # a control, no claim of the paper
            assert name not in rows
            continue
        assert rows[name].verdict == found["verdict"]
    assert rows["refined_within_5px"].published == "72.4 % against 69.7 %"
    assert rows["refined_3x_beats_real_within_5px"].published == "83.3 % against 74.5 %"
    assert rows["real_beats_refined_within_5px"].published == "74.5 % against 72.4 %"
    assert rows["refined_3x_beats_real_within_5px"].verdict == "contradicted"


def test_table_4_is_judged_in_each_reading_and_on_the_papers_data_only(hand):
    magnitudes = {name: row for name, row in by_id(hand).items() if name.endswith("_published")}
    assert len(magnitudes) == 15
    assert {row.verdict for row in magnitudes.values()} == {"not run on this data"}
    ours = copy.deepcopy(hand)
    ours["data"]["hand"]["stand_in"] = False
    ours["hand"]["refined_3x"]["within_5px"] |= {"value": 0.83, "low": 0.82, "high": 0.84}
    ours["hand"]["refined_3x"]["within_5px_heatmap"] |= {"value": 0.96, "low": 0.95, "high": 0.97}
    rows = by_id(ours)
    assert rows["refined_3x_within_5px_published"].verdict == "reproduced"  # z = (2 - 0.3) / 0.51
    assert "TOST within 2 points" in rows["refined_3x_within_5px_published"].test
    assert rows["refined_3x_within_5px_heatmap_published"].verdict == "contradicted"


def test_both_tasks_are_judged_in_turn(metrics, hand):
    rows = verdicts.claims(summary.merge(metrics, hand))
    assert rows == [*verdicts.claims(metrics), *verdicts.claims(hand)]


def test_only_the_comparison_that_has_them_quotes_the_22_points(metrics):
    assert [name for name, row in by_id(metrics).items() if "22.3%" in row.quote] == ["refined_4x_within_7deg"]


@pytest.fixture
def altered(monkeypatch: pytest.MonkeyPatch):
    """The published numbers, free to be changed."""
    published = copy.deepcopy(paper.published())
    monkeypatch.setattr(paper, "published", lambda: published)
    return published


def findings() -> dict[str, verdicts.Contradiction]:
    return {row.id: row for row in verdicts.contradictions()}


def test_the_turing_tests_wording_follows_the_counts(altered):
    row = findings()["visual_turing_test"]
    assert row.title.endswith("p is one-sided, and not rejecting proves no equality")
    assert "517 of 1000" in row.finding and "them apart is not shown" in row.finding
    assert "within 5 points is shown" in row.finding and "within 4 points is not shown" in row.finding
    altered["table1"]["real"] = {"selected_real": 300, "selected_synthetic": 200}
    row = findings()["visual_turing_test"]
    assert row.title.endswith("p is neither one- nor two-sided, and its answers are beyond chance")
    assert "593 of 1000" in row.finding and "them apart is shown" in row.finding
    assert "within 5 points is not shown" in row.finding
    assert '"synthetic" 493 times' in row.finding


def test_the_other_wordings_follow_the_numbers(altered):
    before = findings()
    altered["table3"]["rows"]["cnn_synthetic"]["error"] = 11.5
    altered["table4"]["rows"]["real"] = 75.0
    altered["networks"]["hand"]["refiner_pretraining_steps"]["Figure 16"] = 500
    altered["networks"]["hand"]["heat_map_px"] = 56
    altered["networks"]["gaze"]["refiner_updates"]["K_g"] = 2
    altered["networks"]["hand"]["refiner"] |= {"first_kernel": 3, "kernel": 5, "blocks": 10}
    after = findings()
    for name, was, then in (
        ("table3_synthetic", "CNN is better", "CNN is not better"),
        ("table4_distance", "agree at", "disagree at"),
        ("hand_pretraining", "two different numbers", "one number"),
        ("heat_map_size", "makes no 64x64", "makes 56x56"),
        ("k_g", "or 50", "in words and as K_g"),
        ("receptive_fields", "not for the hand", "similar for the hand"),
    ):
        assert was in before[name].title and then in after[name].title, name
    for name in ("synthetic", "synthetic_4x", "refined", "refined_4x"):
        altered["table2"]["rows"][name] = paper.published_curve("figure7", name).at(7)
    assert findings()["table2_distance"].title == "Table 2 reads Figure 7 at the 7 degrees it names"


def test_k_g_has_both_its_readings():
    row = findings()["k_g"]
    assert "2 times" in row.title and "or 50" in row.title
    assert "K_g to 50, 25 times as many" in row.finding


def seeds(refined: dict, synthetic: dict, accuracy: tuple[float, float], spread: float = 0.01) -> list[dict]:
    """Three seeds' measures around these."""

    def around(known: dict, by: float) -> dict:
        return {name: value * (1 + by) for name, value in known.items()}

    return [
        {
            "realism": {"refined": around(refined, by) | {"edges": 0.9}, "synthetic": synthetic | {"edges": 1.0}},
            "two_sample": {side: {"accuracy": a} for side, a in zip(("refined", "synthetic"), accuracy, strict=True)},
        }
        for by in (-spread, 0.0, spread)
    ]


FAR = {"patches": 1.0, "spectrum": 1.0}


@pytest.mark.parametrize(
    ("refined", "accuracy", "verdict"),
    [
        ({"patches": 0.5, "spectrum": 0.7}, (0.6, 0.8), "reproduced"),
        ({"patches": 0.5, "spectrum": 0.7}, (0.4, 0.8), "reproduced"),  # as far below chance as 0.6 is above
        ({"patches": 0.5, "spectrum": 1.5}, (0.6, 0.8), "inconclusive"),
        ({"patches": 0.5, "spectrum": 0.7}, (0.9, 0.8), "inconclusive"),
        ({"patches": 1.5, "spectrum": 1.7}, (0.9, 0.8), "contradicted"),
    ],
)
def test_depth_edges_ask_every_measure(hand, refined, accuracy, verdict):
    measured = {"hand": seeds(refined, FAR, accuracy)}
    row = next(row for row in verdicts.claims(hand, measured) if row.id == "depth_edges")
    assert row.verdict == verdict
    nearer, farther = row.test.split("Farther: ")
    for name, value in refined.items():
        assert name in (nearer if value < 1 else farther)
    assert "edges" not in row.test


def test_an_outline_farther_from_the_real_one_reproduces_nothing(hand):
    measured = seeds({"patches": 0.5}, {"patches": 1.0}, (0.6, 0.8))
    for seed in measured:
        seed["outline"] = {"synthetic": {"ragged": 1.2}, "refined": {"ragged": 1.6}, "real": {"ragged": 1.3}}
    row = next(row for row in verdicts.claims(hand, {"hand": measured}) if row.id == "depth_edges")
    assert row.verdict == "inconclusive"
    assert "outline, ragged" in row.test.split("Farther: ")[1]


def test_one_measures_noise_reproduces_nothing(hand):
    measured = {"hand": seeds({"patches": 0.9, "spectrum": 0.9}, FAR, (0.8, 0.8), spread=0.5)}
    row = next(row for row in verdicts.claims(hand, measured) if row.id == "depth_edges")
    assert row.verdict == "inconclusive"


def judged(metrics, name, measures=None, sessions=Path("none")):
    return next(claim for claim in gaze_claims.claims(metrics, measures or {}, sessions=sessions) if claim.id == name)


@pytest.mark.parametrize(
    ("mean", "failed", "verdict"),
    [
        (0.3, 0.1, "reproduced"),  # 0.27 + 0.1 * 4
        (0.3, 0.3, "inconclusive"),  # 0.21 + 0.3 * 4
        (1.5, 0.0, "contradicted"),
        (1.5, 0.5, "contradicted"),
    ],
)
def test_a_failed_fit_counts_as_a_large_shift(metrics, mean, failed, verdict):
    measured = seeds(FAR, FAR, (0.6, 0.6))
    for seed, by in zip(measured, (-0.01, 0.0, 0.01), strict=True):
        kept = {"shift_mean": mean + by, "shift_sd": 0.3, "fit_error_mean": 0.1, "failed_refined": failed}
        seed["preservation"] = kept
    row = judged(metrics, "pupil_preservation", {"gaze": measured})
    assert row.verdict == verdict
    assert f"with 4 px for each the mean is {(1 - failed) * mean + 4 * failed:.2f}" in row.test


@pytest.mark.parametrize(
    ("local", "everywhere", "verdict"),
    [(0.5, 1.0, "reproduced"), (1.0, 0.5, "contradicted"), (1.0, 1.0, "inconclusive")],
)
def test_the_local_loss_is_judged_by_its_images(metrics, local, everywhere, verdict):
    own, variant = (
        seeds({"patches": value, "spectrum": 1.0}, FAR, (0.6, 0.6), spread)
        for value, spread in ((local, 0.01), (everywhere, 0.02))
    )
    row = judged(metrics, "local_loss", {"gaze": own, "refined_global_discriminator": variant})
    assert row.verdict == verdict
    assert "patches" in row.says and row.published == "pictures"


def session(folder: Path, rater: str, right: int, trials: int = 100, kind: Kind = "refined", answered: int = 0) -> None:
    """A file as a session leaves it, finished unless `answered` says otherwise."""
    header = {"rater": rater, "kind": kind, "seed": 0, "standin": True, "trials": trials, "stores": {"real": "a"}}
    rows = [
        {"position": k, "index": k, "truth": LABELS[k % 2], "chosen": LABELS[(k + (k >= right)) % 2]}
        for k in range(answered or trials)
    ]
    path = folder / FILE_NAMES[kind].format(rater)
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *rows)))


@pytest.mark.parametrize(
    ("right", "raters", "verdict"),
    [(51, 10, "reproduced"), (60, 10, "contradicted"), (52, 1, "inconclusive"), (30, 10, "inconclusive")],
)
def test_peoples_answers_are_judged_where_there_are_any(metrics, tmp_path: Path, right, raters, verdict):
    session(tmp_path, "late", 9, answered=10)
    session(tmp_path, "anna", 20, trials=20, kind="synthetic")
    assert judged(metrics, "visual_turing_test", sessions=tmp_path).verdict == "not run on this data"
    for rater in range(raters):
        session(tmp_path, f"rater{rater}", right)
    row = judged(metrics, "visual_turing_test", sessions=tmp_path)
    assert row.verdict == verdict
    assert row.ours.startswith(f"{right * raters} of {100 * raters}")
    assert "TOST within 5 points" in row.test


@pytest.mark.parametrize(("right", "verdict"), [(81, "reproduced"), (51, "contradicted"), (45, "inconclusive")])
def test_the_control_is_claimed_to_be_told_apart(metrics, tmp_path: Path, right, verdict):
    row = judged(metrics, "visual_turing_control", sessions=tmp_path)
    assert row.verdict == "not run on this data"
    counts, p = row.published.split(": exact one-sided p = ")
    assert counts == "162 of 200"
    assert float(p) == pytest.approx(sum(comb(200, k) for k in range(162, 201)) / 2**200, rel=0.05)
    for rater in range(10):
        session(tmp_path, f"rater{rater}", right, kind="synthetic")
    assert judged(metrics, "visual_turing_control", sessions=tmp_path).verdict == verdict


def test_figure6_is_judged_where_it_was_run(metrics):
    assert by_id(metrics)["colour"].verdict == "not run on this data"
    found: dict[str, Any] = {"verdict": "reproduced", "difference": "-2.0 [-2.5, -1.5]"}
    found["palette"] = {"identity": 16.0, "channel_mean": 14.0, "synthetic": 17.4}
    row = next(row for row in verdicts.claims(metrics, figure6=found) if row.id == "colour")
    assert row.verdict == "reproduced"
    assert row.ours == "14.0 against 16.0: -2.0 [-2.5, -1.5]; before refining 17.4"


def test_the_state_of_the_art_on_real_images_bars_the_verdict_and_contradicts_nothing(metrics):
    levels = dict.fromkeys(BASELINES, 12.0) | {"refined_4x": 8.0, "synthetic_4x": 11.0, "real": 5.0}

    def row(known: dict[str, float]) -> verdicts.JudgedClaim:
        rows, task = gaze_results(known), TABLE3.among(list(known))
        table3 = summary.summarise(rows, task, np.random.default_rng(0), DATA, 1000)
        return judged(summary.merge(metrics, table3), "state_of_the_art")

    assert row(levels).verdict == "reproduced"
    beaten = row(levels | {"svr_real": 5.0})
    assert beaten.verdict == "inconclusive"
    assert "of the best on labelled real images, svr: +" in beaten.ours
    unsupervised = row({name: value for name, value in levels.items() if "real" not in name})
    assert unsupervised.verdict == "reproduced"
    assert "on labelled real ones none was run" in unsupervised.test
