"""Stage control: the images of a control condition, from the same scenes as the synthetic ones and with their labels.

`photographed` is the positive control: the simulator's scenes taken by the stand-in's webcams or depth sensor, the most
that a refiner could win. `equalised`, for gaze, learns nothing: histogram equalisation, as MPIIGaze is published.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.core.config import Camera, Control, Kinect, Params, Simulator
from benchmarks.core.errors import UserError
from benchmarks.datasets import eyes, hands, rendering
from benchmarks.datasets.catalogue import VIEWS
from benchmarks.datasets.hands.crops import detail
from benchmarks.datasets.store import Store, open_store, write_store

CHUNK = 4096  # images copied at a time


def run(params: Params, task: str, name: Control) -> None:
    if name not in getattr(params.controls, task):
        raise UserError(f"params.yaml: controls.{task} has no {name}; add it, or ask for one that is there")
    synthetic = open_store(Path("stores") / task / "synthetic", task)
    store = write_store(
        Path("stores") / task / name,
        _photographed(params, task) if name == "photographed" else _equalised(synthetic),
        task=task,
        domain=name,
        count=len(synthetic),
        shape=synthetic.images.shape[1:],
        dtype=synthetic.info["dtype"],
    )
    print(f"control {name}: {len(store)} images in {store.path}", flush=True)


def _photographed(params: Params, task: str) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    data, size = getattr(params.data, task), params.data.hand.size
    scenes, world = data.synthetic, data.real
    if isinstance(scenes, Simulator) and isinstance(world, Camera):
        eye = partial(eyes.photographed, seed=scenes.seed, persons=world.persons)
        return rendering.rendered(eye, scenes.count, eyes.CHUNK)
    if isinstance(scenes, Simulator) and isinstance(world, Kinect):
        sensor = {"masked": world.masked, "detail": detail(size)}
        hand = partial(hands.photographed, seed=scenes.seed, views=VIEWS, size=size, **sensor)
        return rendering.rendered(hand, scenes.count, hands.BLOCK)
    raise UserError(
        f"params.yaml: controls.{task}: photographed needs the embedded simulator and camera, which render the same "
        "scene twice; take it out for data sets on disk"
    )


def _equalised(synthetic: Store) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    start = 0
    for labels in synthetic.label_chunks(CHUNK):
        images = np.array(synthetic.images[start : start + len(labels)])
        start += len(labels)
        yield np.stack([cv2.equalizeHist(image) for image in images]), labels
