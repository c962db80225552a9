"""SimGAN and its rivals on the same benchmark, where benchmarks/refiners has run."""

from collections.abc import Mapping
from typing import Any

from benchmarks.report.display import Display
from benchmarks.report.sections import Section
from benchmarks.report.tables import MISSING, Column, Record, Table

VERDICTS = {"reproduced": "better", "contradicted": "worse", "inconclusive": "not told apart"}
PERCENT = 100


def section(display: Display, board: Mapping[str, Any]) -> Section | None:
    """`board` is the task's of reports/refiners/board.json; None where it is empty."""
    if not board:
        return None
    metric = board["metric"]
    scale, unit, digits = (1, "°", 2) if metric == "mean_error_deg" else (PERCENT, " %", 1)
    difference = "°" if scale == 1 else " pt"

    def number(record: Record, key: str, unit: str, sign: str = "", scale: float = scale) -> str:
        return MISSING if record[key] is None else f"{scale * record[key]:{sign}.{digits}f}{unit}"

    def interval(record: Record, prefix: str, scale: float = scale) -> str:
        low, high = record[f"{prefix}low"], record[f"{prefix}high"]
        return "" if low is None else f"[{scale * low:.{digits}f}, {scale * high:.{digits}f}]"

    return Section(
        id=f"{display.task.name}-rivals",
        short="Rivals",
        title="SimGAN and its rivals",
        lead=f"The same synthetic and unlabelled real {display.subject}, the same estimator, other methods: some train "
        "a refiner, some change grey levels only, some adapt the estimator. Pictures, costs and how to add your own: "
        "reports/refiners.",
        table=Table(
            name=f"{display.task.name}_rivals",
            caption=f"{display.metrics[metric]} of the estimator by method, best first; p is Holm's over the table.",
            records=board["methods"],
            columns=[
                Column("Method", lambda r: r["label"], numeric=False),
                Column(display.metrics[metric], lambda r: number(r, metric, unit), lambda r: interval(r, "")),
                Column(
                    "Less SimGAN's",
                    lambda r: number(r, "vs_simgan_difference", difference, "+"),
                    lambda r: interval(r, "vs_simgan_"),
                ),
                Column("Than SimGAN", lambda r: VERDICTS.get(r["vs_simgan_verdict"], MISSING), numeric=False),
                Column("p", lambda r: MISSING if r["vs_simgan_p_holm"] is None else f"{r['vs_simgan_p_holm']:.3f}"),
                Column("Closable gap", lambda r: _share(r["closable_gap_value"])),
                Column("Classifier right", lambda r: _share(r["classifier_accuracy"])),
            ],
        ),
    )


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{PERCENT * value:.0f} %"
