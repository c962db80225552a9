"""The paper's published numbers: Tables 1 to 4 and the curves of Figures 7 and 9.

The curves were recovered from the vector figures of the first arXiv version; `published.json` names its
sources.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.errors import UserError

MAX_ANGLE_DEG = 180.0  # no angle between two gaze directions is larger: bounds the tail that a figure cuts off


@cache
def published() -> dict[str, Any]:
    """Everything published, as in `published.json`; percentages are of 100. Read only."""
    return json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))


def table2() -> dict[str, float]:
    """Table 2: condition -> % of images "at distance d = 7 degrees" as printed."""
    return published()["table2"]["rows"]


def table3() -> dict[str, float]:
    """Table 3: method -> mean gaze error in degrees."""
    return {name: row["error"] for name, row in published()["table3"]["rows"].items()}


def table4() -> dict[str, float]:
    """Table 4: condition -> % "of images within d" = 5 pixels."""
    return published()["table4"]["rows"]


def receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """Pixels across that one output of convolutions or poolings (kernel, stride) sees."""
    seen, step = 1, 1
    for kernel, stride in layers:
        seen += (kernel - 1) * step
        step *= stride
    return seen


def discriminator_layers(task: str) -> list[tuple[str, int, int]]:
    """Layers (kind, kernel, stride) of D as section 3 lists them for `gaze` or `hand`; kind is conv or max-pool."""
    return [(kind, kernel, stride) for kind, kernel, stride in published()["networks"][task]["discriminator"]]


def refiner_layers(task: str, kernel: int | None = None) -> list[tuple[int, int]]:
    """Convolutions (kernel, stride) of R for `gaze` or `hand`; `kernel` is another reading of the ResNet blocks'."""
    stated = published()["networks"][task]["refiner"]
    blocks = [(kernel or stated["kernel"], 1)] * 2 * stated["blocks"]
    return [(stated["first_kernel"], 1), *blocks, (1, 1)]


@dataclass(frozen=True)
class Bounds:
    """An estimate and the values it cannot leave, in the unit of the curve's x."""

    low: float
    estimate: float
    high: float


@dataclass(frozen=True)
class Curve:
    """A published cumulative curve: x (D,) increasing, y (D,) in % of images, never decreasing."""

    x: np.ndarray
    y: np.ndarray
    x_unit: str

    def at(self, d: float) -> float:
        """% of images within d, linear between the recovered points. UserError outside the figure."""
        if not self.x[0] <= d <= self.x[-1]:
            raise UserError(f"d = {d:g} is outside the published curve, which runs from {self._span(self.x)}")
        return float(np.interp(d, self.x, self.y))

    def solve(self, percent: float) -> float:
        """The d at which the curve takes `percent`, linear between the recovered points."""
        if not self.y[0] <= percent <= self.y[-1]:
            raise UserError(f"{percent:g} % is outside the published curve, which runs from {self._span(self.y)}")
        return float(np.interp(percent, self.y, self.x))

    def mean_bounds(self, largest: float = MAX_ANGLE_DEG) -> Bounds:
        """Mean error from the curve: the integral of 1 - F over [0, largest].

        The curve is known at points only and cut at both ends. As F never decreases, `low` takes F's right
        end in each interval and lets every error beyond the cut lie just there; `high` takes the left end and
        lets them all be `largest`. `estimate` is the trapezoid rule from F(0) = 0 with nothing beyond the
        cut: it is itself a lower bound up to the curvature between points.
        """
        x = np.concatenate([[0.0], self.x])
        miss = 1 - np.concatenate([[0.0], self.y]) / 100
        step = np.diff(x)
        return Bounds(
            low=float(step @ miss[1:]),
            estimate=float(step @ (miss[1:] + miss[:-1]) / 2),
            high=float(step @ miss[:-1] + miss[-1] * (largest - x[-1])),
        )

    @staticmethod
    def _span(values: np.ndarray) -> str:
        return f"{values[0]:g} to {values[-1]:g}"


def curve_names(figure: str) -> tuple[str, ...]:
    """Conditions drawn in `figure7` or `figure9`. UserError with the valid names otherwise."""
    figures = published()["curves"]
    if figure not in figures:
        raise UserError(f"no published curves for {figure!r}: choose one of {', '.join(figures)}")
    return tuple(figures[figure]["curves"])


def published_curve(figure: str, name: str) -> Curve:
    """The curve of `figure7` (degrees) or `figure9` (pixels). UserError with the valid names otherwise."""
    names = curve_names(figure)
    if name not in names:
        raise UserError(f"no curve {name!r} in {figure}: choose one of {', '.join(names)}")
    drawn = published()["curves"][figure]
    curve = drawn["curves"][name]
    return Curve(np.array(curve["x"]), np.array(curve["y"]), drawn["x_unit"])


@dataclass(frozen=True)
class Table2Reading:
    """One row of Table 2 read on Figure 7: `d_deg` is where the curve takes the printed percentage."""

    condition: str
    printed_percent: float
    d_deg: float
    percent_at_7deg: float
    percent_at_13deg: float
    mean_error_deg: Bounds


def whole_pixel_distances(largest: float) -> np.ndarray:
    """The distances up to `largest` between points with whole coordinates, in order: 0, 1, 1.41, 2, 2.24 ..."""
    side = np.arange(int(largest) + 1)
    found = np.unique(np.hypot(*np.meshgrid(side, side)))
    return found[found <= largest]


def rises(curve: Curve) -> np.ndarray:
    """Which steps (D - 1,) between the curve's points go up."""
    return np.diff(curve.y) > 0


def table2_on_figure7() -> list[Table2Reading]:
    """Table 2 says 7 degrees; where do Figure 7's own curves take its values, and what do they read at 7?"""
    readings = []
    for condition, printed in table2().items():
        curve = published_curve("figure7", condition)
        readings.append(
            Table2Reading(condition, printed, curve.solve(printed), curve.at(7), curve.at(13), curve.mean_bounds())
        )
    return readings
