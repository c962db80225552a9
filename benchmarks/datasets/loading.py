"""Loading of the paper's data sets (section 3): files on disk, decoded in parallel, become a store.

Each batch of files that is done lies as a part beside the store to come, so that a killed load goes on from there.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.core.files import digest, remove, whole
from benchmarks.core.progress import Progress
from benchmarks.core.workers import workers as processes
from benchmarks.datasets.store import GAZE, Store, write_store

NAMED = 100  # rejected files that store.json names
CHECKED = 8, 256  # parts, spread over the set, and images of each that `check` sees
HOPELESS = 1000  # rejected files after which a load that rejects more than it takes is given up
BIN = 5  # degrees of the gaze histogram


class Batch(NamedTuple):
    """What one worker decodes at once: small and picklable."""

    name: str  # of the file or range, for messages
    items: tuple[Any, ...]  # the source's own: file names, row numbers


class Broken(Exception):
    """A file, or a part of it, that cannot be used: the reason, after the file's name where that is not known."""


class Loaded(NamedTuple):
    """A decoded batch: images (n, *shape), labels of n rows or None, and what was left out as (name, reason)."""

    images: np.ndarray
    labels: pd.DataFrame | None
    rejected: list[tuple[str, str]]


class Source(Protocol):
    """A data set on disk: a frozen, picklable dataclass whose fields are its keys in params.yaml."""

    @property
    def path(self) -> Path: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image."""
        ...

    @property
    def dtype(self) -> str: ...

    def batches(self) -> Sequence[Batch]:
        """All that is to be loaded, in the store's order. Raises UserError when there is nothing."""
        ...

    def load(self, batch: Batch) -> Loaded:
        """Never raises for a broken file: rejects it by name with a reason."""
        ...

    def check(self, images: np.ndarray, labels: pd.DataFrame | None) -> None:
        """Looks at a sample of the set. Raises UserError when labels and images contradict each other."""
        ...


class Part(NamedTuple):
    """A finished batch on disk, without its images and labels."""

    path: Path
    images: int
    rejected: list[tuple[str, str]]


def load_files(
    source: Source,
    path: Path,
    *,
    task: str,
    domain: str,
    rejected_at_most: float = 0.02,
    workers: int | None = None,
) -> Store:
    """Turn a source into a store at `path`, by `workers` processes (None: one a core; 1: in this process).

    The same files give the same bytes, whatever the number of workers and however often the load was killed.
    Raises UserError when the source is missing or contradicts itself, or when more than the share
    `rejected_at_most` of its images is broken.
    """
    batches = source.batches()
    work = path.with_name(f".{path.name}.parts")
    key = _key(source, batches)
    for other in work.glob("*"):
        if other.name != key:
            remove(other)
    folder = work / key
    folder.mkdir(parents=True, exist_ok=True)
    try:
        parts = _parts(source, batches, folder, workers or os.cpu_count() or 1, f"loading {path.name}")
        rejected = [entry for part in parts for entry in part.rejected]
        count = sum(part.images for part in parts)
        if not count and not rejected:
            raise UserError(f"{source.path}: params.yaml leaves no image of it in; widen its limits (`..._at_most`)")
        if not count or len(rejected) > rejected_at_most * (count + len(rejected)):
            raise _too_many(source, rejected, count, rejected_at_most)
        filled = [part for part in parts if part.images]
        _check(source, filled)
    except UserError:
        remove(work)  # the mend changes files that parts were made from
        raise
    summary = {"images": count, "rejected": len(rejected), "rejected_first": rejected[:NAMED]}
    kind = {"task": task, "domain": domain, "count": count, "shape": source.shape, "dtype": source.dtype}
    store = write_store(path, _chunks(filled, summary), summary=summary, **kind)
    remove(work)
    return store


def _key(source: Source, batches: Sequence[Batch]) -> str:
    """Changes with the source's settings and code and with the names of its files."""
    h = hashlib.blake2b(digest_size=16)
    h.update(repr((source, digest(Path(inspect.getfile(type(source)))))).encode())
    for batch in batches:
        h.update(repr(tuple(batch)).encode())
    return h.hexdigest()


def _parts(source: Source, batches: Sequence[Batch], folder: Path, workers: int, title: str) -> list[Part]:
    """Load what is not there yet; the parts in the order of the batches."""
    paths = [folder / f"{i:06d}" for i in range(len(batches))]
    parts = {path: _open(path) for path in paths if path.is_dir()}
    missing = [(path, batch) for path, batch in zip(paths, batches, strict=True) if path not in parts]
    progress = Progress(title, len(batches), "batch")
    images, rejected = sum(part.images for part in parts.values()), sum(len(part.rejected) for part in parts.values())
    try:
        for part in _loaded(source, missing, min(workers, len(missing))):
            parts[part.path] = part
            images, rejected = images + part.images, rejected + len(part.rejected)
            progress(len(parts), {"images": images, "rejected": rejected})
            if rejected > max(HOPELESS, images):
                raise _too_many(
                    source, [entry for path in sorted(parts) for entry in parts[path].rejected], images, 0.5
                )
    finally:
        progress.close()
    return [parts[path] for path in paths]


def _loaded(source: Source, missing: list[tuple[Path, Batch]], workers: int) -> Iterator[Part]:
    if workers <= 1:
        for path, batch in missing:
            yield _load(source, path, batch)
        return
    with processes(workers) as pool:
        futures = {pool.submit(_load, source, path, batch) for path, batch in missing}
        for future in as_completed(futures):
            yield future.result()


def _load(source: Source, path: Path, batch: Batch) -> Part:
    cv2.setNumThreads(1)  # the processes fill the cores
    images, labels, rejected = source.load(batch)
    if images.shape[1:] != tuple(source.shape) or images.dtype != source.dtype:
        raise ValueError(f"{batch.name}: {images.dtype} {images.shape[1:]} instead of {source.dtype} {source.shape}")
    with whole(path) as part:
        part.mkdir()
        np.save(part / "images.npy", images)
        if labels is not None:
            labels.to_parquet(part / "labels.parquet", index=False)
        (part / "part.json").write_text(json.dumps({"images": len(images), "rejected": rejected}))
    return Part(path, len(images), rejected)


def _open(path: Path) -> Part:
    found = json.loads((path / "part.json").read_text())
    return Part(path, found["images"], [(name, reason) for name, reason in found["rejected"]])


def _read(part: Part) -> tuple[np.ndarray, pd.DataFrame | None]:
    labels = part.path / "labels.parquet"
    return np.load(part.path / "images.npy"), pd.read_parquet(labels) if labels.exists() else None


def _check(source: Source, parts: list[Part]) -> None:
    count, most = CHECKED
    chosen = [_read(part) for part in parts[:: -(-len(parts) // count)]]
    labels = [table.head(most) for _, table in chosen if table is not None]
    images = np.concatenate([images[:most] for images, _ in chosen])
    source.check(images, pd.concat(labels, ignore_index=True) if labels else None)


def _chunks(parts: list[Part], summary: dict[str, Any]) -> Iterator[tuple[np.ndarray, pd.DataFrame | None]]:
    """Images and labels part by part; at the end `summary` counts persons and directions of gaze."""
    persons, directions = Counter[str](), Counter[tuple[int, int]]()
    for part in parts:
        images, labels = _read(part)
        if labels is not None and "person" in labels:
            persons.update(labels["person"])
        if labels is not None and set(GAZE) <= set(labels):
            x, y, z = labels[GAZE].dropna().to_numpy().T
            pitch, yaw = np.degrees(np.arcsin(np.clip(-y, -1, 1))), np.degrees(np.arctan2(-x, -z))
            bins = (np.floor(np.stack([pitch, yaw], 1) / BIN) * BIN).astype(int).tolist()
            directions.update((pitch, yaw) for pitch, yaw in bins)
        yield images, labels
    summary["persons"] = dict(sorted(persons.items()))
    summary["gaze_histogram"] = {
        "bin_deg": BIN,
        "pitch_yaw_count": [[pitch, yaw, count] for (pitch, yaw), count in sorted(directions.items())],
    }


def _too_many(source: Source, rejected: list[tuple[str, str]], count: int, limit: float) -> UserError:
    share = len(rejected) / max(1, len(rejected) + count)
    first = "; ".join(f"{name}: {reason}" for name, reason in rejected[:5])
    return UserError(
        f"{source.path}: {len(rejected)} of {len(rejected) + count} images rejected ({share:.1%}; at most {limit:.1%} "
        f"may be): {first}{'; ...' if len(rejected) > 5 else ''}: mend or remove these files"
    )
