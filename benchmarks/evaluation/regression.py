"""The regression gate: are Tables 2 and 4 still what was accepted, as far as seeds and test set can tell?"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.evaluation import guards
from benchmarks.evaluation.tasks import TASKS, Metric

NUMERICAL = 1e-3  # of the value: one trained network's evaluation on another machine, before training diverges
COLUMNS = ("task", "condition", "metric", "accepted", "value", "tolerance", "change", "status")
NUMBERS = ("accepted", "value", "tolerance", "change", "low", "high")  # of these columns and the guards'
FAILED = ("regressed", *guards.FAILED)


def accept(metrics: dict[str, Any], path: Path, note: str) -> None:
    """Write what `compare` needs of results.json as the accepted values; `note` says why they are right."""
    if not note.strip():
        raise UserError("a note is needed: say in a line why these values are right")
    accepted = {"note": note.strip(), "data": {}, "guards": guards.accept(metrics.get("guards", {}), str(path))}
    for task in _tasks(metrics):
        accepted[task] = {
            condition: {
                metric: {"value": found["value"], "seeds": found["seeds"]} for metric, found in measured.items()
            }
            for condition, measured in metrics[task].items()
        }
        data = metrics["data"][task]
        accepted["data"][task] = {key: data.get(key) for key in ("test_data", "preset", "images", "image_error")}
        _spread(accepted, task, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(accepted, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def compare(metrics: dict[str, Any], accepted: dict[str, Any]) -> pd.DataFrame:
    """One row per accepted number, with the columns of COLUMNS; change = value - accepted.

    A row is `regressed` where the value is worse by more than the tolerance, `improved` where it is better by
    more, `missing` where it is absent or no number. The test images are the same (by `test_data`), so persons and
    the images' difficulty cancel. What remains: a rerun that differs in any rounding, as on another machine,
    is as unlike as another set of seeds. Hence for two means over k and k_accepted seeds

        tolerance^2 = t^2 (s^2 + e^2) (1/k + 1/k_accepted) + (NUMERICAL * accepted)^2

    s    spread between seeds when accepted: the condition's own or, if larger, that pooled over the metric's
         conditions with the fewest seeds, since a spread of three seeds can be near 0 by luck. The current spread
         is not used: a change that makes training erratic must not widen its own tolerance.
    e    what the luck of single test images, n of them, adds at one seed (`image_error` of the summary, which
         falls with 1 / sqrt(n)). It is within s already, if by luck not all of it: this errs to the lenient.
    t    Student's one-sided quantile at guards.FAMILY over the number of rows (Bonferroni): one healthy rerun in a
         hundred trips. Its degrees of freedom are the pooled spread's, conditions * (k_accepted - 1); a condition's
         own 2 would give a gate that never closes.

    UserError where the accepted values are of other data, of another preset, or of no task at all.
    """
    from scipy.stats import t

    if not _tasks(accepted):
        raise UserError("the accepted values hold no known task; accept anew")
    rows = []
    count = sum(len(measured) for task in _tasks(accepted) for measured in accepted[task].values())
    for task in _tasks(accepted):
        for key in ("preset", "test_data"):
            was, now = accepted["data"][task].get(key), metrics.get("data", {}).get(task, {}).get(key)
            if task in metrics and was != now:
                raise UserError(
                    f"{task}: accepted values are of {key} {was}, these metrics of {now}; "
                    "compare like with like or accept anew"
                )
        spread, freedom = _spread(accepted, task, "the accepted file")
        for condition, measured in accepted[task].items():
            for metric, was in measured.items():
                found = metrics.get(task, {}).get(condition, {}).get(metric)
                image_error = accepted["data"][task]["image_error"][condition][metric]
                k = len(found["seeds"]) if found and found["seeds"] else len(was["seeds"])
                seeds = 1 / k + 1 / len(was["seeds"])
                noise = (spread[metric][condition] ** 2 + image_error**2) * seeds
                tolerance = float(
                    np.hypot(t.isf(guards.FAMILY / count, freedom) * noise**0.5, NUMERICAL * was["value"])
                )
                value = found["value"] if found else None
                change, status = _judge(value, was["value"], tolerance, TASKS[task].metrics.get(metric))
                rows.append((task, condition, metric, was["value"], value, tolerance, change, status))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def regressed(rows: pd.DataFrame) -> bool:
    return bool(rows["status"].isin(FAILED).any())


def render_table(rows: pd.DataFrame) -> str:
    """Rows of this module or of `guards`: plain, aligned, for a terminal; failures first."""
    cells = [list(rows.columns), *_cells(rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    form = "  ".join(
        f"{{:{'>' if column in NUMBERS else '<'}{width}}}" for column, width in zip(rows, widths, strict=True)
    )
    return "\n".join(form.format(*row).rstrip() for row in cells)


def to_markdown(rows: pd.DataFrame) -> str:
    """The same table for a job summary."""
    rule = ["---:" if column in NUMBERS else "---" for column in rows.columns]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(rows.columns), rule, *_cells(rows)]) + "\n"


def _tasks(metrics: dict[str, Any]) -> list[str]:
    return [task for task in TASKS if task in metrics]


def _spread(accepted: dict[str, Any], task: str, where: str) -> tuple[dict[str, dict[str, float]], int]:
    """metric -> condition -> spread between seeds (own or pooled, the larger), and the pooled freedom.

    Those with more seeds than others are no part of the pool: they would outweigh the rest, and need it least.
    """
    conditions = accepted[task]
    short = [c for c, measured in conditions.items() if any(len(m["seeds"]) < 2 for m in measured.values())]
    if short:
        raise UserError(f"{where}: {task} {short[0]} has fewer than 2 seeds; a tolerance needs their spread")
    spread: dict[str, dict[str, float]] = {}
    freedom = 0
    for metric in next(iter(conditions.values())):
        seeds = {c: np.array(measured[metric]["seeds"]) for c, measured in conditions.items()}
        fewest = min(map(len, seeds.values()))
        few = [values for values in seeds.values() if len(values) == fewest]
        freedom = len(few) * (fewest - 1)
        pooled = sum(float(((values - values.mean()) ** 2).sum()) for values in few) / freedom
        spread[metric] = {c: max(float(values.var(ddof=1)), pooled) ** 0.5 for c, values in seeds.items()}
    return spread, freedom


def _judge(value: float | None, accepted: float, tolerance: float, metric: Metric | None) -> tuple[float | None, str]:
    if value is None or not np.isfinite(value) or metric is None:
        return None, "missing"
    change = value - accepted
    gain = change if metric.higher_is_better else -change
    return change, "regressed" if gain < -tolerance else "improved" if gain > tolerance else "ok"


def _cells(rows: pd.DataFrame) -> list[list[str]]:
    failures_first = sorted(rows.to_dict("records"), key=lambda row: row["status"] not in FAILED)
    digits = ".4g" if "guard" in rows else ".4f"  # guards are of many units
    return [[_cell(row[column], column, digits) for column in rows.columns] for row in failures_first]


def _cell(value: Any, column: str, digits: str) -> str:
    if column not in NUMBERS:
        return value
    return "-" if pd.isna(value) else f"{value:{'+' if column == 'change' else ''}{digits}}"
