"""Stage load-synthesis: turns each data source into a store: synthetic, real (unlabelled) and test.

The real domain becomes two stores of the same images: `real` without labels, for everything that is unsupervised,
and `real_labelled`, which the supervised row `real` alone reads.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.core.config import Camera, Kinect, Params, Simulator
from benchmarks.core.errors import UserError
from benchmarks.core.files import whole
from benchmarks.core.progress import Progress
from benchmarks.datasets import catalogue, eyes, hands, rendering
from benchmarks.datasets.catalogue import VIEWS
from benchmarks.datasets.hands import crops
from benchmarks.datasets.loading import load_files
from benchmarks.datasets.store import GAZE, Store, write_store

EYE = (35, 55)
CHUNK = 4096  # images copied at a time
SHEET = "contact_sheet.png"
TILES = 8, 16  # its rows and columns

Chunks = Iterable[tuple[np.ndarray, pd.DataFrame | None]]


@dataclass(frozen=True)
class Rendered:
    """Embedded images as they come, with their number, shape and type."""

    chunks: Chunks
    count: int
    shape: tuple[int, ...]
    dtype: str


def run(params: Params, task: str, domain: str) -> None:
    catalogue.require(params)
    source, size = getattr(getattr(params.data, task), domain), params.data.hand.size
    path = Path("stores") / task / domain
    labelled = path.with_name("real_labelled") if domain == "real" else path
    title = f"load-synthesis {task}-{domain}"
    if isinstance(source, Simulator | Camera | Kinect):
        drawn = rendered(source, task, domain, size)
        store = write_store(
            labelled,
            _watched(drawn, title),
            task=task,
            domain=domain,
            count=drawn.count,
            shape=drawn.shape,
            dtype=drawn.dtype,
        )
    else:
        limit = max(part.rejected_at_most for part in getattr(source, "parts", (source,)))
        reader = catalogue.files(source, domain, size)
        store = load_files(reader, labelled, task=task, domain=domain, rejected_at_most=limit)
    if domain == "real":
        separate_labels(store, path, supervised=bool(getattr(params.supervised, task)))
    with whole(Path("runs/load-synthesis") / f"{task}-{domain}") as folder:
        folder.mkdir()
        Image.fromarray(contact_sheet(store.images)).save(folder / SHEET)
    print(f"{title}: {len(store)} images in {path}", flush=True)


def separate_labels(store: Store, path: Path, supervised: bool) -> None:
    """All images without labels to `path`; in the store itself only the images that have labels stay.

    With none at all it keeps every image, for the persons' names. Raises UserError then where a row is `supervised`.
    """
    kind = {"task": store.info["task"], "domain": "real", "shape": store.images.shape[1:], "dtype": store.info["dtype"]}
    everything = np.arange(len(store))
    persons = store.columns(["person"])["person"].value_counts().sort_index().to_dict()  # whom the refiner sees
    summary = {**store.info.get("summary", {}), "persons": persons}
    write_store(path, _rows(store, everything, None), count=len(store), summary=summary, **kind)
    if store.info["task"] != "gaze":
        return
    labels = store.labels
    labelled = labels.reindex(columns=GAZE).notna().to_numpy().all(axis=1)
    if not labelled.any() and supervised:
        raise UserError(
            f"{store.path}: no image of data.gaze.real has a label, which the supervised condition `real` trains on; "
            "give pitch_deg and yaw_deg to some in manifest.csv, or do without it: supervised.gaze: []"
        )
    if labelled.any() and not labelled.all():
        kept = np.flatnonzero(labelled)
        write_store(store.path, _rows(store, kept, labels), count=len(kept), summary=summary, **kind)


def rendered(source: Simulator | Camera | Kinect, task: str, domain: str, size: int) -> Rendered:
    """Section 3.1's 35x55 grey eyes, or section 3.2's depth crops of `count` frames in all views, to test in one."""
    if task == "gaze":
        if isinstance(source, Simulator):
            eye = partial(eyes.simulator, seed=source.seed)
        else:
            eye = partial(eyes.camera, seed=source.seed, persons=source.persons)
        return Rendered(rendering.rendered(eye, source.count, eyes.CHUNK), source.count, EYE, "uint8")
    views = VIEWS[:1] if domain == "test" else VIEWS
    if isinstance(source, Kinect):
        sensor = {"masked": source.masked, "detail": crops.detail(size)}
        hand = partial(hands.camera, seed=source.seed, persons=source.persons, views=views, size=size, **sensor)
    else:
        hand = partial(hands.simulator, seed=source.seed, views=views, size=size)
    chunks = rendering.rendered(hand, source.count, hands.BLOCK)
    return Rendered(chunks, source.count * len(views), (size, size), "uint16")


def contact_sheet(images: np.ndarray) -> np.ndarray:
    """Images from the whole store, evenly, as one picture: uint8, depth as the networks see it."""
    rows, columns = TILES
    chosen = images[np.linspace(0, len(images) - 1, min(len(images), rows * columns), dtype=int)]
    tiles = np.array(chosen)
    if tiles.dtype == np.uint16:
        tiles = np.rint(255 * (1 + crops.network_units(tiles, crops.relief_offset(tiles), crops.RELIEF))).astype(
            np.uint8
        )
    missing = np.zeros((rows * columns - len(tiles), *tiles.shape[1:]), np.uint8)
    tiles = np.concatenate([tiles, missing]).reshape(rows, columns, *tiles.shape[1:])
    return np.concatenate(list(np.concatenate(list(tiles.swapaxes(0, 1)), axis=2)), axis=0)


def _rows(store: Store, kept: np.ndarray, labels: pd.DataFrame | None) -> Chunks:
    for start in range(0, len(kept), CHUNK):
        rows = kept[start : start + CHUNK]
        yield store.images[rows], None if labels is None else labels.iloc[rows]


def _watched(source: Rendered, title: str) -> Chunks:
    progress = Progress(title, source.count, "image")
    done = 0
    for images, labels in source.chunks:
        done += len(images)
        progress(done)
        yield images, labels
    progress.close()
