"""Figures 5, 7, 8 and 9, and what the paper leaves undrawn: losses, gap, persons, joints, differences."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.evaluation import curves
from benchmarks.paper import Curve
from benchmarks.report.display import ConditionStyle, Display, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#555555"
SEEDS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
POINTS = 300  # a line of losses is thinned to about this many steps: more than the page has pixels for
PAIRS = 6

STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same outlines on every machine
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "svg.hashsalt": "simgan-benchmarks",
}


@dataclass(frozen=True)
class Drawing:
    """One figure as SVG (for the page and for print) and as PNG; the same input gives the same bytes."""

    svg: bytes
    png: bytes

    def write(self, folder: Path, name: str) -> None:
        """`folder`/name.{svg,png}. Raises UserError if the folder cannot be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.svg").write_bytes(self.svg)
            (folder / f"{name}.png").write_bytes(self.png)
        except OSError as error:
            raise UserError(f"{folder}: cannot write the report's figures ({error.strerror})") from error


def draw(paint: Callable[..., None], *args: Any, size: tuple[float, float] = (5.2, 3.7), **kwargs: Any) -> Drawing:
    """Run `paint(ax, ...)` on one axes of `size` inches; 5.2 inches wide stays readable on a phone."""
    import matplotlib
    import seaborn
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {**seaborn.axes_style("ticks"), **STYLE}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure.subplots(), *args, **kwargs)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.set_layout_engine("none")  # laid out once for both: the layout is what takes time
        figure.savefig(png, format="png", dpi=160, metadata={"Software": None})
    return Drawing(svg.getvalue(), png.getvalue())


def pairs(ax: "Axes", synthetic: np.ndarray, refined: np.ndarray, real: np.ndarray, real_name: str) -> None:
    """Figures 5 and 8: synthetic above refined, unpaired real images below; (N, H, W) or (N, H, W, 3), uint8."""
    columns = min(len(synthetic), PAIRS)
    height, width = synthetic.shape[1:3]
    sheet = np.full((3 * (height + 2) - 2, columns * (width + 2) - 2, *synthetic.shape[3:]), 255, np.uint8)
    for row, images in enumerate((synthetic, refined, real)):
        for column, image in enumerate(images[:columns]):
            top, left = row * (height + 2), column * (width + 2)
            sheet[top : top + height, left : left + width] = image
    ax.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    ax.set_yticks([height / 2 + row * (height + 2) for row in range(3)], ["synthetic", "refined", real_name])
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)


def cumulative(ax: "Axes", rows: pd.DataFrame, display: Display, panel: Panel) -> None:
    """Figure 7 or 9 from one row a test image: the mean over seeds, in a band from the worst seed to the best."""
    by_condition = dict(list(rows.groupby("condition")))
    for name, style in display.styles.items():
        ours = by_condition[name]
        seeds = curves.band(curves.per_seed(ours, display.errors, panel.scale * display.grid))
        ax.fill_between(display.grid, seeds.low, seeds.high, color=style.color, alpha=0.15, lw=0)
        ax.plot(display.grid, seeds.mean, color=style.color, ls=_dash(style), lw=1.6, label=style.label)
    _cumulative_axes(ax, display, panel.unit_name)


def published_curves(ax: "Axes", lines: Mapping[str, Curve], display: Display) -> None:
    """The paper's own curves, never on the axes of ours."""
    for name, line in lines.items():
        style = display.styles[name]
        ax.plot(line.x, line.y / 100, color=style.color, ls=_dash(style), lw=1.6, label=style.label)
    _cumulative_axes(ax, display, next(iter(lines.values())).x_unit)


def printed_distance(ax: "Axes", lines: Mapping[str, Curve], printed: Mapping[str, float], display: Display) -> None:
    """The published curves, with the table's values (%) at the distance printed and at the distance drawn."""
    published_curves(ax, lines, display)
    for d, word in zip(display.marks, ("the table says", "the figure says"), strict=True):
        ax.annotate(
            f"{word}\n{d:g}{display.unit}",
            (d, 1),
            (0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=GREY,
        )
        for name, percent in printed.items():
            color = display.styles[name].color
            face = "white" if word == "the table says" else color
            ax.plot([d], [percent / 100], "o", ms=6, mec=color, mfc=face, mew=1.4, zorder=3)


def gap(ax: "Axes", shares: pd.DataFrame) -> None:
    """Shares of the domain gap closed (fractions): label, value, low, high, color."""
    positions = np.arange(len(shares))
    ax.barh(positions, shares["value"], color=shares["color"], height=0.5, alpha=0.8)
    ax.hlines(positions, shares["low"], shares["high"], color="black", lw=1.6)
    ax.set_yticks(positions, shares["label"])
    ax.set_ylim(len(shares) - 0.4, -0.6)
    for x, name in ((0, "synthetic"), (1, "supervised")):
        ax.axvline(x, color=GREY, lw=1, ls="--")
        ax.annotate(
            name,
            (x, 1),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=GREY,
        )
    ax.set_xlabel("share of the gap closed")
    ax.grid(axis="y", visible=False)
    _percent_axis(ax.xaxis)


def losses(ax: "Axes", events: pd.DataFrame, ylabel: str, styles: Mapping[str, ConditionStyle] | None = None) -> None:
    """A line a run, thinned, not smoothed: condition, seed, fold, step, value. Coloured by seed without styles."""
    first_of = events.groupby("condition")[["seed", "fold"]].apply(
        lambda runs: min(runs.itertuples(index=False, name=None))
    )
    for seed, fold in sorted(set(zip(events["seed"], events["fold"], strict=True))):
        for name in styles or [""]:
            line = events.query("seed == @seed and fold == @fold and condition == @name").sort_values("step")
            line = line.iloc[:: -(-len(line) // POINTS) or 1]
            style = styles[name] if styles else ConditionStyle(f"seed {seed}", SEEDS[int(seed) % len(SEEDS)])
            first = styles is None or (seed, fold) == first_of[name]
            ax.plot(
                line["step"],
                line["value"],
                color=style.color,
                ls=_dash(style),
                lw=1.2,
                alpha=0.8,
                label=style.label if first and len(line) else None,
            )
    ax.set(xlabel="step", ylabel=ylabel)
    ax.legend(handlelength=2.6)
    ax.margins(x=0.01)


def persons(ax: "Axes", errors: pd.DataFrame, display: Display) -> None:
    """Each person's mean error under each condition: one row a person, one column a condition."""
    names = [name for name in display.styles if name in errors]
    positions = range(len(names))
    for _, row in errors.iterrows():
        ax.plot(positions, row[names], color="#c4c4c4", lw=1, zorder=1)
    for x, name in zip(positions, names, strict=True):
        ax.plot([x] * len(errors), errors[name], "o", ms=6, color=display.styles[name].color, zorder=2)
    ends = pd.Series(errors[names[0]]).sort_values()
    for person, error in ends.iloc[[0, -1][: len(ends)]].items():
        ax.annotate(
            str(person),
            (0, float(error)),
            (-7, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8.5,
            color=GREY,
        )
    ax.set_xticks(positions, [_narrow(display.styles[name].label) for name in names], fontsize=8)
    ax.set(ylabel=f"mean error ({display.unit_name})", xlim=(-0.55, len(names) - 0.6))
    ax.set_ylim(bottom=0)
    ax.grid(axis="x", visible=False)


def differences(ax: "Axes", shown: pd.DataFrame, xlabel: str) -> None:
    """Differences and their intervals against 0: label, value, low, high, color."""
    positions = np.arange(len(shown))
    ax.axvline(0, color="black", lw=1)
    ax.hlines(positions, shown["low"], shown["high"], colors=list(shown["color"]), lw=2.4)
    ax.scatter(shown["value"], positions, c=shown["color"], s=42, zorder=3)
    ax.set_yticks(positions, shown["label"])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(xlabel)


def joints(ax: "Axes", errors: pd.DataFrame, display: Display) -> None:
    """Each joint's mean error under each condition: one row a joint, one column a condition."""
    positions = np.arange(len(errors))
    for name, style in display.styles.items():
        face = "white" if style.dashes else style.color
        ax.plot(errors[name], positions, "o", ms=6, mec=style.color, mfc=face, mew=1.4, label=style.label)
    ax.hlines(positions, errors.min(axis=1), errors.max(axis=1), color="#c4c4c4", lw=1, zorder=1)
    ax.set_yticks(positions, [str(joint) for joint in errors.index])
    ax.set_ylim(len(errors) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel(f"mean error ({display.unit_name})")
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.12), ncols=2)


def _cumulative_axes(ax: "Axes", display: Display, unit_name: str) -> None:
    for d in display.marks:
        ax.axvline(d, color=GREY, lw=0.9, ls=":", zorder=0)
    ax.set(xlim=(display.grid[0], display.grid[-1]), ylim=(0, 1))
    ax.set(xlabel=f"d ({unit_name})", ylabel=f"{display.observations} with error ≤ d")
    ax.legend(loc="lower right", handlelength=2.6)
    _percent_axis(ax.yaxis)


def _dash(style: ConditionStyle) -> Any:
    return (0, style.dashes) if style.dashes else "-"


def _narrow(label: str) -> str:
    label = label.partition(" (")[0]
    return label.replace(", ", ",\n").replace(" 4×", "\n4×").replace(" 3×", "\n3×").replace("stand-in ", "stand-in\n")


def _percent_axis(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def directions(ax: "Axes", angles: np.ndarray) -> None:
    """Where eyes look: pitch and yaw (N, 2) in degrees, counted in squares of 5 degrees."""
    bins = np.arange(-60, 61, 5)
    ax.hist2d(angles[:, 1], angles[:, 0], bins=[bins, bins], cmap="Blues", cmin=1, rasterized=True)
    ax.set(xlabel="yaw, degrees (to image left)", ylabel="pitch, degrees (up)", aspect="equal")
