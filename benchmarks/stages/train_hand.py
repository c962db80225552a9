"""Stage train-hand: section 3.2's stacked hourglass on one condition and seed; writes its best weights.

Weights, batch order and augmentation depend on the seed alone: the conditions of one seed differ in their images only.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import instance
from benchmarks.datasets.hands.skeleton import JOINTS
from benchmarks.datasets.store import Store, open_store
from benchmarks.training import loop
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
from estimators.augment import augment
from estimators.fit import Batch, Fit
from estimators.heatmaps import encode
from estimators.hourglass import Hourglass, hourglass_loss

TASK = "hand"
BATCH = 64  # of the validation passes


def joints_uv(store: Store) -> np.ndarray:
    """float32 (N, J, 2): the joints in crop pixels. Raises UserError where one is NaN or missing."""
    columns = [f"{joint}_{axis}" for joint in JOINTS for axis in "uv"]
    missing = [column for column in columns if column not in store.labels]
    if missing:
        raise UserError(f"{store.path}: labels lack the column {missing[0]}; load the data set again")
    joints = store.labels[columns].to_numpy(np.float32).reshape(len(store), len(JOINTS), 2)
    bad = np.flatnonzero(~np.isfinite(joints).all((1, 2)))
    if len(bad):
        raise UserError(f"{store.path}: {len(bad)} images have a joint that is NaN (first: row {bad[0]}); drop them")
    return joints


def run(params: Params, condition: str, seed: int, *, train: loop.Train = loop.train) -> Path:
    domain = condition.removesuffix("_3x")
    name = {"real": "real_labelled", "refined": instance("refined", seed)}.get(domain, domain)
    store = open_store(Path("stores") / TASK / name, TASK)
    return learn(params, store, condition, seed, Path("models/hand"), train=train)


def learn(
    params: Params, store: Store, condition: str, seed: int, models: Path, *, train: loop.Train = loop.train
) -> Path:
    """Train on the images of a store; the best weights go below `models`."""
    settings = params.estimators.hand
    size = store.images.shape[1]
    if size < 2 * settings.side:
        raise UserError(
            f"params.yaml: estimators.hand.side: {settings.side} needs crops of {2 * settings.side} pixels or more, "
            f"data.hand.size is {size}"
        )
    device = choose_device(params.compute)
    joints = torch.from_numpy(joints_uv(store).copy()).to(device)

    views = store.labels["view"].to_numpy()
    images = np.arange(len(store)) if condition.endswith("_3x") else np.flatnonzero(views == 0)  # 3x: all views
    shuffled = torch.randperm(len(images), generator=generator(seed, f"train-hand/split/{len(images)}"))
    order = torch.from_numpy(images)[shuffled]
    held_out = min(settings.validation_images, int(settings.validation_share * len(order)))
    validation, training = order[:held_out], order[held_out:]
    if not (len(validation) and len(training)):
        raise UserError(f"{store.path}: {len(store)} images leave none for training or validation; load more images")

    torch.manual_seed(derive(seed, "train-hand/weights"))
    architecture = {
        "stacks": settings.stacks,
        "features": settings.features,
        "joints": len(JOINTS),
        "depth": settings.depth,
        "side": settings.side,
    }
    network = place(Hourglass(**architecture), device, params.compute.compiled)

    depths = Images(store.images, device)

    def crops(chosen: torch.Tensor) -> Batch:
        return depths(chosen), joints[moved(chosen, device)]

    def samples(chosen: torch.Tensor, random: torch.Generator) -> Batch:
        depth, moved = augment(*crops(training[chosen]), random, settings.rotation_deg)
        return depth, encode(moved, size, settings.side, settings.sigma)

    @torch.no_grad()
    def validate(network: nn.Module) -> float:
        network.eval()
        total = 0.0
        for chosen in validation.split(BATCH):
            depth, uv = crops(chosen)
            target = encode(uv, size, settings.side, settings.sigma)
            total += hourglass_loss(network(depth), target).item() * len(chosen)
        return total / len(validation)

    trainer = Fit(
        network,
        optimizer(settings.optimizer, network, settings.lr),
        hourglass_loss,
        train=samples,
        count=len(training),
        validate=validate,
        batch=settings.batch,
        max_steps=settings.max_steps,
        validate_every=settings.validate_every,
        patience=settings.patience,
        decay=SCHEDULES[settings.schedule],
        precision=precision(params.compute),
        generator=generator(seed, "train-hand"),
    )
    return train(
        trainer,
        experiment="estimators",
        stage="train-hand",
        task=TASK,
        condition=condition,
        seed=seed,
        settings=settings.model_dump() | {"training_images": len(training)},
        inputs={store.info["domain"]: store},
        compute=params.compute,
        steps=settings.max_steps,
        images_per_step=settings.batch,
        log_every=settings.log_every,
        save_outputs=lambda: save_weights(
            models / f"{instance(condition, seed)}.safetensors", trainer.best, architecture
        ),
    )
