"""Rivals of SimGAN on its own benchmark: each trains a refiner, then what it refined trains an estimator (section 3).

Not part of the default run: `dvc repro benchmarks/refiners/dvc.yaml` (docs/refiners.md).
"""

import json
from collections.abc import Iterator
from functools import partial
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
from benchmarks.refiners.contract import Domains, Estimator, Refiner, Unlabelled, steps
from benchmarks.stages import evaluate, measure, train_gaze, train_hand
from benchmarks.stages.train_simgan import observers
from benchmarks.training.folds import persons_of
from benchmarks.training.instances import at_once, run_all
from benchmarks.training.loop import Trainer, train
from benchmarks.training.tensors import Images, choose_device, place, save_weights, to_network, to_pixels
from estimators.fit import Fit

SEEDS = 4  # the first of params.yaml's: a board is wider than it is deep
BATCH, CHUNK = 64, 4096
RESULTS = Path("results/rivals")  # of each: errors.parquet, and measures/SEED.json of a refiner


def seeds(params: Params) -> tuple[int, ...]:
    return params.seeds[:SEEDS]


def folder(task: str, name: str) -> Path:
    """Where a rival's weights are: its own in `refiner/`, its estimators' in `estimator/`."""
    return Path("models/rivals") / task / name


def condition(task: str, name: str) -> str:
    """All images train: `mine_4x` for eyes, `mine_3x` for hands."""
    return f"{name}{ALL_IMAGES[task]}"


def train_all(params: Params, task: str, name: str) -> None:
    """Stage: a rival's refiners, one a seed. Where nothing is trained, folders stay empty."""
    size = _size(open_store(Path("stores") / task / "synthetic", task))
    described = plugins.described(params, task, name, size)
    for output in (folder(task, name) / "refiner", Path("runs/train-refiner") / f"{task}-{name}"):
        output.mkdir(parents=True, exist_ok=True)
    if "cnn" not in described:
        run_all(partial(learn, params), [(task, name, seed) for seed in seeds(params)], params.compute)


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


def learn(params: Params, task: str, name: str, seed: int) -> Path | None:
    """One refiner; its weights with all that rebuilds it. No label of either domain is in reach."""
    synthetic, real = (open_store(Path("stores") / task / domain, task) for domain in ("synthetic", "real"))
    device = choose_device(params.compute)
    key, rival = _key(task, name), plugins.entry(params, task, name)
    description = plugins.described(params, task, name, _size(synthetic))
    settings = getattr(params.simgan, task)
    refiner = place(plugins.build(description, rival.code, key, seed), device)
    assert isinstance(refiner, Refiner)

    def save() -> None:
        save_weights(folder(task, name) / f"refiner/{seed}.safetensors", refiner.state_dict(), description)

    with plugins.labels_locked(key):
        with plugins.blamed(key):
            trainer = refiner.trainer(domains(synthetic, real, device, seed))
        if trainer is None:
            save()
            return None
        grid, criteria = observers(refiner, synthetic, real, device)
        return train(
            Named(trainer, key),
            experiment="refiners",
            stage="train-refiner",
            task=task,
            condition=name,
            seed=seed,
            settings=description["settings"] | {"class": rival.where, "code": plugins.code_digest(rival.code)},
            inputs={"synthetic": synthetic, "real": real},
            device=device,
            steps=getattr(trainer, "total", steps(settings)),
            images_per_step=settings.batch,
            log_every=settings.log_every,
            sample=grid,
            criteria=criteria,
            sample_every=settings.sample_every,
            save_outputs=save,
        )


def domains(synthetic: Store, real: Store, device: torch.device, seed: int) -> Domains:
    return Domains(Unlabelled(Images(synthetic.images, device)), Unlabelled(Images(real.images, device)), device, seed)


def judge(params: Params, task: str, name: str, seed: int) -> Path:
    """Refine, measure, and train the estimator of one seed; gives the checkpoint of that training."""
    stores = Path("stores") / task
    synthetic, real = open_store(stores / "synthetic", task), open_store(stores / "real", task)
    device = choose_device(params.compute)
    key, rival = _key(task, name), plugins.entry(params, task, name)
    description = plugins.described(params, task, name, _size(synthetic))
    models = folder(task, name) / "estimator"
    if "cnn" in description:
        estimator = plugins.build(description, rival.code, key, seed)
        assert isinstance(estimator, Estimator)
        taught = place(Taught(estimator, domains(synthetic, real, device, seed), key), device)
        trainer = train_gaze.fitted(params, synthetic, condition(task, name), seed, taught, taught.loss)
        taught.trainer = trainer
        own = description | {"code": plugins.code_digest(rival.code)}
        with plugins.labels_locked(key):
            return train_gaze.learn(params, synthetic, trainer, condition(task, name), seed, models, own)
    weights = folder(task, name) / f"refiner/{seed}.safetensors"
    refiner = plugins.restored(weights, rival.code, key, device)
    assert isinstance(refiner, Refiner)
    refined = refine(refiner, synthetic, stores / "rivals" / name / str(seed), key, device)
    measured = measure.compared(task, seed, synthetic, refined, real, open_store(stores / "real_labelled", task))
    with whole(RESULTS / task / name / f"measures/{seed}.json") as file:
        file.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
    if task == "hand":
        return train_hand.learn(params, refined, condition(task, name), seed, models)
    trainer = train_gaze.fitted(params, refined, condition(task, name), seed)
    return train_gaze.learn(params, refined, trainer, condition(task, name), seed, models)


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
        key = _key(task, name)
        network = plugins.restored(weights, rival.code, key, device)
        with plugins.blamed(key):
            return evaluate.angles(network, test.images, test.gaze(), device)
    if task == "gaze":
        return evaluate.gaze_errors(weights, test.images, test.gaze(), device)
    return evaluate.hand_errors(weights, test, device)


class Named:
    """A trainer whose errors name the method."""

    def __init__(self, trainer: Trainer, key: str):
        self.trainer, self.key = trainer, key

    @property
    def step(self) -> int:
        return self.trainer.step

    @property
    def done(self) -> bool:
        return self.trainer.done

    def advance(self) -> dict[str, float]:
        with plugins.blamed(self.key):
            return self.trainer.advance()

    def state_dict(self) -> dict[str, Any]:
        with plugins.blamed(self.key):
            return self.trainer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with plugins.blamed(self.key):
            self.trainer.load_state_dict(state)


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


def _size(store: Store) -> tuple[int, int]:
    height, width = store.images.shape[1:3]
    return height, width


def _key(task: str, name: str) -> str:
    return f"refiners.{task}.{name}"
