"""Stage train-simgan: Algorithm 1 on the synthetic and the unlabelled real store; writes the refiner's weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.core.config import Params
from benchmarks.core.files import instance
from benchmarks.datasets.store import Store, open_store
from benchmarks.measures import realism
from benchmarks.training import loop
from benchmarks.training.algorithm1 import prepare
from benchmarks.training.tensors import (
    RandomBatches,
    choose_device,
    precision,
    save_weights,
    to_network,
    to_pixels,
)

SAMPLES = 8  # columns of a sample grid
JUDGED = 250  # images of either domain, at most, that the label-free criteria see by step
BATCH = 16  # of refining them


def run(params: Params, task: str, seed: int, variant: str = "", *, train: loop.Train = loop.train) -> Path:
    """`variant` is one of section 3.3's ablations (`config.VARIANTS`); none is the paper's method."""
    settings = params.simgan.gaze.varied(variant) if variant else getattr(params.simgan, task)
    stores = Path("stores") / task
    synthetic, real = open_store(stores / "synthetic", task), open_store(stores / "real", task)
    device = choose_device(params.compute)
    height, width = synthetic.images.shape[1:]
    trainer, architecture = prepare(
        settings,
        channels=1,
        size=(height, width),
        draw_synthetic=RandomBatches(synthetic.images, device),
        draw_real=RandomBatches(real.images, device),
        device=device,
        seed=seed,
        purpose=f"train-simgan/{task}",
        precision=precision(params.compute),
        compiled=params.compute.compiled,
    )
    refiner = trainer.refiner
    grid, criteria = observers(refiner, synthetic, real, device)
    return train(
        trainer,
        experiment="SimGAN",
        stage="train-simgan",
        task=task,
        condition=variant,
        seed=seed,
        settings=settings.model_dump(),
        inputs={"synthetic": synthetic, "real": real},
        compute=params.compute,
        steps=trainer.schedule.total,
        images_per_step=settings.batch,
        log_every=settings.log_every,
        sample=grid,
        criteria=criteria,
        sample_every=settings.sample_every,
        save_outputs=lambda: save_weights(
            Path("models/simgan") / f"{instance(task, seed, variant)}.safetensors", refiner.state_dict(), architecture
        ),
    )


def observers(
    refiner: nn.Module, synthetic: Store, real: Store, device: torch.device
) -> tuple[Callable[[], np.ndarray], Callable[[], dict[str, float]]]:
    """What a refiner in training is watched by: a grid of samples, and label-free measures."""
    first = synthetic.images[:SAMPLES]
    refine = refiner.forward  # as it stands: compiled, these batches would make the training's sizes variable

    @torch.no_grad()
    def grid() -> np.ndarray:
        """Synthetic over refined over real, (3 H, SAMPLES W), uint8: depth as in the network, the near dark."""
        refined = to_pixels(refine(to_network(first, device)), first)
        rows = first, refined, real.images[:SAMPLES]
        return np.concatenate([np.concatenate(list(_grey(row)), axis=1) for row in rows])

    before = units(spread(synthetic.images))
    reference = realism.summarise(units(spread(real.images)))

    @torch.no_grad()
    def criteria() -> dict[str, float]:
        chunks = torch.from_numpy(before)[:, None].split(BATCH)
        refined = torch.cat([refine(chunk.to(device)).cpu() for chunk in chunks])[:, 0].numpy()
        return {f"measure/{name}": value for name, value in realism.compare(refined, reference, before).items()}

    return grid, criteria


def spread(images: np.ndarray) -> np.ndarray:
    """At most `JUDGED` of the images, spread evenly over them."""
    return images[np.unique(np.linspace(0, len(images) - 1, JUDGED, dtype=int))]


def units(images: np.ndarray) -> np.ndarray:
    """float32 (N, H, W) in [-1, 1], as the networks see them."""
    return to_network(images, torch.device("cpu"))[:, 0].numpy()


def _grey(images: np.ndarray) -> np.ndarray:
    return images if images.dtype == np.uint8 else np.rint((units(images) + 1) * 255).astype(np.uint8)
