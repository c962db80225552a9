"""What is timed: each step as the suite takes it and as `plain` does, on the same images, and the machine's limits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bench import plain
from benchmarks.core.config import GazeCNNParams, HourglassParams, SimGANParams
from benchmarks.datasets import eyes, hands
from benchmarks.datasets.store import open_store, write_store
from benchmarks.evaluation.tasks import JOINTS
from benchmarks.stages.refine import BATCH
from benchmarks.training.algorithm1 import prepare
from benchmarks.training.tensors import generator, optimizer, place
from estimators.fit import Fit
from estimators.gaze_cnn import GazeCNN, gaze_loss
from estimators.hourglass import Hourglass, hourglass_loss
from simgan.networks import LAYERS

EYE = (35, 55)
PRODUCT = 2048  # side of the matrices whose product is the limit
COPIED = 1 << 28  # bytes


@dataclass
class Work:
    """One thing to time: `ours` and, where there is one, `plain` do `images` images with `flops` operations.

    `plain` gives its loss, as `ours` does where it is a step.
    """

    name: str
    images: int
    ours: Callable[[], object]
    plain: Callable[[], object] | None = None
    flops: float = 0.0
    bytes: float = 0.0


def limits(device: torch.device) -> Iterator[Work]:
    yield product(device)
    yield copy(device)


def product(device: torch.device) -> Work:
    """The limit of arithmetic: one matrix product, in float32 on a CPU, in bfloat16 on a GPU."""
    kind = torch.float32 if device.type == "cpu" else torch.bfloat16
    side = PRODUCT if device.type == "cpu" else 4 * PRODUCT
    a, b = (torch.rand(side, side, device=device, dtype=kind) for _ in range(2))
    return Work(f"matrix product, {str(kind).partition('.')[2]}", 0, lambda: a @ b, flops=2.0 * side**3)


def copy(device: torch.device) -> Work:
    """The limit of memory: one copy; a byte is read and a byte is written."""
    source = torch.ones(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Work("copy", 0, lambda: target.copy_(source), bytes=2.0 * COPIED)


def simgan(
    task: str, settings: SimGANParams, size: tuple[int, int], device: torch.device, batch: int | None = None
) -> Iterator[Work]:
    """R's step, D's step and refining, of Algorithm 1 with those parameters; images (n, 1, *size)."""
    settings = settings.model_copy(update={"history": 0} | ({"batch": batch} if batch else {}))
    random = torch.Generator().manual_seed(0)
    synthetic, real = (torch.rand(settings.batch, 1, *size, generator=random).to(device) * 2 - 1 for _ in range(2))
    trainer, _ = prepare(
        settings,
        channels=1,
        size=size,
        draw_synthetic=lambda count, _: synthetic[:count],
        draw_real=lambda count, _: real[:count],
        device=device,
        seed=0,
        purpose="bench",
    )
    refiner = plain.Refiner(settings.features, settings.blocks, settings.kernel).to(device)
    refiner.load_state_dict(_contiguous(trainer.refiner))
    discriminator = plain.Discriminator(LAYERS[settings.discriminator_layers], settings.discriminator_width).to(device)
    discriminator.load_state_dict(_contiguous(trainer.discriminator))
    of_refiner, of_discriminator = plain.adam(refiner, settings.lr), plain.adam(discriminator, settings.lr)
    kind = f"{task}, {size[0]}x{size[1]}, R of {settings.features}"
    of = f"{kind}, batch {settings.batch}"
    yield _counted(
        Work(
            f"R's step: {of}",
            settings.batch,
            lambda: trainer.update_refiner()["refiner"],
            lambda: plain.refiner_step(refiner, discriminator, of_refiner, synthetic, settings.lam),
        )
    )
    yield _counted(
        Work(
            f"D's step: {of}",
            settings.batch,
            lambda: trainer.update_discriminator()["discriminator"],
            lambda: plain.discriminator_step(refiner, discriminator, of_discriminator, synthetic, real),
        )
    )
    shown = synthetic[:BATCH] if device.type == "cpu" else synthetic

    def refining(network: nn.Module) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with torch.no_grad():
                return network(shown)

        return run

    yield _counted(
        Work(
            f"refining: {kind}, batch {len(shown)}",
            len(shown),
            refining(trainer.refiner),
            refining(refiner),
        )
    )


def gaze_cnn(settings: GazeCNNParams, device: torch.device, batch: int | None = None) -> Work:
    """A step of section 3.1's CNN."""
    batch = batch or settings.batch
    torch.manual_seed(0)
    ours = place(GazeCNN(settings.fc9600, settings.width, settings.hidden), device)
    theirs = plain.GazeCNN(settings.fc9600, settings.width, settings.hidden).to(device)
    theirs.load_state_dict(_contiguous(ours))
    images, targets = torch.rand(batch, 1, *EYE, device=device), torch.rand(batch, 3, device=device)
    fit = _fit(ours, optimizer("adam", ours, settings.lr), gaze_loss, images, targets)
    adam = plain.adam(theirs, settings.lr)
    name = f"gaze CNN's step: width {settings.width:g}, FC9600 as {settings.fc9600}, batch {batch}"
    return _counted(Work(name, batch, fit, lambda: plain.estimator_step(theirs, adam, gaze_loss, images, targets)))


def hourglass(settings: HourglassParams, size: int, device: torch.device, batch: int | None = None) -> Work:
    """A step of section 3.2's stacked hourglass; crops (n, 1, size, size)."""
    batch = batch or settings.batch
    torch.manual_seed(0)
    own = {"stacks": settings.stacks, "features": settings.features, "joints": len(JOINTS)}
    own |= {"depth": settings.depth, "side": settings.side}
    ours, theirs = place(Hourglass(**own), device), Hourglass(**own).to(device)
    theirs.load_state_dict(_contiguous(ours))
    images = torch.rand(batch, 1, size, size, device=device)
    targets = torch.rand(batch, len(JOINTS), settings.side, settings.side, device=device)
    fit = _fit(ours, optimizer("adam", ours, settings.lr), hourglass_loss, images, targets)
    adam = plain.adam(theirs, settings.lr)
    name = f"hourglass's step: {settings.features} features, crops of {size}, batch {batch}"
    return _counted(Work(name, batch, fit, lambda: plain.estimator_step(theirs, adam, hourglass_loss, images, targets)))


def rendering(size: int) -> Iterator[Work]:
    """The embedded simulators; one process, numpy."""
    yield Work("rendering eyes", 256, lambda: list(eyes.simulator(256, 0)))
    yield Work(f"rendering hands, crops of {size}", 64, lambda: list(hands.simulator(64, 0, (0,), size)))


def reading(folder: Path) -> Work:
    """Random batches of 32 eyes from a store on disk, as the trainings read them."""
    path = folder / "synthetic"
    images, labels = next(eyes.simulator(256, 0))
    kind = {"task": "gaze", "domain": "synthetic", "count": 4 * len(images), "shape": EYE, "dtype": "uint8"}
    write_store(path, [(images, labels)] * 4, **kind)
    store, random = open_store(path, "gaze"), np.random.default_rng(0)

    def read() -> None:
        for _ in range(64):
            np.array(store.images[random.integers(0, len(store), 32)])

    return Work("reading a store, batches of 32 eyes", 64 * 32, read, bytes=2.0 * 64 * 32 * EYE[0] * EYE[1])


def _fit(
    network: nn.Module,
    adam: torch.optim.Optimizer,
    loss: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    targets: Tensor,
) -> Callable[[], float]:
    """A step of the trainer that the stages use, on one batch over and over."""
    fit = Fit(
        network,
        adam,
        loss,
        train=lambda chosen, _: (images, targets),
        count=len(images),
        validate=lambda _: 0.0,
        batch=len(images),
        max_steps=1 << 30,
        validate_every=1 << 30,
        patience=1,
        generator=generator(0, "bench"),
    )
    return lambda: fit.advance()["loss"]


def _counted(work: Work) -> Work:
    """With the floating-point operations of the plain step, forward and backward, as torch counts them."""
    assert work.plain is not None
    with FlopCounterMode(display=False) as counter:
        work.plain()
    work.ours()  # both have taken one step
    work.flops = float(counter.get_total_flops())
    return work


def _contiguous(network: nn.Module) -> dict[str, Tensor]:
    return {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
