"""SimGAN and its rivals (benchmarks/refiners) on the same benchmark: the table of the page and of their own."""

from collections.abc import Mapping
from typing import Any

from benchmarks.report.display import Display
from benchmarks.report.sections import Section
from benchmarks.report.tables import MISSING, Column, Record, Table, interval, number, p_value, percent, signed

VERDICTS = {"reproduced": "better", "contradicted": "worse", "inconclusive": "not told apart"}


def section(display: Display, board: Mapping[str, Any]) -> Section | None:
    """`board` is the task's of reports/refiners/board.json; None where it is empty."""
    if not board:
        return None
    return Section(
        id=f"{display.task.name}-rivals",
        short="Rivals",
        title="SimGAN and its rivals",
        lead=f"The same synthetic and unlabelled real {display.subject}, the same estimator, other methods: some train "
        "a refiner, some change grey levels only, some adapt the estimator. Pictures, what the columns are and how to "
        "add your own: reports/refiners.",
        table=table(display, board),
    )


def table(display: Display, board: Mapping[str, Any]) -> Table:
    """A row a method, best first."""
    metric = board["metric"]
    degrees = metric == "mean_error_deg"
    scale, unit, digits = (1, "°", 2) if degrees else (100, " %", 1)

    def bounds(record: Record, prefix: str, scale: float = scale, digits: int = digits) -> str:
        return interval(record[f"{prefix}low"], record[f"{prefix}high"], scale, digits)

    def scaled(value: float | None) -> float | None:
        return None if value is None else scale * value

    kept = (
        Column(
            "Pupil moved, px",
            lambda r: number(r["pupil_shift_px"], digits=2),
            lambda r: "" if r["pupil_shift_px"] is None else f"({percent(r['pupil_not_found'], 0)} not found)",
        )
        if degrees
        else Column("Outline", lambda r: number(r["outline"], digits=2))
    )
    return Table(
        name=f"{display.task.name}_rivals",
        caption=f"{display.metrics[metric]} of the estimator by method, best first; p is Holm's over the table.",
        records=board["methods"],
        columns=[
            Column("Method", lambda r: r["label"], numeric=False),
            Column(display.metrics[metric], lambda r: number(scaled(r[metric]), unit, digits), lambda r: bounds(r, "")),
            Column(
                "Less SimGAN's",
                lambda r: signed(scaled(r["vs_simgan_difference"]), "°" if degrees else " pt", digits),
                lambda r: bounds(r, "vs_simgan_"),
            ),
            Column("p", lambda r: p_value(r["vs_simgan_p_holm"])),
            Column("Than SimGAN", lambda r: VERDICTS.get(r["vs_simgan_verdict"], MISSING), numeric=False),
            Column("P(better)", lambda r: number(r["beats_simgan"], digits=2)),
            Column(
                "Closable gap",
                lambda r: percent(r["closable_gap_value"], 0),
                lambda r: bounds(r, "closable_gap_", 100, 0),
            ),
            Column("Spectrum, dB", lambda r: number(r["spectrum_db"])),
            Column("Patches", lambda r: number(r["patches"])),
            Column("Classifier right", lambda r: percent(r["classifier_accuracy"], 0)),
            kept,
            Column("Minutes", lambda r: number(r["training_minutes"])),
            Column("Images/s", lambda r: number(r["images_per_s"], digits=0)),
            Column("Parameters", lambda r: number(r["parameters"], digits=0)),
        ],
    )
