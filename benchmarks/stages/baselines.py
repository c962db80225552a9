"""Stage baselines: Table 3's earlier estimators and the mean predictor as its floor, each trained on synthetic and, as
their papers do, on labelled real images; one row per test image.
"""

from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from benchmarks import tracking
from benchmarks.core.config import BaselineParams, Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import whole
from benchmarks.core.progress import Progress
from benchmarks.core.workers import workers
from benchmarks.datasets.store import Store, open_store
from benchmarks.evaluation.tasks import TABLE3
from benchmarks.training.folds import fold_of, persons_of, trains_on
from benchmarks.training.tensors import derive
from estimators import baselines
from estimators.errors import angular_error_deg

HEAD = ["head_pitch_deg", "head_yaw_deg"]
STORES = Path("stores/gaze")
TRAINING = {"synthetic": "synthetic", "real": "real_labelled"}  # domain -> store


def run(params: Params) -> None:
    domains = ["synthetic", "real"] if params.supervised.gaze else ["synthetic"]
    cells = [(name, domain, seed) for name in baselines.BASELINES for domain in domains for seed in params.seeds]
    test, stores = open_store(STORES / "test", "gaze"), {d: open_store(STORES / TRAINING[d], "gaze") for d in domains}
    known = persons_of(opened("real"))
    labels = test.labels.assign(seen=test.labels["person"].isin(known))
    progress = Progress("baselines", len(cells), "training")
    tables, runs = [], tracking.DIARY / "baselines"
    learn = partial(errors_of, settings=params.estimators.baselines, folds=params.supervised.folds)
    with workers() as pool, whole(runs) as beside:
        beside.mkdir()
        learnt = [pool.submit(learn, *cell) for cell in cells]
        for done, ((name, domain, seed), found) in enumerate(zip(cells, learnt, strict=True), start=1):
            condition, errors = f"{name}_{domain}", found.result()
            tables.append(TABLE3.rows(labels, condition, seed, errors))
            _record(beside / f"{condition}-{seed}", condition, seed, stores[domain], test, errors)
            progress(done)
    progress.close()
    with whole(Path("results/baselines.parquet")) as results:
        pd.concat(tables, ignore_index=True).to_parquet(results, index=False)
    try:
        tracking.sync(tracking.DIARY)
    except UserError as error:  # a diary stops no evaluation; `make run` and `sync` send what is missing
        print(f"baselines: not in MLflow yet: {error}", flush=True)
    print(f"baselines: {len(tables)} estimators on {len(test)} images in results/baselines.parquet", flush=True)


def errors_of(name: str, domain: str, seed: int, settings: BaselineParams, folds: int) -> np.ndarray:
    """Train one baseline, in a process and on a thread of its own: its errors on the test images, degrees.

    On real images one a fold of persons, as condition `real` of the CNN.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    test, store, known = opened("test"), opened(TRAINING[domain]), persons_of(opened("real"))
    heads = [poses(part) for part in (store, test)]
    posed = all(np.isfinite(pose).all() for pose in heads)
    random = np.random.default_rng(derive(seed, f"baselines/{name}_{domain}"))
    everyone = store.columns(["person"])["person"]
    judges = fold_of(test.labels["person"], known, folds) if domain == "real" else np.zeros(len(test), int)
    estimates = np.empty((len(test), 3), np.float32)
    for fold in np.unique(judges):
        learns = trains_on(everyone, known, fold, folds) if domain == "real" else np.ones(len(store), bool)
        judged = judges == fold
        with threadpool_limits(1):
            predictor = baselines.fit(
                name,
                store.images[learns],
                heads[0][learns] if posed else None,
                store.gaze()[learns],
                random,
                at_most=settings.images,
                **({"steps": settings.cnn_steps} if name == "multimodal_cnn" else {}),
            )
            estimates[judged] = predictor.predict(test.images[judged], heads[1][judged] if posed else None)
    return angular_error_deg(torch.from_numpy(estimates), torch.from_numpy(test.gaze())).numpy()


@cache
def opened(name: str) -> Store:
    """A store, verified once a process."""
    return open_store(STORES / name, "gaze")


def poses(store: Store) -> np.ndarray:
    """Pitch and yaw of the heads (N, 2), degrees; NaN where a data set does not tell."""
    known = store.columns(HEAD)
    return known.to_numpy(np.float64) if list(known) == HEAD else np.full((len(store), 2), np.nan)


def _record(folder: Path, condition: str, seed: int, store: Store, test: Store, errors: np.ndarray) -> None:
    once = np.ones((1, len(errors)))
    with tracking.run(
        folder,
        experiment="earlier methods",
        name=f"baseline {condition} seed {seed}",
        params={"task": "gaze", "condition": condition, "seed": seed},
        tags={"stage": "baselines", "task": "gaze", "condition": condition, "seed": str(seed)},
        inputs={store.info["domain"]: (store.digest, len(store)), "test": (test.digest, len(test))},
        live=False,
    ) as run:
        run.final({f"test/{name}": float(metric(errors, once)[0]) for name, metric in TABLE3.metrics.items()})
