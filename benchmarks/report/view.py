"""How a task of section 3 shows in the report: names, colours, and the table and figure it stands beside."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks import tasks


@dataclass(frozen=True)
class Look:
    """One condition's line: the hue says where its images come from, the dashes how many they are."""

    label: str
    color: str
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True)
class View:
    """What the page adds to a task. `grid` (D,) holds the distances of its curves, in `unit_name`.

    `unit` follows an error directly; `metrics` gives each metric's heading; `table`, `figure` and
    `pairs_figure` are the paper's, and `published_figure` names its curves; the losses drawn are those of
    `estimator_stage`.
    """

    task: tasks.Task
    title: str
    subject: str
    unit: str
    unit_name: str
    looks: Mapping[str, Look]
    metrics: Mapping[str, str]
    grid: np.ndarray
    table: str
    figure: str
    pairs_figure: str
    published_figure: str
    estimator_stage: str

    @property
    def hits(self) -> dict[float, str]:
        """Distance d -> the metric that counts errors within it."""
        return {metric.d: name for name, metric in self.task.metrics.items() if metric.d is not None}

    def named(self, *, standin: bool) -> "View":
        """The same view with its real images called what they are."""
        if not standin:
            return self
        real = self.looks["real"]
        return replace(self, looks={**self.looks, "real": replace(real, label=f"stand-in {real.label}")})


# Okabe and Ito's palette: distinct under every common colour blindness, and in grey.
_SYNTHETIC, _REFINED, _REAL = "#D55E00", "#0072B2", "#333333"
_FEW = (4, 1.6)

GAZE = View(
    task=tasks.GAZE,
    title="Gaze from images of eyes",
    subject="eyes",
    unit="°",
    unit_name="degrees",
    looks={
        "synthetic": Look("synthetic", _SYNTHETIC, _FEW),
        "synthetic_4x": Look("synthetic 4×", _SYNTHETIC),
        "refined": Look("refined", _REFINED, _FEW),
        "refined_4x": Look("refined 4×", _REFINED),
        "real": Look("real, supervised", _REAL, (1, 1.4)),
    },
    metrics={
        "mean_error_deg": "Mean error",
        "median_error_deg": "Median error",
        "within_7deg": "Within 7°",
        "within_13deg": "Within 13°",
    },
    grid=np.linspace(0, 25, 126),
    table="Table 2",
    figure="Figure 7",
    pairs_figure="Figure 5",
    published_figure="figure7",
    estimator_stage="train-gaze",
)

VIEWS = {view.task.name: view for view in (GAZE,)}
