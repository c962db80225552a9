"""The store: the one form that every data set takes before anything reads it.

A folder with `images.npy` (uncompressed, memory-mapped; uint8 (N, 35, 55) for gaze), `labels.parquet` where the
domain has labels, and `store.json` with counts, conventions and digests.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.errors import UserError
from benchmarks.files import digest, whole

GAZE = ["gaze_x", "gaze_y", "gaze_z"]
CONVENTIONS = {
    "gaze": "images uint8 (N, 35, 55), inner eye corner at image left; gaze_x, gaze_y, gaze_z: unit vector, camera "
    "frame x right, y down, z forward, so that (0, 0, -1) looks at the camera; landmarks in pixels, x column, y row",
}


@dataclass(frozen=True)
class Store:
    """An opened store; images (N, ...) are a read-only memory map."""

    path: Path
    info: dict[str, Any]
    images: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    @property
    def digest(self) -> str:
        """One digest for images and labels."""
        return self.info["digests"]["images"][:16] + self.info["digests"].get("labels", "")[:16]

    @cached_property
    def labels(self) -> pd.DataFrame:
        """One row per image. Raises UserError where the store has none."""
        if "labels" not in self.info["digests"]:
            raise UserError(f"{self.path}: this store has no labels (domain {self.info['domain']})")
        return pd.read_parquet(self.path / "labels.parquet")

    def gaze(self) -> np.ndarray:
        """float32 (N, 3), unit vectors."""
        return unit_gaze(self.labels, self.path)


def unit_gaze(labels: pd.DataFrame, source: Path) -> np.ndarray:
    """Gaze columns -> float32 (N, 3). Raises UserError for a missing column, NaN, or a vector that is not unit."""
    missing = [column for column in GAZE if column not in labels]
    if missing:
        raise UserError(f"{source}: labels lack the column {missing[0]}; load the data set again")
    gaze = labels[GAZE].to_numpy(np.float64)
    lengths = np.linalg.norm(gaze, axis=1)
    bad = np.flatnonzero(~(np.abs(lengths - 1) < 1e-3))  # NaN fails the comparison
    if len(bad):
        raise UserError(
            f"{source}: {len(bad)} gaze labels are NaN or no unit vector (first: row {bad[0]}); "
            "mend the labels or drop those images, then load the data set again"
        )
    return gaze.astype(np.float32)


def write_store(
    path: Path,
    chunks: Iterable[tuple[np.ndarray, pd.DataFrame | None]],
    *,
    task: str,
    domain: str,
    count: int,
    shape: tuple[int, ...],
    dtype: str = "uint8",
) -> Store:
    """Write `count` images of `shape` as they come, chunk by chunk, and open the result.

    Labels are written when the chunks carry them. Raises UserError when the chunks hold another number of images.
    """
    with whole(path) as folder:
        folder.mkdir()
        images = np.lib.format.open_memmap(folder / "images.npy", mode="w+", dtype=dtype, shape=(count, *shape))
        tables, filled = [], 0
        for chunk, labels in chunks:
            if filled + len(chunk) > count:
                raise UserError(f"{path}: the source gave more than the {count} images it announced")
            images[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
            if labels is not None:
                tables.append(labels)
        if filled != count:
            raise UserError(f"{path}: the source gave {filled} images instead of {count}")
        images.flush()
        del images
        digests = {"images": digest(folder / "images.npy")}
        if tables:
            pd.concat(tables, ignore_index=True).to_parquet(folder / "labels.parquet", index=False)
            digests["labels"] = digest(folder / "labels.parquet")
        info = {
            "task": task,
            "domain": domain,
            "count": count,
            "shape": list(shape),
            "dtype": dtype,
            "conventions": CONVENTIONS[task],
            "digests": digests,
        }
        (folder / "store.json").write_text(json.dumps(info, indent=2, sort_keys=True) + "\n")
    return open_store(path, task)


def open_store(path: Path, task: str) -> Store:
    """Open and verify a store. Raises UserError when it is absent, damaged, truncated, or of another task."""
    again = "; delete the folder and run `dvc repro` to load it again"
    try:
        info = json.loads((path / "store.json").read_text())
        found, shape, dtype = info["task"], (info["count"], *info["shape"]), np.dtype(info["dtype"])
        digests = dict(info["digests"])
    except FileNotFoundError:
        raise UserError(f"{path}: no store here (store.json is missing); run `dvc repro` to load it") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path / 'store.json'}: not a store description ({error!r}){again}") from None
    if found != task:
        raise UserError(f"{path}: a store of task {found!r}, expected {task!r}")
    for name, expected in digests.items():
        file = path / {"images": "images.npy", "labels": "labels.parquet"}[name]
        if not file.is_file():
            raise UserError(f"{file}: missing from the store{again}")
        if digest(file) != expected:
            raise UserError(f"{file}: damaged or truncated (digest differs from store.json){again}")
    try:
        images = np.load(path / "images.npy", mmap_mode="r")
    except (ValueError, OSError) as error:
        raise UserError(f"{path / 'images.npy'}: unreadable ({error}){again}") from None
    if images.shape != shape or images.dtype != dtype:
        raise UserError(f"{path}: images are {images.dtype} {images.shape}, store.json says {dtype} {shape}{again}")
    return Store(path, info, images)
