"""Sections 3.1 and 3.3 without labels: how real refined images look, what artefacts they have, what moved."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.report.sections import Section
from benchmarks.report.tables import MISSING, Column, Record, Table
from benchmarks.report.view import View

Measures = Mapping[str, Any]
ROWS = (  # group, key, name, which way is real
    ("realism", "spectrum", "Power spectrum, difference in dB", "0"),
    ("realism", "grey_levels", "Grey levels, total variation", "0"),
    ("realism", "mean_image", "Mean image, rms difference", "0"),
    ("realism", "deviation_image", "Deviation image, rms difference", "0"),
    ("realism", "patches", "7x7 patches, sliced Wasserstein", "0"),
    ("realism", "edges", "Edges kept, correlation", "1 is kept"),
    ("artefacts", "grid_2", "Mesh of 2 px, excess in dB", "0"),
    ("artefacts", "grid_4", "Mesh of 4 px, excess in dB", "0"),
    ("artefacts", "speckle", "Speckle, ratio", "1"),
    ("artefacts", "saturated", "Saturated pixels, excess share", "0"),
    ("artefacts", "rim", "Rim, excess", "0"),
    ("two_sample", "accuracy", "A classifier tells it from real, share right", "0.5"),
)


def images(view: View, seeds: Sequence[Measures]) -> Section:
    """A row a measure: synthetic and refined against real images, and real against real; mean over seeds."""
    records = [
        {
            "measure": name,
            "real_is": ideal,
            **{
                side: mean_over([seed[group].get(side, {}).get(key) for seed in seeds])
                for side in ("synthetic", "real")
            },
            "refined": mean_over([seed[group]["refined"][key] for seed in seeds]),
            "refined_low": min(seed[group]["refined"][key] for seed in seeds),
            "refined_high": max(seed[group]["refined"][key] for seed in seeds),
        }
        for group, key, name, ideal in ROWS
    ]
    return Section(
        id=f"{view.task.name}-images",
        short="Realism",
        title="How real the refined images are, without labels",
        lead="How far synthetic and refined images are, as sets, from unlabelled real ones, and how far halves of the "
        "real ones are from each other: refining should bring a number nearer to the real one.",
        table=Table(
            name=f"{view.task.name}_realism",
            caption="Label-free measures: mean over seeds, for refined images with the least and the greatest.",
            records=records,
            columns=[
                Column("Measure", lambda r: r["measure"], numeric=False),
                Column("Real is", lambda r: r["real_is"]),
                Column("Synthetic", lambda r: shown(r["synthetic"])),
                Column("Refined", lambda r: shown(r["refined"]), _range),
                Column("Real halves", lambda r: shown(r["real"])),
            ],
        ),
        note=_preserved([seed["preservation"] for seed in seeds if "preservation" in seed])
        + "The classifier plays Table 1's people: its own small network, trained on half of the images and tested on "
        "the rest, with other real persons or frames; what it still tells apart, people may not.",
    )


def _preserved(kept: Sequence[Measures]) -> str:
    if not kept:
        return ""
    mean, sd, error = (mean_over([seed[key] for seed in kept]) for key in ("shift_mean", "shift_sd", "fit_error_mean"))
    lost = mean_over([seed["failed_refined"] for seed in kept])
    assert mean is not None and sd is not None and error is not None and lost is not None
    return (
        f"Ground truth: refining moves the iris by {mean:.2f} ± {sd:.2f} px (the paper, by hand, pupils: 1.1 ± 0.8), "
        f"measured with an error of {error:.2f} px; in {lost:.0%} of the refined images no iris could be fitted. "
    )


def mean_over(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def shown(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3g}".replace("-", "−")


def _range(record: Record) -> str:
    return f"[{shown(record['refined_low'])}, {shown(record['refined_high'])}]"
