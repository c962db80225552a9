"""params.yaml, strictly: every key known, present, of its type and in its range."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from benchmarks.core.errors import UserError
from benchmarks.core.rivals import Refiners, Section

Positive = Annotated[int, Field(gt=0)]
Angle = Annotated[float, Field(ge=0, le=90)]  # degrees
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Schedule = Literal["constant", "linear", "cosine"]  # benchmarks/training/schedules.py
Control = Literal["photographed", "equalised"]  # benchmarks/stages/control.py
Variant = Literal["without_history", "global_discriminator", "neither"]
VARIANTS: dict[str, dict[str, Any]] = {  # section 3.3: what each takes from simgan.gaze
    "without_history": {"history": 0},
    "global_discriminator": {"discriminator": "global"},
    "neither": {"history": 0, "discriminator": "global"},
}
UNREFINED = ("synthetic", "synthetic_4x")  # gaze: need no refiner, and scatter most from seed to seed

FIGURE6 = {"seeds": True, "compute": True, "simgan": {"gaze"}, "data": {"gaze"}}  # what decides that experiment


class Compute(Section):
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Positive | None
    precision: Literal["float32", "bfloat16"]
    compiled: bool


class Simulator(Section):
    source: Literal["simulator"]
    count: Positive
    seed: Count


class Camera(Section):
    source: Literal["camera"]
    count: Positive
    seed: Count
    persons: tuple[Annotated[int, Field(ge=0, le=119)], ...] = Field(min_length=1)


class OnDisk(Section):
    """Files that load-synthesis turns into a store; `path` is relative to the repository's root."""

    path: Annotated[str, Field(min_length=1)]
    rejected_at_most: Annotated[float, Field(ge=0, lt=1)]


class UnityEyesFiles(OnDisk):
    source: Literal["unityeyes"]
    count: Positive | None
    gaze_at_most: tuple[Angle, Angle] | None  # pitch, yaw in degrees; what looks further is left out


class MPIIGazeFiles(OnDisk):
    source: Literal["mpiigaze"]
    persons: tuple[Annotated[int, Field(ge=0, le=14)], ...] | None
    days: Literal["all", "odd", "even"]
    subset: Literal["all", "evaluation"]
    fit: Literal["crop", "resize"]


class FolderFiles(OnDisk):
    source: Literal["folder"]
    subjects: tuple[str, ...] | None
    half: Literal["first", "second"] | None
    head_yaw_at_most: Angle | None
    equalise: bool
    crop: tuple[float, float, float, float] | None


EyeFiles = Annotated[UnityEyesFiles | MPIIGazeFiles | FolderFiles, Field(discriminator="source")]


class Several(Section):
    source: Literal["several"]
    parts: tuple[EyeFiles, ...] = Field(min_length=1)


EyeSource = Annotated[
    Simulator | Camera | UnityEyesFiles | MPIIGazeFiles | FolderFiles | Several, Field(discriminator="source")
]


class Kinect(Section):
    source: Literal["camera"]
    count: Positive
    seed: Count
    persons: tuple[Annotated[int, Field(ge=0, le=1)], ...] = Field(min_length=1)
    masked: bool


class NYUFiles(OnDisk):
    source: Literal["nyu"]
    split: Literal["train", "test"]
    kind: Literal["synthetic", "real"]
    count: Positive | None
    masked: bool


HandSource = Annotated[Simulator | Kinect | NYUFiles, Field(discriminator="source")]


class GazeData(Section):
    synthetic: EyeSource
    real: EyeSource
    test: EyeSource

    @model_validator(mode="after")
    def _test_images_are_in_no_training(self) -> Self:
        """Persons may be in both sets, as in the paper; images may not."""
        pairs = [(real, test) for real in _parts(self.real) for test in _parts(self.test)]
        key = next(filter(None, (_shared(*pair) for pair in pairs)), "")
        if key:
            raise PydanticCustomError(
                "shared_images",
                "data.gaze.real and data.gaze.test share images of the same persons; a test image is in no training: "
                "give {key} another value in one of them{halves}",
                {"key": key, "halves": HALVES.get(key, "")},
            )
        return self


HALVES = {"days": " (odd in one, even in the other)", "half": " (first in one, second in the other)"}


def _parts(source: EyeSource) -> tuple[EyeSource, ...]:
    return source.parts if isinstance(source, Several) else (source,)


def _shared(real: EyeSource, test: EyeSource) -> str:
    """The key by which two sources would have to differ, for they share images; none where they do not."""
    if isinstance(real, Camera) and isinstance(test, Camera):
        return "seed" if {*real.persons} & {*test.persons} and real.seed == test.seed else ""
    if not (isinstance(real, OnDisk) and isinstance(test, OnDisk)):
        return ""
    if Path(real.path).resolve() != Path(test.path).resolve():
        return ""
    if isinstance(real, MPIIGazeFiles) and isinstance(test, MPIIGazeFiles):
        everybody = range(15)
        shared = {*(real.persons or everybody)} & {*(test.persons or everybody)}
        return "days" if shared and {real.days, test.days} != {"odd", "even"} else ""
    if isinstance(real, FolderFiles) and isinstance(test, FolderFiles):
        shared = real.subjects is None or test.subjects is None or {*real.subjects} & {*test.subjects}
        return "half" if shared and {real.half, test.half} != {"first", "second"} else ""
    return ""


class HandData(Section):
    size: Annotated[int, Field(ge=32)]
    synthetic: HandSource
    real: HandSource
    test: HandSource


class SimGANParams(Section):
    features: Positive
    blocks: Positive
    kernel: Positive
    padding: Literal["reflect", "zeros"]
    discriminator: Literal["local", "global"]
    discriminator_layers: Literal["gaze", "hand"]
    discriminator_width: Rate
    lam: Annotated[float, Field(ge=0)]
    psi: Literal["identity", "channel_mean", "derivatives", "convolutional"]
    optimizer: Literal["sgd", "adam"]
    lr: Rate
    lr_drops: tuple[tuple[Count, Rate], ...]
    schedule: Schedule
    batch: Annotated[int, Field(ge=2)]
    history: Count
    k_d: Positive
    k_g: Positive
    refiner_pretraining: Count
    discriminator_pretraining: Count
    iterations: Count
    log_every: Positive
    sample_every: Positive


class GazeSimGANParams(SimGANParams):
    lam_global: Annotated[float, Field(ge=0)]

    def varied(self, variant: str) -> Self:
        """Without the part of the method that an ablation takes away.

        A global D has a lambda of its own: its loss is one term, the local one's a sum over patches.
        """
        changed = VARIANTS[variant]
        lam = {"lam": self.lam_global} if changed.get("discriminator") == "global" else {}
        return self.model_copy(update=changed | lam)


class GazeCNNParams(Section):
    fc9600: Literal["layer", "flattening"]
    width: Rate
    hidden: Positive
    optimizer: Literal["sgd", "adam"]
    lr: Rate
    schedule: Schedule
    batch: Positive
    max_steps: Positive
    validate_every: Positive
    patience: Positive
    validation_share: Annotated[float, Field(gt=0, lt=1)]
    validation_images: Positive
    further_seeds: Count
    share_1x: Share
    log_every: Positive


class HourglassParams(Section):
    stacks: Positive
    features: Annotated[int, Field(ge=4)]
    depth: Positive
    side: Annotated[int, Field(ge=8)]
    sigma: Rate
    rotation_deg: Annotated[float, Field(ge=0)]
    optimizer: Literal["sgd", "adam"]
    lr: Rate
    schedule: Schedule
    batch: Positive
    max_steps: Positive
    validate_every: Positive
    patience: Positive
    validation_share: Annotated[float, Field(gt=0, lt=1)]
    validation_images: Positive
    log_every: Positive


class BaselineParams(Section):
    images: Positive
    cnn_steps: Positive


class Evaluation(Section):
    resamples: Annotated[int, Field(ge=100)]
    seed: Count


class Data(Section):
    gaze: GazeData
    hand: HandData


class SimGANs(Section):
    gaze: GazeSimGANParams
    hand: SimGANParams


class Estimators(Section):
    gaze: GazeCNNParams
    hand: HourglassParams
    baselines: BaselineParams


class Supervised(Section):
    gaze: tuple[Literal["real"], ...]
    hand: tuple[Literal["real"], ...]
    folds: Positive


class Controls(Section):
    gaze: tuple[Control, ...]
    hand: tuple[Literal["photographed"], ...]


class Params(Section):
    preset: str
    seeds: tuple[Count, ...] = Field(min_length=1)
    supervised: Supervised
    controls: Controls
    ablations: tuple[Variant, ...]
    compute: Compute
    data: Data
    simgan: SimGANs
    estimators: Estimators
    refiners: Refiners
    evaluation: Evaluation

    def seeds_of(self, task: str, condition: str) -> tuple[int, ...]:
        """`seeds`; of gaze CNNs on unrefined synthetic images also the next numbers, as many as `further_seeds`."""
        if task != "gaze" or condition not in UNREFINED:
            return self.seeds
        start = max(self.seeds) + 1
        return (*self.seeds, *range(start, start + self.estimators.gaze.further_seeds))


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file. Raises UserError that names the file, the key and the mend."""
    return check(read_yaml(path), path)


def read_yaml(path: Path) -> Any:
    """YAML 1.2, so that 1e-3 is a number as it is for DVC. Raises UserError."""
    try:
        return YAML(typ="safe", pure=True).load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the repository's root") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def check(values: Any, path: Path) -> Params:
    """Plain YAML values -> Params. Raises UserError with the first faults, each with its full key, in one line."""
    try:
        return Params.model_validate(_tuples(values))
    except ValidationError as error:
        unknown_first = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        faults = [_describe(fault) for fault in unknown_first]
        more = [f"and {len(faults) - 4} more"] if len(faults) > 4 else []
        raise UserError(f"{path}: " + "; ".join(faults[:4] + more)) from None


def _tuples(values: Any) -> Any:
    """Lists become tuples: strict mode takes no list for a frozen field."""
    if isinstance(values, dict):
        return {key: _tuples(value) for key, value in values.items()}
    return tuple(map(_tuples, values)) if isinstance(values, list) else values


def _describe(fault: Any) -> str:
    path, known = _resolve(fault["loc"])
    key = ".".join(path) or "the file"
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.4)
        return f"{key}: unknown key" + (f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}")
    if fault["type"] == "missing":
        return f"{key}: missing; add it (benchmarks/presets/paper.yaml shows every key)"
    if fault["type"] == "union_tag_invalid":
        return f"{key}.source: must be one of {fault['ctx']['expected_tags']}, got {fault['ctx']['tag']!r}"
    if fault["type"] == "shared_images":
        return fault["msg"]
    rule = fault["msg"].replace("Input should be", "must be").replace("a valid ", "of type ")
    return f"{key}: {rule}, got {fault['input']!r}"


def _resolve(location: Iterable[Any]) -> tuple[list[str], list[str]]:
    """pydantic's location -> the key's path in the file, and the keys known beside it."""
    path: list[str] = []
    known: list[str] = []
    node: Any = Params
    for part in map(str, location):
        tagged = [m for m in get_args(node) if part in get_args(_fields(m).get("source"))]
        if tagged:  # the tag of a union of sources is no key of the file
            node = tagged[0]
            continue
        known = sorted(_fields(node))
        node = _fields(node).get(part)
        path.append(part)
    return path, known


def _fields(model: Any) -> dict[str, Any]:
    """A section's keys with their types; nothing for anything else."""
    return {name: field.annotation for name, field in getattr(model, "model_fields", {}).items()}
