"""The data sets of section 3 on disk: which source of params.yaml reads what, and where people get it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.core.config import (
    EyeSource,
    FolderFiles,
    HandSource,
    MPIIGazeFiles,
    NYUFiles,
    OnDisk,
    Params,
    Several,
    UnityEyesFiles,
)
from benchmarks.core.errors import UserError
from benchmarks.datasets.folder import Folder
from benchmarks.datasets.joined import Joined
from benchmarks.datasets.loading import Source
from benchmarks.datasets.mpiigaze import MPIIGaze
from benchmarks.datasets.nyu_frames import NYU
from benchmarks.datasets.unityeyes import UnityEyes

VIEWS = (0, 1, 2)  # section 3.2: one frontal and two side views; the first is the frontal one


@dataclass(frozen=True)
class DataSet:
    """What a person must know to get a data set; `marks` are files or folders of which each must be there."""

    name: str
    use: str
    licence: str
    where: str
    layout: str
    counts: str
    marks: tuple[str, ...]


CATALOGUE = {
    "unityeyes": DataSet(
        "UnityEyes (Wood et al. 2016)",
        "synthetic eyes of section 3.1",
        "research use; the generator makes the images on your machine",
        "https://www.cl.cam.ac.uk/research/rainbow/projects/unityeyes/ (Windows, Linux)",
        "imgs/1.jpg + imgs/1.json and so on, as the tool writes them",
        "the paper used 1.2 million",
        ("imgs",),
    ),
    "mpiigaze": DataSet(
        "MPIIGaze (Zhang et al. 2015)",
        "real eyes of section 3.1",
        "CC BY-NC-SA 4.0",
        "https://www.mpi-inf.mpg.de/mpiigaze",
        "Data/Normalized/p00/day01.mat and so on; Evaluation Subset/sample list for eye image/p00.txt and so on",
        "15 persons, 213,659 images",
        ("Data/Normalized/p00",),
    ),
    "nyu": DataSet(
        "NYU Hand Pose (Tompson et al. 2014)",
        "depth images of section 3.2",
        "research use",
        "https://jonathantompson.github.io/NYU_Hand_Pose_Dataset.htm",
        "train and test, each with depth_1_0000001.png, synthdepth_1_0000001.png and so on, and joint_data.mat",
        "72,757 training and 8,252 test frames in 3 views",
        ("train/joint_data.mat", "test/joint_data.mat"),
    ),
    "folder": DataSet(
        "a folder of your own",
        "real eyes",
        "yours",
        "your disk",
        "pictures, and manifest.csv (file, subject, pitch_deg, yaw_deg, mirror, crop_x ...) where they have labels",
        "any",
        (),
    ),
}


def files(source: OnDisk | Several, domain: str, size: int) -> Source:
    """The reader of a source on disk; `size` is the side of hand crops. Hands are tested in the frontal view alone."""
    if isinstance(source, Several):
        return Joined(tuple(files(part, domain, size) for part in source.parts))
    path = Path(source.path)
    if isinstance(source, UnityEyesFiles):
        return UnityEyes(path, source.count, gaze_at_most=source.gaze_at_most)
    if isinstance(source, MPIIGazeFiles):
        return MPIIGaze(path, source.persons, source.days, source.subset, source.fit)
    if isinstance(source, FolderFiles):
        parted = {"half": source.half, "head_yaw_at_most": source.head_yaw_at_most}
        return Folder(path, source.subjects, equalise=source.equalise, crop=source.crop, **parted)
    assert isinstance(source, NYUFiles)
    views = VIEWS[:1] if domain == "test" else VIEWS
    return NYU(path, source.split, source.kind, views, size, source.masked, source.count)


def on_disk(params: Params) -> Iterator[tuple[str, OnDisk]]:
    """(key of params.yaml, source) of everything that the active parameters read from disk."""
    for task, data in (("gaze", params.data.gaze), ("hand", params.data.hand)):
        for domain in ("synthetic", "real", "test"):
            source: EyeSource | HandSource = getattr(data, domain)
            for part in source.parts if isinstance(source, Several) else (source,):
                if isinstance(part, OnDisk):
                    yield f"data.{task}.{domain}", part


def absent(part: OnDisk) -> list[str]:
    """What of a source's layout is not there."""
    path = Path(part.path)
    marks = CATALOGUE[kind(part)].marks
    if not path.is_dir():
        return [f"{path}"]
    missing = [f"{path / mark}" for mark in marks if not (path / mark).exists()]
    flat = kind(part) == "unityeyes" and any(path.glob("*.json"))  # UnityEyes' files may lie in the folder itself
    return [] if flat else missing


def kind(part: OnDisk) -> str:
    return str(getattr(part, "source"))  # noqa: B009  # each source on disk declares its own literal


def require(params: Params) -> None:
    """Raises UserError that names every data set which the parameters want and the disk lacks, and where to get it."""
    lacking: dict[str, list[str]] = {}
    for key, part in on_disk(params):
        if missing := absent(part):
            lacking.setdefault(kind(part), []).append(f"{key} wants {missing[0]}")
    if lacking:
        parts = [
            f"{CATALOGUE[name].name}: {', '.join(wants)}; expected {CATALOGUE[name].layout}; get it from "
            f"{CATALOGUE[name].where}"
            for name, wants in lacking.items()
        ]
        mend = "`python -m benchmarks doctor` tells more; `python -m benchmarks preset embedded` needs no data set"
        raise UserError("\n  ".join([f"preset {params.preset}: data sets are missing", *parts, mend]))
