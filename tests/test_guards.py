"""Guards: collected from the files of the stages, limits worked out by hand, a change either way trips."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.core.errors import UserError
from benchmarks.evaluation import guards

PATCHES, EDGES, HISTORY = "realism/refined/patches", "realism/refined/edges", "train-simgan/history"
ACCEPTED = {"gaze": {PATCHES: [8.0, 10.0, 12.0], EDGES: [0.6, 0.61, 0.62], HISTORY: [1200.0, 1200.0, 1200.0]}}


def found(rows: pd.DataFrame, guard: str) -> dict[str, Any]:
    return next(row for row in rows.to_dict("records") if row["guard"] == guard)


def test_limits_by_hand():
    """Prior of 6 degrees of freedom and two of the seeds' own: Student's quantile at 8, two-sided, 1 % over 3 rows.

    t(8; 1 - 0.01/6) = 4.122364 from the closed form at 8 degrees of freedom.
    """
    rows = guards.compare(ACCEPTED, ACCEPTED)
    assert _t8_tail(4.122364) == pytest.approx(0.01 / 6, rel=1e-4)
    edges = found(rows, EDGES)
    spread = math.sqrt((6 * guards.scale_of(EDGES).gaze ** 2 + 0.01**2 + 0 + 0.01**2) / 8)
    tolerance = 4.122364 * spread * math.sqrt(2 / 3) + 0.001 * 0.61
    assert (edges["low"], edges["high"]) == pytest.approx((0.61 - tolerance, 0.61 + tolerance), rel=1e-5)
    patches = found(rows, PATCHES)
    middle = (8 * 10 * 12) ** (1 / 3)
    squares = sum(math.log(x / middle) ** 2 for x in (8, 10, 12))
    spread = math.sqrt((6 * guards.scale_of(PATCHES).gaze ** 2 + squares) / 8)
    factor = math.exp(4.122364 * spread * math.sqrt(2 / 3))
    assert patches["accepted"] == pytest.approx(middle)
    assert patches["low"] == pytest.approx(middle / factor - 0.001 * middle, rel=1e-5)
    assert patches["high"] == pytest.approx(middle * factor + 0.001 * middle, rel=1e-5)


def _t8_tail(t: float) -> float:
    """P(T > t) at 8 degrees of freedom: with s = t / sqrt(8 + t^2) and c = 1 - s^2, a series of four terms."""
    s = t / math.sqrt(8 + t * t)
    c = 1 - s * s
    return 0.5 - s / 2 * (1 + c / 2 + 3 * c**2 / 8 + 5 * c**3 / 16)


def test_what_no_seed_moves_has_a_numerical_tolerance_only():
    rows = guards.compare({"gaze": ACCEPTED["gaze"] | {HISTORY: [1202.0] * 3}}, ACCEPTED)
    assert found(rows, HISTORY)["status"] == "changed"
    assert found(rows, HISTORY)["high"] == pytest.approx(1201.2)


@pytest.mark.parametrize("guard", [PATCHES, EDGES])
@pytest.mark.parametrize("limit", ["low", "high"])
@pytest.mark.parametrize(("beyond", "status"), [(1.001, "changed"), (0.999, "ok")])
def test_a_change_either_way(guard: str, limit: str, beyond: float, status: str):
    before = found(guards.compare(ACCEPTED, ACCEPTED), guard)
    value = before["accepted"] + beyond * (before[limit] - before["accepted"])
    rows = guards.compare({"gaze": ACCEPTED["gaze"] | {guard: [value] * 3}}, ACCEPTED)
    assert found(rows, guard)["status"] == status


def test_a_distance_of_nothing_at_all_is_a_change():
    rows = guards.compare({"gaze": ACCEPTED["gaze"] | {PATCHES: [0.0] * 3}}, ACCEPTED)
    assert (found(rows, PATCHES)["value"], found(rows, PATCHES)["status"]) == (0.0, "changed")


def test_the_present_spread_widens_nothing():
    erratic = {"gaze": ACCEPTED["gaze"] | {PATCHES: [1.0, 1000.0, 1000.0]}}
    assert found(guards.compare(erratic, ACCEPTED), PATCHES)["status"] == "changed"


def test_absent_guards_are_missing_unless_only_what_is_there_is_asked_for():
    rows = guards.compare({"gaze": {EDGES: [0.61] * 3}}, ACCEPTED)
    assert rows["status"].to_list() == ["missing", "ok", "missing"]
    assert guards.compare({}, ACCEPTED)["status"].to_list() == ["missing"] * 3
    assert guards.compare({"gaze": {EDGES: [0.61] * 3}}, ACCEPTED, present=True)["guard"].to_list() == [EDGES]


def test_the_family_of_rows_decides_the_limits_not_the_task_asked_about():
    both = ACCEPTED | {"hand": ACCEPTED["gaze"]}
    alone = guards.compare(both, both, ["gaze"])
    assert alone["task"].to_list() == ["gaze"] * 3
    assert alone.equals(guards.compare(both, both).query("task == 'gaze'"))
    assert found(alone, EDGES)["high"] > found(guards.compare(ACCEPTED, ACCEPTED), EDGES)["high"]


def test_a_hundred_healthy_reruns_trip_about_once():
    """30 independent rows whose variances are the prior's (scaled inverse chi-squared): 0 to 3 % of 400 trip."""
    rng = np.random.default_rng(0)
    names = [f"train-gaze/{k}/val_loss" for k in range(30)]
    alarms = 0
    for _ in range(400):
        freedom = guards.PRIOR_FREEDOM
        spread = guards.FIT.gaze * np.sqrt(freedom / rng.chisquare(freedom, (30, 1)))
        was, now = np.exp(rng.normal(0, spread, (2, 30, 4)))
        accepted, rerun = ({"gaze": dict(zip(names, values.tolist(), strict=True))} for values in (was, now))
        alarms += bool((guards.compare(rerun, accepted)["status"] != "ok").any())
    assert 0 < alarms <= 12


@pytest.mark.parametrize(
    ("accepted", "message"),
    [
        ({}, "no guards; accept anew"),
        ({"gaze": {EDGES: [0.6]}}, "gaze realism/refined/edges has fewer than 2 seeds"),
        ({"gaze": {PATCHES: [0.0, 1.0]}}, "gaze realism/refined/patches has 0"),
        ({"gaze": {"train-simgan/height": [1.0, 1.0]}}, "train-simgan/height: unknown"),
    ],
)
def test_what_cannot_be_accepted(accepted: guards.Guards, message: str):
    with pytest.raises(UserError, match=message):
        guards.compare(accepted, accepted)


def write_events(folder: Path, events: list[dict[str, float]]) -> None:
    folder.mkdir(parents=True)
    lines = [json.dumps({"step": step, "metrics": metrics}) for step, metrics in enumerate(events)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two seeds; the second has losses and distances twice as large."""
    for seed, level in ((0, 1.0), (1, 2.0)):
        measured = {"realism": {"refined": {"patches": 9 * level}, "synthetic": {"patches": 1.0}}, "preservation": None}
        (tmp_path / "results/measures/hand").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"results/measures/hand/{seed}.json").write_text(json.dumps(measured))
        pretraining = [{"train/self_regularization": 1000.0, "train/history": 7.0}] * 5
        adversarial = [{"train/realism": level * k, "train/history": 40.0, "measure/edges": 1.0} for k in range(8)]
        write_events(tmp_path / f"runs/train-simgan/hand/{seed}", [*pretraining, *adversarial, {"train/steps": 13.0}])
        write_events(tmp_path / f"runs/train-simgan/hand-neither/{seed}", [{"train/realism": 5.0}])
        validation = [{"train/loss": 0.0, "val/loss": level * v} for v in (3.0, 1.0, 2.0)]
        for condition in ("hand-refined", "hand-refined_without_history"):
            write_events(tmp_path / f"runs/train-hand/{condition}/{seed}", validation)
        for fold in (0, 1):
            write_events(tmp_path / f"runs/train-hand/hand-real/fold{fold}/{seed}", [{"val/loss": level + fold}])
    return tmp_path


def test_collected_by_hand(files: Path):
    assert guards.collect(files, ["hand"], [0, 1]) == {
        "hand": {
            "realism/refined/patches": [9.0, 18.0],
            "train-simgan/realism": [6.5, 13.0],  # of the last two of eight points: 6 and 7
            "train-simgan/history": [40.0, 40.0],
            "train-hand/real/val_loss": [1.5, 2.5],
            "train-hand/refined/val_loss": [1.0, 2.0],
        }
    }


def test_a_seed_without_a_number_leaves_its_guard_out(files: Path):
    (files / "results/measures/hand/1.json").write_text('{"realism": {"refined": {"patches": NaN}}}')
    (files / "runs/train-simgan/hand/0/metrics.jsonl").unlink()
    assert set(guards.collect(files, ["gaze", "hand"], [0, 1])["hand"]) == {
        "train-hand/real/val_loss",
        "train-hand/refined/val_loss",
    }
    assert guards.collect(files, ["gaze"], [0, 1]) == {"gaze": {}}
