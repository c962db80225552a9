"""MPIIGaze (Zhang et al. 2015), the real eyes that section 3.1 refines towards and tests on.

`Data/Normalized/pXX/dayYY.mat` holds, for one day of one person and for either eye, `image` (N, 36, 60), `gaze`
(N, 3) and `pose` (N, 3), taken by a virtual camera (f = 960 px, 0.6 m away) that looks at the middle of the eye
and has no roll. Camera frame: x right, y down, z forward.

Left eyes have the inner corner at image left. Right eyes are mirrored to have it there too, and with the image
the signs of gaze x and of head yaw: the mirror maps x to -x and leaves y and z. The published labels carry a
scaling artefact of the normalisation of about 2 to 4 degrees (its author's own remark); they are taken as they are.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.datasets import limits
from benchmarks.datasets.eyes.geometry import HEIGHT, WIDTH
from benchmarks.datasets.loading import Batch, Broken, Loaded
from benchmarks.datasets.store import GAZE

PUBLISHED = (36, 60)  # of MPIIGaze's
WHERE = "get MPIIGaze from https://www.mpi-inf.mpg.de/mpiigaze (CC BY-NC-SA 4.0) and give the unpacked folder"


class Wanted(NamedTuple):
    """An image of the evaluation subset."""

    file: str  # as in the day's `filenames`
    side: str


@dataclass(frozen=True)
class MPIIGaze:
    """Images uint8 (n, 35, 55) as published, that is histogram-equalised; a batch is one person's day.

    persons: numbers 0 to 14, None for all. days: "odd" takes each person's first, third day and so on, "even" the
    others, so that no image of one set has a neighbour in the other. subset: "evaluation" takes the published lists,
    3,000 eyes a person. fit: "crop" takes the middle of 36x60 and keeps the virtual camera; "resize" shrinks and
    squeezes it a little.
    """

    path: Path
    persons: tuple[int, ...] | None = None
    days: Literal["all", "odd", "even"] = "all"
    subset: Literal["all", "evaluation"] = "all"
    fit: Literal["crop", "resize"] = "crop"

    @property
    def shape(self) -> tuple[int, ...]:
        return HEIGHT, WIDTH

    @property
    def dtype(self) -> str:
        return "uint8"

    def batches(self) -> list[Batch]:
        """One a day file, items (Wanted, ...) or () for all. Raises UserError for what is absent or no list."""
        normalized = self.path / "Data" / "Normalized"
        if not normalized.is_dir():
            raise UserError(f"{normalized}: not there; expected Data/Normalized/p00/day01.mat and so on; {WHERE}")
        there = sorted(folder.name for folder in normalized.glob("p[0-9][0-9]") if folder.is_dir())
        asked = there if self.persons is None else [f"p{person:02d}" for person in self.persons]
        if absent := sorted(set(asked) - set(there)):
            raise UserError(f"{normalized}: no folder of person {absent[0]}; mend `persons`, or {WHERE}")
        batches = []
        for person in asked:
            if self.subset == "evaluation":
                days = _listed(self.path / "Evaluation Subset" / "sample list for eye image" / f"{person}.txt")
            else:
                days = {day.stem: () for day in sorted((normalized / person).glob("day*.mat"))}
            taken = sorted(days)[{"all": slice(None), "odd": slice(0, None, 2), "even": slice(1, None, 2)}[self.days]]
            batches += [Batch(f"{person}/{day}.mat", days[day]) for day in taken]
        if not batches:
            raise UserError(f"{normalized}: holds no pXX/dayYY.mat; {WHERE}")
        return batches

    def load(self, batch: Batch) -> Loaded:
        """Both eyes of a day, or the listed ones; labels person, gaze, head_pitch_deg, head_yaw_deg.

        A day that cannot be used at all counts as its listed eyes, or as one where all are asked for.
        """
        sides, rejected = [], []
        try:
            day = _read(self.path / "Data" / "Normalized" / batch.name)
        except Broken as reason:
            day, rejected = None, [(name, str(reason)) for name in _names(batch)]
        for side in ("left", "right") if day else ():
            wanted = [item.file for item in batch.items if item.side == side] if batch.items else None
            if wanted == []:
                continue
            try:
                images, labels, bad = _side(day, side, wanted)
            except Broken as reason:
                rejected += [(name, str(reason)) for name in _names(batch, side)]
            else:
                sides.append((_fit(images, self.fit), labels.assign(person=batch.name[:3])))
                rejected += [(f"{batch.name} {file} {side}", why) for file, why in bad]
        if not sides:
            empty = pd.DataFrame(columns=[*GAZE, "head_pitch_deg", "head_yaw_deg"], dtype=np.float64)
            sides = [(np.zeros((0, HEIGHT, WIDTH), np.uint8), empty.assign(person=pd.Series(dtype=str)))]
        images, labels = zip(*sides, strict=True)
        return Loaded(np.concatenate(images), pd.concat(labels, ignore_index=True), rejected)

    def check(self, images: np.ndarray, labels: pd.DataFrame | None) -> None:
        """Raises UserError where the eyes look away from their labels."""
        check_sides(images, labels, self.path)


def check_sides(images: np.ndarray, labels: pd.DataFrame | None, source: Path) -> None:
    """Refuse labels whose left and right are swapped: the iris, the darkest part of an eye, follows gaze_x.

    Grey or RGB images with inner corners at image left. On Columbia's eyes the correlation is 0.5 over all head
    poses, 0.7 within one. Raises UserError where it is negative by three standard errors.
    """
    if labels is None or "gaze_x" not in labels or len(images) < 30:
        return
    grey = images if images.ndim == 3 else images.mean(-1)
    middle = grey[:, 7:28, 8:47].astype(np.float32)
    dark = middle <= np.percentile(middle, 10, axis=(1, 2), keepdims=True)
    column = (dark * np.arange(middle.shape[2])).sum((1, 2)) / dark.sum((1, 2))
    gaze_x = labels["gaze_x"].to_numpy(np.float64)
    if min(column.std(), gaze_x.std()) == 0:
        return
    correlation = float(np.corrcoef(column, gaze_x)[0, 1])
    if correlation * np.sqrt(len(images)) < -3:
        raise UserError(
            f"{source}: irises move against the labels (correlation {correlation:.2f} of the darkest pixels' column "
            "with gaze_x); mirror the images or negate the yaw of the labels"
        )


def head_angles(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rodrigues vectors (n, 3) -> pitch, yaw in degrees, each (n,), by the data set's own conversion.

    With z the head's third axis, which points into the head, pitch = asin(z_y) and yaw = atan2(z_x, z_z): the
    angles of the direction -z in which the face points, by the convention of gaze (pitch up, yaw to image left).
    """
    angle = np.linalg.norm(pose, axis=1, keepdims=True)
    x, y, z = (pose / np.maximum(angle, 1e-12)).T
    sin, versine = np.sin(angle[:, 0]), 1 - np.cos(angle[:, 0])
    axis_x, axis_y, axis_z = x * z * versine + y * sin, y * z * versine - x * sin, 1 - (x * x + y * y) * versine
    return np.degrees(np.arcsin(np.clip(axis_y, -1, 1))), np.degrees(np.arctan2(axis_x, axis_z))


def _listed(file: Path) -> dict[str, tuple[Wanted, ...]]:
    """Wanted eyes by day, from lines such as `day13/0203.jpg left`."""
    if not file.is_file():
        raise UserError(f"{file}: not there; the evaluation subset needs it, else give subset: all")
    days: dict[str, list[Wanted]] = {}
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not line.strip():
            continue
        image, _, side = line.strip().rpartition(" ")
        day, _, name = image.strip().partition("/")
        if side not in ("left", "right") or not re.fullmatch(r"day\d+", day) or not name:
            raise UserError(f"{file}, line {number}: expected `dayYY/NNNN.jpg left` or `right`, found {line.strip()!r}")
        days.setdefault(day, []).append(Wanted(name, side))
    return {day: tuple(days[day]) for day in sorted(days)}


def _names(batch: Batch, side: str | None = None) -> list[str]:
    """What a broken day, or side of one, is counted as: its listed eyes, else itself."""
    if batch.items:
        return [f"{batch.name} {item.file} {item.side}" for item in batch.items if side in (None, item.side)]
    return [batch.name if side is None else f"{batch.name} {side}"]


def _read(file: Path) -> Any:
    from scipy.io import loadmat

    if not file.is_file():
        raise Broken("no such file")
    try:
        limits.check_unpacked(file)
        return loadmat(file, struct_as_record=False, squeeze_me=True)
    except Broken:
        raise
    except Exception as error:  # scipy raises whatever a damaged byte leads to: zlib.error, TypeError, ValueError ...
        raise Broken(f"unreadable ({type(error).__name__})") from None


def _field(day: Any, side: str, name: str) -> np.ndarray:
    try:
        return np.asarray(getattr(getattr(day["data"], side), name))
    except (KeyError, AttributeError):
        raise Broken(f"lacks data.{side}.{name}") from None


def _side(day: Any, side: str, wanted: list[str] | None) -> tuple[np.ndarray, pd.DataFrame, list[tuple[str, str]]]:
    """Images (n, 36, 60), their labels, and the rejected (file, reason). Raises Broken where none can be used."""
    if "filenames" not in day:
        raise Broken("lacks filenames")
    files = [str(file) for file in np.atleast_1d(day["filenames"])]
    images, gaze, pose = (_field(day, side, name) for name in ("image", "gaze", "pose"))
    if images.size == 0:
        raise Broken("empty day")
    if images.ndim == 2:  # squeezing took the N axis of a one-image day
        images = images[None]
    if images.shape[1:] != PUBLISHED or images.dtype != np.uint8:
        raise Broken(f"images are {images.dtype} {images.shape[1:]}, not uint8 {PUBLISHED}")
    for name, values in (("gaze", np.atleast_2d(gaze)), ("pose", np.atleast_2d(pose))):
        if values.shape != (len(images), 3) or values.dtype.kind != "f":
            raise Broken(f"{name} is {values.dtype} {values.shape} for {len(images)} images")
    if len(files) != len(images):
        raise Broken(f"{len(files)} filenames for {len(images)} images")
    gaze, pose = np.atleast_2d(gaze).astype(np.float64), np.atleast_2d(pose).astype(np.float64)

    row_of = {file: row for row, file in enumerate(files)}
    rows = list(enumerate(files)) if wanted is None else [(row_of.get(file), file) for file in wanted]
    lengths = np.linalg.norm(gaze, axis=1)
    kept, bad = [], []
    for row, file in rows:
        if row is None:
            bad.append((file, "listed, but not in the day"))
        elif not np.isfinite(gaze[row]).all():
            bad.append((file, "NaN gaze"))
        elif abs(lengths[row] - 1) > 1e-2:
            bad.append((file, f"gaze of length {lengths[row]:.3g} instead of 1"))
        elif not np.isfinite(pose[row]).all():
            bad.append((file, "NaN head pose"))
        else:
            kept.append(row)
    images, gaze = images[kept], gaze[kept] / lengths[kept, None]
    pitch, yaw = head_angles(pose[kept])
    if side == "right":
        images, gaze, yaw = images[:, :, ::-1], gaze * [-1, 1, 1], -yaw
    return images, pd.DataFrame(gaze, columns=GAZE).assign(head_pitch_deg=pitch, head_yaw_deg=yaw), bad


def _fit(images: np.ndarray, fit: str) -> np.ndarray:
    """(n, 36, 60) -> (n, 35, 55)."""
    if fit == "crop":
        top, left = (PUBLISHED[0] - HEIGHT) // 2, (PUBLISHED[1] - WIDTH) // 2
        return images[:, top : top + HEIGHT, left : left + WIDTH]
    resized = [cv2.resize(np.ascontiguousarray(i), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for i in images]
    return np.stack(resized) if resized else np.zeros((0, HEIGHT, WIDTH), np.uint8)
