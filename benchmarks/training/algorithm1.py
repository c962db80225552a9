"""Algorithm 1 with the networks, the optimisers and the schedule that params.yaml gives."""

from typing import Any

import torch

from benchmarks.core.config import SimGANParams
from benchmarks.training.schedules import SCHEDULES
from benchmarks.training.tensors import derive, generator, optimizer, place
from simgan.algorithm1 import Draw, Schedule, SimGAN
from simgan.losses import PSI
from simgan.networks import LAYERS, Discriminator, Refiner


def prepare(
    settings: SimGANParams,
    *,
    channels: int,
    size: tuple[int, int],
    draw_synthetic: Draw,
    draw_real: Draw,
    device: torch.device,
    seed: int,
    purpose: str,
    precision: torch.dtype = torch.float32,
    compiled: bool = False,
) -> tuple[SimGAN, dict[str, Any]]:
    """Untrained networks for images (N, channels, *size), their trainer, and the arguments that rebuild the refiner.

    Weights and batches depend on `seed` and `purpose` alone. `precision` and `compiled` are those of params.yaml's
    `compute`.
    """
    torch.manual_seed(derive(seed, f"{purpose}/weights"))
    architecture: dict[str, Any] = {
        "channels": channels,
        "features": settings.features,
        "blocks": settings.blocks,
        "kernel": settings.kernel,
        "padding": settings.padding,
    }
    refiner = place(Refiner(**architecture), device, compiled)
    layers = LAYERS[settings.discriminator_layers]
    discriminator = place(
        Discriminator(layers, settings.discriminator, channels, size, settings.discriminator_width), device, compiled
    )
    trainer = SimGAN(
        refiner,
        discriminator,
        refiner_optimizer=optimizer(settings.optimizer, refiner, settings.lr),
        discriminator_optimizer=optimizer(settings.optimizer, discriminator, settings.lr),
        draw_synthetic=draw_synthetic,
        draw_real=draw_real,
        schedule=Schedule(
            settings.refiner_pretraining,
            settings.discriminator_pretraining,
            settings.iterations,
            settings.k_g,
            settings.k_d,
            settings.batch,
            settings.lr_drops,
        ),
        lam=settings.lam,
        history=settings.history,
        psi=PSI[settings.psi],
        decay=SCHEDULES[settings.schedule],
        precision=precision,
        generator=generator(seed, purpose),
    )
    return trainer, architecture
