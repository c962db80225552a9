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
from benchmarks.report.data import Samples
from benchmarks.report.display import DISPLAYS, Display
from benchmarks.report.figures import Drawing, draw
from benchmarks.report.tables import Table, percent

CHAPTER_TILES, HEADER_TILES = 12, 6  # a chapter's pictures, and those of them that stand at the page's head


@dataclass(frozen=True)
class Plot:
    """A drawing with its words."""

    name: str  # of its files, without suffix
    drawing: Drawing
    alt: str
    caption: str
    title: str = ""
    published: bool = False  # the paper's and not ours: framed apart
    shown: bool = True  # otherwise a file only

    @property
    def uri(self) -> str:
        return data_uri(self.drawing.svg, "image/svg+xml")


@dataclass(frozen=True)
class TileFigure:
    """A captioned row of tiles, each of them a stack of images of as many pixels as the networks see."""

    caption: str
    alts: Sequence[str]  # the alternative text of each image of a stack, from above
    tiles: Sequence[Sequence[str]]  # of each tile its images from above, as data URIs
    width: int  # of one image, in pixels
    height: int


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it, in the order of the fields."""

    id: str  # its anchor
    short: str  # its name in the page's contents
    title: str
    lead: str  # says in a sentence what the picture shows
    gallery: Sequence[TileFigure] = ()
    plots: Sequence[Plot] = ()
    table: Table | None = None
    note: str = ""


def header_figure(display: Display, samples: Samples, real: str) -> TileFigure:
    """Figure 5 or 8 in a few columns, for the page's head: synthetic over refined over real images, as in `pairs`."""
    rows = [display.to_pictures(samples[name][:HEADER_TILES]) for name in ("synthetic", "refined", "real")]
    height, width = rows[0].shape[1:3]
    return TileFigure(
        f"{display.subject.capitalize()}, from above: synthetic, the same refined, {real} (unpaired).",
        ("synthetic", "the same, refined", f"{real} image"),
        [[png(images[k]) for images in rows if k < len(images)] for k in range(len(rows[0]))],
        width,
        height,
    )


def pairs(display: Display, samples: Samples, real: str) -> Section:
    """Figure 5 or 8. `samples`: synthetic, refined (K, H, W) and real (M, H, W); `real` names the latter.

    Shows what `header_figure` does not: no picture is on the page twice. The figure's file has all.
    """
    chosen = (samples[name][:CHAPTER_TILES] for name in ("synthetic", "refined", "real"))
    synthetic, refined, unpaired = (display.to_pictures(images) for images in chosen)
    height, width = synthetic.shape[1:3]
    paired_tiles = TileFigure(
        "Synthetic above, refined below.",
        ("synthetic", "the same, refined"),
        [tuple(map(png, pair)) for pair in zip(synthetic[HEADER_TILES:], refined[HEADER_TILES:], strict=True)],
        width,
        height,
    )
    real_tiles = TileFigure(
        f"{real.capitalize()} images, not paired with the others.",
        (f"{real} image",),
        [(png(image),) for image in unpaired[HEADER_TILES:]],
        width,
        height,
    )
    sheet = draw(figures.pairs, synthetic, refined, unpaired, real, size=(7.2, 10 * height / width / 3))
    return Section(
        id=f"{display.task.name}-pairs",
        short="Pictures",
        title=f"Synthetic {display.subject} before and after the refiner",
        lead="Each pair is one image as it was rendered and as it was refined, with its label unchanged; "
        f"beside them {real} images, which the refiner saw without labels (the paper's {display.pairs_figure}). The "
        "first are at the page's head.",
        gallery=(paired_tiles, real_tiles) if paired_tiles.tiles else (),
        plots=(Plot(f"{display.task.name}_pairs", sheet, alt="", caption="", shown=False),),
    )


def cumulative(display: Display, rows: pd.DataFrame) -> Section:
    """Figure 7 or 9, ours and the paper's, side by side and never on one axes."""
    marks = " and ".join(f"{d:g}{display.unit}" for d in display.marks)
    marked = f"the dotted lines mark {marks}" if len(display.marks) > 1 else f"the dotted line marks {marks}"
    return Section(
        id=f"{display.task.name}-curves",
        short="Curves",
        title=f"How many {display.observations} come within a given error",
        lead=f"At each distance d, the share of {display.observations} whose error is at most d: higher is better, and "
        f"{marked}.",
        plots=(
            *(
                Plot(
                    f"{display.task.name}_curves{panel.suffix}",
                    draw(figures.cumulative, rows, display, panel),
                    f"Cumulative error of this run, a line a condition with a band over seeds; marks at {marks}.",
                    "mean over seeds, in a band from the worst seed to the best.",
                    title=panel.title,
                )
                for panel in display.panels
            ),
            Plot(
                f"{display.task.name}_curves_published",
                # with the labels of real data: the paper's real images are real
                draw(figures.published_curves, published_curves(display), DISPLAYS[display.task.name]),
                f"Cumulative error as published in {display.figure}, a line a condition; marks at {marks}.",
                f"{display.figure}, recovered from its vector drawing. It was measured on other images: "
                f"compare the order of the lines and not their heights. {display.figure_note}",
                title="The paper:",
                published=True,
            ),
        ),
    )


def estimates(
    display: Display, by_condition: Mapping[str, Any], unmeasured: Mapping[str, float], unseen: Mapping[str, Any]
) -> Section:
    """Table 2 or 4. `by_condition` and `unseen` as `results.estimates` takes them; `unmeasured`: condition -> share
    of its errors in space that have no depth."""
    left_out = max(unmeasured.values(), default=0.0)
    missing = f" Errors in space leave out joints without depth, at most {percent(left_out)} of a row's."
    return Section(
        id=f"{display.task.name}-table",
        short=display.table,
        title=display.table_title,
        lead="Each number is the mean over seeds, above an interval that covers other seeds and "
        f"{display.interval_covers}.",
        table=results.estimates(display, by_condition, unseen),
        note="The shaded columns are the paper's, measured on other images: they show which way the rows "
        f"should go, and not what our numbers should be. {display.table_note}{missing if unmeasured else ''}",
    )


def published_curves(display: Display) -> dict[str, paper.Curve]:
    """Condition -> the paper's curve, in the order of the display."""
    names = paper.published()["curves"][display.published_figure]["curves"]
    return {name: paper.published_curve(display.published_figure, name) for name in display.styles if name in names}


def png(image: np.ndarray) -> str:
    """uint8 (H, W) or (H, W, 3) as a data URI."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="png", optimize=True)
    return data_uri(file.getvalue(), "image/png")


def data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
