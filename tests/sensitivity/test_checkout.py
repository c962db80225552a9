"""The clone that faults are planted in: order of the stages, parameters, what counts as tripped, a real git clone."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import presets
from benchmarks.core.errors import UserError
from benchmarks.sensitivity import checkout
from benchmarks.sensitivity.experiments import BASELINE, Experiment, faults

DOT = """strict digraph {
"evaluate";
"load_test";
"load";
"report";
"refine";
"train";
"measure";
"load" -> "train";
"load_test" -> "evaluate";
"load" -> "refine";
"train" -> "refine";
"refine" -> "measure";
"refine" -> "evaluate";
"evaluate" -> "report";
}
"""


def test_stages_come_as_declared_but_none_before_what_it_needs():
    assert checkout.chain(DOT, ["refine"]) == ["load", "train", "refine"]
    assert checkout.chain(DOT, ["measure", "evaluate"]) == [
        "load",
        "train",
        "refine",
        "measure",
        "load_test",
        "evaluate",
    ]
    assert checkout.chain(DOT, ["evaluate"]) == ["load_test", "load", "train", "refine", "evaluate"]
    with pytest.raises(UserError, match="no stage refined"):
        checkout.chain(DOT, ["refined"])


def test_a_rerun_changes_its_own_parameters_alone():
    before = presets.parse(presets.compose("ci"))
    text = checkout.changed(presets.compose("ci"), Experiment("x", "healthy", "", None, 10, {"compute.threads": 2}))
    seeds = list(range(10, 10 + len(before["seeds"])))
    assert presets.changes(before, presets.parse(text)) == [
        f"seeds: {before['seeds']} -> {seeds}",
        f"compute.threads: {before['compute']['threads']} -> 2",
    ]
    assert presets.parse(checkout.changed(presets.compose("ci"), BASELINE)) == before


def test_only_failing_rows_trip_the_missing_and_the_farthest_first():
    guard = {"guard": "edges", "accepted": 0.5, "value": 0.75, "low": 0.25, "high": 0.7, "status": "changed"}
    table = {"condition": "real", "metric": "mean_error_deg", "accepted": 5.0, "tolerance": 1.0}
    rows = [
        guard,
        guard | {"guard": "patches", "value": 2.0},
        table | {"value": 4.0, "status": "improved"},
        table | {"value": 6.5, "status": "regressed"},
        table | {"condition": "refined", "value": None, "status": "missing"},
        guard | {"status": "ok"},
    ]
    found = checkout.tripped(rows)
    assert [row["row"] for row in found] == [
        "refined, mean_error_deg",
        "patches",
        "real, mean_error_deg",
        "edges",
    ]
    assert found[2] == {"row": "real, mean_error_deg", "accepted": 5.0, "value": 6.5, "low": 4.0, "high": 6.0}


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("step 1\nerror: gaze/0: diverged\nERROR: failed to reproduce 'x'\n", "error: gaze/0: diverged"),
        ("Traceback\n  File\nValueError: float images\nERROR: failed\n", "ValueError: float images"),
        ("Killed\n\n", "Killed"),
        ("", "no output"),
    ],
)
def test_the_line_that_says_why(output: str, line: str):
    assert checkout.error_line(output) == line


def test_stages_run_with_this_interpreter_and_without_tracking(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DVC_STAGE", "report")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    found = checkout.environment()
    assert found["MLFLOW_TRACKING_URI"] == "off"
    assert "DVC_STAGE" not in found
    told = subprocess.run(
        ["python", "-c", "import sys; print(sys.executable)"], env=found, capture_output=True, text=True, check=True
    )
    assert Path(told.stdout.strip()).samefile(checkout.sys.executable)


def test_patches_say_what_they_break(tmp_path: Path):
    with pytest.raises(UserError, match="no patches here"):
        faults(tmp_path)
    (tmp_path / "b.patch").write_text("# R is the identity.\ndiff --git\n")
    assert faults(tmp_path) == [Experiment("b", "fault", "R is the identity.", patch=tmp_path / "b.patch")]
    (tmp_path / "a.patch").write_text("diff --git\n")
    with pytest.raises(UserError, match=r"a\.patch: the first line must say"):
        faults(tmp_path)
