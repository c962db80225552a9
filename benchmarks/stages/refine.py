"""Stage refine: the whole synthetic store through a trained refiner; a store again, with the same labels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.config import Params
from benchmarks.datasets.store import open_store, write_store
from benchmarks.progress import Progress
from benchmarks.stages.tensors import choose_device, load_weights, to_network, to_pixels
from simgan.networks import Refiner

BATCH = 16  # what a core's cache holds


def run(params: Params, task: str, seed: int) -> None:
    stores = Path("stores") / task
    synthetic = open_store(stores / "synthetic", task)
    device = choose_device(params.compute)
    refiner = load_weights(Path("models/simgan") / f"{task}-{seed}.safetensors", Refiner, device)
    progress = Progress(f"refine {task}-{seed}", len(synthetic), "image")

    def chunks() -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
        labels = synthetic.labels
        for start in range(0, len(synthetic), BATCH):
            chosen = slice(start, start + BATCH)
            images = synthetic.images[chosen]
            with torch.no_grad():
                refined = to_pixels(refiner(to_network(images, device)), images)
            progress(min(start + BATCH, len(synthetic)))
            yield refined, labels.iloc[chosen]

    write_store(
        stores / f"refined-{seed}",
        chunks(),
        task=task,
        domain="refined",
        count=len(synthetic),
        shape=synthetic.images.shape[1:],
        dtype=str(synthetic.images.dtype),
    )
    progress.close()
