"""What the gaze benchmark can see: its positive and its negative control, and the smallest effect it would notice."""

from collections.abc import Mapping
from typing import Any

from benchmarks.evaluation.tasks import NEGATIVE_CONTROL
from benchmarks.report.results import difference_label
from benchmarks.report.sections import Section
from benchmarks.report.tables import MISSING, Column, Record, Table, interval, number, percent, signed
from benchmarks.report.view import View

READINGS = {  # comparison -> what is compared, and what it tells
    "photographed_mean_error": ("Positive control", "what a perfect refiner could win: the closable gap"),
    "refined_4x_mean_error": ("The refiner", "what SimGAN won"),
    "refined_beats_equalised_mean_error": ("Against a rival that learns nothing", "what SimGAN wins beyond it"),
    "other_seeds_mean_error": ("Negative control", "nothing to find: must be inconclusive"),
}


def section(view: View, metrics: Mapping[str, Any]) -> Section | None:
    """From metrics.json's dict; None for a task or a run without any control."""
    compared = metrics["comparisons"]
    found = {**compared.get(view.task.name, {}), **compared.get(NEGATIVE_CONTROL.name, {})}
    records = [
        {"name": name, "role": role, "reading": reading, **found[name]}
        for name, (role, reading) in READINGS.items()
        if name in found and found[name]["b"] in view.looks
    ]
    if not records:
        return None
    return Section(
        id=f"{view.task.name}-controls",
        short="Controls",
        title="What this benchmark can see",
        lead="A result about a refiner means something only if the benchmark notices a refiner that works, and finds "
        "nothing where there is nothing. All CNNs here are trained on 4× images.",
        table=Table(
            name=f"{view.task.name}_controls",
            caption="Differences of the mean error with 95 % intervals; negative is better.",
            records=[_flat(record) for record in records],
            columns=[
                Column("Control", lambda r: r["role"], lambda r: f"({_compared(view, r)})", numeric=False),
                Column(
                    "Difference",
                    lambda r: signed(r["difference"], view.unit, 2),
                    lambda r: interval(r["low"], r["high"], 1, 2),
                ),
                Column("Verdict", lambda r: r["verdict"], numeric=False),
                Column("Smallest visible", lambda r: number(r["smallest_effect"], view.unit, 2)),
                Column("Share of the closable gap", _share, _share_bounds),
                Column("Reads as", lambda r: r["reading"], numeric=False),
            ],
        ),
        note=_power(found),
    )


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    share = record.get("share_of_closable_gap") or {}
    keys = ("name", "role", "reading", "a", "b", "difference", "low", "high", "p", "p_holm", "smallest_effect")
    shares = {"": "value", "_low": "low", "_high": "high"}
    return {key: record[key] for key in (*keys, "verdict")} | {
        f"share_of_closable_gap{suffix}": share.get(key) for suffix, key in shares.items()
    }


def _compared(view: View, record: Record) -> str:
    if record["a"] in view.looks:
        return difference_label(view, record)
    return f"{view.looks[record['b']].label}, a third of the seeds − the other seeds"


def _share(record: Record) -> str:
    share = record["share_of_closable_gap"]
    return MISSING if share is None else percent(share)


def _share_bounds(record: Record) -> str:
    if record["share_of_closable_gap"] is None:
        return ""
    return interval(record["share_of_closable_gap_low"], record["share_of_closable_gap_high"], 100, 0)


def _power(found: Mapping[str, Any]) -> str:
    """The smallest visible effect against the closable gap; nothing without both."""
    if not {"photographed_mean_error", "refined_4x_mean_error"} <= set(found):
        return ""
    gap, smallest = -found["photographed_mean_error"]["difference"], found["refined_4x_mean_error"]["smallest_effect"]
    if gap <= 0:
        return "Photographed images are no better than renders here: there is no gap that a refiner could close."
    enough = "enough to see a refiner that closes half of it" if smallest <= gap / 2 else "too coarse for half of it"
    return (
        f"The closable gap is {gap:.2f} degrees; the smallest effect that this run would notice four times in five, "
        f"{smallest:.2f} degrees, is {smallest / gap:.0%} of it: {enough}."
    )
