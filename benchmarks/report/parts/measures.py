"""Sections 3.1 and 3.3 without labels: how real refined images look, what artefacts they have, what moved."""

from collections.abc import Sequence

import numpy as np

from benchmarks.report.data import Measures
from benchmarks.report.display import Display
from benchmarks.report.sections import Section
from benchmarks.report.tables import MISSING, Column, Record, Table
from benchmarks.turing import scores

SIDES = {"synthetic": "synthetic", "refined": "refined", "real": "other real"}
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
    ("outline", "ragged", "Outline, ragged: length over that of the smoothed hand", "as real"),
    ("outline", "holes", "Outline, holes, share of the hand", "as real"),
    ("outline", "specks", "Outline, pieces apart, share of the hand", "as real"),
    ("two_sample", "accuracy", "A classifier tells it from real, share right", "0.5"),
)


def realism(display: Display, seeds: Sequence[Measures]) -> Section:
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
        if group in seeds[0]
    ]
    return Section(
        id=f"{display.task.name}-images",
        short="Realism",
        title="How real the refined images are, without labels",
        lead="How far synthetic and refined images are, as sets, from unlabelled real ones, and how far halves of the "
        "real ones are from each other: refining should bring a number nearer to the real one.",
        table=Table(
            name=f"{display.task.name}_realism",
            caption="Label-free measures: mean over seeds, for refined images with the least and the greatest.",
            records=records,
            columns=[
                Column("Measure", lambda r: r["measure"], numeric=False),
                Column("Real is", lambda r: r["real_is"]),
                Column("Synthetic", lambda r: three_digits(r["synthetic"])),
                Column("Refined", lambda r: three_digits(r["refined"]), _range),
                Column("Real halves", lambda r: three_digits(r["real"])),
            ],
        ),
        note=_preserved([seed["preservation"] for seed in seeds if "preservation" in seed])
        + _moved([seed["moved"] for seed in seeds if "moved" in seed])
        + "The classifier plays Table 1's people: its own small network, trained on half of the images and tested on "
        "the rest, with other real persons or frames; what it still tells apart, people may not.",
    )


def classifier(display: Display, seeds: Sequence[Measures]) -> Section:
    """Table 1 with a classifier for the people, and the statistics that a person's session gets; a row a seed."""
    scored = {
        (side, number): scores.judge(seed["two_sample"][side]["confusion"])
        for side in SIDES
        for number, seed in enumerate(seeds)
    }
    readable = {row: scores.lines(score) for row, score in scored.items()}
    records = [
        {"side": side, "seed": number}
        | {f"{truth}_{chosen}": count for truth, chose in score["confusion"].items() for chosen, count in chose.items()}
        | {key: value for key, value in score.items() if key not in ("confusion", "bias")}
        | {f"bias_{key}": value for key, value in score["bias"].items()}
        | {key: seeds[number]["two_sample"][side][key] for key in ("clustered_low", "clustered_high")}
        for (side, number), score in scored.items()
    ]

    def column(name: str) -> Column:
        cells = {row: lines[name] for row, lines in readable.items()}
        return Column(name, lambda r: cells[r["side"], r["seed"]][0], lambda r: cells[r["side"], r["seed"]][1])

    return Section(
        id=f"{display.task.name}-classifier",
        short="Classifier",
        title="Table 1 with a classifier in the place of people",
        lead="Can a small network that learned from half of the images tell the other half from real ones? At 50 % it "
        "guesses. The last rows are its control: real images against real ones.",
        table=Table(
            name=f"{display.task.name}_classifier",
            caption="Real against synthetic, refined and other real images, by seed; the statistics are those of the "
            "page that asks people (`python -m benchmarks turing`).",
            records=records,
            columns=[
                Column("Real against", lambda r: SIDES[r["side"]], numeric=False),
                Column("Seed", lambda r: str(r["seed"])),
                *map(column, readable["refined", 0]),
                Column(
                    f"Accuracy, {display.clusters} as the sample",
                    lambda r: f"{100 * r['accuracy']:.1f} %",
                    lambda r: f"[{100 * r['clustered_low']:.1f}, {100 * r['clustered_high']:.1f}]",
                ),
            ],
        ),
        note="Images count as independent, as answers do in the paper; those of one person (of hands: a run of "
        "frames) are not, so that the intervals are too narrow and p too small. The last column's interval takes "
        f"{display.clusters} as the sample: few of them leave it wide. No person, hand or run of "
        "frames is in both halves.",
    )


def _preserved(shifts: Sequence[Measures]) -> str:
    if not shifts:
        return ""
    keys = "shift_mean", "shift_sd", "fit_error_mean", "failed_refined"
    mean, sd, error, lost = (mean_over([seed[key] for seed in shifts]) for key in keys)
    assert mean is not None and sd is not None and error is not None and lost is not None
    return (
        f"Ground truth: refining moves the iris by {mean:.2f} ± {sd:.2f} px (the paper, by hand, pupils: 1.1 ± 0.8), "
        f"measured with an error of {error:.2f} px; in {lost:.0%} of the refined images no iris could be fitted. "
    )


def _moved(seeds: Sequence[Measures]) -> str:
    if not seeds:
        return ""
    right, down, distance, area, overlap = (
        np.mean([seed[key] for seed in seeds]) for key in ("right", "down", "distance", "area", "overlap")
    )
    return (
        f"The outline: refining moves the hand's middle by {distance:.2f} px of the crop ({right:+.2f} to the right, "
        f"{down:+.2f} down, on average), changes its area by {area:+.1%}, and leaves {overlap:.1%} of it in place "
        "(intersection over union). "
    ).replace("-", "−")


def mean_over(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def three_digits(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3g}".replace("-", "−")


def _range(record: Record) -> str:
    return f"[{three_digits(record['refined_low'])}, {three_digits(record['refined_high'])}]"
