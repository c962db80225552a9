"""The report on section 3: one page that opens anywhere, with its numbers, tables and figures as files beside it."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.core.errors import UserError
from benchmarks.evaluation import summary
from benchmarks.report import answers, results, sections
from benchmarks.report.data import DataDescription, ReportData
from benchmarks.report.display import DISPLAYS, GAZE, Display
from benchmarks.report.parts import ablations, controls, datasets, evidence, measures, rivals, table3, training
from benchmarks.report.sections import Section
from benchmarks.report.tables import Record, Table
from benchmarks.verdicts import NOT_RUN, Contradiction

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
    """A heading of the page with its sections."""

    id: str  # its anchor
    short: str  # its name in the page's contents
    title: str
    sections: Sequence[Section]
    findings: Sequence[Contradiction] = ()  # before the sections
    warnings: Sequence[str] = ()  # before all


def build(out: Path, data: ReportData) -> None:
    """Write `out`/index.html, tables/, figures/, results.json, metrics.json and claims.json, all from `data`.

    The same data give the same bytes. Raises UserError where `out` cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot write the report ({error.strerror})") from error
    displays = _displays(data)
    chapters = [
        *(_task_chapter(display, data) for display in displays.values()),
        Chapter(
            id="paper",
            short="Paper",
            title="The paper's numbers against one another",
            sections=[evidence.printed_distance(GAZE)],
            findings=data.contradictions,
        ),
    ]
    claims = results.claims(data.claims)
    below = [section for chapter in chapters for section in chapter.sections]
    for table in [claims, *(section.table for section in below if section.table)]:
        table.write(out / "tables")
    for section in below:
        for plot in section.plots:
            plot.drawing.write(out / "figures", plot.name)
    page = _render(data, displays, chapters, claims)
    (out / "index.html").write_text(page, encoding="utf-8", newline="\n")
    summary.write(data.metrics, out / "results.json")
    summary.write(summary.headline(data.metrics, [claim.verdict for claim in data.claims]), out / "metrics.json")
    judged = {"claims": list(map(asdict, data.claims)), "contradictions": list(map(asdict, data.contradictions))}
    (out / "claims.json").write_text(json.dumps(judged, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _displays(data: ReportData) -> dict[str, Display]:
    """The displays of the run's tasks, with the conditions that it trained and its real images called what they are."""
    return {
        name: replace(
            display.among(data.metrics[name]).name_real_images(standin=data.tasks[name].description.standin),
            one_cluster=data.metrics["data"][name][f"{display.task.cluster}s"] == 1,
        )
        for name, display in DISPLAYS.items()
        if name in data.tasks
    }


def _task_chapter(display: Display, data: ReportData) -> Chapter:
    name = display.task.name
    task, metrics = data.tasks[name], data.metrics
    comparisons = results.comparisons(display, metrics["comparisons"][name])
    parts = [
        sections.pairs(display, task.samples, task.description.real_name) if task.samples else None,
        training.convergence(display, task.sample_grids) if task.sample_grids else None,
        sections.cumulative(display, task.rows),
        sections.estimates(
            display,
            metrics[name],
            metrics["data"][name].get("unmeasured", {}),
            metrics.get(f"{name}_unseen", {}),
        ),
        controls.section(display, metrics),
        evidence.gap(display, comparisons) if "real" in display.styles else None,
        measures.realism(display, task.measures),
        measures.classifier(display, task.measures),
        training.refiner(display, task.losses),
        training.estimator(display, task.losses),
        evidence.persons(display, task.rows),
        evidence.joints(display, task.rows) if len(display.errors) > 1 else None,
        evidence.significance(display, comparisons),
        *(_gaze_only_sections(data) if name == "gaze" else ()),
        rivals.section(display, data.boards.get(name, {})),
        datasets.section(display, task.domains),
    ]
    return Chapter(
        id=name,
        short=name.capitalize(),
        title=display.title,
        sections=[section for section in parts if section],
        warnings=[text for text in (display.warning(task.description), training.failed(display, task.losses)) if text],
    )


def _gaze_only_sections(data: ReportData) -> Iterator[Section]:
    """Table 3, where its methods were run, and the ablations of section 3.3."""
    if "table3" in data.metrics:
        images = data.run.parameters["estimators"]["baselines"]["images"]
        yield table3.section(data.metrics["table3"], data.metrics["comparisons"]["table3"], images)
    yield from ablations.sections(data.metrics, data.ablations)


def _render(data: ReportData, displays: Mapping[str, Display], chapters: Sequence[Chapter], claims: Table) -> str:
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
    described = {name: data.tasks[name].description for name in displays}
    return environment.get_template("report.html.j2").render(
        css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # raw text in HTML: not to be escaped
        banner=_banner([description for description in described.values() if description.standin]),
        answers={
            display.subject.capitalize(): answer
            for display in displays.values()
            if (answer := answers.answer(display, data.metrics))
        },
        header_figures={
            name: sections.header_figure(display, data.tasks[name].samples, described[name].real_name)
            for name, display in displays.items()
            if data.tasks[name].samples
        },
        facts={
            "Data": "; ".join(dict.fromkeys(description.label for description in described.values())),
            "Preset": data.run.preset,
            "Seeds": ", ".join(map(str, data.run.seeds)),
            "Device": ", ".join(data.run.devices),
        },
        judged={display.title: _judged_claims(claims, name) for name, display in displays.items()},
        not_run=[record for record in claims.records if record["verdict"] == NOT_RUN],
        score={verdict: verdicts.count(verdict) for verdict in SYMBOLS if verdict in verdicts},
        symbols=SYMBOLS,
        findings=len(data.contradictions),
        chapters=chapters,
        selection=data.run.selection,
        inventories={
            "Parameters": _flattened(data.run.parameters),
            **{
                f"Data: {display.title.lower()}": _flattened(
                    {key: value for key, value in vars(described[name]).items() if value is not None}
                )
                for name, display in displays.items()
            },
        },
        glossary=dict(itertools.chain(*(display.glossary.items() for display in displays.values()), GLOSSARY.items())),
    )


def _judged_claims(claims: Table, task: str) -> list[Record]:
    return [record for record in claims.records if record["verdict"] != NOT_RUN and record["task"] == task]


def _banner(standins: Sequence[DataDescription]) -> str:
    """What is said once of all tasks that ran on a stand-in; empty where none did."""
    if not standins:
        return ""
    label = " and ".join(dict.fromkeys(data.label for data in standins))
    roles = "; ".join(
        f"{data.synthetic} in the simulator's role, and {data.real} in that of real images" for data in standins
    )
    return (
        f"{label[:1].upper()}{label[1:]}: {roles}. This is not the paper's data: compare directions and "
        "significance, and no number of ours with one of the paper's."
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
