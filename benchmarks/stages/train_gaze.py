"""Stage train-gaze: section 3.1's CNN on one condition and seed; writes its best weights.

Weights and batch order depend on the seed alone: the conditions of one seed differ in their images only.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.core.config import VARIANTS, GazeCNNParams, Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import instance
from benchmarks.datasets.store import Store, open_store
from benchmarks.training import loop
from benchmarks.training.folds import persons_of, trains_on
from benchmarks.training.schedules import SCHEDULES
from benchmarks.training.tensors import (
    Images,
    choose_device,
    derive,
    generator,
    moved,
    optimizer,
    place,
    precision,
    save_weights,
)
from estimators.fit import Fit, Loss
from estimators.gaze_cnn import GazeCNN, gaze_loss

TASK = "gaze"
STORES = Path("stores") / TASK
BATCH = 256  # of the validation passes


def training_set(condition: str, seed: int) -> Store:
    """The images and labels that a condition trains on. Only `real` reads labels of the real domain."""
    domain, _, more = condition.partition("_")
    name = {"real": "real_labelled", "refined": instance("refined", seed, more if more in VARIANTS else "")}
    return open_store(STORES / name.get(domain, domain), TASK)


def run(params: Params, condition: str, seed: int, fold: int | None = None, *, train: loop.Train = loop.train) -> Path:
    """`fold`: of condition `real` only, the fold of persons whom this CNN will judge (see `training.folds`)."""
    store = training_set(condition, seed)
    name = condition if fold is None else f"{condition}/fold{fold}"
    return learn(params, store, fitted(params, store, name, seed), name, seed, Path("models/gaze"), train=train)


def fitted(
    params: Params, store: Store, name: str, seed: int, network: nn.Module | None = None, loss: Loss = gaze_loss
) -> Fit:
    """The untrained CNN, or another `network` with its `loss`, and its training on the images of a store.

    `name` is the condition; of the supervised row `real/fold0`.
    """
    settings = params.estimators.gaze
    condition, _, fold = name.partition("/fold")
    device = choose_device(params.compute)
    gaze = torch.from_numpy(store.gaze()).to(device)

    images = np.arange(len(store))
    if fold:
        persons, known = store.columns(["person"])["person"], persons_of(open_store(STORES / "real", TASK))
        images = images[trains_on(persons, known, int(fold), params.supervised.folds)]

    shuffled = torch.randperm(len(images), generator=generator(seed, f"train-gaze/{TASK}/split"))
    order = torch.from_numpy(images)[shuffled]
    held_out = min(settings.validation_images, int(settings.validation_share * len(order)))
    validation, training = order[:held_out], order[held_out:]
    if condition != "real" and not condition.endswith("_4x"):
        training = training[: int(settings.share_1x * len(training))]
    if not (len(validation) and len(training)):
        raise UserError(
            f"{store.path}: {len(store)} images leave none for training or validation; load more images "
            "or change estimators.gaze.validation_share in params.yaml"
        )

    if network is None:
        torch.manual_seed(derive(seed, f"train-gaze/{TASK}/weights"))
        network = place(GazeCNN(**architecture(settings)), device, params.compute.compiled)

    eyes = Images(store.images, device)

    def samples(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return eyes(chosen), gaze[moved(chosen, device)]

    @torch.no_grad()
    def validate(network: nn.Module) -> float:
        network.eval()
        total = 0.0
        for chosen in validation.split(BATCH):
            images, targets = samples(chosen)
            total += gaze_loss(network(images), targets).item() * len(chosen)
        return total / len(validation)

    return Fit(
        network,
        optimizer(settings.optimizer, network, settings.lr),
        loss,
        train=lambda chosen, _: samples(training[chosen]),
        count=len(training),
        validate=validate,
        batch=settings.batch,
        max_steps=settings.max_steps,
        validate_every=settings.validate_every,
        patience=settings.patience,
        decay=SCHEDULES[settings.schedule],
        precision=precision(params.compute),
        generator=generator(seed, f"train-gaze/{TASK}"),
    )


def learn(
    params: Params,
    store: Store,
    trainer: Fit,
    name: str,
    seed: int,
    models: Path,
    own: Mapping[str, Any] | None = None,
    *,
    train: loop.Train = loop.train,
) -> Path:
    """Train to the end; the best weights go below `models`. `own`: a rival's parameters, which its weights keep."""
    settings = params.estimators.gaze
    return train(
        trainer,
        experiment="estimators",
        stage="train-gaze",
        task=TASK,
        condition=name,
        seed=seed,
        settings=settings.model_dump() | {"training_images": trainer.count} | dict(own or {}),
        inputs={store.info["domain"]: store},
        compute=params.compute,
        steps=settings.max_steps,
        images_per_step=settings.batch,
        log_every=settings.log_every,
        save_outputs=lambda: save_weights(
            models / f"{instance(name, seed)}.safetensors", trainer.best, own or architecture(settings)
        ),
    )


def architecture(settings: GazeCNNParams) -> dict[str, Any]:
    """The CNN's constructor's arguments."""
    return {"fc9600": settings.fc9600, "width": settings.width, "hidden": settings.hidden}
