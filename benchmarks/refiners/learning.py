"""A rival of SimGAN learns to refine: the same images, the same loop, no label in reach."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.core.config import Params
from benchmarks.datasets.store import Store, open_store
from benchmarks.refiners import plugins
from benchmarks.refiners.contract import Domains, Refiner, Unlabelled, steps
from benchmarks.stages.train_simgan import observers
from benchmarks.training import loop
from benchmarks.training.instances import run_all
from benchmarks.training.loop import Losses, Trainer
from benchmarks.training.tensors import Images, choose_device, place, save_weights

HOME = Path("rivals")  # all that rivals leave lies apart from what the report depends on
SEEDS = 4  # the first of params.yaml's: a board is wider than it is deep


def seeds(params: Params) -> tuple[int, ...]:
    return params.seeds[:SEEDS]


def folder(task: str, name: str) -> Path:
    """Where a rival's weights are: its own in `refiner/`, its estimators' in `estimator/`."""
    return HOME / "models" / task / name


def train_all(params: Params, task: str, name: str) -> None:
    """Stage: a rival's refiners, one a seed. Where nothing is trained, folders stay empty."""
    size = size_of(open_store(Path("stores") / task / "synthetic", task))
    described = plugins.described(params, task, name, size)
    for output in (folder(task, name) / "refiner", Path("runs/train-refiner") / f"{task}-{name}"):
        output.mkdir(parents=True, exist_ok=True)
    if "cnn" not in described:
        run_all(partial(learn, params), [(task, name, seed) for seed in seeds(params)], params.compute)


def learn(params: Params, task: str, name: str, seed: int, *, train: loop.Train = loop.train) -> Path | None:
    """One refiner; its weights with all that rebuilds it. No label of either domain is in reach."""
    synthetic, real = (open_store(Path("stores") / task / domain, task) for domain in ("synthetic", "real"))
    device = choose_device(params.compute)
    key, rival = key_of(task, name), plugins.entry(params, task, name)
    description = plugins.described(params, task, name, size_of(synthetic))
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
            compute=params.compute,
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

    def advance(self) -> Losses:
        with plugins.blamed(self.key):
            losses = self.trainer.advance()
            return {name: loss.detach() if isinstance(loss, torch.Tensor) else loss for name, loss in losses.items()}

    def state_dict(self) -> dict[str, Any]:
        with plugins.blamed(self.key):
            return self.trainer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with plugins.blamed(self.key):
            self.trainer.load_state_dict(state)


def size_of(store: Store) -> tuple[int, int]:
    height, width = store.images.shape[1:3]
    return height, width


def key_of(task: str, name: str) -> str:
    return f"refiners.{task}.{name}"
