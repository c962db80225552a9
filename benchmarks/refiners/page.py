"""reports/refiners/README.md: the board in words and tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.report.display import DISPLAYS
from benchmarks.report.parts import rivals

LABELS = {
    "synthetic": "identity (unrefined)",
    "simgan": "SimGAN",
    "photographed": "photographed: the most that a refiner could win",
    "equalisation": "histogram equalisation",
    "matched": "histogram matching",
    "sensor": "lateral noise of a depth sensor",
    "fourier": "Fourier domain adaptation",
    "cyclegan": "CycleGAN",
    "cut": "CUT",
    "without_history": "SimGAN without history",
    "global_discriminator": "SimGAN with a global D",
    "dann": "DANN (adapts the CNN)",
    "augmented": "webcam augmentation (adapts the CNN)",
}
LEARNS_NOTHING = ("synthetic", "sensor", "equalisation", "matched", "fourier", "augmented")
HOW = """
## How to read it

Intervals are 95 %, over seeds and persons (hands: sequences); p is Holm's over a table's comparisons with SimGAN.

| Column | Is |
|---|---|
| P(better) | share of bootstrap draws of seeds and persons in which the method beats SimGAN |
| Than SimGAN | by the test over seeds and persons; *not told apart*: this board cannot say, which is not "as good" |
| Closable gap | share won of what photographed images win over unrefined ones |
| Spectrum, patches | distance of refined from real images; 0 is best |
| Classifier right | how often one tells refined from real images; 50 % is best |
| Pupil moved | by refining; in brackets, in how many refined images no pupil is found |
| Outline | length over that of the smoothed hand's |
| Minutes | of training, a seed, two trainings side by side |
| Images/s | refined on one core |

Budget: as many images pass a method's generators in training as pass SimGAN's R. CycleGAN and CUT learn from synthetic
and real images at each step, so they take half as many steps. What that costs in minutes is in the table. No rival was
tuned; SimGAN's lambda was chosen without labels ([presets](../../docs/presets.md)).

`dvc repro`, `dvc repro benchmarks/refiners/dvc.yaml`, then `python -m benchmarks board` write this page.
[Your own method](../../docs/refiners.md) joins it by three lines of `params.yaml`.
"""


def text(content: Mapping[str, Any]) -> str:
    """Markdown of board.json's content."""
    lines = [
        "# SimGAN and its rivals",
        "",
        "Every method gets the same synthetic images and the same unlabelled real ones; what it gives trains the same",
        f"estimator. Preset `{content['preset']}`, seeds {', '.join(map(str, content['seeds']))}, all images "
        "(4x for eyes, 3x for hands).",
    ]
    if content["stand_in"]:
        lines += ["The real images are a rendered stand-in: compare methods, not numbers with the paper."]
    for task, board in content["boards"].items():
        lines += ["", *_task(task, board)]
    return "\n".join([*lines, HOW])


def _task(task: str, board: Mapping[str, Any]) -> list[str]:
    display = DISPLAYS[task]
    absent = [f"Without results yet: {', '.join(board['absent'])}.", ""] if board.get("absent") else []
    return [
        f"## {display.subject.capitalize()}",
        "",
        *_findings(board["methods"]),
        "",
        *absent,
        rivals.table(display, board).markdown(),
        f"[As CSV]({task}.csv); [probability that the row's method is better than the column's]({task}_wins.csv).",
        "",
        "From above: the synthetic images; the refiners in the table's order; real images.",
        "",
        f"![The same images by each method, in the table's order, then real ones]({task}.png)",
    ]


def _findings(methods: list[dict[str, Any]]) -> Iterator[str]:
    """Who passes SimGAN, who is behind it, whom this board cannot tell from it."""
    named = {"reproduced": "Better than SimGAN", "contradicted": "Worse", "inconclusive": "Not told apart from it"}
    by = {
        verdict: [r for r in methods if r["vs_simgan_verdict"] == verdict and r["method"] != "photographed"]
        for verdict in named
    }
    for verdict, heading in named.items():
        yield f"- {heading}: {_list(by[verdict])}."
    simple = [row for row in by["inconclusive"] if row["method"] in LEARNS_NOTHING]
    yield f"- Of those, methods that train no refiner: {_list(simple)}."


def _list(rows: list[dict[str, Any]]) -> str:
    return ", ".join(row["label"] for row in rows) or "none"
