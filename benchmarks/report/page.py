"""The report on section 3: one page that opens anywhere, with its tables and figures as files beside it."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.report import (
    ablations,
    answers,
    controls,
    datasets,
    evidence,
    measures,
    results,
    sections,
    table3,
    training,
)
from benchmarks.report.display import DISPLAYS, GAZE, Display
from benchmarks.report.sections import Section, TileFigure
from benchmarks.report.tables import Record, Table
from benchmarks.verdicts import NOT_RUN, Contradiction, JudgedClaim

TEMPLATES = Path(__file__).with_name("templates")
SYMBOLS = {"reproduced": "✓", "contradicted": "✗", "inconclusive": "≈", NOT_RUN: "–"}
CODE = re.compile(r"`([^`]+)`|(?<![\w/])(reports/[\w/.-]*\w)")  # what sentences set in code: `commands`, and folders

GLOSSARY = {
    "refined": "A synthetic image that has passed the refiner R; it keeps the label it was rendered with.",
    "within d": "Share of test images, or of their joints, whose error is at most d; an error of exactly d counts.",
    "seed": "One repetition: refiner, discriminator and estimator all trained anew; on unrefined images the estimator.",
    "95 % interval": "From a bootstrap over seeds, persons or blocks of frames, and images: it covers other seeds "
    "and other persons or frames like these, not other data sets.",
    "share of the gap closed": "(refined − synthetic) / (supervised − synthetic), of mean errors or of shares within "
    "d.",
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
    """A heading of the page, `short` in its contents; `warning` and `findings` come first."""

    id: str
    short: str
    title: str
    sections: Sequence[Section]
    findings: Sequence[Contradiction] = ()
    warning: str = ""


def build(
    out: Path,
    *,
    metrics: Mapping[str, Any],
    rows: Mapping[str, pd.DataFrame],
    losses: Mapping[str, pd.DataFrame],
    samples: Mapping[str, Mapping[str, Any]],
    measured: Mapping[str, Sequence[Mapping[str, Any]]],
    inventory: Mapping[str, Sequence[Mapping[str, Any]]],
    claims: Sequence[JudgedClaim],
    data: Mapping[str, Mapping[str, Any]],
    run: Mapping[str, Any],
    findings: Sequence[Contradiction] = (),
    grids: Mapping[str, Mapping[int, Any]] | None = None,
    ablated: tuple[Mapping[str, Any], Mapping[str, Sequence[Mapping[str, Any]]]] = ({}, {}),
) -> None:
    """Write `out`/index.html, tables/ and figures/; the same input gives the same bytes.

    metrics is the dict of results.json. By task: rows (one a test image: the task's identity, condition, seed, image,
    errors), losses (one a value: stage, condition, seed, step, metric, value), samples (absent, or synthetic, refined
    (K, H, W) and real (M, H, W): uint8 eyes, uint16 depth in mm), measured (what stage measure found, one a seed),
    inventory (what load-synthesis made, one a domain), data (label, standin, synthetic, real, for hands masked; what
    else it has is listed), grids (absent, or step -> samples of that step). `ablated`: samples and what stage measure
    found, by condition of section 3.3's ablations.
    claims and findings are those of `benchmarks.verdicts`. run: preset, seeds, device, parameters, and
    selection, which tells how lambda and the steps were chosen. Raises UserError where `out` cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot write the report ({error.strerror})") from error
    displays = {
        name: replace(
            display.among(metrics[name]).name_real_images(standin=data[name]["standin"]),
            one_cluster=metrics["data"][name][f"{display.task.cluster}s"] == 1,
        )
        for name, display in DISPLAYS.items()
        if name in rows
    }
    chapters = []
    for name, display in displays.items():
        chapter_sections = _task_sections(
            display, metrics, rows[name], losses[name], samples.get(name), measured[name], inventory[name], data[name]
        )
        if grids and name in grids:
            chapter_sections.insert(1, training.convergence(display, grids[name]))
        if name == "gaze":
            if "table3" in metrics:
                images = run["parameters"]["estimators"]["baselines"]["images"]
                chapter_sections.insert(-1, table3.section(metrics["table3"], metrics["comparisons"]["table3"], images))
            chapter_sections[-1:-1] = ablations.sections(metrics, *ablated)
        warning = display.warning(data[name])
        chapters.append(Chapter(name, name.capitalize(), display.title, chapter_sections, warning=warning))
    chapters.append(
        Chapter(
            "paper", "Paper", "The paper's numbers against one another", [evidence.printed_distance(GAZE)], findings
        )
    )
    claims_table = results.claims(claims)
    all_sections = [section for chapter in chapters for section in chapter.sections]
    for table in [claims_table, *(section.table for section in all_sections if section.table)]:
        table.write(out / "tables")
    for section in all_sections:
        for plot in section.plots:
            plot.drawing.write(out / "figures", plot.name)
    header_figures = {
        name: sections.header_figure(display, samples[name], _real_name(data[name]))
        for name, display in displays.items()
        if samples.get(name)
    }
    page = _render(header_figures, chapters, claims_table, len(findings), displays, data, run, metrics)
    (out / "index.html").write_text(page, encoding="utf-8", newline="\n")


def _task_sections(
    display: Display,
    metrics: Mapping[str, Any],
    rows: pd.DataFrame,
    losses: pd.DataFrame,
    sample: Mapping[str, Any] | None,
    measured: Sequence[Mapping[str, Any]],
    inventory: Sequence[Mapping[str, Any]],
    data: Mapping[str, Any],
) -> list[Section]:
    comparisons = results.comparisons(display, metrics["comparisons"][display.task.name])
    joints = [evidence.joints(display, rows)] if len(display.errors) > 1 else []
    pictures = [sections.pairs(display, sample, _real_name(data))] if sample else []
    return [
        *pictures,
        sections.cumulative(display, rows),
        sections.estimates(
            display,
            metrics[display.task.name],
            metrics["data"][display.task.name].get("unmeasured", {}),
            metrics.get(f"{display.task.name}_unseen", {}),
        ),
        *([control_table] if (control_table := controls.section(display, metrics)) else []),
        *([evidence.gap(display, comparisons)] if "real" in display.styles else []),
        measures.realism(display, measured),
        measures.classifier(display, measured),
        training.refiner(display, losses),
        training.estimator(display, losses),
        evidence.persons(display, rows),
        *joints,
        evidence.significance(display, comparisons),
        datasets.section(display, inventory),
    ]


def _real_name(data: Mapping[str, Any]) -> str:
    return "stand-in real" if data["standin"] else "real"


def _render(
    header_figures: Mapping[str, TileFigure],
    chapters: Sequence[Chapter],
    claims: Table,
    findings: int,
    displays: Mapping[str, Display],
    data: Mapping[str, Mapping[str, Any]],
    run: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coded"] = lambda text: Markup(CODE.sub(r"<code>\1\2</code>", str(escape(text))))
    verdicts = [record["verdict"] for record in claims.records]
    return environment.get_template("report.html.j2").render(
        css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # raw text in HTML: not to be escaped
        banner=_banner([data[name] for name in displays if data[name]["standin"]]),
        answers={
            display.subject.capitalize(): answer
            for display in displays.values()
            if (answer := answers.answer(display, metrics))
        },
        header_figures=header_figures,
        facts={
            "Data": "; ".join(dict.fromkeys(data[name]["label"] for name in displays)),
            "Preset": run["preset"],
            "Seeds": ", ".join(str(seed) for seed in run["seeds"]),
            "Device": run["device"],
        },
        judged={display.title: _judged_claims(claims, name) for name, display in displays.items()},
        not_run=[record for record in claims.records if record["verdict"] == NOT_RUN],
        score={verdict: verdicts.count(verdict) for verdict in SYMBOLS if verdict in verdicts},
        symbols=SYMBOLS,
        findings=findings,
        chapters=chapters,
        selection=run["selection"],
        inventories={
            "Parameters": _flattened(run["parameters"]),
            **{f"Data: {display.title.lower()}": _flattened(data[name]) for name, display in displays.items()},
        },
        glossary=dict(itertools.chain(*(display.glossary.items() for display in displays.values()), GLOSSARY.items())),
    )


def _judged_claims(claims: Table, task: str) -> list[Record]:
    return [record for record in claims.records if record["verdict"] != NOT_RUN and record["task"] == task]


def _banner(standins: Sequence[Mapping[str, Any]]) -> str:
    """What is said once of all tasks that ran on a stand-in; empty where none did."""
    if not standins:
        return ""
    label = " and ".join(dict.fromkeys(data["label"] for data in standins))
    roles = "; ".join(
        f"{data['synthetic']} in the simulator's role, and {data['real']} in that of real images" for data in standins
    )
    return (
        f"{label[:1].upper()}{label[1:]}: {roles}. This is not the paper's data: compare directions, significance "
        "and the share of the gap closed, and no number of ours with one of the paper's."
    )


def _flattened(nested: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values as `simgan.gaze.lam: 0.1`, in the order given."""
    lines: dict[str, str] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            lines |= _flattened(value, f"{prefix}{key}.")
        else:
            lines[f"{prefix}{key}"] = str(value)
    return lines
