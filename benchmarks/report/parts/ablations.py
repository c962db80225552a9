"""Section 3.3: the method without its history, without its local loss, without both (Figures 10 and 11)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmarks.evaluation import tasks
from benchmarks.report import results
from benchmarks.report.data import AblationData
from benchmarks.report.display import GAZE, ConditionStyle, Display
from benchmarks.report.parts import evidence
from benchmarks.report.parts.measures import mean_over, three_digits
from benchmarks.report.sections import Section, TileFigure, png
from benchmarks.report.tables import Column, Record, Table

DISPLAY = replace(
    GAZE,
    task=tasks.ABLATIONS,
    styles={
        "refined": ConditionStyle("refined: history, local loss", "#0072B2"),
        "refined_without_history": ConditionStyle("without history", "#E69F00"),
        "refined_global_discriminator": ConditionStyle("global discriminator", "#009E73"),
        "refined_neither": ConditionStyle("neither", "#AA3377"),
    },
    table="Ablations",
    published_columns=tuple,
    table_title="What the history and the local loss are worth",
    table_note="The paper has one number: 12.2 degrees without the history, 7.8 with it, 4×.",
)
MEASURES = (
    ("grid_2", "Mesh of 2 px, excess in dB"),
    ("grid_4", "Mesh of 4 px, excess in dB"),
    ("speckle", "Speckle, ratio to real"),
    ("saturated", "Saturated pixels, excess share"),
    ("rim", "Rim, excess"),
)


def sections(metrics: Mapping[str, Any], data: AblationData) -> list[Section]:
    """`metrics` is results.json's dict."""
    task = tasks.ABLATIONS.name
    if task not in metrics:
        return [
            Section(
                id="gaze-ablations",
                short="Ablations",
                title="Section 3.3: without history, without local loss",
                lead="Not part of this run. `ablations: [without_history, global_discriminator, neither]` in "
                "params.yaml, then `dvc repro`, trains these as well and shows them here. Figure 6, colour, is an "
                "experiment of its own: `dvc repro benchmarks/figure6/dvc.yaml`, then see reports/figure6; the next "
                "`dvc repro` takes its verdict into this page.",
            )
        ]
    display = DISPLAY.among(metrics[task])
    return [_pictures(display, data), *_estimates(display, metrics)]


def _pictures(display: Display, data: AblationData) -> Section:
    rows = ["synthetic", *display.styles]
    labels = ["synthetic", *(style.label for style in display.styles.values())]
    gallery = ()
    if data.samples:
        count, height, width = data.samples["synthetic"].shape
        tiles = [[png(data.samples[row][k]) for row in rows] for k in range(count)]
        gallery = (TileFigure(f"From above: {'; '.join(labels)}.", labels, tiles, width, height),)
    artefacts = {c: [seed["artefacts"] for seed in data.measures[c]] for c in display.styles}
    any_condition = next(iter(artefacts.values()))  # synthetic and real images are the same under each condition
    sides = {  # column -> its heading, and what it was measured on, one a seed
        "synthetic": ("synthetic", [seed["synthetic"] for seed in any_condition if "synthetic" in seed]),
        **{c: (style.label, [seed["refined"] for seed in artefacts[c]]) for c, style in display.styles.items()},
        "real": ("real", [seed["real"] for seed in any_condition if "real" in seed]),
    }
    sides = {column: side for column, side in sides.items() if side[1]}
    records = [
        {"measure": name}
        | {
            f"{column}{suffix}": over([seed[key] for seed in seeds])
            for column, (_, seeds) in sides.items()
            for suffix, over in (("", mean_over), ("_low", min), ("_high", max))
        }
        for key, name in MEASURES
    ]
    return Section(
        id="gaze-ablations",
        short="Ablations",
        title="Section 3.3 in pictures: without history, without local loss",
        lead="The same images refined by the whole method and by the method without a part of it (the paper's Figures "
        "10 and 11); below, the artefacts that a number can tell, 0 or a ratio of 1 being as in real images.",
        gallery=gallery,
        table=Table(
            name="gaze_ablation_artefacts",
            caption="Artefacts of refined images against real ones: mean over seeds, with the least and the greatest.",
            records=records,
            columns=[
                Column("Measure", lambda r: r["measure"], numeric=False),
                *(
                    Column(label, lambda r, c=c: three_digits(r[c]), lambda r, c=c: _range(r, c))
                    for c, (label, _) in sides.items()
                ),
            ],
        ),
    )


def _range(record: Record, column: str) -> str:
    return f"[{three_digits(record[f'{column}_low'])}, {three_digits(record[f'{column}_high'])}]"


def _estimates(display: Display, metrics: Mapping[str, Any]) -> list[Section]:
    task = display.task.name
    comparisons = results.comparisons(display, metrics["comparisons"][task])
    return [
        Section(
            id="gaze-ablation-errors",
            short="Their error",
            title=display.table_title,
            lead="Gaze error of the CNN (1×) trained on what each variant refined.",
            table=results.estimates(display, metrics[task]),
            note=display.table_note,
        ),
        replace(evidence.significance(display, comparisons), id="gaze-ablation-tests", short="Their tests"),
    ]
