"""One experiment after another: stage by stage, the gate asked after each, up to the first row that trips."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from benchmarks.core.errors import UserError
from benchmarks.core.files import whole
from benchmarks.sensitivity.experiments import BASELINE, Experiment

Row = dict[str, Any]  # row, accepted, value, low, high: of the gate, outside its limits
Outcome = dict[str, Any]


class Pipeline(Protocol):
    """What an experiment runs on."""

    def start(self, experiment: Experiment) -> Sequence[str]:
        """Fresh code and parameters, no outputs; gives the stages in their order."""
        ...

    def step(self, stage: str) -> str:
        """Run a stage; gives the line of its error, "" for none."""
        ...

    def judge(self, complete: bool) -> list[Row]:
        """Rows that trip, the farthest first, among those there are by now; `complete` after the last stage."""
        ...


def run_all(
    experiments: Sequence[Experiment], pipeline: Pipeline, state: Path, identity: Mapping[str, str]
) -> dict[str, Outcome]:
    """Outcomes by name, also of earlier calls with the same `identity`, whose experiments are not run again.

    UserError where the baseline fails to run: then no fault could be told from it.
    """
    outcomes = _read(state, identity)
    for number, experiment in enumerate(experiments, 1):
        title = f"{number}/{len(experiments)} {experiment.name}"
        if experiment.name in outcomes:
            print(f"{title}: {told(outcomes[experiment.name])} (earlier)", flush=True)
            continue
        outcome = run_one(experiment, pipeline, title)
        if experiment == BASELINE and outcome["error"]:
            raise UserError(f"sensitivity: the healthy pipeline stops in {outcome['stage']}: {outcome['error']}")
        outcomes[experiment.name] = outcome
        with whole(state) as file:
            file.write_text(json.dumps({**identity, "outcomes": outcomes}, indent=1, allow_nan=False) + "\n")
        print(f"{title}: {told(outcome)}", flush=True)
    return outcomes


def run_one(experiment: Experiment, pipeline: Pipeline, title: str) -> Outcome:
    """A fault stops at the first stage after which a row trips or that ends with an error; a healthy run goes on.

    -> kind, text, tripped, stage (where it stopped), error (its line or ""), rows (`Row`s), seconds.
    """
    started = time.monotonic()
    error, rows, stage = "", [], ""
    stages = pipeline.start(experiment)
    for stage in stages:
        print(f"{title}: {stage}", flush=True)
        error = pipeline.step(stage)
        last = stage == stages[-1]
        if error:
            break
        if experiment.kind == "fault" or last:
            rows = pipeline.judge(last)
        if rows:
            break
    return {
        "kind": experiment.kind,
        "text": experiment.text,
        "tripped": bool(error or rows),
        "stage": stage,
        "error": error,
        "rows": rows,
        "seconds": round(time.monotonic() - started),
    }


def told(outcome: Outcome) -> str:
    """In a line."""
    verdict = {("fault", True): "caught", ("fault", False): "MISSED", ("healthy", True): "FALSE ALARM"}.get(
        (outcome["kind"], outcome["tripped"]), "passed"
    )
    reason = outcome["error"] or (outcome["rows"][0]["row"] if outcome["rows"] else "")
    return f"{verdict} after {outcome['seconds']} s" + (f", {outcome['stage']}: {reason}" if reason else "")


def _read(state: Path, identity: Mapping[str, str]) -> dict[str, Outcome]:
    if not state.is_file():
        return {}
    found = json.loads(state.read_text())
    same = all(found.get(key) == value for key, value in identity.items())
    return found["outcomes"] if same else {}
