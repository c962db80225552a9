"""Stage evaluate: every estimator on the test store; one row per test image, the only source of every number."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import torch

from benchmarks import tracking
from benchmarks.core.config import Control, Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import instance, whole
from benchmarks.core.workers import side_by_side
from benchmarks.datasets.hands.crops import crop_to_mm
from benchmarks.datasets.store import Store, open_store
from benchmarks.evaluation.tasks import JOINTS, TASKS, Task
from benchmarks.training.folds import fold_of, persons_of
from benchmarks.training.instances import at_once
from benchmarks.training.tensors import choose_device, load_weights, to_network
from estimators import gaze_cnn, hourglass
from estimators.errors import angular_error_deg

BATCH = 256
EXAMPLES = 2  # images that show in MLflow what an estimator takes
CROP = 224  # section 3.2: errors are in pixels of a crop of this side


def run(params: Params, name: str) -> None:
    task = TASKS[name]
    stores = Path("stores") / name
    test = open_store(stores / "test", name)
    known = persons_of(open_store(stores / "real", name))
    labels = test.labels.assign(seen=test.labels["person"].isin(known))
    cells = [(condition, seed) for condition in trained(params, task) for seed in params.seeds_of(name, condition)]
    measured = side_by_side(errors_of, [(params, name, *cell) for cell in cells], at_once(params.compute))
    tables = [
        task.rows(labels, condition, seed, errors) for (condition, seed), errors in zip(cells, measured, strict=True)
    ]
    with whole(Path("results") / f"{name}.parquet") as results:
        pd.concat(tables, ignore_index=True).to_parquet(results, index=False)
    try:
        for (condition, seed), errors in zip(cells, measured, strict=True):
            once = np.ones((1, len(errors)))
            figures = {f"test/{metric}": float(of(errors, once)[0]) for metric, of in task.metrics.items()}
            for training in trainings(params, name, condition):
                run = f"train-{name}/{instance(name, seed, training)}"
                tracking.add(run, figures)
                if seed == params.seeds[0]:
                    weights = Path("models") / name / f"{instance(training, seed)}.safetensors"
                    tracking.add_model(run, name, weights, test.images[:EXAMPLES])
        tracking.sync(tracking.DIARY)
    except UserError as error:  # a diary stops no evaluation; `make run` and `sync` send what is missing
        print(f"evaluate {name}: not in MLflow yet: {error}", flush=True)
    print(f"evaluate {name}: {len(tables)} estimators on {len(test)} images in results/{name}.parquet", flush=True)


def trainings(params: Params, name: str, condition: str) -> list[str]:
    """The trainings that judge together: one a fold of the supervised row."""
    folded = name == "gaze" and condition == "real"
    return [f"real/fold{k}" for k in range(params.supervised.folds)] if folded else [condition]


def errors_of(params: Params, name: str, condition: str, seed: int) -> np.ndarray:
    """One estimator's errors on the test store: angles (N,) in degrees, or joints (N, 2 J)."""
    stores = Path("stores") / name
    device, test = choose_device(params.compute), open_store(stores / "test", name)
    if name == "gaze" and condition == "real":
        known = persons_of(open_store(stores / "real", name))
        return folded_errors(params.supervised.folds, known, seed, test, device)
    weights = Path("models") / name / f"{instance(condition, seed)}.safetensors"
    if name == "gaze":
        return gaze_errors(weights, test.images, test.gaze(), device)
    return hand_errors(weights, test, device)


def trained(params: Params, task: Task) -> list[str]:
    """The conditions that this run trains: the supervised one where labels are, controls and ablations if any."""
    controls = getattr(params.controls, task.name)
    asked = {c: c.split("_")[0] in controls for c in task.conditions if c.split("_")[0] in get_args(Control)}
    asked["real"] = bool(getattr(params.supervised, task.name))
    known = [condition for condition in task.conditions if asked.get(condition, True)]
    return known + ([f"refined_{variant}" for variant in params.ablations] if task.name == "gaze" else [])


def gaze_errors(weights: Path, images: np.ndarray, gaze: np.ndarray, device: torch.device) -> np.ndarray:
    """Angles (N,) in degrees."""
    return angles(load_weights(weights, gaze_cnn.GazeCNN, device), images, gaze, device)


def angles(network: torch.nn.Module, images: np.ndarray, gaze: np.ndarray, device: torch.device) -> np.ndarray:
    """Between estimated and true gaze (N, 3), in degrees (N,)."""
    return angular_error_deg(gaze_cnn.estimate(network, _batches(images, device)), torch.from_numpy(gaze)).numpy()


def folded_errors(folds: int, known: list[str], seed: int, test: Store, device: torch.device) -> np.ndarray:
    """Angles (N,) in degrees of the supervised row: each person by the CNN that trained on other persons' labels."""
    fold = fold_of(test.labels["person"], known, folds)
    errors = np.empty(len(test), np.float32)
    for k in np.unique(fold):
        weights = Path("models/gaze") / f"{instance(f'real/fold{k}', seed)}.safetensors"
        errors[fold == k] = gaze_errors(weights, test.images[fold == k], test.gaze()[fold == k], device)
    return errors


def hand_errors(weights: Path, test: Store, device: torch.device) -> np.ndarray:
    """(N, 2 J): each joint's distance in pixels of a 224 crop, then in mm with the depth read at the estimate.

    NaN in mm where the image has no depth there.
    """
    network = load_weights(weights, hourglass.Hourglass, device)
    uv = hourglass.estimate(network, _batches(test.images, device)).double().numpy()
    truth = _columns(test, "uv")
    size = test.images.shape[1]
    pixels = np.linalg.norm(uv - truth, axis=2) * CROP / size
    column, row = np.rint(uv).astype(int).clip(0, size - 1).transpose(2, 0, 1)
    depth = test.images[np.arange(len(test))[:, None], row, column].astype(np.float64)
    crop = test.labels[["crop_u", "crop_v", "crop_d"]].to_numpy(np.float64)
    points = crop_to_mm(np.concatenate([uv, depth[..., None]], axis=2), crop, size)
    millimetres = np.where(depth > 0, np.linalg.norm(points - _columns(test, "xyd"), axis=2), np.nan)
    return np.concatenate([pixels, millimetres], axis=1)


def _columns(test: Store, axes: str) -> np.ndarray:
    """(N, J, len(axes)) of the joints' labels."""
    names = [f"{joint}_{axis}" for joint in JOINTS for axis in axes]
    return test.labels[names].to_numpy(np.float64).reshape(len(test), len(JOINTS), len(axes))


def _batches(images: np.ndarray, device: torch.device) -> Iterator[torch.Tensor]:
    return (to_network(images[i : i + BATCH], device) for i in range(0, len(images), BATCH))
