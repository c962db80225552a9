"""Stage train-simgan: Algorithm 1 on the synthetic and the unlabelled real store; writes the refiner's weights."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.config import Params
from benchmarks.datasets.store import open_store
from benchmarks.stages.tensors import (
    Draw,
    choose_device,
    derive,
    generator,
    instance,
    optimizer,
    place,
    save_weights,
    to_network,
    to_pixels,
)
from benchmarks.stages.training import train
from simgan.algorithm1 import Schedule, SimGAN
from simgan.losses import PSI
from simgan.networks import GAZE_LAYERS, HAND_LAYERS, Discriminator, Refiner

LAYERS = {"gaze": GAZE_LAYERS, "hand": HAND_LAYERS}
SAMPLES = 8  # columns of a sample grid


def run(params: Params, task: str, seed: int, variant: str = "") -> None:
    """`variant` is one of section 3.3's ablations (`config.VARIANTS`); none is the paper's method."""
    settings = getattr(params.simgan, task).varied(variant)
    stores = Path("stores") / task
    synthetic, real = open_store(stores / "synthetic", task), open_store(stores / "real", task)
    device = choose_device(params.compute)
    torch.manual_seed(derive(seed, f"train-simgan/{task}/weights"))
    architecture: dict[str, Any] = {
        "channels": 1,
        "features": settings.features,
        "blocks": settings.blocks,
        "kernel": settings.kernel,
        "padding": settings.padding,
    }
    refiner = place(Refiner(**architecture), device)
    height, width = synthetic.images.shape[1:]
    discriminator = place(
        Discriminator(LAYERS[task], settings.discriminator, size=(height, width), width=settings.discriminator_width),
        device,
    )
    schedule = Schedule(
        settings.refiner_pretraining,
        settings.discriminator_pretraining,
        settings.iterations,
        settings.k_g,
        settings.k_d,
        settings.batch,
        settings.lr_drops,
    )
    trainer = SimGAN(
        refiner,
        discriminator,
        refiner_optimizer=optimizer(settings.optimizer, refiner, settings.lr),
        discriminator_optimizer=optimizer(settings.optimizer, discriminator, settings.lr),
        draw_synthetic=Draw(synthetic.images, device),
        draw_real=Draw(real.images, device),
        schedule=schedule,
        lam=settings.lam,
        history=settings.history,
        psi=PSI[settings.psi],
        generator=generator(seed, f"train-simgan/{task}"),
    )

    first = synthetic.images[:SAMPLES]

    @torch.no_grad()
    def grid() -> np.ndarray:
        """Synthetic over refined over real, (3 H, SAMPLES W), uint8: depth as in the network, the near dark."""
        refined = to_pixels(refiner(to_network(first, device)), first)
        rows = first, refined, real.images[:SAMPLES]
        return np.concatenate([np.concatenate(list(_grey(row)), axis=1) for row in rows])

    train(
        trainer,
        stage="train-simgan",
        task=task,
        condition=variant,
        seed=seed,
        settings=settings.model_dump(),
        inputs={"synthetic": synthetic, "real": real},
        device=device,
        steps=schedule.total,
        images_per_step=settings.batch,
        log_every=settings.log_every,
        sample=grid,
        sample_every=settings.sample_every,
        save_outputs=lambda: save_weights(
            Path("models/simgan") / f"{instance(task, seed, variant)}.safetensors", refiner.state_dict(), architecture
        ),
    )


def _grey(images: np.ndarray) -> np.ndarray:
    units = to_network(images, torch.device("cpu"))[:, 0].numpy()
    return images if images.dtype == np.uint8 else np.rint((units + 1) * 255).astype(np.uint8)
