"""Section 3's results in one structure: all that the page, its tables and figures, and results.json are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.verdicts import Contradiction, JudgedClaim

Measures = Mapping[str, Any]  # of one refiner's images, as stage measure writes them to results/measures
Samples = Mapping[str, np.ndarray]  # condition -> images (N, H, W): uint8 eyes, or uint16 depth in mm
SampleGrids = Mapping[int, np.ndarray]  # training step -> synthetic over refined over real images, uint8 (3 H, W)


@dataclass(frozen=True)
class Domain:
    """The images of one domain as load-synthesis stored them."""

    name: str  # synthetic; real, unlabelled; test
    images: int
    persons: Mapping[str, int]  # person -> images; for an unlabelled domain counted in the store with labels
    rejected: int  # images that could not be used
    rejected_first: Sequence[Sequence[str]]  # file and reason of the first of them
    gaze: np.ndarray | None  # (N, 2), pitch and yaw in degrees; None for hands
    contact_sheet: bytes | None  # a PNG file; None on a page without pictures


@dataclass(frozen=True)
class DataDescription:
    """What the images of a task are, in words and numbers: for the banner, and listed at the page's end."""

    label: str  # as the banner calls them
    standin: bool  # whether the test's images only play the part of real ones
    synthetic: str  # what is in the simulator's role
    real: str  # what is in that of real images
    sources: Mapping[str, Any]  # data.<task> of params.yaml
    images: Mapping[str, int]  # domain -> images
    digests: Mapping[str, str]  # store -> digest
    masked: bool | None = None  # whether the stand-in's frames are masked by their labels; None for other images

    @property
    def real_name(self) -> str:
        return "stand-in real" if self.standin else "real"


@dataclass(frozen=True)
class TaskData:
    """What a task's chapter is drawn from, beside the numbers."""

    rows: pd.DataFrame  # one a test image, condition and seed: the task's identity and errors, condition, seed, image
    losses: pd.DataFrame  # one a value: stage, condition, seed, fold ("" for none), step, metric, value
    measures: Sequence[Measures]  # one a seed
    domains: Sequence[Domain]  # synthetic, real, test
    description: DataDescription
    samples: Samples = field(default_factory=dict)  # synthetic, refined: the same K images; real: M; or no pictures
    sample_grids: SampleGrids = field(default_factory=dict)  # of SimGAN's first seed; or no pictures


@dataclass(frozen=True)
class AblationData:
    """Of section 3.3's variants and the whole method; empty where params.yaml lists no variant."""

    samples: Samples = field(default_factory=dict)  # the same K refined images; synthetic: their source
    measures: Mapping[str, Sequence[Measures]] = field(default_factory=dict)  # condition -> one a seed


@dataclass(frozen=True)
class RunDescription:
    """How the run was made."""

    preset: str
    seeds: Sequence[int]
    devices: Sequence[str]  # that networks were trained on
    parameters: Mapping[str, Any]  # params.yaml, without preset, seeds and data
    selection: str  # how lambda, rates and steps were chosen


@dataclass(frozen=True)
class ReportData:
    """All that a report says. `metrics` are results.json, claims and contradictions are claims.json."""

    metrics: dict[str, Any]  # task -> condition -> metric -> value, low, high, seeds; comparisons; data; guards
    tasks: Mapping[str, TaskData]  # gaze, hand, or both
    claims: Sequence[JudgedClaim]
    contradictions: Sequence[Contradiction]
    run: RunDescription
    ablations: AblationData = field(default_factory=AblationData)
    boards: Mapping[str, Any] = field(default_factory=dict)  # task -> its part of reports/refiners/board.json
