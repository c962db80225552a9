"""The tables of section 3 as records: Tables 2 and 4 with intervals, comparisons, joints, the claims."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import pandas as pd

from benchmarks import paper
from benchmarks.evaluation.curves import within
from benchmarks.report.tables import MISSING, Column, Record, Table, interval, number, p_value, percent, signed
from benchmarks.report.view import Published, View
from benchmarks.verdicts import JudgedClaim

OPTIMISTIC = "Optimistic: treats images as independent"


def estimates(view: View, measured: Mapping[str, Any], unseen: Mapping[str, Any] = MappingProxyType({})) -> Table:
    """Table 2's or 4's rows: this run's metrics with 95 % intervals, and apart from them what the paper has.

    `measured` is results.json's {condition: {metric: {value, low, high, seeds}}}, `unseen` the same for persons whom
    no training saw: the first metric is shown of these, too.
    """
    first = next(iter(view.metrics))
    name = view.task.name
    theirs = view.published()
    records = []
    for condition, look in view.looks.items():
        record: dict[str, Any] = {"condition": condition, "label": look.label}
        for metric in view.metrics:
            found = measured[condition][metric]
            record |= {metric: found["value"], f"{metric}_low": found["low"], f"{metric}_high": found["high"]}
        if unseen:
            found = unseen[condition][first]
            record |= {f"unseen_{first}": found["value"], f"unseen_{first}_low": found["low"]}
            record |= {f"unseen_{first}_high": found["high"]}
        records.append(record | {column.key: column.fractions.get(condition) for column in theirs})
    ours = "This run, 95 % interval"
    return Table(
        name=f"{name}_{view.table.lower().replace(' ', '')}",
        caption=f"{view.table}: this run, and apart from it the paper, which was measured on other images.",
        records=records,
        columns=[
            Column("Trained on", lambda r: r["label"], numeric=False),
            *(_estimate(view, metric, head, ours) for metric, head in view.metrics.items()),
            *([_estimate(view, first, f"{view.metrics[first]}, unseen persons", ours, "unseen_")] if unseen else []),
            *(_published(column) for column in theirs),
        ],
    )


def _published(column: Published) -> Column:
    return Column(column.head, lambda r: percent(r[column.key]), group="The paper, on other data", apart=True)


def _estimate(view: View, metric: str, head: str, group: str, prefix: str = "") -> Column:
    fraction = view.task.metrics[metric].d is not None
    scale = 100 if fraction else 1

    def cell(record: Record) -> str:
        value = record[f"{prefix}{metric}"]
        return percent(value) if fraction else number(value, view.unit_of(metric), 2)

    def minor(record: Record) -> str:
        low, high = record[f"{prefix}{metric}_low"], record[f"{prefix}{metric}_high"]
        if fraction:  # intervals widened for few seeds can leave what is possible
            low, high = max(low, 0.0), min(high, 1.0)
        return interval(low, high, scale, 1 if fraction else 2)

    return Column(head, cell, minor, group=group)


def comparisons(view: View, found: Mapping[str, Any]) -> Table:
    """The declared family of differences, as results.json has them, in the order of their declaration."""
    records = []
    for name in view.task.claims:
        comparison = found[name]
        share = comparison.get("share_of_gap_closed") or {}
        records.append(
            {
                "id": name,
                **{key: comparison[key] for key in ("claim", "a", "b", "metric", "difference", "low", "high")},
                **{key: comparison[key] for key in ("p", "p_holm", "smallest_effect", "verdict")},
                **{key: comparison["optimistic"][key] for key in ("binomial_p", "mcnemar_p")},
                "share_of_gap_closed": share.get("value"),
                "share_low": share.get("low"),
                "share_high": share.get("high"),
                "share_reason": share.get("reason"),
            }
        )
    holds = f"Over seeds and {view.covered}"

    return Table(
        name=f"{view.task.name}_comparisons",
        caption="The declared comparisons: difference with its 95 % interval, and tests of no difference.",
        records=records,
        columns=[
            Column(
                "Difference",
                lambda r: difference_label(view, r),
                lambda r: f"({view.metrics[r['metric']].lower()})",
                numeric=False,
            ),
            Column("This run", lambda r: difference(view, r), lambda r: bounds(view, r), group=holds),
            Column("p", lambda r: p_value(r["p"]), group=holds),
            Column("p, Holm", lambda r: p_value(r["p_holm"]), group=holds),
            Column("Smallest visible", lambda r: size(view, r, "smallest_effect"), group=holds),
            Column("Verdict", lambda r: r["verdict"], numeric=False, group=holds),
            Column("Binomial p", lambda r: p_value(r["binomial_p"]), group=OPTIMISTIC),
            Column("McNemar p", lambda r: p_value(r["mcnemar_p"]), group=OPTIMISTIC),
        ],
    )


def claims(judged: Sequence[JudgedClaim]) -> Table:
    """Every claim as `benchmarks.verdicts` judges it, in its order."""
    return Table(
        name="claims",
        caption="The paper's claims and what this run found.",
        records=[asdict(claim) for claim in judged],
        columns=[
            Column("The paper says", lambda r: r["says"], lambda r: f"({r['place']})", numeric=False),
            Column("Verdict", lambda r: r["verdict"], numeric=False),
            Column("This run", lambda r: r["ours"] or MISSING, numeric=False),
            Column("Test", lambda r: r["test"], numeric=False),
            Column("Published", lambda r: r["published"], numeric=False),
        ],
    )


def joints(view: View, rows: pd.DataFrame) -> Table:
    """Each joint's share within the first mark and its mean error, over images and seeds, by condition."""
    d = view.marks[0]
    errors = {
        condition: dict(zip(view.errors, of_one[list(view.errors)].to_numpy().T, strict=True))
        for condition, of_one in rows.groupby("condition")
    }
    records = []
    for column in view.errors:
        record: dict[str, Any] = {"joint": joint_label(column)}
        for condition in view.looks:
            record |= {
                f"{condition}_mean_error": float(errors[condition][column].mean()),
                f"{condition}_within": within(errors[condition][column], d),
            }
        records.append(record)

    def cells(condition: str, label: str) -> Column:
        return Column(
            label,
            lambda r: percent(r[f"{condition}_within"]),
            lambda r: number(r[f"{condition}_mean_error"], view.unit, 2),
        )

    return Table(
        name=f"{view.task.name}_joints",
        caption=f"Joint by joint: share within {d:g}{view.unit}, and the mean error, over images and seeds.",
        records=records,
        columns=[
            Column("Joint", lambda r: r["joint"], numeric=False),
            *(cells(condition, look.label) for condition, look in view.looks.items()),
        ],
    )


def joint_label(column: str) -> str:
    """`thumb_tip_px` -> `thumb tip`."""
    return column.rsplit("_", 1)[0].replace("_", " ")


def readings(view: View) -> Table:
    """Where Figure 7's own curves take Table 2's values."""
    records = [
        {
            "condition": reading.condition,
            "label": view.looks[reading.condition].label,
            "printed_percent": reading.printed_percent,
            "d_deg": reading.d_deg,
            "percent_at_7deg": reading.percent_at_7deg,
            "percent_at_13deg": reading.percent_at_13deg,
        }
        for reading in paper.table2_on_figure7()
    ]
    return Table(
        name=f"{view.task.name}_printed_distance",
        caption=f"{view.table} read on {view.figure}, both as published.",
        records=records,
        columns=[
            Column("Trained on", lambda r: r["label"], numeric=False),
            Column("Table 2 prints", lambda r: number(r["printed_percent"], " %")),
            Column("The curve takes it at", lambda r: number(r["d_deg"], view.unit, 2)),
            Column("The curve at 7°", lambda r: number(r["percent_at_7deg"], " %")),
            Column("The curve at 13°", lambda r: number(r["percent_at_13deg"], " %")),
        ],
    )


def difference(view: View, record: Record) -> str:
    """A comparison's difference with its sign, in the unit of its metric."""
    return signed(record["difference"] * _scale(view, record), _unit(view, record), _digits(view, record))


def bounds(view: View, record: Record) -> str:
    """The difference's interval."""
    return interval(record["low"], record["high"], _scale(view, record), _digits(view, record))


def size(view: View, record: Record, key: str) -> str:
    """A comparison's `key` without its sign, in the unit of its metric."""
    return number(abs(record[key]) * _scale(view, record), _unit(view, record), _digits(view, record))


def difference_label(view: View, record: Record) -> str:
    return f"{view.looks[record['a']].label} − {view.looks[record['b']].label}"


def is_fraction(view: View, record: Record) -> bool:
    """Whether the record's metric counts hits: a fraction of 1, printed in percent."""
    return view.task.metrics[record["metric"]].d is not None


def _scale(view: View, record: Record) -> int:
    return 100 if is_fraction(view, record) else 1


def _unit(view: View, record: Record) -> str:
    return " pt" if is_fraction(view, record) else view.unit_of(record["metric"])


def _digits(view: View, record: Record) -> int:
    return 1 if is_fraction(view, record) else 2
