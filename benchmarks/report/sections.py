"""Section 3.1 in pictures: Figure 5, Figure 7 and Table 2, ours beside the paper's."""

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
from benchmarks.report.tables import Table
from benchmarks.report.view import View

TILES = 12


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
        return _data_uri(self.drawing.svg, "image/svg+xml")


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


def pairs(view: View, sample: Mapping[str, np.ndarray], real: str) -> Section:
    """Figure 5. `sample`: synthetic, refined (K, H, W) and real (M, H, W), uint8; `real` names the latter."""
    synthetic, refined, others = (sample[name][:TILES] for name in ("synthetic", "refined", "real"))
    height, width = synthetic.shape[1:]
    pictures = Half(
        "Synthetic above, refined below.",
        ("synthetic", "the same, refined"),
        [(_png(above), _png(below)) for above, below in zip(synthetic, refined, strict=True)],
        width,
        height,
    )
    beside = Half(
        f"{real.capitalize()} images, not paired with the others.",
        (f"{real} image",),
        [(_png(image),) for image in others],
        width,
        height,
    )
    sheet = draw(figures.pairs, synthetic, refined, others, real, size=(7.2, 10 * height / width / 3))
    return Section(
        id=f"{view.task.name}-pairs",
        short="Pictures",
        title=f"Synthetic {view.subject} before and after the refiner",
        lead="Each pair is one image as it was rendered and as it was refined, with its label unchanged; "
        f"beside them {real} images, which the refiner saw without labels (the paper's {view.pairs_figure}).",
        gallery=(pictures, beside),
        plots=(Plot(f"{view.task.name}_pairs", sheet, alt="", caption="", shown=False),),
    )


def cumulative(view: View, rows: pd.DataFrame) -> Section:
    """Figure 7, ours and the paper's, side by side and never on one axes."""
    marks = " and ".join(f"{d:g}{view.unit}" for d in view.hits)
    return Section(
        id=f"{view.task.name}-curves",
        short="Curves",
        title="How many test images come within a given error",
        lead="At each distance d, the share of test images whose error is at most d: higher is better, and "
        f"the dotted lines mark {marks}.",
        plots=(
            Plot(
                f"{view.task.name}_curves",
                draw(figures.cumulative, rows, view),
                f"Cumulative error of this run, a line a condition with a band over seeds; marks at {marks}.",
                "mean over seeds, in a band from the worst seed to the best.",
                title="This run:",
            ),
            Plot(
                f"{view.task.name}_curves_published",
                draw(figures.published, published(view), view),
                f"Cumulative error as published in {view.figure}, a line a condition; marks at {marks}.",
                f"{view.figure}, recovered from its vector drawing. It was measured on other images: "
                "compare the order of the lines and not their heights. It has no supervised line.",
                title="The paper:",
                published=True,
            ),
        ),
    )


def estimates(view: View, measured: Mapping[str, Any]) -> Section:
    """Table 2."""
    return Section(
        id=f"{view.task.name}-table",
        short=view.table,
        title=f"{view.table}, at both of its distances",
        lead="Each number is the mean over seeds, above an interval that covers other seeds and persons.",
        table=results.estimates(view, measured),
        note="The shaded columns are the paper's, measured on other images: they show which way the rows "
        "should go, and not what our numbers should be. The last one is what the paper prints for “d = 7”; its own "
        "curves take those values at 13°.",
    )


def published(view: View) -> dict[str, paper.Curve]:
    """Condition -> the paper's curve, in the order of the view."""
    names = paper.published()["curves"][view.published_figure]["curves"]
    return {name: paper.published_curve(view.published_figure, name) for name in view.looks if name in names}


def _png(image: np.ndarray) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="png", optimize=True)
    return _data_uri(file.getvalue(), "image/png")


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
