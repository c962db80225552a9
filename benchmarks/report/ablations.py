"""Section 3.3: the method without its history, without its local loss, without both (Figures 10 and 11)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.evaluation import tasks
from benchmarks.report import evidence, results
from benchmarks.report.measures import Measures, mean_over, shown
from benchmarks.report.sections import Half, Section, png
from benchmarks.report.tables import Column, Record, Table
from benchmarks.report.view import GAZE, Look, View

VIEW = replace(
    GAZE,
    task=tasks.ABLATIONS,
    looks={
        "refined": Look("refined: history, local loss", "#0072B2"),
        "refined_without_history": Look("without history", "#E69F00"),
        "refined_global_discriminator": Look("global discriminator", "#009E73"),
        "refined_neither": Look("neither", "#AA3377"),
    },
    table="Ablations",
    published=tuple,
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


def sections(
    metrics: Mapping[str, Any],
    sample: Mapping[str, np.ndarray],
    measured: Mapping[str, Sequence[Measures]],
) -> list[Section]:
    """`metrics` is results.json's dict; by condition, sample: the same refined images (K, H, W), of which `synthetic`
    is the source (absent without pictures), and measured: what stage measure found, one a seed.
    """
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
    view = VIEW.among(metrics[task])
    return [_pictures(view, sample, measured), *_errors(view, metrics)]


def _pictures(view: View, sample: Mapping[str, np.ndarray], measured: Mapping[str, Sequence[Measures]]) -> Section:
    rows = ["synthetic", *view.looks] if sample else []
    labels = ["synthetic", *(look.label for look in view.looks.values())]
    gallery = ()
    if sample:
        height, width = sample["synthetic"].shape[1:3]
        tiles = [[png(sample[row][k]) for row in rows] for k in range(len(sample["synthetic"]))]
        gallery = (Half(f"From above: {'; '.join(labels)}.", labels, tiles, width, height),)
    known = {c: [seed["artefacts"] for seed in measured[c]] for c in view.looks}
    alike = next(iter(known.values()))  # synthetic and real images are the same under each condition
    sides = {  # column -> its heading, and what it was measured on, one a seed
        "synthetic": ("synthetic", [seed["synthetic"] for seed in alike if "synthetic" in seed]),
        **{c: (look.label, [seed["refined"] for seed in known[c]]) for c, look in view.looks.items()},
        "real": ("real", [seed["real"] for seed in alike if "real" in seed]),
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
                    Column(label, lambda r, c=c: shown(r[c]), lambda r, c=c: _range(r, c))
                    for c, (label, _) in sides.items()
                ),
            ],
        ),
    )


def _range(record: Record, column: str) -> str:
    return f"[{shown(record[f'{column}_low'])}, {shown(record[f'{column}_high'])}]"


def _errors(view: View, metrics: Mapping[str, Any]) -> list[Section]:
    task = view.task.name
    compared = results.comparisons(view, metrics["comparisons"][task])
    return [
        Section(
            id="gaze-ablation-errors",
            short="Their error",
            title=view.table_title,
            lead="Gaze error of the CNN (1×) trained on what each variant refined.",
            table=results.estimates(view, metrics[task]),
            note=view.table_note,
        ),
        replace(evidence.significance(view, compared), id="gaze-ablation-tests", short="Their tests"),
    ]
