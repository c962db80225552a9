"""The tables of section 3 as records: Tables 2 and 4 with intervals, comparisons, joints, the claims."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from benchmarks import paper
from benchmarks.evaluation.curves import within
from benchmarks.report.display import Display, PublishedColumn
from benchmarks.report.tables import MISSING, Column, Record, Table, interval, number, p_value, percent, signed
from benchmarks.verdicts import JudgedClaim

OPTIMISTIC = "Optimistic: treats images as independent"


def estimates(display: Display, by_condition: Mapping[str, Any], unseen: Mapping[str, Any] | None = None) -> Table:
    """Table 2's or 4's rows: this run's metrics with 95 % intervals, and apart from them what the paper has.

    `by_condition` is results.json's {condition: {metric: {value, low, high, seeds}}}, `unseen` the same for persons
    whom no training saw: the first metric is shown of these, too.
    """
    first = next(iter(display.metrics))
    name = display.task.name
    theirs = display.published_columns()
    records = []
    for condition, style in display.styles.items():
        record: dict[str, Any] = {"condition": condition, "label": style.label}
        for metric in display.metrics:
            record |= _flat(metric, by_condition[condition][metric])
        if unseen:
            record |= _flat(f"unseen_{first}", unseen[condition][first])
        records.append(record | {column.key: column.fractions.get(condition) for column in theirs})
    ours = "This run, 95 % interval"
    return Table(
        name=f"{name}_{display.table.lower().replace(' ', '')}",
        caption=f"{display.table}: this run, and apart from it the paper, which was measured on other images.",
        records=records,
        columns=[
            Column("Trained on", lambda r: r["label"], numeric=False),
            *(_estimate(display, metric, head, ours) for metric, head in display.metrics.items()),
            *(
                [_estimate(display, first, f"{display.metrics[first]}, unseen persons", ours, "unseen_")]
                if unseen
                else []
            ),
            *(_published(column) for column in theirs),
        ],
    )


def _flat(key: str, estimate: Mapping[str, Any]) -> dict[str, float]:
    """An estimate of results.json as three columns of a record."""
    return {key: estimate["value"], f"{key}_low": estimate["low"], f"{key}_high": estimate["high"]}


def _published(column: PublishedColumn) -> Column:
    return Column(column.head, lambda r: percent(r[column.key]), group="The paper, on other data", published=True)


def _estimate(display: Display, metric: str, head: str, group: str, prefix: str = "") -> Column:
    fraction = display.task.metrics[metric].d is not None
    scale = 100 if fraction else 1

    def cell(record: Record) -> str:
        value = record[f"{prefix}{metric}"]
        return percent(value) if fraction else number(value, display.unit_of(metric), 2)

    def detail(record: Record) -> str:
        low, high = record[f"{prefix}{metric}_low"], record[f"{prefix}{metric}_high"]
        if fraction:  # intervals widened for few seeds can leave what is possible
            low, high = max(low, 0.0), min(high, 1.0)
        return interval(low, high, scale, 1 if fraction else 2)

    return Column(head, cell, detail, group=group)


def comparisons(display: Display, family: Mapping[str, Any]) -> Table:
    """The declared `family` of differences, as results.json has them, in the order of their declaration."""
    records = []
    for name in display.task.claims:
        comparison = family[name]
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
    covers = f"Over seeds and {display.interval_covers}"
    return Table(
        name=f"{display.task.name}_comparisons",
        caption="The declared comparisons: difference with its 95 % interval, and tests of no difference.",
        records=records,
        columns=[
            Column(
                "Difference",
                lambda r: difference_label(display, r),
                lambda r: f"({display.metrics[r['metric']].lower()})",
                numeric=False,
            ),
            Column("This run", lambda r: difference(display, r), lambda r: bounds(display, r), group=covers),
            Column("p", lambda r: p_value(r["p"]), group=covers),
            Column("p, Holm", lambda r: p_value(r["p_holm"]), group=covers),
            Column("Smallest visible", lambda r: size(display, r, "smallest_effect"), group=covers),
            Column("Verdict", lambda r: r["verdict"], numeric=False, group=covers),
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


def joints(display: Display, rows: pd.DataFrame) -> Table:
    """Each joint's share within the first mark and its mean error, over images and seeds, by condition."""
    d = display.marks[0]
    errors = {
        condition: dict(zip(display.errors, of_one[list(display.errors)].to_numpy().T, strict=True))
        for condition, of_one in rows.groupby("condition")
    }
    records = []
    for column in display.errors:
        record: dict[str, Any] = {"joint": joint_label(column)}
        for condition in display.styles:
            record |= {
                f"{condition}_mean_error": float(errors[condition][column].mean()),
                f"{condition}_within": within(errors[condition][column], d),
            }
        records.append(record)

    def cells(condition: str, label: str) -> Column:
        return Column(
            label,
            lambda r: percent(r[f"{condition}_within"]),
            lambda r: number(r[f"{condition}_mean_error"], display.unit, 2),
        )

    return Table(
        name=f"{display.task.name}_joints",
        caption=f"Joint by joint: share within {d:g}{display.unit}, and the mean error, over images and seeds.",
        records=records,
        columns=[
            Column("Joint", lambda r: r["joint"], numeric=False),
            *(cells(condition, style.label) for condition, style in display.styles.items()),
        ],
    )


def joint_label(column: str) -> str:
    """`thumb_tip_px` -> `thumb tip`."""
    return column.rsplit("_", 1)[0].replace("_", " ")


def printed_distance(display: Display) -> Table:
    """Where Figure 7's own curves take Table 2's values."""
    records = [
        {
            "condition": reading.condition,
            "label": display.styles[reading.condition].label,
            "printed_percent": reading.printed_percent,
            "d_deg": reading.d_deg,
            "percent_at_7deg": reading.percent_at_7deg,
            "percent_at_13deg": reading.percent_at_13deg,
        }
        for reading in paper.table2_on_figure7()
    ]
    return Table(
        name=f"{display.task.name}_printed_distance",
        caption=f"{display.table} read on {display.figure}, both as published.",
        records=records,
        columns=[
            Column("Trained on", lambda r: r["label"], numeric=False),
            Column("Table 2 prints", lambda r: number(r["printed_percent"], " %")),
            Column("The curve takes it at", lambda r: number(r["d_deg"], display.unit, 2)),
            Column("The curve at 7°", lambda r: number(r["percent_at_7deg"], " %")),
            Column("The curve at 13°", lambda r: number(r["percent_at_13deg"], " %")),
        ],
    )


def difference(display: Display, record: Record) -> str:
    """A comparison's difference with its sign, in the unit of its metric."""
    return signed(record["difference"] * _scale(display, record), _unit(display, record), _digits(display, record))


def bounds(display: Display, record: Record) -> str:
    """The difference's interval."""
    return interval(record["low"], record["high"], _scale(display, record), _digits(display, record))


def size(display: Display, record: Record, key: str) -> str:
    """A comparison's `key` without its sign, in the unit of its metric."""
    return number(abs(record[key]) * _scale(display, record), _unit(display, record), _digits(display, record))


def difference_label(display: Display, record: Record) -> str:
    return f"{display.styles[record['a']].label} − {display.styles[record['b']].label}"


def is_fraction(display: Display, record: Record) -> bool:
    """Whether the record's metric counts hits: a fraction of 1, printed in percent."""
    return display.task.metrics[record["metric"]].d is not None


def _scale(display: Display, record: Record) -> int:
    return 100 if is_fraction(display, record) else 1


def _unit(display: Display, record: Record) -> str:
    return " pt" if is_fraction(display, record) else display.unit_of(record["metric"])


def _digits(display: Display, record: Record) -> int:
    return 1 if is_fraction(display, record) else 2
