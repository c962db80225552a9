"""reports/sensitivity/README.md: what the gate said to each fault and to each healthy rerun."""

from collections.abc import Mapping
from typing import Any

from benchmarks.sensitivity.runner import Outcome, Row

INTRODUCTION = """\
# Sensitivity of the regression gate

Each fault below was planted alone in a copy of commit {commit}, as a patch of the code (`tests/faults/`). The stages of
the {task} task then ran one after another at preset `{preset}`, and after each the gate compared what was there with
`benchmarks/accepted/{preset}.json`. A fault is caught when a row leaves its limits or a stage ends with an error;
the run stops there. Healthy reruns are the same code with other seeds or threads, run to the end: a row that leaves its
limits there is a false alarm.

    {command}

**{headline}.**

How the limits are made: `benchmarks/evaluation/guards.py` and `regression.py`. All rows that tripped: `results.json`.
"""


def write(found: Mapping[str, Any]) -> str:
    """`found` as in results.json: commit, preset, task, command, planned, experiments by name."""
    faults, healthy = _of(found, "fault"), _of(found, "healthy")
    text = INTRODUCTION.format(**{**found, "commit": f"`{found['commit'][:12]}`", "headline": headline(found)})
    tables = [
        ("Faults", ("fault", "what is wrong", "gate", "at stage"), faults),
        ("Healthy reruns", ("rerun", "what differs", "gate", "at stage"), healthy),
    ]
    for title, head, outcomes in tables:
        columns = (*head, "first row", "accepted", "value", "limits", "rows", "seconds")
        lines = [_line(columns), _line(["---"] * 4 + ["---", "---:", "---:", "---:", "---:", "---:"])]
        lines += [_line(_cells(name, outcome)) for name, outcome in outcomes.items()]
        text += f"\n## {title}\n\n" + ("\n".join(lines) if outcomes else "None was run yet.") + "\n"
    return text


def headline(found: Mapping[str, Any]) -> str:
    """`13 of 14 faults caught, 0 of 4 healthy reruns tripped`; says so where experiments are still to be run."""
    faults, healthy = _of(found, "fault"), _of(found, "healthy")
    caught, alarms = (sum(outcome["tripped"] for outcome in group.values()) for group in (faults, healthy))
    run = len(faults) + len(healthy)
    rest = f"; {run} of {found['planned']} experiments run" if run < found["planned"] else ""
    return f"{caught} of {len(faults)} faults caught, {alarms} of {len(healthy)} healthy reruns tripped{rest}"


def _of(found: Mapping[str, Any], kind: str) -> dict[str, Outcome]:
    return {name: outcome for name, outcome in found["experiments"].items() if outcome["kind"] == kind}


def _cells(name: str, outcome: Outcome) -> list[str]:
    verdicts = {"fault": ("**missed**", "caught"), "healthy": ("passed", "**false alarm**")}
    verdict = verdicts[outcome["kind"]][outcome["tripped"]]
    rows: list[Row] = outcome["rows"]
    first = rows[0] if rows else {"row": outcome["error"] or "-", "accepted": None, "value": None, "low": None}
    limits = "-" if first["low"] is None else f"{_number(first['low'])} to {_number(first['high'])}"
    numbers = [_number(first["accepted"]), _number(first["value"]), limits, str(len(rows)), str(outcome["seconds"])]
    stage = outcome["stage"] if outcome["tripped"] else "-"
    return [name, outcome["text"], verdict, stage, first["row"], *numbers]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _line(cells: Any) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
