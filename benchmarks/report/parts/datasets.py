"""Section 3's data sets as they were loaded: how many images, of whom, looking where, and what was rejected."""

import io
from collections.abc import Sequence

from benchmarks.report import figures
from benchmarks.report.data import Domain
from benchmarks.report.display import Display
from benchmarks.report.figures import draw
from benchmarks.report.sections import Plot, Section, TileFigure, data_uri
from benchmarks.report.tables import Column, Table


def section(display: Display, domains: Sequence[Domain]) -> Section:
    records = [
        {
            "domain": domain.name,
            "images": domain.images,
            "persons": len(domain.persons),
            "by_person": ", ".join(f"{person} {count}" for person, count in domain.persons.items()),
            "rejected": domain.rejected,
        }
        for domain in domains
    ]
    rejected = [f"{file}: {reason}" for domain in domains for file, reason in domain.rejected_first]
    more = sum(domain.rejected for domain in domains) - len(rejected)
    note = f"Rejected: {'; '.join(rejected[:20])}{f'; and {more} more' if more > 0 else ''}." if rejected else ""
    plots = [
        Plot(
            f"{display.task.name}_directions_{domain.name.split(',')[0]}",
            draw(figures.directions, domain.gaze, size=(3.6, 3.4)),
            f"Directions of gaze of the {domain.name} images.",
            f"{domain.name.capitalize()}: directions of gaze.",
        )
        for domain in domains
        if domain.gaze is not None
    ]
    return Section(
        id=f"{display.task.name}-data",
        short="Data",
        title=f"The {display.subject} that were loaded",
        lead="What each domain holds; labels of the real domain count here, and train nothing but the supervised row.",
        plots=plots,
        gallery=[_contact_sheet(domain.name, domain.contact_sheet) for domain in domains if domain.contact_sheet],
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


def _contact_sheet(domain: str, png: bytes) -> TileFigure:
    from PIL import Image

    width, height = Image.open(io.BytesIO(png)).size
    return TileFigure(
        f"{domain.capitalize()}: images from the whole store, evenly.",
        (f"contact sheet of the {domain} images",),
        [(data_uri(png, "image/png"),)],
        width,
        height,
    )
