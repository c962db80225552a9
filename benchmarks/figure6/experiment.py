"""Loading colour eyes, refining them under one psi, and telling what became of their colours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.core.config import Camera, Params, Simulator
from benchmarks.core.errors import UserError
from benchmarks.core.files import instance, whole
from benchmarks.datasets import catalogue
from benchmarks.datasets.eyes import colour
from benchmarks.datasets.joined import Joined
from benchmarks.datasets.loading import Source, load_files
from benchmarks.datasets.store import open_store, write_store
from benchmarks.training import loop
from benchmarks.training.algorithm1 import prepare
from benchmarks.training.tensors import choose_device, precision

FOLDER = Path("figure6")
IMAGES = 2000  # of each domain, at most
REFINED = 1000  # images that a trained refiner leaves, at most
BATCH = 16


def load(params: Params, domain: str) -> None:
    """The colour images of a domain as a store of uint8 (N, 35, 55, 3). Raises UserError where they are grey."""
    source = getattr(params.data.gaze, domain)
    path = FOLDER / domain
    if isinstance(source, Simulator | Camera):
        count = min(source.count, IMAGES)
        if isinstance(source, Simulator):
            chunks = colour.simulator(count, source.seed)
        else:
            chunks = colour.camera(count, source.seed, source.persons)
        store = write_store(path, chunks, task="gaze", domain=domain, count=count, shape=(35, 55, 3))
    else:
        catalogue.require(params)
        reader = coloured(catalogue.files(source, domain, 0))
        limit = max(part.rejected_at_most for part in getattr(source, "parts", (source,)))
        store = load_files(reader, path, task="gaze", domain=domain, rejected_at_most=limit)
    print(f"figure6-load {domain}: {len(store)} images in {path}", flush=True)


def coloured(reader: Source) -> Source:
    """The reader, giving RGB."""
    if isinstance(reader, Joined):
        return replace(reader, parts=tuple(map(coloured, reader.parts)))
    if not hasattr(reader, "colour"):
        raise UserError(
            f"{type(reader).__name__} has grey images only; Figure 6 needs a source in colour (params.yaml)"
        )
    return replace(reader, colour=True)  # pyright: ignore[reportArgumentType, reportCallIssue]


def refine(params: Params, psi: str, seed: int, *, train: loop.Train = loop.train) -> Path:
    """Algorithm 1 on the colour stores under `psi`; leaves refined images, uint8 (n, 35, 55, 3).

    lambda is in units of the identity on three channels: a change of all three alike costs as much under either psi.
    """
    lam = params.simgan.gaze.lam * (3 if psi == "channel_mean" else 1)
    settings = params.simgan.gaze.model_copy(update={"psi": psi, "lam": lam})
    synthetic, real = (open_store(FOLDER / domain, "gaze") for domain in ("synthetic", "real"))
    device = choose_device(params.compute)

    def draw(images: np.ndarray, count: int, random: torch.Generator) -> Tensor:
        return to_network(images[torch.randint(len(images), (count,), generator=random).numpy()], device)

    height, width = synthetic.images.shape[1:3]
    trainer, _ = prepare(
        settings,
        channels=3,
        size=(height, width),
        draw_synthetic=lambda count, random: draw(synthetic.images, count, random),
        draw_real=lambda count, random: draw(real.images, count, random),
        device=device,
        seed=seed,
        purpose="figure6",
        precision=precision(params.compute),
        compiled=params.compute.compiled,
    )
    refiner = trainer.refiner.forward  # as it stands, not compiled

    @torch.no_grad()
    def refined(images: np.ndarray) -> np.ndarray:
        chunks = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
        return np.concatenate([to_pixels(refiner(to_network(chunk, device))) for chunk in chunks])

    def grid() -> np.ndarray:
        """Synthetic over refined over real, (3 H, 8 W, 3)."""
        first = np.array(synthetic.images[:8])
        return np.concatenate([np.concatenate(list(row), axis=1) for row in (first, refined(first), real.images[:8])])

    def save() -> None:
        with whole(FOLDER / f"{instance(psi, seed)}.npy") as beside, beside.open("wb") as file:
            np.save(file, refined(synthetic.images[:REFINED]))

    return train(
        trainer,
        experiment="SimGAN",
        stage="figure6",
        task="gaze",
        condition=psi,
        seed=seed,
        settings=settings.model_dump(),
        inputs={"synthetic": synthetic, "real": real},
        compute=params.compute,
        steps=trainer.schedule.total,
        images_per_step=settings.batch,
        log_every=settings.log_every,
        sample=grid,
        sample_every=settings.sample_every,
        save_outputs=save,
    )


def to_network(images: np.ndarray, device: torch.device) -> Tensor:
    """uint8 (N, H, W, 3) -> float32 (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(images)).to(device, torch.float32).permute(0, 3, 1, 2) / 127.5 - 1


def to_pixels(images: Tensor) -> np.ndarray:
    """The inverse of `to_network`."""
    levels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).cpu().numpy()


def measured(synthetic: np.ndarray, refined: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """Palette distances from real images before and after, and the edges kept, of uint8 (N, H, W, 3)."""
    from benchmarks.measures.realism import edges

    return {
        "palette_synthetic": palette(synthetic, real),
        "palette_refined": palette(refined, real),
        "edges_kept": edges(grey(refined), grey(synthetic)),
    }


def grey(images: np.ndarray) -> np.ndarray:
    """The mean of the channels, uint8 (N, H, W)."""
    return np.rint(images.mean(-1)).astype(np.uint8)


def palette(a: np.ndarray, b: np.ndarray, directions: int = 64, points: int = 512) -> float:
    """Sliced Wasserstein distance of two sets' pixels in RGB, in grey levels: 0 for sets of the same colours."""
    lines = np.random.default_rng(0).normal(size=(3, directions))
    lines /= np.linalg.norm(lines, axis=0)
    shares = (np.arange(points) + 0.5) / points
    sorted_a, sorted_b = (np.quantile(images.reshape(-1, 3)[::7] @ lines, shares, axis=0) for images in (a, b))
    return float(np.abs(sorted_a - sorted_b).mean())
