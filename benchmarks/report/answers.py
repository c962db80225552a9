"""What a run found, in a sentence or two a task: the first thing that the page says."""

from collections.abc import Mapping
from typing import Any

from benchmarks.report.display import Display
from benchmarks.report.results import is_fraction
from benchmarks.report.tables import number, percent

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


def answer(display: Display, metrics: Mapping[str, Any]) -> str:
    """From results.json's dict; empty where the comparison was not made."""
    task = display.task.name
    comparisons = metrics["comparisons"][task]
    comparison = comparisons.get(QUESTION[task])
    if not comparison:
        return ""
    a, b = (_estimate(display, metrics, comparison, side) for side in ("a", "b"))
    metric = display.metrics[comparison["metric"]].lower()
    verdict = comparison["verdict"]
    text = f"{ANSWERS[verdict]}: trained on refined images an estimator reaches {a} ({metric}), on synthetic ones {b}."
    share = (comparison.get("share_of_closable_gap") or {}).get("value")
    if share is not None and verdict == "reproduced":  # of an effect that may be none, a share says nothing
        text += f" That is {share:.0%} of what a perfect refiner could win here."
    if rival := comparisons.get(RIVAL):
        estimate = _estimate(display, metrics, rival, "b")
        text += f" Histogram equalisation, which learns nothing, reaches {estimate}: {AGAINST_RIVAL[rival['verdict']]}."
    return text


def _estimate(display: Display, metrics: Mapping[str, Any], comparison: Mapping[str, Any], side: str) -> str:
    value = metrics[display.task.name][comparison[side]][comparison["metric"]]["value"]
    return percent(value) if is_fraction(display, comparison) else number(value, display.unit, 1)
