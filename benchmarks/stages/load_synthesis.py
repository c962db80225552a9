"""Stage load-synthesis: turns each data source into a store: synthetic, real (unlabelled) and test.

The real domain becomes two stores of the same images: `real` without labels, for everything that is unsupervised,
and `real_labelled`, which the supervised row `real` alone reads.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.config import EyeSource, Params, Simulator
from benchmarks.datasets import eyes
from benchmarks.datasets.store import write_store
from benchmarks.progress import Progress

EYE = (35, 55)
CHUNK = 4096  # images copied at a time


def run(params: Params, task: str, domain: str) -> None:
    source: EyeSource = getattr(params.data.gaze, domain)
    labelled = Path("stores") / task / ("real_labelled" if domain == "real" else domain)
    store = write_store(labelled, _chunks(source, domain), task=task, domain=domain, count=source.count, shape=EYE)
    if domain == "real":
        images = ((store.images[start : start + CHUNK], None) for start in range(0, len(store), CHUNK))
        write_store(labelled.with_name("real"), images, task=task, domain=domain, count=source.count, shape=EYE)
    print(f"load-synthesis {task}-{domain}: {len(store)} images in {labelled}", flush=True)


def _chunks(source: EyeSource, domain: str) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    if isinstance(source, Simulator):
        chunks = eyes.simulator(source.count, source.seed)
    else:
        chunks = eyes.camera(source.count, source.seed, source.persons)
    progress = Progress(f"load-synthesis {domain}", source.count, "image")
    done = 0
    for images, labels in chunks:
        done += len(images)
        progress(done)
        yield images, labels
    progress.close()
