"""Real eyes of one's own, beside section 3.1's MPIIGaze: a folder of pictures and, for labels, its manifest.csv.

Manifest columns: file (in the folder or in its images/); optional subject; pitch_deg and yaw_deg of gaze (MPIIGaze's
convention: pitch up, yaw to image left); head_pitch_deg, head_yaw_deg; mirror (1: flip, so that the inner eye corner
is at image left; labels are those of the flipped picture); crop_x, crop_y, crop_w, crop_h (pixels of the file, before
any flip). Without a manifest every jpg and png of the folder is taken, in order of name, unlabelled.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.datasets import limits
from benchmarks.datasets.eyes.geometry import HEIGHT, WIDTH, direction
from benchmarks.datasets.loading import Batch, Broken, Loaded
from benchmarks.datasets.mpiigaze import check_sides
from benchmarks.datasets.store import GAZE

ANGLES = ("pitch_deg", "yaw_deg")
HEAD = ("head_pitch_deg", "head_yaw_deg")
BOX = ("crop_x", "crop_y", "crop_w", "crop_h")
NOBODY = "unknown"  # the subject where the manifest names none
ENDINGS = {".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9", ".png": b"IEND\xaeB`\x82"}  # absent from a truncated file


@dataclass(frozen=True)
class Folder:
    """Images uint8 (n, 35, 55), with `colour` RGB (n, 35, 55, 3). Labels: person, and angles where there are any.

    subjects: None for all. half: the first or the second half of everyone's images, parted by a hash of the file's
    name, so that a set may have other images of another's persons; both eyes of a photograph, named ..._L and ..._R,
    are in the same half. head_yaw_at_most: degrees to either side; heads
    that are turned further are left out, as from renders that have none. labelled: False leaves the angles out, for a
    set that only trains the refiner.
    crop: (x, y, w, h) as fractions of the picture, after the manifest's box and flip, to give eyes the width and place
    that they have in MPIIGaze's crops; what remains is cut centrally to 55:35. equalise: the histogram's, as
    MPIIGaze's eyes are published.
    """

    path: Path
    subjects: tuple[str, ...] | None = None
    colour: bool = False
    equalise: bool = False
    crop: tuple[float, float, float, float] | None = None
    half: Literal["first", "second"] | None = None
    head_yaw_at_most: float | None = None
    labelled: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (HEIGHT, WIDTH, 3) if self.colour else (HEIGHT, WIDTH)

    @property
    def dtype(self) -> str:
        return "uint8"

    def batches(self) -> list[Batch]:
        """256 images each; an item is a manifest row as ((column, text), ...). Raises UserError for a bad manifest."""
        manifest = self.path / "manifest.csv"
        if not self.path.is_dir():
            raise UserError(f"{self.path}: no such folder; expected pictures of eyes and, for labels, manifest.csv")
        rows = _manifest(manifest) if manifest.is_file() else _pictures(self.path)
        if self.subjects is not None:
            known = {_subject(row) for row in rows}
            if absent := sorted(set(self.subjects) - known):
                raise UserError(
                    f"{self.path}: no image of subject {absent[0]!r}; it has {', '.join(sorted(known)[:8])} ..."
                )
            rows = [row for row in rows if _subject(row) in self.subjects]
        if self.half is not None:
            rows = [row for row in rows if _half(row["file"]) == self.half]
        if self.head_yaw_at_most is not None:
            if rows and HEAD[1] not in rows[0]:
                raise UserError(f"{manifest}: lacks {HEAD[1]}, by which head_yaw_at_most picks; add it, or set null")
            rows = [row for row in rows if _turned(row) <= self.head_yaw_at_most]
        if not rows:
            raise UserError(f"{self.path}: no images; expected .jpg or .png files, and some that params.yaml leaves in")
        if self.crop is not None and not _inside(self.crop, 1, 1):
            raise UserError(f"{self.path}: crop {self.crop} is not inside the picture; give fractions x, y, w, h of it")
        groups = [rows[start : start + 256] for start in range(0, len(rows), 256)]
        return [
            Batch(f"{group[0]['file']} to {group[-1]['file']}", tuple(tuple(row.items()) for row in group))
            for group in groups
        ]

    def load(self, batch: Batch) -> Loaded:
        """Images with their person and, where there are any, gaze and head angles; what is broken, by name."""
        columns = [column for column in (*ANGLES, *HEAD) if self.labelled and column in dict(batch.items[0])]
        images, persons, angles, rejected = [], [], [], []
        for item in batch.items:
            row = dict(item)
            try:
                found = [_angle(row, column) for column in columns]
                images.append(self._image(row))
            except Broken as reason:
                rejected.append((row["file"], str(reason)))
                continue
            persons.append(_subject(row))
            angles.append(found)
        labels = pd.DataFrame(
            np.array(angles, np.float64).reshape(len(images), len(columns)), columns=pd.Index(columns)
        )
        if ANGLES[0] in columns:
            labels[GAZE] = direction(*(labels.pop(column).to_numpy() for column in ANGLES))
        labels.insert(0, "person", pd.Series(persons, dtype=str))
        return Loaded(np.stack(images) if images else np.zeros((0, *self.shape), np.uint8), labels, rejected)

    def check(self, images: np.ndarray, labels: pd.DataFrame | None) -> None:
        """Raises UserError where the eyes look away from their labels."""
        check_sides(images, labels, self.path)

    def _image(self, row: dict[str, str]) -> np.ndarray:
        image = self._decode(row["file"])
        if BOX[0] in row:
            image = _cut(image, tuple(_number(row, column) for column in BOX))
        mirror = row.get("mirror", "0")
        if mirror not in ("0", "1"):
            raise Broken(f"mirror is {mirror!r}, not 0 or 1")
        if mirror == "1":
            image = image[:, ::-1]
        height, width = image.shape[:2]
        if self.crop is not None:
            x, y, w, h = self.crop
            image = _cut(image, (x * width, y * height, w * width, h * height))
            height, width = image.shape[:2]
        h, w = min(height, round(width * HEIGHT / WIDTH)), min(width, round(height * WIDTH / HEIGHT))
        image = np.ascontiguousarray(_cut(image, ((width - w) // 2, (height - h) // 2, w, h)))
        if image.shape[:2] != (HEIGHT, WIDTH):
            shrinks = w > WIDTH
            image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return _equalised(image) if self.equalise else image

    def _decode(self, name: str) -> np.ndarray:
        content = _content(limits.inside(self.path, name))
        if content is None:
            content = _content(limits.inside(self.path / "images", name))
        if content is None:
            raise Broken("no such file")
        ending = ENDINGS.get(Path(name).suffix.lower())
        if ending is None:
            raise Broken("neither .jpg nor .png")
        if ending not in content[-1024:]:  # OpenCV fills what is missing with grey, without a word to the caller
            raise Broken("truncated")
        flags = cv2.IMREAD_COLOR_RGB if self.colour else cv2.IMREAD_GRAYSCALE
        image, _ = limits.decode(content, flags)
        if image is None:
            raise Broken("not an image")
        return image


def _manifest(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream, restval="")
            rows = [dict(row) for row in table]
            columns = list(table.fieldnames or ())
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not a table of comma-separated values ({error})") from None
    if "file" not in columns:
        raise UserError(f"{file}: lacks the column `file`; it has {', '.join(columns) or 'none'}")
    for group in (ANGLES, BOX):
        given = [column for column in group if column in columns]
        if given and len(given) < len(group):
            raise UserError(f"{file}: has {given[0]} and lacks {sorted(set(group) - set(given))[0]}; give all or none")
    seen: set[str] = set()
    for row in rows:
        if row["file"] in seen:
            raise UserError(f"{file}: names {row['file']} twice; drop one row")
        seen.add(row["file"])
    known = {"file", "subject", "mirror", *ANGLES, *HEAD, *BOX}
    return [{column: text.strip() for column, text in row.items() if column in known} for row in rows]


def _pictures(path: Path) -> list[dict[str, str]]:
    return [{"file": file.name} for file in sorted(path.iterdir()) if file.suffix.lower() in ENDINGS]


def _subject(row: dict[str, str]) -> str:
    return row.get("subject") or NOBODY


def _half(file: str) -> str:
    stem = Path(file).stem
    photograph = stem.removesuffix("_L").removesuffix("_R")
    return ("first", "second")[hashlib.blake2b(photograph.encode()).digest()[0] % 2]


def _turned(row: dict[str, str]) -> float:
    """Degrees to either side; 0 where it is no number, which `load` then says."""
    try:
        return abs(_number(row, HEAD[1]))
    except Broken:
        return 0.0


def _content(file: Path) -> bytes | None:
    try:
        return limits.read(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Broken(f"unreadable ({error.strerror})") from None


def _number(row: dict[str, str], column: str) -> float:
    text = row[column]
    try:
        value = float(text or "nan")
    except ValueError:
        raise Broken(f"{column} is {text!r}, not a number") from None
    if not np.isfinite(value):
        raise Broken(f"{column} is {text or 'empty'}")
    return value


def _angle(row: dict[str, str], column: str) -> float:
    value = _number(row, column)
    if abs(value) > 90:
        raise Broken(f"{column} is {value:g}, outside [-90, 90] degrees")
    return value


def _inside(box: tuple[float, ...], width: float, height: float) -> bool:
    x, y, w, h = box
    return x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= width + 1e-6 and y + h <= height + 1e-6


def _cut(image: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    height, width = image.shape[:2]
    if not _inside(box, width, height):
        raise Broken(f"crop {' '.join(f'{value:g}' for value in box)} is not inside the image, {width} x {height}")
    left, top, right, bottom = (round(value) for value in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    if right <= left or bottom <= top:
        raise Broken("crop holds no pixel")
    return image[top:bottom, left:right]


def _equalised(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        return cv2.equalizeHist(image)
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    luma[..., 0] = cv2.equalizeHist(luma[..., 0])
    return cv2.cvtColor(luma, cv2.COLOR_YCrCb2RGB)
