"""`make run`'s last table: minutes by stage, and those spent around the stages."""

import json
import time
from pathlib import Path

import pytest

from benchmarks.tracking import times


def test_minutes_of_a_run_by_hand(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    now = time.time()
    lines = [
        {"stage": "train-simgan@gaze", "work": 600.0, "ended": now - 9000},  # an earlier run
        {"stage": "train-simgan@gaze", "work": 600.0, "ended": now - 300},
        {"stage": "train-simgan@hand", "work": 300.0, "ended": now - 200},
        {"stage": "evaluate@gaze", "mlflow": 60.0, "ended": now - 100},
        {"stage": "evaluate@gaze", "work": 120.0, "ended": now - 90},
    ]
    times.FILE.parent.mkdir()
    times.FILE.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(times.time, "time", lambda: now)
    told = [line.split() for line in times.table(now - 1200).splitlines()]
    assert [" ".join(line[-3:]) for line in told] == [
        "15.0 min 75.0%",
        "1.0 min 5.0%",
        "4.0 min 20.0%",
        "20.0 min 100.0%",
    ]
    assert told[0][0] == "train-simgan"
    assert times.table(now) == "Nothing had to run."
    assert [" ".join(line.split()[-3:]) for line in times.table().splitlines()] == [
        "25.0 min 96.2%",
        "1.0 min 3.8%",
    ]


def test_only_what_dvc_runs_is_timed(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    with times.spent(times.WORK):
        pass
    assert not times.FILE.exists()
    monkeypatch.setenv("DVC_STAGE", "control@gaze-equalised")
    with times.spent(times.WORK):
        time.sleep(0.01)
    (line,) = times._lines(times.FILE)
    assert line["stage"] == "control@gaze-equalised" and 0.01 <= line["work"] < 5
