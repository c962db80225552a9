"""Stage refine: the whole synthetic store through a trained refiner; a store again, with the same labels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.core.config import Params
from benchmarks.core.files import instance
from benchmarks.core.progress import Progress
from benchmarks.datasets.store import open_store, write_store
from benchmarks.training.tensors import choose_device, load_weights, to_network, to_pixels
from simgan.networks import Refiner

BATCH = 16  # what a core's cache holds
GPU_PIXELS = 1 << 20  # of a batch there: 544 eyes, 20 hands of 224 pixels; R keeps some 64 features of each
CHUNK = 4096  # images written at a time


def run(params: Params, task: str, seed: int, variant: str = "") -> None:
    name = instance(task, seed, variant)
    stores = Path("stores") / task
    synthetic = open_store(stores / "synthetic", task)
    device = choose_device(params.compute)
    refiner = load_weights(Path("models/simgan") / f"{name}.safetensors", Refiner, device)
    batch = BATCH if device.type == "cpu" else max(1, GPU_PIXELS // synthetic.images[0].size)
    progress = Progress(f"refine {name}", len(synthetic), "image")

    def chunks() -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
        done = 0
        for labels in synthetic.label_chunks(CHUNK):
            refined = []
            for start in range(done, done + len(labels), batch):
                images = synthetic.images[start : min(start + batch, done + len(labels))]
                with torch.no_grad():
                    refined.append(to_pixels(refiner(to_network(images, device)), images))
                progress(start + len(images))
            done += len(labels)
            yield np.concatenate(refined), labels

    write_store(
        stores / instance("refined", seed, variant),
        chunks(),
        task=task,
        domain="refined",
        count=len(synthetic),
        shape=synthetic.images.shape[1:],
        dtype=str(synthetic.images.dtype),
    )
    progress.close()
