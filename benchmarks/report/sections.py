"""Section 3 in pictures: Figures 5, 7, 8 and 9, Tables 2 and 4, ours beside the paper's."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import paper
from benchmarks.report import figures, results
from benchmarks.report.figures import Drawing, draw
from benchmarks.report.tables import Table, percent
from benchmarks.report.view import VIEWS, View

TILES, HEAD = 12, 6  # a chapter's pictures, and those of them that stand at the page's head


@dataclass(frozen=True)
class Plot:
    """A drawing with its words. A `published` one is framed apart; one not `shown` is a file only."""

    name: str
    drawing: Drawing
    alt: str
    caption: str
    title: str = ""
    published: bool = False
    shown: bool = True

    @property
    def uri(self) -> str:
        return data_uri(self.drawing.svg, "image/svg+xml")


@dataclass(frozen=True)
class Half:
    """One side of a gallery: tiles of stacked images, each as many pixels as the networks see."""

    caption: str
    alts: Sequence[str]
    tiles: Sequence[Sequence[str]]
    width: int
    height: int


@dataclass(frozen=True)
class Section:
    """`short` names it in the page's contents; `lead` says in a sentence what the picture shows."""

    id: str
    short: str
    title: str
    lead: str
    plots: Sequence[Plot] = ()
    gallery: Sequence[Half] = ()
    table: Table | None = None
    note: str = ""


def strip(view: View, sample: Mapping[str, np.ndarray], real: str) -> Half:
    """Figure 5 or 8 in a few columns, for the page's head: synthetic over refined over real images, as in `pairs`."""
    rows = [view.pictures(sample[name][:HEAD]) for name in ("synthetic", "refined", "real")]
    height, width = rows[0].shape[1:3]
    return Half(
        f"{view.subject.capitalize()}, from above: synthetic, the same refined, {real} (unpaired).",
        ("synthetic", "the same, refined", f"{real} image"),
        [[png(images[k]) for images in rows if k < len(images)] for k in range(len(rows[0]))],
        width,
        height,
    )


def pairs(view: View, sample: Mapping[str, np.ndarray], real: str) -> Section:
    """Figure 5 or 8. `sample`: synthetic, refined (K, H, W) and real (M, H, W); `real` names the latter.

    Shows what `strip` does not: no picture is on the page twice. The figure's file has all.
    """
    chosen = (sample[name][:TILES] for name in ("synthetic", "refined", "real"))
    synthetic, refined, others = (view.pictures(images) for images in chosen)
    height, width = synthetic.shape[1:3]
    pictures = Half(
        "Synthetic above, refined below.",
        ("synthetic", "the same, refined"),
        [(png(above), png(below)) for above, below in zip(synthetic[HEAD:], refined[HEAD:], strict=True)],
        width,
        height,
    )
    beside = Half(
        f"{real.capitalize()} images, not paired with the others.",
        (f"{real} image",),
        [(png(image),) for image in others[HEAD:]],
        width,
        height,
    )
    sheet = draw(figures.pairs, synthetic, refined, others, real, size=(7.2, 10 * height / width / 3))
    return Section(
        id=f"{view.task.name}-pairs",
        short="Pictures",
        title=f"Synthetic {view.subject} before and after the refiner",
        lead="Each pair is one image as it was rendered and as it was refined, with its label unchanged; "
        f"beside them {real} images, which the refiner saw without labels (the paper's {view.pairs_figure}). The "
        "first are at the page's head.",
        gallery=(pictures, beside) if pictures.tiles else (),
        plots=(Plot(f"{view.task.name}_pairs", sheet, alt="", caption="", shown=False),),
    )


def cumulative(view: View, rows: pd.DataFrame) -> Section:
    """Figure 7 or 9, ours and the paper's, side by side and never on one axes."""
    marks = " and ".join(f"{d:g}{view.unit}" for d in view.marks)
    marked = f"the dotted lines mark {marks}" if len(view.marks) > 1 else f"the dotted line marks {marks}"
    return Section(
        id=f"{view.task.name}-curves",
        short="Curves",
        title=f"How many {view.counted} come within a given error",
        lead=f"At each distance d, the share of {view.counted} whose error is at most d: higher is better, and "
        f"{marked}.",
        plots=(
            *(
                Plot(
                    f"{view.task.name}_curves{panel.suffix}",
                    draw(figures.cumulative, rows, view, panel),
                    f"Cumulative error of this run, a line a condition with a band over seeds; marks at {marks}.",
                    "mean over seeds, in a band from the worst seed to the best.",
                    title=panel.title,
                )
                for panel in view.panels
            ),
            Plot(
                f"{view.task.name}_curves_published",
                draw(figures.published, published(view), VIEWS[view.task.name]),  # their real images are real
                f"Cumulative error as published in {view.figure}, a line a condition; marks at {marks}.",
                f"{view.figure}, recovered from its vector drawing. It was measured on other images: "
                f"compare the order of the lines and not their heights. {view.figure_note}",
                title="The paper:",
                published=True,
            ),
        ),
    )


def estimates(
    view: View, measured: Mapping[str, Any], unmeasured: Mapping[str, float], unseen: Mapping[str, Any]
) -> Section:
    """Table 2 or 4. `unmeasured`: condition -> share of its errors in space that have no depth. `unseen`: metrics of
    the persons whom no training saw, if any."""
    left_out = max(unmeasured.values(), default=0.0)
    missing = f" Errors in space leave out joints without depth, at most {percent(left_out)} of a row's."
    return Section(
        id=f"{view.task.name}-table",
        short=view.table,
        title=view.table_title,
        lead=f"Each number is the mean over seeds, above an interval that covers other seeds and {view.covered}.",
        table=results.estimates(view, measured, unseen),
        note="The shaded columns are the paper's, measured on other images: they show which way the rows "
        f"should go, and not what our numbers should be. {view.table_note}{missing if unmeasured else ''}",
    )


def published(view: View) -> dict[str, paper.Curve]:
    """Condition -> the paper's curve, in the order of the view."""
    names = paper.published()["curves"][view.published_figure]["curves"]
    return {name: paper.published_curve(view.published_figure, name) for name in view.looks if name in names}


def png(image: np.ndarray) -> str:
    """uint8 (H, W) or (H, W, 3) as a data URI."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="png", optimize=True)
    return data_uri(file.getvalue(), "image/png")


def data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
