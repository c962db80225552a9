"""reports/figure6: the picture, the numbers and what they say, as Markdown; results/figure6.json for the verdicts."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.core.config import FIGURE6, Camera, Params
from benchmarks.core.files import instance, whole
from benchmarks.datasets.store import open_store
from benchmarks.evaluation.significance import student_interval
from benchmarks.figure6.experiment import FOLDER, measured

OUT = Path("reports/figure6")
FOUND = Path("results/figure6.json")  # no output to DVC: with one, every `dvc repro` would run this experiment
COLUMNS = 10
Found = dict[str, list[dict[str, float]]]  # by psi, one a seed
LABELS = {"identity": "identity", "channel_mean": "mean of the channels"}


def write(params: Params) -> None:
    """The page and the verdict from what the trainings left. The picture shows the first seed."""
    synthetic, real = (open_store(FOLDER / domain, "gaze").images for domain in ("synthetic", "real"))
    found = {
        psi: [
            measured(synthetic[: len(refined)], refined, real)
            for refined in (np.load(FOLDER / f"{instance(psi, seed)}.npy") for seed in params.seeds)
        ]
        for psi in LABELS
    }
    verdict, difference = judged(found)
    rows = [synthetic, *(np.load(FOLDER / f"{instance(psi, params.seeds[0])}.npy") for psi in LABELS), real]
    sheet = np.concatenate([np.concatenate(list(row[:COLUMNS]), axis=1) for row in rows])
    standin = isinstance(params.data.gaze.real, Camera)
    with whole(OUT) as beside:
        beside.mkdir(parents=True)
        Image.fromarray(sheet).resize((2 * sheet.shape[1], 2 * sheet.shape[0]), Image.Resampling.NEAREST).save(
            beside / "figure6.png", optimize=True
        )
        (beside / "README.md").write_text(text(params.preset, standin, found, f"{difference}: **{verdict}**"))
    palettes = {psi: mean(found, psi, "palette_refined") for psi in LABELS}
    content = {
        "parameters": params.model_dump(mode="json", include=FIGURE6),
        "verdict": verdict,
        "difference": difference,
        "palette": palettes | {"synthetic": mean(found, "identity", "palette_synthetic")},
        "seeds": found,
    }
    with whole(FOUND) as beside:
        beside.write_text(json.dumps(content, indent=2) + "\n")
    print(f"figure6-report: {OUT / 'README.md'}: {verdict}", flush=True)


def judged(found: Found) -> tuple[str, str]:
    """Does psi = mean of the channels let the palette come nearer to the real one than the identity does?"""
    identity, channel_mean = (np.array([seed["palette_refined"] for seed in found[psi]]) for psi in LABELS)
    low, high = student_interval(channel_mean - identity)
    verdict = "inconclusive" if low <= 0 <= high else "reproduced" if high < 0 else "contradicted"
    difference = float(np.mean(channel_mean - identity))
    return verdict, f"{difference:+.1f} [{low:+.1f}, {high:+.1f}] (95 %, over seeds)"


def mean(found: Found, psi: str, key: str) -> float:
    return float(np.mean([seed[key] for seed in found[psi]]))


def text(preset: str, standin: bool, found: Found, told: str) -> str:
    rows = "\n".join(
        f"| {label} | {mean(found, psi, 'palette_refined'):.1f} | {mean(found, psi, 'edges_kept'):.2f} |"
        for psi, label in LABELS.items()
    )
    data = "embedded stand-in, not the paper's data" if standin else "real images"
    return f"""# Figure 6: colour

Data: {data}; preset {preset}; {len(found["identity"])} seeds. Made by `dvc repro benchmarks/figure6/dvc.yaml`.

![Rows of eyes: synthetic, refined under either psi, real](figure6.png)

From above: synthetic; refined with psi = identity; refined with psi = mean of the colour channels; real, not paired.

| psi | Palette, distance from real | Edges kept |
|---|---:|---:|
| synthetic, unrefined | {mean(found, "identity", "palette_synthetic"):.1f} | 1 |
{rows}

The palette's distance is the sliced Wasserstein distance of pixels in RGB, in grey levels; edges kept is the
correlation of gradient magnitudes with the synthetic images'. lambda weighs a change of all three channels alike the
same under both.

The claim that the mean of the channels lets the refiner change colours, as a difference in palette distance: {told}.
A `dvc repro` after this one takes the verdict into reports/claims.json.
"""
