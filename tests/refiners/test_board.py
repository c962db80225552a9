"""The board: numbers by hand, verdicts where the truth is known, a page that says who passes SimGAN."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.core import config
from benchmarks.core.errors import UserError
from benchmarks.refiners import board, page
from benchmarks.tracking import RunFolder
from tests.refiners.test_contract import with_rivals

TRUE = {"synthetic": 11.0, "simgan": 8.5, "photographed": 8.0, "better": 7.0, "worse": 12.0, "same": 8.5}
PERSONS, IMAGES, SEEDS = 12, 40, (0, 1)


def errors(shift: float, condition: str, seed: int) -> pd.DataFrame:
    """Errors of 12 persons, 40 images each, about `shift`: persons and images alike under every condition."""
    difficulty = np.random.default_rng(0).normal(0, 1, PERSONS).repeat(IMAGES)
    luck = np.random.default_rng([seed, *map(ord, condition)]).normal(0, 0.3, PERSONS * IMAGES)
    return pd.DataFrame(
        {
            "person": np.repeat([f"p{k:02d}" for k in range(PERSONS)], IMAGES),
            "seen": True,
            "condition": condition,
            "seed": seed,
            "image": range(PERSONS * IMAGES),
            "error_deg": shift + difficulty + luck,
        }
    )


@pytest.fixture
def measured(workspace: Path) -> config.Params:
    """The main run's rows and those of three rivals, one better, one worse, one the same; a fourth has none."""
    params = with_rivals(better="Brighter", worse="Brighter", same="Brighter", late="Brighter")
    main = {"synthetic_4x": 11.0, "refined_4x": 8.5, "photographed_4x": 8.0, "synthetic": 11.0}
    Path("results").mkdir(exist_ok=True)
    rows = [errors(shift, condition, seed) for condition, shift in main.items() for seed in SEEDS]
    unseen = [row.assign(seen=False, error_deg=90.0, image=row["image"] + 1000, person="u") for row in rows]
    pd.concat([*rows, *unseen]).to_parquet("results/gaze.parquet", index=False)
    for name in ("better", "worse", "same"):
        Path(f"rivals/results/gaze/{name}").mkdir(parents=True)
        own = [errors(TRUE[name], name, seed) for seed in SEEDS]
        unseen = [row.assign(seen=False, error_deg=90.0, image=row["image"] + 1000, person="u") for row in own]
        pd.concat([*own, *unseen]).to_parquet(f"rivals/results/gaze/{name}/errors.parquet", index=False)
    return params.model_copy(update={"evaluation": params.evaluation.model_copy(update={"resamples": 1000})})


def test_the_board_says_what_is_true(measured: config.Params, monkeypatch):
    monkeypatch.setattr(board, "_cost", lambda *_: dict.fromkeys(("training_minutes", "images_per_s", "parameters")))
    rows, absent = board._rows(measured, "gaze")
    assert absent == ["late"]
    assert rows["error_deg"].to_numpy(float).max() < 80, "unseen persons are left out"
    found = board.board(measured, "gaze", rows)
    by_name = {row["method"]: row for row in found["methods"]}
    order = [row["method"] for row in found["methods"]]
    assert (order[0], order[-1]) == ("better", "worse")
    means = {name: rows.loc[rows["condition"] == name, "error_deg"].to_numpy(float).mean() for name in order}
    for name, row in by_name.items():
        assert row["mean_error_deg"] == pytest.approx(means[name], abs=1e-4)
        if name not in ("synthetic", "photographed"):
            share = (means[name] - means["synthetic"]) / (means["photographed"] - means["synthetic"])
            assert row["closable_gap_value"] == pytest.approx(share, abs=1e-3)
    assert by_name["better"]["vs_simgan_difference"] == pytest.approx(means["better"] - means["simgan"], abs=1e-4)
    verdicts = {name: row["vs_simgan_verdict"] for name, row in by_name.items()}
    assert (verdicts["better"], verdicts["worse"]) == ("reproduced", "contradicted")
    assert (verdicts["same"], verdicts["simgan"]) == ("inconclusive", None)
    wins = np.array(found["wins"]["probability"])
    assert found["wins"]["methods"] == order
    assert wins[order.index("better"), order.index("simgan")] == 1
    assert wins[order.index("simgan"), order.index("worse")] == 1
    assert np.allclose(wins + wins.T + np.eye(len(order)), 1, atol=0.002)


def test_the_page_names_who_passes_and_who_is_behind(measured: config.Params, monkeypatch):
    monkeypatch.setattr(board, "_cost", lambda *_: dict.fromkeys(("training_minutes", "images_per_s", "parameters")))
    rows, absent = board._rows(measured, "gaze")
    told = page.text(
        {
            "preset": "embedded",
            "seeds": [0, 1],
            "stand_in": True,
            "boards": {"gaze": board.board(measured, "gaze", rows) | {"absent": absent}},
        }
    )
    assert "- Better than SimGAN: better." in told
    assert "- Worse: identity (unrefined), worse." in told or "- Worse: worse, identity (unrefined)." in told
    assert "- Not told apart from it: same." in told
    assert "Without results yet: late." in told
    lines = [line for line in told.splitlines() if line.startswith(("| Method", "| better"))]
    assert len({line.count("|") for line in lines[:2]}) == 1


def test_without_results_it_says_what_to_run(workspace: Path):
    with pytest.raises(UserError, match="dvc repro"):
        board.write(with_rivals(mine="Brighter"))
    assert not Path("reports/refiners").exists()


def test_mlflow_gets_a_run_for_each_row(workspace: Path):
    params = with_rivals(mine="Brighter")
    board._to_mlflow(params, "gaze", {"method": "mine", "label": "mine", "mean_error_deg": 8.1, "vs_simgan_low": None})
    (folder,) = (RunFolder(file.parent) for file in board.TRACKED.rglob("run.json"))
    assert (folder.record().experiment, folder.record().name) == ("board", "gaze mine")
    assert [event["metrics"] for event in folder.events_from()[0]] == [{"mean_error_deg": 8.1}]
