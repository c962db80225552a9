"""How good is the gate? Faults planted one at a time, and healthy reruns, each with the gate's answer."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.core.errors import UserError
from benchmarks.core.files import whole
from benchmarks.sensitivity import experiments, page
from benchmarks.sensitivity.checkout import Checkout, committed
from benchmarks.sensitivity.runner import run_all

REPOSITORY = Path(__file__).parents[2]
WORK = Path(".sensitivity")  # below the repository, ignored by git
TASK = "gaze"


def run(preset: str, only: Sequence[str], out: Path) -> None:
    """Run what is not in the state of this commit yet, and write README.md and results.json in `out`.

    `only` names experiments; none means all. Raises UserError for an unknown name, without accepted guards at this
    commit, or where the healthy pipeline itself does not run.
    """
    commit, changed = committed(REPOSITORY)
    if changed:
        print("sensitivity: uncommitted changes are no part of it; it judges the last commit", flush=True)
    work = REPOSITORY / WORK
    checkout = Checkout(REPOSITORY, work / "checkout", commit, preset, TASK, work / "logs")
    planned = [experiments.BASELINE, *experiments.faults(checkout.folder / "tests/faults"), *experiments.RERUNS]
    if unknown := sorted(set(only) - {experiment.name for experiment in planned}):
        names = ", ".join(experiment.name for experiment in planned)
        raise UserError(f"--only {unknown[0]}: unknown; there are {names}")
    chosen = [experiment for experiment in planned if not only or experiment.name in only]
    print(f"sensitivity: {len(chosen)} experiments at {commit[:12]}, preset {preset}; output in {work / 'logs'}/")
    outcomes = run_all(chosen, checkout, work / "state.json", {"commit": commit, "preset": preset})
    done = {e.name: outcomes[e.name] for e in planned if e.name in outcomes}
    found: dict[str, Any] = {
        "commit": commit,
        "preset": preset,
        "task": TASK,
        "command": "python -m benchmarks sensitivity" + ("" if preset == "ci" else f" --preset {preset}"),
        "planned": len(planned),
        "experiments": done,
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("results.json", json.dumps(found, indent=1, allow_nan=False) + "\n"),
        ("README.md", page.write(found)),
    ):
        with whole(out / name) as file:
            file.write_text(text, encoding="utf-8")
    print(f"sensitivity: {page.headline(found)}; {out / 'README.md'}", flush=True)
