"""How the tasks of section 3 show in the report: names, colours, and the tables and figures they stand beside."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks import paper
from benchmarks.evaluation import tasks
from benchmarks.report import depth
from benchmarks.report.data import DataDescription


@dataclass(frozen=True)
class ConditionStyle:
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
class PublishedColumn:
    """A column of the paper's, apart from ours: condition -> fraction, by the name of the file's column."""

    key: str
    head: str
    fractions: Mapping[str, float]


def unchanged(images: np.ndarray) -> np.ndarray:
    return images


@dataclass(frozen=True)
class Display:
    """How a task is displayed: its words, units and colours, and the paper's tables and figures that stand beside."""

    task: tasks.Task
    title: str  # of the chapter
    subject: str  # eyes or hands
    errors: tuple[str, ...]  # the columns of the rows that are drawn
    observations: str  # what each of these errors is of: test images, joints
    marks: tuple[float, ...]  # distances marked on the curves, in `unit_name`
    unit: str  # follows an error directly
    unit_name: str
    styles: Mapping[str, ConditionStyle]  # by condition, in the order of tables and legends
    metrics: Mapping[str, str]  # metric -> heading
    score: str  # the number of which the gap's share is
    clusters: str  # what the bootstrap resamples, beside seeds and images
    dependent: str  # what exact tests wrongly take for independent
    grid: np.ndarray  # (D,), the distances of the curves, in `unit_name`
    panels: tuple[Panel, ...]
    table: str  # the paper's
    table_title: str
    table_note: str
    published_columns: Callable[[], tuple[PublishedColumn, ...]]  # of the paper's table
    figure: str  # the paper's curves
    figure_note: str
    pairs_figure: str  # the paper's pictures
    published_figure: str  # the paper's curves by their name in published.json
    estimator_stage: str  # the stage whose losses are drawn
    glossary: Mapping[str, str]
    units: Mapping[str, str] = field(default_factory=dict)  # of single metrics, where not `unit`
    to_pictures: Callable[[np.ndarray], np.ndarray] = unchanged  # images (N, H, W) -> uint8, grey or RGB
    warning: Callable[[DataDescription], str] = lambda data: ""  # to be said of the data at the chapter's head
    one_cluster: bool = False  # the test has one person, or one block of frames

    def unit_of(self, metric: str) -> str:
        return self.units.get(metric, self.unit)

    def among(self, conditions: Iterable[str]) -> "Display":
        """The display of those conditions alone."""
        styles = {name: style for name, style in self.styles.items() if name in set(conditions)}
        return replace(self, task=self.task.among(tuple(styles)), styles=styles)

    def name_real_images(self, *, standin: bool) -> "Display":
        """The same display with its real images called what they are."""
        if not standin or "real" not in self.styles:
            return self
        real = self.styles["real"]
        return replace(self, styles={**self.styles, "real": replace(real, label=f"stand-in {real.label}")})

    @property
    def interval_covers(self) -> str:
        """What intervals cover beside seeds: other persons or blocks, and of a single one its images alone."""
        return f"the {self.dependent}" if self.one_cluster else self.clusters


# Okabe and Ito's palette: distinct under every common colour blindness, and in grey.
_SYNTHETIC, _REFINED, _REAL = "#D55E00", "#0072B2", "#333333"
_PHOTOGRAPHED = "#009E73"
_FEW = (4, 1.6)
_REAL_DASHES = (1, 1.4)

PHOTOGRAPHED = (
    "Positive control: the simulator's own scenes as the stand-in's webcams or depth sensor see them, with the "
    "simulator's labels. The most that changing the looks of synthetic images could win."
)


def _table2() -> tuple[PublishedColumn, ...]:
    readings = paper.table2_on_figure7()
    return (
        PublishedColumn(
            "published_within_7deg",
            "Figure 7 at 7°",
            {reading.condition: reading.percent_at_7deg / 100 for reading in readings},
        ),
        PublishedColumn(
            "published_within_13deg",
            "Figure 7 at 13°",
            {reading.condition: reading.percent_at_13deg / 100 for reading in readings},
        ),
        PublishedColumn(
            "published_table2",
            "Table 2, “d = 7”",
            {reading.condition: reading.printed_percent / 100 for reading in readings},
        ),
    )


def _table4() -> tuple[PublishedColumn, ...]:
    fractions = {condition: percent / 100 for condition, percent in paper.table4().items()}
    return (PublishedColumn("published_table4", "Table 4, “d = 5”", fractions),)


def _leak(data: DataDescription) -> str:
    if not data.masked:
        return ""
    return (
        "Real frames are masked here as in the paper: of each, only what the render fitted to its labels covers is "
        "kept. The outline of the hand that training, refiner and test see therefore comes from the labels, and "
        "tells of the pose that is to be estimated. Unmasked frames are harder; they are an option of the data."
    )


GAZE = Display(
    task=tasks.GAZE,
    title="Gaze from images of eyes",
    subject="eyes",
    errors=tasks.GAZE.errors,
    observations="test images",
    marks=(7.0, 13.0),
    unit="°",
    unit_name="degrees",
    styles={
        "synthetic": ConditionStyle("synthetic", _SYNTHETIC, _FEW),
        "synthetic_4x": ConditionStyle("synthetic 4×", _SYNTHETIC),
        "refined": ConditionStyle("refined", _REFINED, _FEW),
        "refined_4x": ConditionStyle("refined 4×", _REFINED),
        "photographed_4x": ConditionStyle("photographed 4× (positive control)", _PHOTOGRAPHED),
        "equalised_4x": ConditionStyle("equalised 4× (learns nothing)", "#CC79A7"),
        "real": ConditionStyle("real, supervised", _REAL, _REAL_DASHES),
    },
    metrics={
        "mean_error_deg": "Mean error",
        "median_error_deg": "Median error",
        "within_7deg": "Within 7°",
        "within_13deg": "Within 13°",
    },
    score="error",
    clusters="persons",
    dependent="images of one person",
    grid=np.linspace(0, 25, 126),
    panels=(Panel("", "This run:", "degrees"),),
    table="Table 2",
    table_title="Table 2, at both of its distances",
    table_note="The last one is what the paper prints for “d = 7”; its own curves take those values at 13°.",
    published_columns=_table2,
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

HAND = Display(
    task=tasks.HAND,
    title="Hand pose from depth images",
    subject="hands",
    errors=tasks.PIXELS,
    observations="joints",
    marks=(5.0,),
    unit=" px",
    unit_name="crop pixels",
    styles={
        "synthetic": ConditionStyle("synthetic", _SYNTHETIC, _FEW),
        "refined": ConditionStyle("refined", _REFINED, _FEW),
        "real": ConditionStyle("real, supervised", _REAL, _REAL_DASHES),
        "synthetic_3x": ConditionStyle("synthetic 3×", _SYNTHETIC),
        "refined_3x": ConditionStyle("refined 3×", _REFINED),
        "photographed": ConditionStyle("photographed (positive control)", _PHOTOGRAPHED, _FEW),
        "photographed_3x": ConditionStyle("photographed 3× (positive control)", _PHOTOGRAPHED),
    },
    metrics={
        "within_5px": "Joints, within 5 px",
        "within_5px_heatmap": "Joints, within 5 heat-map px",
        "within_5px_worst_joint": "Images, worst joint within 5 px",
        "mean_error_px": "Mean error",
        "mean_error_mm": "Mean error in space",
    },
    units={"mean_error_mm": " mm"},
    score="hit rate (joints within 5 px)",
    clusters="blocks of frames",
    dependent="frames of one block, joints of one image",
    grid=np.linspace(1, 10, 91),
    panels=(
        Panel("", "This run:", "crop pixels"),
        Panel("_heatmap", "This run, in heat-map pixels:", "heat-map pixels", tasks.HEAT_MAP_PIXEL),
    ),
    table="Table 4",
    table_title="Table 4, in each of its readings",
    table_note="Table 4 says “% of images within d”, and neither of which pixels nor whether of images or joints: the "
    "first three columns are its readings. The intervals cover other frames of these persons, not other persons.",
    published_columns=_table4,
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
    to_pictures=depth.coloured,
    warning=_leak,
)

DISPLAYS = {display.task.name: display for display in (GAZE, HAND)}
