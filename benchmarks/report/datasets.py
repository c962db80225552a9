"""Section 3's data sets as they were loaded: how many images, of whom, looking where, and what was rejected."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report import figures
from benchmarks.report.display import Display
from benchmarks.report.figures import draw
from benchmarks.report.sections import Plot, Section, TileFigure, data_uri
from benchmarks.report.tables import Column, Table


def section(display: Display, inventory: Sequence[Mapping[str, Any]]) -> Section:
    """`inventory`: by domain its images, persons (name -> count), rejected, rejected_first, and gaze or sheet."""
    records = [
        {
            "domain": found["domain"],
            "images": found["images"],
            "persons": len(found["persons"]),
            "by_person": ", ".join(f"{name} {count}" for name, count in found["persons"].items()),
            "rejected": found["rejected"],
        }
        for found in inventory
    ]
    rejected = [f"{name}: {reason}" for found in inventory for name, reason in found["rejected_first"]]
    more = sum(record["rejected"] for record in records) - len(rejected)
    note = f"Rejected: {'; '.join(rejected[:20])}{f'; and {more} more' if more > 0 else ''}." if rejected else ""
    plots = [
        Plot(
            f"{display.task.name}_directions_{found['domain'].split(',')[0]}",
            draw(figures.directions, found["gaze"], size=(3.6, 3.4)),
            f"Directions of gaze of the {found['domain']} images.",
            f"{found['domain'].capitalize()}: directions of gaze.",
        )
        for found in inventory
        if found["gaze"] is not None
    ]
    return Section(
        id=f"{display.task.name}-data",
        short="Data",
        title=f"The {display.subject} that were loaded",
        lead="What each domain holds; labels of the real domain count here, and train nothing but the supervised row.",
        plots=plots,
        gallery=[_contact_sheet(found) for found in inventory if found["sheet"] is not None],
        table=Table(
            name=f"{display.task.name}_data",
            caption="Images by domain, with their persons.",
            records=records,
            columns=[
                Column("Domain", lambda r: r["domain"], numeric=False),
                Column("Images", lambda r: f"{r['images']}"),
                Column("Persons", lambda r: f"{r['persons']}", lambda r: r["by_person"]),
                Column("Rejected", lambda r: f"{r['rejected']}"),
            ],
        ),
        note=note,
    )


def _contact_sheet(found: Mapping[str, Any]) -> TileFigure:
    from PIL import Image

    width, height = Image.open(io.BytesIO(found["sheet"])).size
    return TileFigure(
        f"{found['domain'].capitalize()}: images from the whole store, evenly.",
        (f"contact sheet of the {found['domain']} images",),
        [(data_uri(found["sheet"], "image/png"),)],
        width,
        height,
    )
