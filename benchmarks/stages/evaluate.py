"""Stage evaluate: every estimator on the test store; one row per test image, the only source of every number."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import tracking
from benchmarks.config import Params
from benchmarks.datasets.store import Store, open_store
from benchmarks.errors import UserError
from benchmarks.files import whole
from benchmarks.stages.tensors import choose_device, load_weights, to_network
from benchmarks.tasks import GAZE
from estimators.errors import angular_error_deg
from estimators.gaze_cnn import GazeCNN, estimate

TASK = GAZE.name
BATCH = 256


def run(params: Params) -> None:
    test = open_store(Path("stores") / TASK / "test", TASK)
    truth = torch.from_numpy(test.gaze())
    device = choose_device(params.compute)
    tables = []
    runs = Path("runs/evaluate") / TASK
    with whole(runs) as beside:
        beside.mkdir()
        for condition in GAZE.conditions:
            for seed in params.seeds:
                network = load_weights(Path("models/gaze") / f"{condition}-{seed}.safetensors", GazeCNN, device)
                batches = (to_network(test.images[i : i + BATCH], device) for i in range(0, len(test), BATCH))
                errors = angular_error_deg(estimate(network, batches), truth).numpy()
                tables.append(GAZE.rows(test.labels, condition, seed, errors))
                _record(beside / f"{condition}-{seed}", condition, seed, test, errors)
    with whole(Path("results") / f"{TASK}.parquet") as results:
        pd.concat(tables, ignore_index=True).to_parquet(results, index=False)
    try:
        tracking.sync(runs)
    except UserError as error:  # a diary stops no evaluation; `make run` and `sync` send what is missing
        print(f"evaluate {TASK}: not in MLflow yet: {error}", flush=True)
    print(f"evaluate {TASK}: {len(tables)} estimators on {len(test)} images in results/{TASK}.parquet", flush=True)


def _record(folder: Path, condition: str, seed: int, test: Store, errors: np.ndarray) -> None:
    once = np.ones((1, len(errors)))
    with tracking.run(
        folder,
        experiment=TASK,
        name=f"evaluate {condition} seed {seed}",
        params={"task": TASK, "condition": condition, "seed": seed},
        tags={"stage": "evaluate", "task": TASK, "condition": condition, "seed": str(seed)},
        inputs={"test": (test.digest, len(test))},
        live=False,
    ) as run:
        run.final({f"test/{name}": float(metric(errors, once)[0]) for name, metric in GAZE.metrics.items()})
