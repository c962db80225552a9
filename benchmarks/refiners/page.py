"""reports/refiners/README.md: the board in words and tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
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
| Share of gap | of what photographed images win over unrefined ones |
| Spectrum, patches | distance of refined from real images; 0 is best |
| Classifier | how often one tells refined from real images; 50 % is best |
| Pupil moved | by refining; beside it, in how many images no pupil is found any more |
| Outline | length over that of the smoothed hand's |
| Minutes | of training, a seed, two trainings side by side |
| Images/s | refined on one core |

Budget: as many images pass a method's generators in training as pass SimGAN's R. CycleGAN and CUT learn from synthetic
and real images at each step, so they take half as many steps. What that costs in minutes is in the table. No rival was
tuned; SimGAN's lambda was chosen without labels ([presets](../../docs/presets.md)).

`dvc repro`, `dvc repro benchmarks/refiners/dvc.yaml`, then `python -m benchmarks board` write this page.
[Your own method](../../docs/refiners.md) joins it by three lines of `params.yaml`.
"""
TITLES = {"gaze": "Eyes", "hand": "Hands"}
MEASURED = {"mean_error_deg": "Mean error", "within_5px": "Joints within 5 px"}


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


def _task(task: str, board: Row) -> list[str]:
    metric, methods = board["metric"], board["methods"]
    wins = dict(zip(board["wins"]["methods"], board["wins"]["probability"], strict=True))
    simgan = board["wins"]["methods"].index("simgan")
    columns: list[tuple[str, Callable[[Row], str]]] = [
        ("Method", lambda r: _name(r["method"])),
        (MEASURED[metric], lambda r: f"{_value(r[metric], metric)} [{_span(r, '', metric)}]"),
        ("Less SimGAN's", lambda r: _difference(r, "vs_simgan_", metric)),
        ("Holm's p", lambda r: "" if r["vs_simgan_p_holm"] is None else f"{r['vs_simgan_p_holm']:.3f}"),
        ("P(better)", lambda r: "" if r["method"] == "simgan" else f"{wins[r['method']][simgan]:.2f}"),
        ("Share of gap", _share),
        ("Spectrum, dB", lambda r: _number(r["spectrum_db"], ".1f")),
        ("Patches", lambda r: _number(r["patches"], ".1f")),
        ("Classifier", lambda r: _number(r["classifier_accuracy"], ".0%")),
    ]
    if task == "gaze":
        columns.append(("Pupil moved, px (not found)", _pupil))
    else:
        columns.append(("Outline", lambda r: _number(r["outline"], ".2f")))
    columns += [
        ("Minutes", lambda r: _number(r["training_minutes"], ".1f")),
        ("Images/s", lambda r: _number(r["images_per_s"], ",.0f")),
        ("Parameters", lambda r: _number(r["parameters"], ",d")),
    ]
    head = "| " + " | ".join(name for name, _ in columns) + " |"
    rows = ["| " + " | ".join(cell(row) for _, cell in columns) + " |" for row in methods]
    absent = [f"Without results yet: {', '.join(board['absent'])}.", ""] if board.get("absent") else []
    picture = f"![The same images by each method, in the table's order, then real ones]({task}.png)"
    return [
        f"## {TITLES[task]}",
        "",
        *_findings(methods),
        "",
        *absent,
        head,
        "|---" * len(columns) + "|",
        *rows,
        "",
        f"[As CSV]({task}.csv); [probability that the row's method is better than the column's]({task}_wins.csv).",
        "",
        "From above: the synthetic images; the refiners in the table's order; real images.",
        "",
        picture,
    ]


def _findings(methods: Sequence[Row]) -> list[str]:
    """Who passes SimGAN, who is behind it, whom this board cannot tell from it."""
    by = {verdict: [r for r in methods if r["vs_simgan_verdict"] == verdict and r["method"] != "photographed"]
          for verdict in ("reproduced", "contradicted", "inconclusive")}  # fmt: skip
    simple = [r for r in by["inconclusive"] if r["method"] in LEARNS_NOTHING]
    return [
        f"- Better than SimGAN: {_list(by['reproduced'])}.",
        f"- Worse: {_list(by['contradicted'])}.",
        f"- Not told apart from it: {_list(by['inconclusive'])}.",
        f"- Of those, methods that train no refiner: {_list(simple)}.",
    ]


def _list(rows: Sequence[Row]) -> str:
    return ", ".join(_name(row["method"]) for row in rows) or "none"


def _name(method: str) -> str:
    label = LABELS.get(method, method)
    return {"simgan": f"**{label}**", "photographed": f"*{label}*"}.get(method, label)


def _value(value: float, metric: str) -> str:
    return f"{100 * value:.1f} %" if metric == "within_5px" else f"{value:.2f}°"


def _span(row: Row, prefix: str, metric: str, signed: bool = False) -> str:
    scale, form = (100, ".1f") if metric == "within_5px" else (1, ".2f")
    sign = "+" if signed else ""
    return ", ".join(f"{scale * row[f'{prefix}{end}']:{sign}{form}}" for end in ("low", "high"))


def _difference(row: Row, prefix: str, metric: str) -> str:
    if row[f"{prefix}difference"] is None:
        return ""
    scale, form, unit = (100, ".1f", " pt") if metric == "within_5px" else (1, ".2f", "°")
    return f"{scale * row[f'{prefix}difference']:+{form}}{unit} [{_span(row, prefix, metric, signed=True)}]"


def _share(row: Row) -> str:
    if row["closable_gap_value"] is None or row["method"] == "photographed":
        return ""
    return f"{row['closable_gap_value']:.0%} [{row['closable_gap_low']:.0%}, {row['closable_gap_high']:.0%}]"


def _pupil(row: Row) -> str:
    if row["pupil_shift_px"] is None:
        return ""
    return f"{row['pupil_shift_px']:.2f} ({row['pupil_not_found']:.0%})"


def _number(value: float | None, form: str) -> str:
    return "" if value is None or value != value else format(int(value) if form.endswith("d") else value, form)
