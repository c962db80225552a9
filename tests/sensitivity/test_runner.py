"""Experiments one after another on a made-up pipeline: where they stop, what is kept, what is not run twice."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.core.errors import UserError
from benchmarks.sensitivity import runner
from benchmarks.sensitivity.experiments import BASELINE, Experiment

STAGES = ["load", "train-simgan", "refine", "evaluate"]
IDENTITY = {"commit": "c0", "preset": "ci"}
OUT_OF_LIMITS = {"row": "patches", "accepted": 9.0, "value": 3.0, "low": 8.0, "high": 10.0}


class MadeUp:
    """`trips`: experiment -> stage after which a row trips; `fails`: experiment -> stage that ends with an error."""

    def __init__(self, trips: dict[str, str] | None = None, fails: dict[str, str] | None = None):
        self.trips, self.fails = trips or {}, fails or {}
        self.asked: list[tuple[str, bool]] = []
        self.ran: list[str] = []

    def start(self, experiment: Experiment) -> Sequence[str]:
        self.name = experiment.name
        return STAGES

    def step(self, stage: str) -> str:
        self.stage = stage
        self.ran.append(f"{self.name} {stage}")
        return "error: diverged" if self.fails.get(self.name) == stage else ""

    def judge(self, complete: bool) -> list[runner.Row]:
        self.asked.append((self.stage, complete))
        return [OUT_OF_LIMITS] if self.trips.get(self.name) == self.stage else []


def fault(name: str) -> Experiment:
    return Experiment(name, "fault", f"{name} is wrong.")


def test_a_fault_stops_at_the_first_row_that_trips():
    pipeline = MadeUp(trips={"a": "train-simgan"})
    outcome = runner.run_one(fault("a"), pipeline, "1/1 a")
    assert pipeline.ran == ["a load", "a train-simgan"]
    assert pipeline.asked == [("load", False), ("train-simgan", False)]
    assert (outcome["tripped"], outcome["stage"], outcome["rows"]) == (True, "train-simgan", [OUT_OF_LIMITS])


def test_an_error_of_a_stage_counts_as_caught_with_its_line():
    outcome = runner.run_one(fault("a"), MadeUp(fails={"a": "refine"}), "1/1 a")
    assert (outcome["tripped"], outcome["stage"], outcome["error"]) == (True, "refine", "error: diverged")
    assert outcome["rows"] == []


def test_a_fault_that_nothing_shows_goes_to_the_end_and_is_missed():
    pipeline = MadeUp()
    outcome = runner.run_one(fault("a"), pipeline, "1/1 a")
    assert pipeline.asked == [(stage, stage == "evaluate") for stage in STAGES]
    assert not outcome["tripped"]
    assert runner.told(outcome).startswith("MISSED")


def test_a_healthy_rerun_goes_to_its_end_before_the_gate_is_asked():
    pipeline = MadeUp(trips={"again": "evaluate"})
    outcome = runner.run_one(Experiment("again", "healthy", "Other seeds.", seeds_from=10), pipeline, "1/1 again")
    assert pipeline.asked == [("evaluate", True)]
    assert runner.told(outcome).startswith("FALSE ALARM after 0 s, evaluate: patches")


def test_what_was_finished_at_this_commit_is_not_run_again(tmp_path: Path):
    state = tmp_path / "state.json"

    class Stopped(MadeUp):
        def step(self, stage: str) -> str:
            if (self.name, stage) == ("b", "refine"):
                raise KeyboardInterrupt
            return super().step(stage)

    with pytest.raises(KeyboardInterrupt):
        runner.run_all([BASELINE, fault("a"), fault("b")], Stopped(trips={"a": "load"}), state, IDENTITY)
    resumed = MadeUp(trips={"b": "load"})
    outcomes = runner.run_all([BASELINE, fault("a"), fault("b")], resumed, state, IDENTITY)
    assert resumed.ran == ["b load"]
    assert {name: outcome["tripped"] for name, outcome in outcomes.items()} == {"baseline": False, "a": True, "b": True}
    assert json.loads(state.read_text()) == {**IDENTITY, "outcomes": outcomes}
    elsewhere = MadeUp()
    outcomes = runner.run_all([fault("b")], elsewhere, state, IDENTITY | {"commit": "c1"})
    assert elsewhere.ran == [f"b {stage}" for stage in STAGES]
    assert list(outcomes) == ["b"]


def test_a_baseline_that_does_not_run_stops_all(tmp_path: Path):
    pipeline = MadeUp(fails={"baseline": "refine"})
    with pytest.raises(UserError, match="healthy pipeline stops in refine: error: diverged"):
        runner.run_all([BASELINE, fault("a")], pipeline, tmp_path / "state.json", IDENTITY)
    assert pipeline.ran[-1] == "baseline refine"
    assert not (tmp_path / "state.json").exists()
