"""How the tasks of section 3 show in the report: names, colours, and the tables and figures they stand beside."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks import paper
from benchmarks.evaluation import tasks
from benchmarks.report import depth


@dataclass(frozen=True)
class Look:
    """One condition's line: the hue says where its images come from, the dashes how many they are."""

    label: str
    color: str
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One drawing of this run's curves: `scale` errors' units are one of `unit_name`."""

    suffix: str
    title: str
    unit_name: str
    scale: float = 1.0


@dataclass(frozen=True)
class Published:
    """A column of the paper's, apart from ours: condition -> fraction, by the name of the file's column."""

    key: str
    head: str
    fractions: Mapping[str, float]


def as_they_are(images: np.ndarray) -> np.ndarray:
    return images


@dataclass(frozen=True)
class View:
    """What the page adds to a task. `grid` (D,) holds the distances of its curves, in `unit_name`.

    `errors` are the columns drawn, of `counted` things each; `marks` are the distances marked on the curves. `unit`
    follows an error directly, `units` that of single metrics; `metrics` gives each metric's heading; `scored` says
    of which number the gap's share is. The bootstrap resamples `resampled`; `alike` are what exact tests wrongly take
    for independent. `table`, `figure` and `pairs_figure` are the paper's, and `published_figure` names its curves;
    the losses drawn are those of `estimator_stage`. `pictures` makes images (N, H, W) uint8, grey or RGB. `warning`
    gives what must be said of the data at the chapter's head, or nothing.
    """

    task: tasks.Task
    title: str
    subject: str
    errors: tuple[str, ...]
    counted: str
    marks: tuple[float, ...]
    unit: str
    unit_name: str
    looks: Mapping[str, Look]
    metrics: Mapping[str, str]
    scored: str
    resampled: str
    alike: str
    grid: np.ndarray
    panels: tuple[Panel, ...]
    table: str
    table_title: str
    table_note: str
    published: Callable[[], tuple[Published, ...]]
    figure: str
    figure_note: str
    pairs_figure: str
    published_figure: str
    estimator_stage: str
    glossary: Mapping[str, str]
    units: Mapping[str, str] = field(default_factory=dict)
    pictures: Callable[[np.ndarray], np.ndarray] = as_they_are
    warning: Callable[[Mapping[str, Any]], str] = lambda data: ""
    single: bool = False  # the test has one person, or one block of frames

    def unit_of(self, metric: str) -> str:
        return self.units.get(metric, self.unit)

    def among(self, conditions: Iterable[str]) -> "View":
        """The view of those conditions alone."""
        looks = {name: look for name, look in self.looks.items() if name in set(conditions)}
        return replace(self, task=self.task.among(tuple(looks)), looks=looks)

    def named(self, *, standin: bool) -> "View":
        """The same view with its real images called what they are."""
        if not standin or "real" not in self.looks:
            return self
        real = self.looks["real"]
        return replace(self, looks={**self.looks, "real": replace(real, label=f"stand-in {real.label}")})

    @property
    def covered(self) -> str:
        """What intervals cover beside seeds: other persons or blocks, and of a single one its images alone."""
        return f"the {self.alike}" if self.single else self.resampled


# Okabe and Ito's palette: distinct under every common colour blindness, and in grey.
_SYNTHETIC, _REFINED, _REAL = "#D55E00", "#0072B2", "#333333"
_PHOTOGRAPHED = "#009E73"
_FEW = (4, 1.6)
_REAL_DASHES = (1, 1.4)

PHOTOGRAPHED = (
    "Positive control: the simulator's own scenes as the stand-in's webcams or depth sensor see them, with the "
    "simulator's labels. The most that changing the looks of synthetic images could win."
)


def _table2() -> tuple[Published, ...]:
    readings = paper.table2_on_figure7()
    return (
        Published(
            "published_within_7deg",
            "Figure 7 at 7°",
            {reading.condition: reading.percent_at_7deg / 100 for reading in readings},
        ),
        Published(
            "published_within_13deg",
            "Figure 7 at 13°",
            {reading.condition: reading.percent_at_13deg / 100 for reading in readings},
        ),
        Published(
            "published_table2",
            "Table 2, “d = 7”",
            {reading.condition: reading.printed_percent / 100 for reading in readings},
        ),
    )


def _table4() -> tuple[Published, ...]:
    fractions = {condition: percent / 100 for condition, percent in paper.table4().items()}
    return (Published("published_table4", "Table 4, “d = 5”", fractions),)


def _leak(data: Mapping[str, Any]) -> str:
    if not data.get("masked"):
        return ""
    return (
        "Real frames are masked here as in the paper: of each, only what the render fitted to its labels covers is "
        "kept. The outline of the hand that training, refiner and test see therefore comes from the labels, and "
        "tells of the pose that is to be estimated. Unmasked frames are harder; they are an option of the data."
    )


GAZE = View(
    task=tasks.GAZE,
    title="Gaze from images of eyes",
    subject="eyes",
    errors=tasks.GAZE.errors,
    counted="test images",
    marks=(7.0, 13.0),
    unit="°",
    unit_name="degrees",
    looks={
        "synthetic": Look("synthetic", _SYNTHETIC, _FEW),
        "synthetic_4x": Look("synthetic 4×", _SYNTHETIC),
        "refined": Look("refined", _REFINED, _FEW),
        "refined_4x": Look("refined 4×", _REFINED),
        "photographed_4x": Look("photographed 4× (positive control)", _PHOTOGRAPHED),
        "equalised_4x": Look("equalised 4× (learns nothing)", "#CC79A7"),
        "real": Look("real, supervised", _REAL, _REAL_DASHES),
    },
    metrics={
        "mean_error_deg": "Mean error",
        "median_error_deg": "Median error",
        "within_7deg": "Within 7°",
        "within_13deg": "Within 13°",
    },
    scored="error",
    resampled="persons",
    alike="images of one person",
    grid=np.linspace(0, 25, 126),
    panels=(Panel("", "This run:", "degrees"),),
    table="Table 2",
    table_title="Table 2, at both of its distances",
    table_note="The last one is what the paper prints for “d = 7”; its own curves take those values at 13°.",
    published=_table2,
    figure="Figure 7",
    figure_note="It has no supervised line.",
    pairs_figure="Figure 5",
    published_figure="figure7",
    estimator_stage="train-gaze",
    glossary={
        "4×": "Trained on the whole synthetic set; without it, on a quarter (Table 2's rows).",
        "seen, unseen": "Test persons of whom the refiner saw other images, without labels, as in the paper; and "
        "persons of whom nothing saw any image. All numbers are of seen persons unless they say otherwise.",
        "photographed": PHOTOGRAPHED,
        "equalised": "A rival that learns nothing: the synthetic images after histogram equalisation.",
        "further seeds": "CNNs on unrefined synthetic images need no refiner, so that more of them are cheap: these "
        "rows can have more seeds than others, at 1× and at 4× (estimators.gaze.further_seeds).",
        "error": "Angle between the true and the estimated direction of gaze, in degrees, for one test image.",
        "mean, median error": "Of the test images' errors, for each seed; then the mean over seeds.",
    },
)

HAND = View(
    task=tasks.HAND,
    title="Hand pose from depth images",
    subject="hands",
    errors=tasks.PIXELS,
    counted="joints",
    marks=(5.0,),
    unit=" px",
    unit_name="crop pixels",
    looks={
        "synthetic": Look("synthetic", _SYNTHETIC, _FEW),
        "refined": Look("refined", _REFINED, _FEW),
        "real": Look("real, supervised", _REAL, _REAL_DASHES),
        "synthetic_3x": Look("synthetic 3×", _SYNTHETIC),
        "refined_3x": Look("refined 3×", _REFINED),
        "photographed": Look("photographed (positive control)", _PHOTOGRAPHED, _FEW),
        "photographed_3x": Look("photographed 3× (positive control)", _PHOTOGRAPHED),
    },
    metrics={
        "within_5px": "Joints, within 5 px",
        "within_5px_heatmap": "Joints, within 5 heat-map px",
        "within_5px_worst_joint": "Images, worst joint within 5 px",
        "mean_error_px": "Mean error",
        "mean_error_mm": "Mean error in space",
    },
    units={"mean_error_mm": " mm"},
    scored="hit rate (joints within 5 px)",
    resampled="blocks of frames",
    alike="frames of one block, joints of one image",
    grid=np.linspace(1, 10, 91),
    panels=(
        Panel("", "This run:", "crop pixels"),
        Panel("_heatmap", "This run, in heat-map pixels:", "heat-map pixels", tasks.HEAT_MAP_PIXEL),
    ),
    table="Table 4",
    table_title="Table 4, in each of its readings",
    table_note="Table 4 says “% of images within d”, and neither of which pixels nor whether of images or joints: the "
    "first three columns are its readings. The intervals cover other frames of these persons, not other persons.",
    published=_table4,
    figure="Figure 9",
    figure_note="Of which pixels it does not say.",
    pairs_figure="Figure 8",
    published_figure="figure9",
    estimator_stage="train-hand",
    glossary={
        "photographed": PHOTOGRAPHED,
        "3×": "Trained on the images of all three views; without it, on the frontal view's (Table 4's rows).",
        "joint's error": "Distance between the true and the estimated place of one of NYU's 14 joints in one test "
        "image, in crop pixels, or in space in mm with the depth that the image has at the estimated place.",
        "crop pixel": "Of the 224 x 224 crop of a hand, 300 mm wide: 1.34 mm at the palm. Errors in smaller crops are "
        "scaled to it.",
        "heat-map pixel": "Of the estimator's output, 64 wide: 3.5 crop pixels.",
        "worst joint": "An image counts only if each of its joints is within d.",
        "block of frames": "At most 400 consecutive frames of one sequence, in which poses follow from one another.",
    },
    pictures=depth.coloured,
    warning=_leak,
)

VIEWS = {view.task.name: view for view in (GAZE, HAND)}
