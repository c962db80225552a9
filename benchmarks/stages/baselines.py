"""Stage baselines: Table 3's earlier estimators and the mean predictor as its floor, each trained on synthetic and, as
their papers do, on labelled real images; one row per test image.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import tracking
from benchmarks.config import Params
from benchmarks.datasets.store import Store, open_store
from benchmarks.errors import UserError
from benchmarks.files import whole
from benchmarks.progress import Progress
from benchmarks.stages.tensors import choose_device, derive
from benchmarks.tasks import TABLE3
from estimators import baselines
from estimators.errors import angular_error_deg

HEAD = ["head_pitch_deg", "head_yaw_deg"]


def run(params: Params) -> None:
    choose_device(params.compute)  # sets the threads, on which the last bits of sums depend
    stores = Path("stores/gaze")
    test = open_store(stores / "test", "gaze")
    training = {"synthetic": open_store(stores / "synthetic", "gaze")}
    if params.supervised.gaze:
        training["real"] = open_store(stores / "real_labelled", "gaze")
    truth, images = torch.from_numpy(test.gaze()), np.array(test.images)
    cells = [(name, domain, seed) for name in baselines.BASELINES for domain in training for seed in params.seeds]
    progress = Progress("baselines", len(cells), "training")
    tables, runs = [], Path("runs/baselines")
    with whole(runs) as beside:
        beside.mkdir()
        for done, (name, domain, seed) in enumerate(cells):
            store, condition = training[domain], f"{name}_{domain}"
            known = [poses(part) for part in (store, test)]
            head = known if all(np.isfinite(pose).all() for pose in known) else (None, None)
            predictor = baselines.fit(
                name,
                store.images,
                head[0],
                store.gaze(),
                np.random.default_rng(derive(seed, f"baselines/{condition}")),
                at_most=params.estimators.baselines.images,
            )
            estimate = torch.from_numpy(predictor.predict(images, head[1]))
            errors = angular_error_deg(estimate, truth).numpy()
            tables.append(TABLE3.rows(test.labels, condition, seed, errors))
            _record(beside / f"{condition}-{seed}", condition, seed, store, test, errors)
            progress(done + 1)
    progress.close()
    with whole(Path("results/baselines.parquet")) as results:
        pd.concat(tables, ignore_index=True).to_parquet(results, index=False)
    try:
        tracking.sync(Path("runs"))
    except UserError as error:  # a diary stops no evaluation; `make run` and `sync` send what is missing
        print(f"baselines: not in MLflow yet: {error}", flush=True)
    print(f"baselines: {len(tables)} estimators on {len(test)} images in results/baselines.parquet", flush=True)


def poses(store: Store) -> np.ndarray:
    """Pitch and yaw of the heads (N, 2), degrees; NaN where a data set does not tell."""
    known = store.columns(HEAD)
    return known.to_numpy(np.float64) if list(known) == HEAD else np.full((len(store), 2), np.nan)


def _record(folder: Path, condition: str, seed: int, store: Store, test: Store, errors: np.ndarray) -> None:
    once = np.ones((1, len(errors)))
    with tracking.run(
        folder,
        experiment="gaze",
        name=f"baseline {condition} seed {seed}",
        params={"task": "gaze", "condition": condition, "seed": seed},
        tags={"stage": "baselines", "task": "gaze", "condition": condition, "seed": str(seed)},
        inputs={store.info["domain"]: (store.digest, len(store)), "test": (test.digest, len(test))},
        live=False,
    ) as run:
        run.final({f"test/{name}": float(metric(errors, once)[0]) for name, metric in TABLE3.metrics.items()})
