"""Stage control: the images of a control condition, from the same scenes as the synthetic ones and with their labels.

`photographed` is the positive control: the simulator's scenes taken by the webcams of the stand-in, the most that a
refiner could win. `equalised` learns nothing: histogram equalisation, as MPIIGaze is published.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.core.config import Camera, Control, Params, Simulator
from benchmarks.core.errors import UserError
from benchmarks.datasets import eyes
from benchmarks.datasets.store import Store, open_store, write_store

CHUNK = 4096  # images copied at a time
STORES = Path("stores/gaze")


def run(params: Params, name: Control) -> None:
    synthetic = open_store(STORES / "synthetic", "gaze")
    store = write_store(
        STORES / name,
        _photographed(params) if name == "photographed" else _equalised(synthetic),
        task="gaze",
        domain=name,
        count=len(synthetic),
        shape=synthetic.images.shape[1:],
    )
    print(f"control {name}: {len(store)} images in {store.path}", flush=True)


def _photographed(params: Params) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    scenes, world = params.data.gaze.synthetic, params.data.gaze.real
    if not (isinstance(scenes, Simulator) and isinstance(world, Camera)):
        raise UserError(
            "params.yaml: controls.gaze: photographed needs the embedded simulator and camera, which render the same "
            "scene twice; take it out for data sets on disk"
        )
    return eyes.photographed(scenes.count, scenes.seed, world.persons)


def _equalised(synthetic: Store) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    start = 0
    for labels in synthetic.label_chunks(CHUNK):
        images = np.array(synthetic.images[start : start + len(labels)])
        start += len(labels)
        yield np.stack([cv2.equalizeHist(image) for image in images]), labels
