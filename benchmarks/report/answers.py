"""What a run found, in a sentence or two a task: the first thing that the page says."""

from collections.abc import Mapping
from typing import Any

from benchmarks.report.results import is_fraction
from benchmarks.report.tables import number, percent
from benchmarks.report.view import View

QUESTION = {"gaze": "refined_4x_mean_error", "hand": "refined_3x_within_5px"}  # the comparison that answers
ANSWERS = {
    "reproduced": "Yes, refining helps",
    "contradicted": "No, refining makes it worse",
    "inconclusive": "This run cannot tell whether refining helps",
}
RIVAL = "refined_beats_equalised_mean_error"
AGAINST_RIVAL = {
    "reproduced": "SimGAN is better",
    "contradicted": "SimGAN is worse",
    "inconclusive": "this run cannot tell it from SimGAN",
}


def answer(view: View, metrics: Mapping[str, Any]) -> str:
    """From results.json's dict; empty where the comparison was not made."""
    task = view.task.name
    compared = metrics["comparisons"][task]
    found = compared.get(QUESTION[task])
    if not found:
        return ""
    a, b = (_level(view, metrics, found, side) for side in ("a", "b"))
    measured = view.metrics[found["metric"]].lower()
    text = (
        f"{ANSWERS[found['verdict']]}: trained on refined images an estimator reaches {a} ({measured}), on synthetic "
        f"ones {b}."
    )
    share = (found.get("share_of_closable_gap") or {}).get("value")
    if share is not None and found["verdict"] == "reproduced":  # of an effect that may be none, a share says nothing
        text += f" That is {share:.0%} of what a perfect refiner could win here."
    if rival := compared.get(RIVAL):
        level = _level(view, metrics, rival, "b")
        text += f" Histogram equalisation, which learns nothing, reaches {level}: {AGAINST_RIVAL[rival['verdict']]}."
    return text


def _level(view: View, metrics: Mapping[str, Any], found: Mapping[str, Any], side: str) -> str:
    value = metrics[view.task.name][found[side]][found["metric"]]["value"]
    return percent(value) if is_fraction(view, found) else number(value, view.unit, 1)
