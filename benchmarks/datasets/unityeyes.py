"""UnityEyes (Wood et al. 2016), the synthetic eyes of section 3.1: `<i>.jpg` + `<i>.json`, cropped to 35x55.

Scale: the iris becomes 17 pixels wide, as in MPIIGaze's crops (measured there: 16 to 19). Its long axis does not
shorten when head or eye turn, so that, as before MPIIGaze's camera at a fixed distance, a turned head's eye is
narrower; scaling by the distance of the eye's corners would enlarge such eyes by up to a half.
Centre: midway between the two corners, the end of the caruncle and the outer end of the lid margin, at pixel (27, 19),
as in MPIIGaze's crops (by eye there: rows 18 to 20).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.datasets import limits
from benchmarks.datasets.loading import Batch, Broken, Loaded

HEIGHT, WIDTH = 35, 55
IRIS = 17  # width of the iris in crop pixels
BELOW = 2  # crop pixels from the crop's centre down to the corners' midpoint
BATCH = 1024
LANDMARKS = {"interior_margin_2d": 16, "iris_2d": 32, "caruncle_2d": 7}
POINTS = sum(LANDMARKS.values())
LID, RIM, CARUNCLE = slice(0, 16), slice(16, 48), slice(48, 55)  # the same in one array
OUTER = 8  # end of the lid margin, which begins at the inner corner and goes over the upper lid first
NUMBERS = 3 * POINTS + 4 + 3  # with look_vec and head_pose
FEWEST = 10  # images whose correlation means something
SCALES = {  # decoding at 1/1, 1/2, 1/4 and 1/8, grey or colour
    False: (cv2.IMREAD_GRAYSCALE, *(getattr(cv2, f"IMREAD_REDUCED_GRAYSCALE_{n}") for n in (2, 4, 8))),
    True: (cv2.IMREAD_COLOR, *(getattr(cv2, f"IMREAD_REDUCED_COLOR_{n}") for n in (2, 4, 8))),
}


@dataclass(frozen=True)
class UnityEyes:
    """The first `count` pairs by number (None: all) of a folder, or of the folder `imgs` in it.

    gaze_at_most: of those, only eyes that look at most so far up or down (pitch) and aside (yaw), in degrees.
    """

    path: Path
    count: int | None = None
    colour: bool = False
    gaze_at_most: tuple[float, float] | None = None
    dtype: str = "uint8"

    @property
    def shape(self) -> tuple[int, ...]:
        return (HEIGHT, WIDTH, 3) if self.colour else (HEIGHT, WIDTH)

    @property
    def folder(self) -> Path:
        inner = self.path / "imgs"
        return inner if inner.is_dir() else self.path

    def batches(self) -> Sequence[Batch]:
        """Numbers of the pairs, also where one file of the two is missing. Raises UserError."""
        expected = "expected <i>.jpg and <i>.json as UnityEyes writes them, here or in imgs/"
        if not self.folder.is_dir():
            raise UserError(f"{self.path}: no such folder; {expected}")
        stems = list({file.stem for file in self.folder.iterdir() if file.suffix in (".jpg", ".json")})
        if not stems:
            raise UserError(f"{self.path}: no eyes in this folder; {expected}")
        if self.count is not None and len(stems) < self.count:
            raise UserError(f"{self.path}: holds {len(stems)} eyes, not {self.count}; render more or ask for fewer")
        stems.sort()
        stems.sort(key=len)  # 2 before 10
        stems = stems[: self.count]
        parts = [tuple(stems[start : start + BATCH]) for start in range(0, len(stems), BATCH)]
        return [Batch(f"{part[0]} to {part[-1]}", part) for part in parts]

    def load(self, batch: Batch) -> Loaded:
        """Crops with gaze, head pose and landmarks; broken pairs are left out by name."""
        folder, rejected = self.folder, []
        stems, rows = [], []
        for stem in batch.items:
            try:
                rows.append(describe(folder, f"{stem}.json"))
                stems.append(stem)
            except Broken as broken:
                rejected.append(broken.args)
        numbers = np.reshape(rows, (-1, NUMBERS))
        points = numbers[:, : 3 * POINTS].reshape(-1, POINTS, 3)[..., :2]
        images, boxes, kept = np.empty((len(stems), *self.shape), np.uint8), np.empty((len(stems), 5)), []
        for i, (stem, view) in enumerate(zip(stems, views(points).tolist(), strict=True)):
            try:
                boxes[i] = self._crop(folder, f"{stem}.jpg", *view, out=images[i])
                kept.append(i)
            except Broken as broken:
                rejected.append(broken.args)
        images, labels = images[kept], table(in_crop(points[kept], boxes[kept]), numbers[kept, 3 * POINTS :])
        turned = (labels["lid_00_x"] > labels["lid_08_x"]).to_numpy()
        if turned.any():
            images[turned] = images[turned, :, ::-1]
            mirror(labels, turned)
        if self.gaze_at_most is not None:
            near = _within(labels, *self.gaze_at_most)
            images, labels = images[near], labels.loc[near].reset_index(drop=True)
        return Loaded(images, labels, rejected)

    def _crop(self, folder: Path, name: str, width: float, x: float, y: float, out: np.ndarray) -> tuple[int, ...]:
        """Puts the area-averaged eye into `out`; returns (left, top, width, height of the crop, image height)."""
        if not width >= WIDTH:
            raise Broken(name, f"its iris is {IRIS * width / WIDTH:.0f} pixels wide; {IRIS} are needed")
        power = max(p for p in range(4) if p == 0 or width >= 2 * WIDTH << p)  # 2x2 pixels or more for each
        part = 1 << power
        image, full = self._decode(folder, name, power)
        columns, rows = round(width / part), round(width / WIDTH * HEIGHT / part)
        left, top = round(x / part - columns / 2), round((full - y) / part - rows / 2)
        if left < 0 or top < 0 or top + rows > image.shape[0] or left + columns > image.shape[1]:
            raise Broken(name, "its landmarks ask for a crop that reaches out of the image")
        eye = image[top : top + rows, left : left + columns]
        eye = cv2.resize(eye, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        out[:] = eye[..., ::-1] if self.colour else eye
        return left * part, top * part, columns * part, rows * part, full

    def _decode(self, folder: Path, name: str, power: int) -> tuple[np.ndarray, int]:
        """The image, BGR or grey, at 1 / 2^power, and its height at full scale."""
        data = content(folder, name)
        if not data.startswith(b"\xff\xd8"):
            raise Broken(name, "not a JPEG image")
        if not data.rstrip(b"\0").endswith(b"\xff\xd9"):  # the decoder would fill the rest with grey
            raise Broken(name, "truncated image")
        try:
            image, full = limits.decode(data, SCALES[self.colour][power])
        except Broken as reason:
            raise Broken(name, str(reason)) from None
        if image is None:
            raise Broken(name, "not a readable JPEG image")
        return image, full

    def check(self, images: np.ndarray, labels: pd.DataFrame | None) -> None:
        """Raises UserError unless irises lie where the labels look: to the right and below for x and y > 0."""
        if labels is None or len(labels) < FEWEST:
            return
        for axis in "xy":
            lid = np.mean([labels[f"lid_{k:02d}_{axis}"] for k in range(16)], axis=0)
            correlation = np.corrcoef(labels[f"pupil_{axis}"] - lid, labels[f"gaze_{axis}"])[0, 1]
            if correlation < 0:
                raise UserError(
                    f"{self.path}: irises lie opposite to look_vec in {axis} (correlation {correlation:.2f} over "
                    f"{len(labels)} images); landmarks or look_vec are not in UnityEyes' frame: render the set again"
                )


def describe(folder: Path, name: str) -> list[float]:
    """The numbers of all landmarks (x, y, depth; pixels from the bottom left), of look_vec (4) and head_pose (3)."""
    try:
        values = json.loads(content(folder, name))
        vectors = []
        for key, count in LANDMARKS.items():
            if len(values[key]) != count:
                raise Broken(name, f"{key} has {len(values[key])} points instead of {count}")
            vectors += values[key]
        text = ",".join([*vectors, values["eye_details"]["look_vec"], values["head_pose"]])
    except KeyError as error:
        raise Broken(name, f"has no {error.args[0]}") from None
    except ValueError:
        raise Broken(name, "not valid JSON") from None
    except (TypeError, RecursionError):
        raise Broken(name, "not what UnityEyes writes") from None
    try:
        numbers = json.loads(f"[{text}]".replace("(", "").replace(")", ""))
        finite, length = math.isfinite(sum(numbers)), math.hypot(*numbers[-7:-4])
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise Broken(name, "a vector is not made of numbers") from None
    if len(numbers) != NUMBERS:
        raise Broken(name, "a vector has too few or too many numbers")
    if not finite:
        raise Broken(name, "NaN or infinity in a vector")
    if abs(length - 1) > 0.01:
        raise Broken(name, f"look_vec has length {length:.3f} instead of 1")
    return numbers


def content(folder: Path, name: str) -> bytes:
    """The bytes of one of a pair of files. Raises Broken when it is absent, empty or unreadable."""
    try:
        data = limits.read(f"{folder}/{name}")
    except FileNotFoundError:
        stem, kind = name.rsplit(".", 1)
        raise Broken(f"{stem}.{'jpg' if kind == 'json' else 'json'}", f"no {name} beside it") from None
    except OSError as error:
        raise Broken(name, f"unreadable ({error.strerror})") from None
    except Broken as reason:
        raise Broken(name, str(reason)) from None
    if not data:
        raise Broken(name, "empty file")
    return data


def views(points: np.ndarray) -> np.ndarray:
    """What to crop, (n, 3): its width and the place of its centre, from landmarks (n, 55, 2), all in their pixels."""
    rim, outer, caruncle = points[:, RIM], points[:, OUTER, None], points[:, CARUNCLE]
    width = np.linalg.norm(rim[:, :16] - rim[:, 16:], axis=2).max(1) * WIDTH / IRIS
    end = np.linalg.norm(caruncle - outer, axis=2).argmax(1)
    centre = (outer[:, 0] + caruncle[np.arange(len(end)), end]) / 2
    centre[:, 1] += BELOW * width / WIDTH
    return np.column_stack([width, centre])


def in_crop(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Landmarks (n, 55, 2), x and y from the original's bottom left -> crop pixels, columns and rows.

    UnityEyes counts from the image's edge, crop pixels have integer centres.
    """
    left, top, width, height, full = boxes.T[..., None]
    columns = (points[..., 0] - left) * WIDTH / width - 0.5
    rows = (full - points[..., 1] - top) * HEIGHT / height - 0.5
    return np.stack([columns, rows], -1)


def table(points: np.ndarray, vectors: np.ndarray) -> pd.DataFrame:
    """The store's labels from landmarks in the crop (n, 55, 2) and look_vec with head_pose (n, 7).

    UnityEyes' camera frame has y up, MPIIGaze's y down. `head_pose` turns the camera about a head that looks along
    z (Unity's order: yaw, then pitch; 180 degrees of yaw are frontal): the labels are the angles of the head's
    direction seen from the camera. A camera from below (pitch < 0) sees a raised head (head_pitch_deg > 0), one from
    the nose's side (yaw > 180) a head turned to image right (head_yaw_deg < 0).
    """
    gaze = vectors[:, :3] * (1, -1, 1) / np.linalg.norm(vectors[:, :3], axis=1, keepdims=True)
    pitch, yaw = np.radians(vectors[:, 4:6]).T
    columns: dict[str, object] = {"person": ["simulator"] * len(points)}
    columns |= {f"gaze_{axis}": gaze[:, i] for i, axis in enumerate("xyz")}
    columns["head_pitch_deg"] = np.degrees(np.arcsin(np.cos(yaw) * np.sin(pitch)))
    columns["head_yaw_deg"] = np.degrees(np.arctan2(np.sin(yaw), -np.cos(yaw) * np.cos(pitch)))
    points = points.astype(np.float32)
    columns |= {f"pupil_{axis}": points[:, RIM, i].mean(1) for i, axis in enumerate("xy")}
    for name, where in (("iris", RIM), ("lid", LID)):
        for k, point in enumerate(np.moveaxis(points[:, where], 1, 0)):
            columns |= {f"{name}_{k:02d}_{axis}": point[:, i] for i, axis in enumerate("xy")}
    return pd.DataFrame(columns)


def _within(labels: pd.DataFrame, pitch: float, yaw: float) -> np.ndarray:
    """Of each row, whether its gaze is at most so many degrees up or down and aside."""
    x, y, z = (labels[f"gaze_{axis}"].to_numpy() for axis in "xyz")
    up, aside = np.degrees(np.arcsin(np.clip(y, -1, 1))), np.degrees(np.arctan2(x, -z))
    return (np.abs(up) <= pitch) & (np.abs(aside) <= yaw)


def mirror(labels: pd.DataFrame, rows: np.ndarray) -> None:
    """Labels of images turned left to right, in place, so that the inner corner is at image left."""
    for column in labels.columns[1:]:
        if column in ("gaze_x", "head_yaw_deg"):
            labels.loc[rows, column] *= -1
        elif column.endswith("_x"):
            labels.loc[rows, column] = WIDTH - 1 - labels.loc[rows, column]
