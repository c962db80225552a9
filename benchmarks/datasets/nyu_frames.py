"""NYU's frames (Tompson et al. 2014), the images of section 3.2: packed depth and joints on disk become crops.

A folder `train` or `test` holds, for each frame N and view k (1 is frontal), the Kinect's `depth_k_N.png` and the
render that was fitted to it, `synthdepth_k_N.png`: 640x480 RGB, depth in mm = green * 256 + blue. `joint_data.mat`
has the joints of all frames and views.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd
import scipy.io

from benchmarks.core.errors import UserError
from benchmarks.datasets import limits
from benchmarks.datasets.hands import crops
from benchmarks.datasets.hands.skeleton import JOINTS, NYU_JOINTS
from benchmarks.datasets.loading import Batch, Broken, Loaded

HEIGHT, WIDTH = 480, 640
FIRST_PERSON = 2440  # test frames 1 to 2440 show the person of train: published methods err half as much on them
PALM = JOINTS.index("palm")
COLUMNS = [f"{joint}_{axis}" for joint in JOINTS for axis in "uvxyd"]
CROP = ["crop_u", "crop_v", "crop_d"]
BATCH = 64  # frames
WHERE = (
    "expected NYU's train and test folders (72,757 and 8,252 frames, 3 views) from "
    "https://jonathantompson.github.io/NYU_Hand_Pose_Dataset.htm"
)


@dataclass(frozen=True)
class NYU:
    """Crops of one split, a frame's views beside each other: uint16 mm (size, size), labels as the embedded hands'.

    `views` are 0 (frontal), 1, 2; `count` the first so many frames, None all. `kind` is the Kinect's frames or the
    renders. `masked` keeps of the Kinect's frames what the aligned render covers, as the paper does, which leaks the
    label's outline; otherwise all in the cube stays.

    A crop pixel takes the depth of the nearest frame pixel: no depth between hand and background is made up, and 0
    stands for outside the cube or the frame. All views are read with the frontal camera's intrinsics, as in NYU's own
    scripts. `frame` is the number in the file's name; NYU does not tell where a recording ends, so `sequence` is 0.
    """

    path: Path
    split: Literal["train", "test"]
    kind: Literal["synthetic", "real"]
    views: tuple[int, ...]
    size: int
    masked: bool
    count: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size, self.size)

    @property
    def dtype(self) -> str:
        return "uint16"

    @property
    def folder(self) -> Path:
        return self.path / self.split

    def batches(self) -> Sequence[Batch]:
        """Items are the frames (a range) and their joints (3, n, 14, 6), fewer where joint_data.mat ends before.

        The joints travel because each worker would need half a gigabyte to read them itself. Raises UserError where
        the folder, its images or joint_data.mat are missing, or `count` asks for more.
        """
        if not self.folder.is_dir():
            raise UserError(f"{self.folder}: no such folder; {WHERE}")
        prefix = _prefix(self.kind)
        matches = (re.fullmatch(rf"{prefix}_[123]_(\d{{7}})\.png", file.name) for file in self.folder.iterdir())
        numbers = [int(match[1]) for match in matches if match]
        if not numbers:
            raise UserError(f"{self.folder}: no {prefix}_1_0000001.png and so on in it; {WHERE}")
        joints = read_joints(self.folder / "joint_data.mat")
        last = max(*numbers, joints.shape[1])
        if self.count and self.count > last:
            raise UserError(f"{self.folder}: {last} frames, {self.count} are asked for; lower count, or null for all")
        frames = range(1, (self.count or last) + 1)
        parts = [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
        return [
            Batch(f"{self.split} frames {part[0]} to {part[-1]}", (part, joints[:, part.start - 1 : part.stop - 1]))
            for part in parts
        ]

    def load(self, batch: Batch) -> Loaded:
        """Decode, crop and label; a damaged image, or joints that allow no crop, are left out by name."""
        frames, joints = batch.items
        images = np.empty((len(frames) * len(self.views), *self.shape), np.uint16)
        kept: list[tuple[int, int]] = []
        rejected: list[tuple[str, str]] = []
        for i, view in itertools.product(range(len(frames)), self.views):
            file = self.folder / f"{_prefix(self.kind)}_{view + 1}_{frames[i]:07d}.png"
            try:
                images[len(kept)] = self._image(file, _palm(joints[view], i, file.name))
                kept.append((i, view))
            except _Rejected as damage:
                rejected.append((damage.name, damage.reason))
        places, views = np.array(kept, np.int64).reshape(-1, 2).T
        return Loaded(images[: len(kept)], self._labels(frames[0] + places, views, joints[views, places]), rejected)

    def check(self, images: np.ndarray, labels: pd.DataFrame | None) -> None:
        """Raises UserError unless most joints lie just under the hand's surface and the camera is the one assumed.

        Of the embedded hands at least 84% of the joints do, of NYU's first test frame all; of mirrored or swapped
        labels 42% at most.
        """
        assert labels is not None
        values = labels[COLUMNS].to_numpy().reshape(len(labels), len(JOINTS), 5)
        crop = labels[CROP].to_numpy()
        projected = crops.frame_to_crop(crops.project(values[..., 2:])[..., :2], crop, self.size)
        apart = np.median(np.linalg.norm(projected - values[..., :2], axis=-1))
        if not apart < 1:
            raise UserError(
                f"{self.folder / 'joint_data.mat'}: joint_xyz and joint_uvd are {apart:.0f} crop pixels apart under "
                "NYU's camera (x right, y up); get NYU's own file"
            )
        column, row = np.rint(values[..., :2]).astype(int).transpose(2, 0, 1)
        inside = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < self.size)
        seen = images[np.arange(len(images))[:, None], row.clip(0, self.size - 1), column.clip(0, self.size - 1)]
        below = values[..., 4] - seen
        share = np.mean(inside & (seen > 0) & (below > -20) & (below < 60))
        if share < 0.5:
            raise UserError(
                f"{self.folder}: only {share:.0%} of the joints lie on the hand; joint_data.mat is not of these "
                "frames, or they are mirrored"
            )

    def _image(self, file: Path, palm: np.ndarray) -> np.ndarray:
        image = crop_depth(read_depth(file), palm, self.size)
        if self.kind == "real" and self.masked:
            render = read_depth(file.with_name(f"synth{file.name}"))
            image = crops.keep_under(image, crop_depth(render, palm, self.size))
        if not image.any():
            raise _Rejected(file.name, "nothing within the cube around joint 32")
        return image

    def _labels(self, frames: np.ndarray, views: np.ndarray, joints: np.ndarray) -> pd.DataFrame:
        """The embedded hands' columns, of n frames, their views and joints (n, 14, 6)."""
        joints = joints.astype(np.float64)
        crop = joints[:, PALM, :3]
        uv = crops.frame_to_crop(joints[..., :2], crop, self.size)
        values = np.concatenate([uv, joints[..., 3:]], axis=-1).reshape(len(frames), len(COLUMNS))
        second = (frames > FIRST_PERSON) & (self.split == "test")
        persons = pd.Series(np.where(second, "p01", "p00"), dtype="str")
        table = {"person": persons, "frame": frames, "view": views, "sequence": np.zeros_like(frames)}
        table |= dict(zip(COLUMNS, values.T, strict=True))
        return pd.DataFrame(table | dict(zip(CROP, crop.T, strict=True)))


class _Rejected(Exception):
    def __init__(self, name: str, reason: str):
        super().__init__(name, reason)
        self.name, self.reason = name, reason


def read_depth(file: Path) -> np.ndarray:
    """Packed depth -> uint16 mm (480, 640). Raises _Rejected."""
    try:
        image, _ = limits.decode(limits.read(file), cv2.IMREAD_UNCHANGED)  # None also where it is truncated
    except OSError as error:
        raise _Rejected(file.name, error.strerror or "unreadable") from None
    except Broken as reason:
        raise _Rejected(file.name, str(reason)) from None
    if image is None:
        raise _Rejected(file.name, "no PNG, or a truncated one")
    if image.shape != (HEIGHT, WIDTH, 3) or image.dtype != np.uint8:
        found = " x ".join(map(str, image.shape))
        raise _Rejected(file.name, f"{image.dtype} {found} instead of uint8 {HEIGHT} x {WIDTH} x 3")
    return image[..., 1].astype(np.uint16) * 256 + image[..., 0]  # OpenCV gives blue, green, red


def crop_depth(depth: np.ndarray, palm: np.ndarray, size: int) -> np.ndarray:
    """uint16 mm (480, 640) -> (size, size), the cube around the palm (u, v, mm): nearest pixels, 0 outside."""
    steps = np.repeat(np.arange(size, dtype=float)[:, None], 2, axis=1)
    column, row = np.rint(crops.crop_to_frame(steps[None], palm[None], size)[0]).astype(int).T
    image = depth[np.ix_(row.clip(0, HEIGHT - 1), column.clip(0, WIDTH - 1))]
    inside = np.logical_and.outer((row >= 0) & (row < HEIGHT), (column >= 0) & (column < WIDTH))
    return crops.in_cube(np.where(inside, image, 0)[None], palm[None])[0]


def read_joints(file: Path) -> np.ndarray:
    """float32 (3, N, 14, 6): of each view, frame and evaluation joint u, v in pixels, d, then x, y, d in mm.

    Raises UserError where the file is missing, unreadable, or lacks `joint_uvd` or `joint_xyz` (3, N, 36, 3).
    """
    uvd, xyz = _variable(file, "joint_uvd"), _variable(file, "joint_xyz")
    if len(uvd[0]) != len(xyz[0]):
        raise UserError(f"{file}: joint_uvd has {len(uvd[0])} frames and joint_xyz {len(xyz[0])}; {WHERE}")
    return np.concatenate([uvd, xyz], axis=-1)


def _variable(file: Path, key: str) -> np.ndarray:
    """float32 (3, N, 14, 3)."""
    try:
        limits.check_unpacked(file)
        with file.open("rb") as opened:
            found = scipy.io.loadmat(opened, variable_names=[key])
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; {WHERE}") from None
    except Broken as reason:
        raise UserError(f"{file}: {reason}; {WHERE}") from None
    except Exception as error:  # of damaged files scipy raises whatever its parser stumbles on
        raise UserError(f"{file}: not a readable MATLAB file ({' '.join(str(error).split())}); {WHERE}") from None
    if key not in found:
        raise UserError(f"{file}: {key} is missing; {WHERE}")
    shape = found[key].shape
    if len(shape) != 4 or (shape[0], *shape[2:]) != (3, 36, 3):
        raise UserError(f"{file}: {key} is of shape {shape} instead of (3, frames, 36, 3); {WHERE}")
    return found[key][:, :, list(NYU_JOINTS.values())].astype(np.float32)


def _palm(joints: np.ndarray, i: int, name: str) -> np.ndarray:
    """Of one view's joints (n, 14, 6), the palm of frame i: u, v, d. Raises _Rejected where no crop can be made."""
    if i >= len(joints):
        raise _Rejected(name, "joint_data.mat ends before this frame")
    u, v, d = palm = joints[i, PALM, :3].astype(np.float64)
    if not np.isfinite(joints[i]).all():
        raise _Rejected(name, "a joint is NaN or infinite")
    if d <= 0:
        raise _Rejected(name, f"joint 32 has the depth {d:g}")
    if not (0 <= u < WIDTH and 0 <= v < HEIGHT):
        raise _Rejected(name, f"joint 32 at ({u:.0f}, {v:.0f}) lies outside the frame")
    return palm


def _prefix(kind: str) -> str:
    return "depth" if kind == "real" else "synthdepth"
