"""Table 3, the ablations, runs without a supervised row, and the verdicts that come from them and from the measures."""

import copy
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import report, verdicts
from benchmarks.evaluation import summary
from benchmarks.evaluation.tasks import ABLATIONS, BASELINES, GAZE, HAND, NEGATIVE_CONTROLS, TABLE3
from benchmarks.report import answers
from benchmarks.report.data import AblationData
from benchmarks.report.display import DISPLAYS
from benchmarks.report.parts import ablations, controls
from tests import hand_results
from tests.gaze_results import DATA, gaze_results
from tests.invented import Page, invented, invented_measures

LEVELS = {name: 20.0 if name.startswith("mean") else 12.0 for name in BASELINES}
LEVELS |= {"synthetic_4x": 11.0, "refined_4x": 8.0, "real": 5.0}
ABLATED = {"refined": 8.0, "refined_without_history": 12.0, "refined_global_discriminator": 8.0}


def summarised(levels: dict[str, float], task):
    return summary.summarise(gaze_results(levels), task.among(levels), np.random.default_rng(0), DATA, 1000)


@pytest.fixture(scope="module")
def metrics():
    return summary.merge(
        summarised({name: LEVELS.get(name, 9.0) for name in GAZE.conditions}, GAZE),
        summarised(LEVELS, TABLE3),
        summarised(ABLATED, ABLATIONS),
    )


def by_id(metrics, measures=()):
    return {claim.id: claim for claim in verdicts.claims(metrics, {"gaze": measures})}


@pytest.fixture(scope="module")
def out(metrics, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    given = invented()
    eyes = rng.integers(0, 256, (4, 35, 55), np.uint8)
    parameters = {**given.run.parameters, "estimators": {"baselines": {"images": 2000}}}
    grids = {step: rng.integers(0, 256, (105, 440), np.uint8) for step in (200, 400)}
    data = replace(
        given,
        metrics=summary.merge(given.metrics, summarised(LEVELS, TABLE3), summarised(ABLATED, ABLATIONS)),
        tasks={"gaze": replace(given.tasks["gaze"], sample_grids=grids)},
        run=replace(given.run, parameters=parameters),
        ablations=AblationData(
            samples={"synthetic": eyes} | dict.fromkeys(ABLATED, eyes),
            measures=dict.fromkeys(ABLATED, invented_measures(rng)),
        ),
    )
    folder = tmp_path_factory.mktemp("further")
    report.build(folder, data)
    return folder


def test_the_page_shows_table_3_the_ablations_and_the_refiner_by_step(out: Path):
    page = Page((out / "index.html").read_text())
    wanted = {"gaze-table3", "gaze-ablations", "gaze-ablation-errors", "gaze-ablation-tests", "gaze-convergence"}
    assert wanted <= set(page.values("id"))
    assert "after 200, 400 steps" in page.text
    assert "at most 2000 images each" in page.text


def test_table_3_has_each_method_on_both_kinds_of_images_beside_the_paper(out: Path, metrics):
    with (out / "tables/gaze_table3.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert len(rows) == 8
    assert float(rows["kNN"]["real_value"]) == metrics["table3"]["knn_real"]["mean_error_deg"]["value"]
    assert (rows["kNN"]["published_synthetic"], rows["kNN"]["published_real"]) == ("9.9", "16.2")
    assert rows["kNN"]["synthetic_verdict"] == "reproduced"
    assert rows["The same, on refined images"]["real_value"] == ""


def test_the_ablations_artefacts_have_their_spread_over_seeds_beside_synthetic_images(metrics):
    measured = invented_measures(np.random.default_rng(1))
    section, *_ = ablations.sections(metrics, AblationData(measures=dict.fromkeys(ABLATED, measured)))
    assert section.table
    row = next(record for record in section.table.records if record["measure"].startswith("Speckle"))
    assert [column.head for column in section.table.columns][:2] == ["Measure", "synthetic"]
    for side in ("synthetic", "refined"):
        speckle = [seed["artefacts"][side]["speckle"] for seed in measured]
        assert (row[f"{side}_low"], row[f"{side}_high"]) == (min(speckle), max(speckle))
        assert row[side] == pytest.approx(sum(speckle) / len(speckle))
    assert "real" not in row
    for seed in measured:
        seed["artefacts"]["real"] = seed["artefacts"]["synthetic"]
    section, *_ = ablations.sections(metrics, AblationData(measures=dict.fromkeys(ABLATED, measured)))
    assert section.table and section.table.columns[-1].head == "real"


def test_without_ablations_the_page_says_how_to_run_them(tmp_path: Path):
    report.build(tmp_path, invented())
    assert "ablations: [without_history" in Page((tmp_path / "index.html").read_text()).text


def test_without_a_supervised_row_there_is_no_gap_and_no_claim_about_it(tmp_path: Path):
    given = invented()
    levels = dict.fromkeys(GAZE.conditions[:4], 9.0)
    metrics = summarised(levels, GAZE)
    gaze = replace(given.tasks["gaze"], rows=gaze_results(levels))
    report.build(tmp_path, replace(given, metrics=metrics, tasks={"gaze": gaze}, claims=verdicts.claims(metrics)))
    assert "gaze-gap" not in Page((tmp_path / "index.html").read_text()).values("id")
    assert all("share_of_gap_closed" not in found for found in metrics["comparisons"]["gaze"].values())


def test_the_history_has_the_verdict_of_its_comparison(metrics):
    row = by_id(metrics)["history"]
    assert row.verdict == metrics["comparisons"]["ablations"]["history"]["verdict"] == "reproduced"
    assert row.published == "7.8 degrees against 12.2 degrees"
    assert by_id(metrics)["local_loss"].verdict != "reproduced"
    metrics = copy.deepcopy(metrics)
    del metrics["comparisons"]["ablations"]
    assert "were not trained" in by_id(metrics)["history"].test


@pytest.mark.parametrize(("knn", "verdict"), [(12.0, "reproduced"), (8.0, "inconclusive"), (5.0, "contradicted")])
def test_the_state_of_the_art_is_beaten_when_each_earlier_method_is(knn: float, verdict: str):
    levels = LEVELS | {"knn_synthetic": knn}
    both = summary.merge(summarised(dict.fromkeys(GAZE.conditions, 9.0), GAZE), summarised(levels, TABLE3))
    row = by_id(both)["state_of_the_art"]
    assert row.verdict == verdict
    assert ", knn:" in row.ours or knn == 12.0


@pytest.mark.parametrize(
    ("means", "verdict"),
    [((0.3, 0.31, 0.32), "reproduced"), ((0.5, 1.1, 1.7), "inconclusive"), ((1.5, 1.51, 1.52), "contradicted")],
)
def test_the_pupils_shift_is_held_against_the_published_one(metrics, means, verdict):
    measured = invented_measures(np.random.default_rng(0))
    for seed, mean in zip(measured, means, strict=True):
        seed["preservation"] = seed["preservation"] | {"shift_mean": mean}
    row = by_id(metrics, measured)["pupil_preservation"]
    assert row.verdict == verdict
    assert by_id(metrics)["pupil_preservation"].verdict == "not run on this data"


def test_people_are_not_replaced_by_a_classifier(metrics):
    row = by_id(metrics, invented_measures(np.random.default_rng(0)))["visual_turing_test"]
    assert row.verdict == "not run on this data"
    assert "a classifier in their place" in row.test


def test_the_page_says_what_the_benchmark_can_see(metrics):
    """Gap 11 - 7 degrees; a refiner without any control beside it says nothing."""
    again = summarised({"synthetic_4x": 11.0, "synthetic_4x_again": 11.0}, NEGATIVE_CONTROLS["gaze"])
    found = summary.merge(metrics, again)
    seen = controls.section(DISPLAYS["gaze"], found)
    assert seen is not None and seen.table is not None
    records = {record["name"]: record for record in seen.table.records}
    assert list(records) == [*controls.READINGS["gaze"], *controls.NEGATIVE]
    assert records["other_seeds"]["verdict"] == "inconclusive"
    gap = -found["comparisons"]["gaze"]["photographed_mean_error"]["difference"]
    assert f"The closable gap is {gap:.2f}°" in seen.note
    share = found["comparisons"]["gaze"]["refined_4x_mean_error"]
    assert records["refined_4x_mean_error"]["share_of_closable_gap"] == pytest.approx(
        -share["difference"] / gap, rel=1e-4
    )
    without = [condition for condition in GAZE.conditions if condition not in ("photographed_4x", "equalised_4x")]
    assert controls.section(DISPLAYS["gaze"], summarised(dict.fromkeys(without, 9.0), GAZE)) is None


@pytest.mark.parametrize(
    ("error_px", "expected"), [(5.0, "The closable gap is"), (11.0, "no gap that a refiner could close")]
)
def test_hands_have_their_controls_in_points(error_px: float, expected: str):
    levels = {**hand_results.LEVELS, "photographed_3x": error_px}
    found = summary.summarise(hand_results.hand_results(levels), HAND, np.random.default_rng(0), hand_results.DATA, 400)
    seen = controls.section(DISPLAYS["hand"], found)
    assert seen is not None and seen.table is not None
    records = {record["name"]: record for record in seen.table.records}
    assert list(records) == list(controls.READINGS["hand"])
    assert "pt" in seen.table.columns[1].cell(records["refined_within_5px"])
    assert expected in seen.note


def test_the_first_sentences_answer_by_verdict(metrics):
    """Levels: refined 8, synthetic 11, photographed 7, equalised 9.5."""
    found = copy.deepcopy(metrics)
    values = {name: found["gaze"][name]["mean_error_deg"]["value"] for name in ("refined_4x", "synthetic_4x")}
    share = found["comparisons"]["gaze"]["refined_4x_mean_error"]["share_of_closable_gap"]["value"]
    text = answers.answer(DISPLAYS["gaze"], found)
    assert text.startswith(
        f"Yes, refining helps: trained on refined images an estimator reaches {values['refined_4x']:.1f}° (mean "
        f"error), on synthetic ones {values['synthetic_4x']:.1f}°. That is {share:.0%} of what a perfect refiner"
    )
    assert text.endswith("SimGAN is better.")
    found["comparisons"]["gaze"]["refined_4x_mean_error"]["verdict"] = "inconclusive"
    found["comparisons"]["gaze"]["refined_beats_equalised_mean_error"]["verdict"] = "contradicted"
    text = answers.answer(DISPLAYS["gaze"], found)
    assert text.startswith("This run cannot tell whether refining helps:") and text.endswith("SimGAN is worse.")
    del found["comparisons"]["gaze"]["refined_4x_mean_error"]
    assert answers.answer(DISPLAYS["gaze"], found) == ""
