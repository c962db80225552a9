"""Stage train-gaze: section 3.1's CNN on one condition and seed; writes its best weights.

Weights and batch order depend on the seed alone: the conditions of one seed differ in their images only.
"""

from pathlib import Path

import torch
from torch import nn

from benchmarks.core.config import VARIANTS, Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import instance
from benchmarks.datasets.store import Store, open_store
from benchmarks.training.loop import train
from benchmarks.training.tensors import (
    choose_device,
    derive,
    generator,
    optimizer,
    place,
    save_weights,
    to_network,
)
from estimators.fit import Fit
from estimators.gaze_cnn import GazeCNN, gaze_loss

TASK = "gaze"
BATCH = 256  # of the validation passes


def training_set(condition: str, seed: int) -> tuple[Store, torch.Tensor]:
    """The images and gaze labels (N, 3) that a condition trains on. Only `real` reads labels of the real domain."""
    domain, _, more = condition.partition("_")
    refined = instance("refined", seed, more if more in VARIANTS else "")
    name = {"real": "real_labelled", "refined": refined, "synthetic": "synthetic"}[domain]
    store = open_store(Path("stores") / TASK / name, TASK)
    return store, torch.from_numpy(store.gaze())


def run(params: Params, condition: str, seed: int) -> Path:
    settings = params.estimators.gaze
    store, gaze = training_set(condition, seed)
    device = choose_device(params.compute)

    order = torch.randperm(len(store), generator=generator(seed, f"train-gaze/{TASK}/split"))
    held_out = min(settings.validation_images, int(settings.validation_share * len(store)))
    validation, training = order[:held_out], order[held_out:]
    if condition != "real" and not condition.endswith("_4x"):
        training = training[: int(settings.share_1x * len(training))]
    if not (len(validation) and len(training)):
        raise UserError(
            f"{store.path}: {len(store)} images leave none for training or validation; load more images "
            "or change estimators.gaze.validation_share in params.yaml"
        )

    torch.manual_seed(derive(seed, f"train-gaze/{TASK}/weights"))
    architecture = {"fc9600": settings.fc9600, "width": settings.width, "hidden": settings.hidden}
    network = place(GazeCNN(**architecture), device)

    def samples(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return to_network(store.images[chosen.numpy()], device), gaze[chosen].to(device)

    @torch.no_grad()
    def validate(network: nn.Module) -> float:
        network.eval()
        total = 0.0
        for chosen in validation.split(BATCH):
            images, targets = samples(chosen)
            total += gaze_loss(network(images), targets).item() * len(chosen)
        return total / len(validation)

    trainer = Fit(
        network,
        optimizer(settings.optimizer, network, settings.lr),
        gaze_loss,
        train=lambda chosen, _: samples(training[chosen]),
        count=len(training),
        validate=validate,
        batch=settings.batch,
        max_steps=settings.max_steps,
        validate_every=settings.validate_every,
        patience=settings.patience,
        generator=generator(seed, f"train-gaze/{TASK}"),
    )
    return train(
        trainer,
        stage="train-gaze",
        task=TASK,
        condition=condition,
        seed=seed,
        settings=settings.model_dump() | {"training_images": len(training)},
        inputs={store.info["domain"]: store},
        device=device,
        steps=settings.max_steps,
        images_per_step=settings.batch,
        log_every=settings.log_every,
        save_outputs=lambda: save_weights(
            Path("models/gaze") / f"{instance(condition, seed)}.safetensors", trainer.best, architecture
        ),
    )
