"""The report on section 3: one page that opens anywhere, with its tables and figures as files beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.errors import UserError
from benchmarks.report import evidence, results, sections, training
from benchmarks.report.sections import Section
from benchmarks.report.tables import Table
from benchmarks.report.view import GAZE, VIEWS, View

TEMPLATES = Path(__file__).with_name("templates")
SYMBOLS = {"reproduced": "✓", "contradicted": "✗", "inconclusive": "≈", results.NOT_RUN: "–"}

GLOSSARY = {
    "refined": "A synthetic image that has passed the refiner R; it keeps the label it was rendered with.",
    "4×": "Trained on the whole synthetic set; without it, on a quarter (Table 2's rows).",
    "error": "Angle between the true and the estimated direction of gaze, in degrees, for one test image.",
    "mean, median error": "Of the test images' errors, for each seed; then the mean over seeds.",
    "within d": "Share of test images whose error is at most d; an error of exactly d counts.",
    "seed": "One whole repetition: refiner, discriminator and estimator all trained anew.",
    "95 % interval": "From a bootstrap over seeds, persons and images: it covers other seeds and other "
    "persons like these, not other data sets.",
    "share of the gap closed": "(refined − synthetic) / (supervised − synthetic), of the mean errors.",
    "supervised": "Trained on labelled images of the test's own kind: the bound that labels would give.",
    "p, Holm": "p corrected for making several comparisons, all declared before the run.",
    "smallest visible": "The true difference that a run of this size finds four times in five.",
    "reproduced": "The difference goes the paper's way, its interval excludes 0 and Holm's p is below 0.05.",
    "contradicted": "The same, the other way.",
    "inconclusive": "Neither: this run cannot tell, which is no proof that there is no difference.",
    "stand-in": "Images made to play the part of real ones, so that the benchmark runs without a data set.",
}


@dataclass(frozen=True)
class Chapter:
    """A heading of the page; `findings` (title, finding) are listed under it, before its sections."""

    id: str
    title: str
    sections: Sequence[Section]
    findings: Sequence[Mapping[str, Any]] = ()


def build(
    out: Path,
    *,
    metrics: Mapping[str, Any],
    rows: Mapping[str, pd.DataFrame],
    losses: Mapping[str, pd.DataFrame],
    samples: Mapping[str, Mapping[str, Any]],
    claims: Sequence[Mapping[str, Any]],
    data: Mapping[str, Mapping[str, Any]],
    run: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write `out`/index.html, tables/ and figures/; the same input gives the same bytes.

    metrics is the dict of metrics.json. By task: rows (one a test image: person, condition, seed, image,
    error), losses (one a value: stage, condition, seed, step, metric, value), samples (synthetic, refined
    (K, H, W) and real (M, H, W), uint8), data (label, standin, synthetic, real; what else it has is listed).
    claims and findings are those of `benchmarks.verdicts`. run: preset, seeds, device, parameters, and
    selection, which tells how lambda and the steps were chosen. Raises UserError where `out` cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot write the report ({error.strerror})") from error
    views = {name: view.named(standin=data[name]["standin"]) for name, view in VIEWS.items() if name in rows}
    chapters = [
        Chapter(name, view.title, _told(view, metrics, rows[name], losses[name], samples[name], data[name]))
        for name, view in views.items()
    ]
    chapters.append(
        Chapter("paper", "The paper's numbers against one another", [evidence.printed_distance(GAZE)], findings)
    )
    claimed = results.claims(claims)
    told = [section for chapter in chapters for section in chapter.sections]
    for table in [claimed, *(section.table for section in told if section.table)]:
        table.write(out / "tables")
    for section in told:
        for plot in section.plots:
            plot.drawing.write(out / "figures", plot.name)
    page = _render(chapters, claimed, views, data, run)
    (out / "index.html").write_text(page, encoding="utf-8", newline="\n")


def _told(
    view: View,
    metrics: Mapping[str, Any],
    rows: pd.DataFrame,
    losses: pd.DataFrame,
    sample: Mapping[str, Any],
    data: Mapping[str, Any],
) -> list[Section]:
    compared = results.comparisons(view, metrics["comparisons"][view.task.name])
    return [
        sections.pairs(view, sample, "stand-in real" if data["standin"] else "real"),
        sections.cumulative(view, rows),
        sections.estimates(view, metrics[view.task.name]),
        evidence.gap(view, compared),
        training.refiner(view, losses),
        training.estimator(view, losses),
        evidence.persons(view, rows),
        evidence.significance(view, compared),
    ]


def _render(
    chapters: Sequence[Chapter],
    claims: Table,
    views: Mapping[str, View],
    data: Mapping[str, Mapping[str, Any]],
    run: Mapping[str, Any],
) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    verdicts = [record["verdict"] for record in claims.records]
    return environment.get_template("report.html.j2").render(
        css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # raw text in HTML: not to be escaped
        banners=[_banner(data[name]) for name in views if data[name]["standin"]],
        facts={
            "Data": "; ".join(data[name]["label"] for name in views),
            "Preset": run["preset"],
            "Seeds": ", ".join(str(seed) for seed in run["seeds"]),
            "Device": run["device"],
        },
        judged=[record for record in claims.records if record["verdict"] != results.NOT_RUN],
        not_run=[record for record in claims.records if record["verdict"] == results.NOT_RUN],
        score={verdict: verdicts.count(verdict) for verdict in SYMBOLS if verdict in verdicts},
        symbols=SYMBOLS,
        chapters=chapters,
        selection=run["selection"],
        inventories={
            "Parameters": _flat(run["parameters"]),
            **{f"Data: {view.title.lower()}": _flat(data[name]) for name, view in views.items()},
        },
        glossary=GLOSSARY,
    )


def _banner(data: Mapping[str, Any]) -> str:
    return (
        f"{data['label'][:1].upper()}{data['label'][1:]}: {data['synthetic']} in the simulator's role, and "
        f"{data['real']} in that of real images. This is not the paper's data: compare directions, significance "
        "and the share of the gap closed, and no number of ours with one of the paper's."
    )


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values as `simgan.gaze.lam: 0.1`, in the order given."""
    lines: dict[str, str] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            lines |= _flat(value, f"{prefix}{key}.")
        else:
            lines[f"{prefix}{key}"] = str(value)
    return lines
