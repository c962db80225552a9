"""What a rival of SimGAN is worth: its images measured, and an estimator trained on them and tested (section 3)."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks import tracking
from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import instance, remove, whole
from benchmarks.core.progress import Progress
from benchmarks.core.workers import side_by_side
from benchmarks.datasets.store import Store, open_store, write_store
from benchmarks.evaluation.summary import ALL_IMAGES
from benchmarks.evaluation.tasks import TASKS
from benchmarks.refiners import plugins
from benchmarks.refiners.contract import Domains, Estimator, Refiner
from benchmarks.refiners.learning import HOME, domains, folder, key_of, seeds, size_of
from benchmarks.stages import evaluate, measure, train_gaze, train_hand
from benchmarks.training.folds import persons_of
from benchmarks.training.instances import at_once
from benchmarks.training.tensors import choose_device, place, to_network, to_pixels
from estimators.fit import Fit

BATCH, CHUNK = 64, 4096
RESULTS = HOME / "results"  # of each: errors.parquet, and measures/SEED.json of a refiner


def condition(task: str, name: str) -> str:
    """All images train: `mine_4x` for eyes, `mine_3x` for hands."""
    return f"{name}{ALL_IMAGES[task]}"


def judge_all(params: Params, task: str, name: str) -> None:
    """Stage: what its refiners do to the images, what that does to an estimator: a row an image."""
    every = [(params, task, name, seed) for seed in seeds(params)]
    checkpoints = side_by_side(judge, every, at_once(params.compute))
    measured = side_by_side(errors_of, every, at_once(params.compute))
    test = open_store(Path("stores") / task / "test", task)
    known = persons_of(open_store(Path("stores") / task / "real", task))
    labels = test.labels.assign(seen=test.labels["person"].isin(known))
    rows = [TASKS[task].rows(labels, name, seed, e) for seed, e in zip(seeds(params), measured, strict=True)]
    with whole(RESULTS / task / name / "errors.parquet") as results:
        pd.concat(rows, ignore_index=True).to_parquet(results, index=False)
    for seed, errors in zip(seeds(params), measured, strict=True):
        once = np.ones((1, len(errors)))
        figures = {f"test/{metric}": float(of(errors, once)[0]) for metric, of in TASKS[task].metrics.items()}
        tracking.add(f"train-{task}/{instance(task, seed, condition(task, name))}", figures)
    for checkpoint in checkpoints:
        remove(checkpoint)
    remove(Path("runs") / f"train-{task}" / f"{task}-{condition(task, name)}")  # empty by now


def judge(params: Params, task: str, name: str, seed: int) -> Path:
    """Refine, measure, and train the estimator of one seed; gives the checkpoint of that training."""
    stores = Path("stores") / task
    synthetic, real = open_store(stores / "synthetic", task), open_store(stores / "real", task)
    device = choose_device(params.compute)
    key, rival = key_of(task, name), plugins.entry(params, task, name)
    description = plugins.described(params, task, name, size_of(synthetic))
    models = folder(task, name) / "estimator"
    if "cnn" in description:
        estimator = plugins.build(description, rival.code, key, seed)
        assert isinstance(estimator, Estimator)
        taught = place(Taught(estimator, domains(synthetic, real, device, seed), key), device)
        trainer = train_gaze.fitted(params, synthetic, condition(task, name), seed, taught, taught.loss)
        taught.trainer = trainer
        own = description | {"code": plugins.code_digest(rival.code)}
        with plugins.labels_locked(key):
            checkpoint = train_gaze.learn(params, synthetic, trainer, condition(task, name), seed, models, own)
        return _apart(checkpoint, task, name, seed)
    weights = folder(task, name) / f"refiner/{seed}.safetensors"
    refiner = plugins.restored(weights, rival.code, key, device)
    assert isinstance(refiner, Refiner)
    refined = refine(refiner, synthetic, HOME / "stores" / task / name / str(seed), key, device)
    measured = measure.compared(task, seed, synthetic, refined, real, open_store(stores / "real_labelled", task))
    with whole(RESULTS / task / name / f"measures/{seed}.json") as file:
        file.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
    if task == "hand":
        return _apart(train_hand.learn(params, refined, condition(task, name), seed, models), task, name, seed)
    trainer = train_gaze.fitted(params, refined, condition(task, name), seed)
    return _apart(train_gaze.learn(params, refined, trainer, condition(task, name), seed, models), task, name, seed)


def _apart(checkpoint: Path, task: str, name: str, seed: int) -> Path:
    """A training has ended: its run goes from runs/train-TASK, on which the report depends as a whole, to our own."""
    run = Path("runs") / f"train-{task}" / instance(task, seed, condition(task, name))
    with whole(HOME / run) as beside:
        shutil.move(run, beside)
    return checkpoint


def refine(refiner: Refiner, synthetic: Store, path: Path, key: str, device: torch.device) -> Store:
    """The synthetic store through a refiner, each batch held to the contract; the first twice, for equal answers."""
    progress = Progress(f"refine {key}", len(synthetic), "image")

    def batch(start: int, stop: int) -> np.ndarray:
        images = synthetic.images[start:stop]
        return to_pixels(plugins.refined(refiner, to_network(images, device), key), images)

    def chunks() -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
        done = 0
        if not np.array_equal(batch(0, BATCH), batch(0, BATCH)):
            raise UserError(f"{key}: not deterministic: the same images refined twice differ")
        for labels in synthetic.label_chunks(CHUNK):
            stop = done + len(labels)
            yield np.concatenate([batch(i, min(i + BATCH, stop)) for i in range(done, stop, BATCH)]), labels
            done = stop
            progress(done)

    kind = {"task": synthetic.info["task"], "domain": "refined", "count": len(synthetic)}
    store = write_store(path, chunks(), shape=synthetic.images.shape[1:], dtype=str(synthetic.images.dtype), **kind)
    progress.close()
    return store


def errors_of(params: Params, task: str, name: str, seed: int) -> np.ndarray:
    """One estimator's errors on the test images, as the stage evaluate has them."""
    device, test = choose_device(params.compute), open_store(Path("stores") / task / "test", task)
    weights = folder(task, name) / "estimator" / f"{instance(condition(task, name), seed)}.safetensors"
    rival = plugins.entry(params, task, name)
    if issubclass(plugins.find(rival.where, rival.code), Estimator):
        key = key_of(task, name)
        network = plugins.restored(weights, rival.code, key, device)
        with plugins.blamed(key):
            return evaluate.angles(network, test.images, test.gaze(), device)
    if task == "gaze":
        return evaluate.gaze_errors(weights, test.images, test.gaze(), device)
    return evaluate.hand_errors(weights, test, device)


class Taught(nn.Module):
    """An estimator in section 3.1's training: in training mode eyes pass through, for `loss` sees the estimator itself.

    Its state is the estimator's own.
    """

    trainer: Fit

    def __init__(self, estimator: Estimator, domains: Domains, key: str):
        super().__init__()
        self.estimator, self.domains, self.key = estimator, domains, key

    def forward(self, eyes: Tensor) -> Tensor:
        return eyes if self.training else self.estimator(eyes)

    def loss(self, eyes: Tensor, gaze: Tensor) -> Tensor:
        done = self.trainer.step / self.trainer.max_steps
        with plugins.blamed(self.key):
            return self.estimator.loss(eyes, gaze, self.domains, self.trainer.generator, done)

    def state_dict(self, *arguments: Any, **options: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.estimator.state_dict(*arguments, **options)

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.estimator.load_state_dict(*arguments, **options)
