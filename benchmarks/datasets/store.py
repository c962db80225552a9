"""The store: the one form that every data set takes before anything reads it.

A folder with `images.npy` (uncompressed, memory-mapped; uint8 (N, 35, 55) for gaze), `labels.parquet` where the
domain has labels, and `store.json` with counts, conventions and digests.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.core.errors import UserError
from benchmarks.core.files import digest, whole

ROWS = 1 << 16  # labels of one row group
GAZE = ["gaze_x", "gaze_y", "gaze_z"]
CONVENTIONS = {
    "gaze": "images uint8 (N, 35, 55), inner eye corner at image left; gaze_x, gaze_y, gaze_z: unit vector, camera "
    "frame x right, y down, z forward, so that (0, 0, -1) looks at the camera; landmarks in pixels, x column, y row",
    "hand": "images uint16 (N, size, size), depth in mm of a 300 mm cube around NYU's joint 32, background 0; of each "
    "joint _u, _v in crop pixels, centres at integers, and _x, _y, _d in mm, camera frame, y up; view 0 is frontal",
}


@dataclass(frozen=True)
class Store:
    """An opened store; images (N, ...) are a read-only memory map, of which pages once read count as memory in use."""

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
        return pd.read_parquet(self._labelled())

    def gaze(self) -> np.ndarray:
        """float32 (N, 3), unit vectors."""
        return unit_gaze(self.columns(GAZE), self.path)

    def columns(self, names: list[str]) -> pd.DataFrame:
        """Those of the columns that there are: with landmarks, a whole table is fifty times as large as the gaze."""
        file = self._labelled()
        known = pq.read_schema(file).names
        return pd.read_parquet(file, columns=[name for name in names if name in known])

    def label_chunks(self, rows: int) -> Iterator[pd.DataFrame]:
        """All labels in order, at most `rows` at a time."""
        for batch in pq.ParquetFile(self._labelled()).iter_batches(rows):
            yield batch.to_pandas()

    def _labelled(self) -> Path:
        if "labels" not in self.info["digests"]:
            raise UserError(f"{self.path}: this store has no labels (domain {self.info['domain']})")
        return self.path / "labels.parquet"

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Copies of some images, in memory that does not grow with the part of the store that was read."""
        chosen = np.empty((len(indices), *self.images.shape[1:]), self.images.dtype)
        size = self.images[:1].nbytes
        with (self.path / "images.npy").open("rb", buffering=0) as file:
            start = file.seek(0, 2) - size * len(self)
            for image, index in zip(chosen, indices.tolist(), strict=True):
                file.seek(start + size * index)
                file.readinto(image.data)
        return chosen


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
    summary: Mapping[str, Any] | None = None,
) -> Store:
    """Write `count` images of `shape` as they come, chunk by chunk, and open the result.

    Labels are written when the chunks carry them, `summary` into store.json when the last chunk is done. Memory holds
    some `ROWS` labels and one chunk. Raises UserError when the chunks hold another number of images.
    """
    with whole(path) as folder:
        folder.mkdir()
        filled = 0
        with (folder / "images.npy").open("wb") as images, _Labels(folder / "labels.parquet") as table:
            header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (count, *shape)}
            np.lib.format.write_array_header_1_0(images, header)
            for chunk, labels in chunks:
                if filled + len(chunk) > count:
                    raise UserError(f"{path}: the source gave more than the {count} images it announced")
                if chunk.shape[1:] != tuple(shape):
                    raise ValueError(f"{path}: images of shape {chunk.shape[1:]} instead of {tuple(shape)}")
                images.write(np.ascontiguousarray(chunk, dtype).data)
                filled += len(chunk)
                if labels is not None:
                    table.add(labels)
        if filled != count:
            raise UserError(f"{path}: the source gave {filled} images instead of {count}")
        if table.rows not in (0, count):
            raise ValueError(f"{path}: {table.rows} labels for {count} images")
        digests = {"images": digest(folder / "images.npy")}
        if (folder / "labels.parquet").exists():
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
        if summary is not None:
            info["summary"] = dict(summary)
        (folder / "store.json").write_text(json.dumps(info, indent=2, sort_keys=True) + "\n")
    return open_store(path, task)


class _Labels:
    """A parquet file written as its rows come, `ROWS` at a time; none without rows."""

    def __init__(self, path: Path):
        self.path, self.waiting, self.writer, self.rows = path, [], None, 0

    def __enter__(self) -> Self:
        return self

    def add(self, labels: pd.DataFrame) -> None:
        self.waiting.append(labels)
        self.rows += len(labels)
        if sum(map(len, self.waiting)) >= ROWS:
            self._write()

    def _write(self) -> None:
        table = pa.Table.from_pandas(pd.concat(self.waiting, ignore_index=True), preserve_index=False)
        self.writer = self.writer or pq.ParquetWriter(self.path, table.schema)
        self.writer.write_table(table)
        self.waiting = []

    def __exit__(self, kind: object, *_: object) -> None:
        if self.waiting and kind is None:
            self._write()
        if self.writer is not None:
            self.writer.close()


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
