"""What a benchmark can see: its positive and its negative control, and the smallest effect it would notice."""

from collections.abc import Mapping
from typing import Any

from benchmarks.evaluation.tasks import NEGATIVE_CONTROLS
from benchmarks.report.display import Display
from benchmarks.report.results import bounds, difference, difference_label, size
from benchmarks.report.sections import Section
from benchmarks.report.tables import MISSING, Column, Record, Table, interval, percent

POSITIVE = "Positive control", "what a perfect refiner could win: the closable gap"
REFINER = "The refiner", "what SimGAN won"
READINGS = {  # comparison -> what is compared, and what it tells
    "gaze": {
        "photographed_mean_error": POSITIVE,
        "refined_4x_mean_error": REFINER,
        "refined_beats_equalised_mean_error": ("Against a rival that learns nothing", "what SimGAN wins beyond it"),
    },
    "hand": {
        "photographed_within_5px": POSITIVE,
        "refined_within_5px": REFINER,
        "photographed_3x_within_5px": POSITIVE,
        "refined_3x_within_5px": REFINER,
    },
}
NEGATIVE = {"other_seeds": ("Negative control", "nothing to find: must be inconclusive")}
POWER = {  # the positive control and the claim whose smallest visible effect it is held against
    "gaze": ("photographed_mean_error", "refined_4x_mean_error"),
    "hand": ("photographed_3x_within_5px", "refined_3x_within_5px"),
}


def section(display: Display, metrics: Mapping[str, Any]) -> Section | None:
    """From results.json's dict; None for a task or a run without any control."""
    task, families = display.task.name, metrics["comparisons"]
    comparisons = {**families.get(task, {}), **families.get(NEGATIVE_CONTROLS[task].name, {})}
    records = [
        {"name": name, "role": role, "reading": reading, **comparisons[name]}
        for name, (role, reading) in (READINGS[task] | NEGATIVE).items()
        if name in comparisons and comparisons[name]["b"] in display.styles
    ]
    if all(record["role"] == REFINER[0] for record in records):
        return None
    return Section(
        id=f"{task}-controls",
        short="Controls",
        title="What this benchmark can see",
        lead="A result about a refiner means something only if the benchmark notices a refiner that works, and finds "
        "nothing where there is nothing.",
        table=Table(
            name=f"{task}_controls",
            caption=f"Differences of the {display.score} with 95 % intervals.",
            records=[_flat(record) for record in records],
            columns=[
                Column("Control", lambda r: r["role"], lambda r: f"({_compared(display, r)})", numeric=False),
                Column("Difference", lambda r: difference(display, r), lambda r: bounds(display, r)),
                Column("Verdict", lambda r: r["verdict"], numeric=False),
                Column("Smallest visible", lambda r: size(display, r, "smallest_effect")),
                Column("Share of the closable gap", _share, _share_bounds),
                Column("Reads as", lambda r: r["reading"], numeric=False),
            ],
        ),
        note=_power(display, comparisons),
    )


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    share = record.get("share_of_closable_gap") or {}
    keys = (
        "name",
        "role",
        "reading",
        "a",
        "b",
        "metric",
        "difference",
        "low",
        "high",
        "p",
        "p_holm",
        "smallest_effect",
    )
    shares = {"": "value", "_low": "low", "_high": "high"}
    return {key: record[key] for key in (*keys, "verdict")} | {
        f"share_of_closable_gap{suffix}": share.get(key) for suffix, key in shares.items()
    }


def _compared(display: Display, record: Record) -> str:
    if record["a"] in display.styles:
        return difference_label(display, record)
    return f"{display.styles[record['b']].label}, some of the seeds − the others"


def _share(record: Record) -> str:
    share = record["share_of_closable_gap"]
    return MISSING if share is None else percent(share)


def _share_bounds(record: Record) -> str:
    if record["share_of_closable_gap"] is None:
        return ""
    return interval(record["share_of_closable_gap_low"], record["share_of_closable_gap_high"], 100, 0)


def _power(display: Display, comparisons: Mapping[str, Any]) -> str:
    """The smallest visible effect against the closable gap; nothing without both."""
    positive, claim = POWER[display.task.name]
    if not {positive, claim} <= set(comparisons):
        return ""
    gap, smallest = comparisons[positive]["difference"], comparisons[claim]["smallest_effect"]
    if (gap > 0) != display.task.metrics[comparisons[claim]["metric"]].higher_is_better:
        return "Photographed images are no better than renders here: there is no gap that a refiner could close."
    enough = (
        "enough to see a refiner that closes half of it" if smallest <= abs(gap) / 2 else "too coarse for half of it"
    )
    closable = size(display, comparisons[positive], "difference")
    visible = size(display, comparisons[claim], "smallest_effect")
    return (
        f"The closable gap is {closable}; the smallest effect that this run would notice four times in five, "
        f"{visible}, is {smallest / abs(gap):.0%} of it: {enough}."
    )
