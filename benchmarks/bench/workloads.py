"""What is timed: each step as the suite takes it and as `plain` does, on the same images, and the machine's limits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
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
from simgan.algorithm1 import SimGAN
from simgan.networks import LAYERS

EYE = (35, 55)
PRODUCT = 2048  # side of the matrices whose product is the limit
COPIED = 1 << 28  # bytes


@dataclass
class Work:
    """One thing to time: each of its callables does `images` images, of which the first call builds what it needs.

    `ours` is the suite's at its defaults, `fast` with params.yaml's `compute.precision: bfloat16`, on a GPU
    `compiled: true` too, `plain` the yardstick. A step gives its loss. `flops` and `bytes` are a limit's own.
    """

    name: str
    images: int
    ours: Callable[[], object]
    plain: Callable[[], object] | None = None
    fast: Callable[[], object] | None = None
    flops: float = 0.0
    bytes: float = 0.0

    def operations(self) -> float:
        """Floating-point operations, forward and backward, as torch counts them; of a step those of the plain one."""
        if self.plain is None:
            return self.flops
        with FlopCounterMode(display=False) as counter:
            self.plain()
        return float(counter.get_total_flops())


def limits(device: torch.device) -> Iterator[Work]:
    """Of arithmetic for `ours` (a GPU's TF32 shares its units with bfloat16), for `fast`; of memory."""
    yield product(device, torch.float32 if device.type == "cpu" else torch.bfloat16)
    yield product(device, torch.bfloat16)
    yield copy(device)


def product(device: torch.device, kind: torch.dtype) -> Work:
    """One matrix product."""
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
    shown = synthetic[:BATCH] if device.type == "cpu" else synthetic

    def drawn(fast: bool) -> SimGAN:
        return prepare(
            settings,
            channels=1,
            size=size,
            draw_synthetic=lambda count, _: synthetic[:count],
            draw_real=lambda count, _: real[:count],
            device=device,
            seed=0,
            purpose="bench",
            precision=torch.bfloat16 if fast else torch.float32,
            compiled=fast and device.type == "cuda",
        )[0]

    suite = cache(drawn)

    @cache
    def simple() -> tuple[nn.Module, nn.Module, torch.optim.Optimizer, torch.optim.Optimizer]:
        start = drawn(False)
        refiner = plain.Refiner(settings.features, settings.blocks, settings.kernel).to(device)
        refiner.load_state_dict(_contiguous(start.refiner))
        discriminator = plain.Discriminator(LAYERS[settings.discriminator_layers], settings.discriminator_width)
        discriminator.to(device).load_state_dict(_contiguous(start.discriminator))
        return refiner, discriminator, plain.adam(refiner, settings.lr), plain.adam(discriminator, settings.lr)

    def simple_refiner_step() -> float:
        refiner, discriminator, adam, _ = simple()
        return plain.refiner_step(refiner, discriminator, adam, synthetic, settings.lam)

    def simple_discriminator_step() -> float:
        refiner, discriminator, _, adam = simple()
        return plain.discriminator_step(refiner, discriminator, adam, synthetic, real)

    kind = f"{task}, {size[0]}x{size[1]}, R of {settings.features}"
    yield Work(
        f"R's step: {kind}, batch {settings.batch}",
        settings.batch,
        lambda: suite(False).update_refiner()["refiner"],
        simple_refiner_step,
        lambda: suite(True).update_refiner()["refiner"],
    )
    yield Work(
        f"D's step: {kind}, batch {settings.batch}",
        settings.batch,
        lambda: suite(False).update_discriminator()["discriminator"],
        simple_discriminator_step,
        lambda: suite(True).update_discriminator()["discriminator"],
    )
    yield Work(
        f"refining: {kind}, batch {len(shown)}",
        len(shown),
        torch.no_grad()(lambda: suite(False).refiner(shown)),
        torch.no_grad()(lambda: simple()[0](shown)),
        torch.no_grad()(lambda: suite(True).refine(shown)),
    )


def gaze_cnn(settings: GazeCNNParams, device: torch.device, batch: int | None = None) -> Work:
    """A step of section 3.1's CNN."""
    batch = batch or settings.batch
    images, targets = torch.rand(batch, 1, *EYE, device=device), torch.rand(batch, 3, device=device)
    return _step(
        f"gaze CNN's step: width {settings.width:g}, FC9600 as {settings.fc9600}, batch {batch}",
        lambda: GazeCNN(settings.fc9600, settings.width, settings.hidden),
        lambda: plain.GazeCNN(settings.fc9600, settings.width, settings.hidden),
        settings.lr,
        gaze_loss,
        images,
        targets,
    )


def hourglass(settings: HourglassParams, size: int, device: torch.device, batch: int | None = None) -> Work:
    """A step of section 3.2's stacked hourglass; crops (n, 1, size, size)."""
    batch = batch or settings.batch
    own = {"stacks": settings.stacks, "features": settings.features, "joints": len(JOINTS)}
    own |= {"depth": settings.depth, "side": settings.side}
    images = torch.rand(batch, 1, size, size, device=device)
    targets = torch.rand(batch, len(JOINTS), settings.side, settings.side, device=device)
    name = f"hourglass's step: {settings.features} features, crops of {size}, batch {batch}"
    network = partial(Hourglass, **own)
    return _step(name, network, network, settings.lr, hourglass_loss, images, targets)


def _step(
    name: str,
    network: Callable[[], nn.Module],
    simple: Callable[[], nn.Module],
    lr: float,
    loss: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    targets: Tensor,
) -> Work:
    """Of an estimator, on one batch over and over: by the trainer that the stages use, and plainly."""

    def drawn() -> nn.Module:
        torch.manual_seed(0)
        return network()

    @cache
    def suite(fast: bool) -> Fit:
        placed = place(drawn(), images.device, fast and images.device.type == "cuda")
        return Fit(
            placed,
            optimizer("adam", placed, lr),
            loss,
            train=lambda chosen, _: (images, targets),
            count=len(images),
            validate=lambda _: 0.0,
            batch=len(images),
            max_steps=1 << 30,
            validate_every=1 << 30,
            patience=1,
            precision=torch.bfloat16 if fast else torch.float32,
            generator=generator(0, "bench"),
        )

    @cache
    def plainly() -> tuple[nn.Module, torch.optim.Optimizer]:
        built = simple().to(images.device)
        built.load_state_dict(_contiguous(drawn()))
        return built, plain.adam(built, lr)

    return Work(
        name,
        len(images),
        lambda: suite(False).advance()["loss"],
        lambda: plain.estimator_step(*plainly(), loss, images, targets),
        lambda: suite(True).advance()["loss"],
    )


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


def _contiguous(network: nn.Module) -> dict[str, Tensor]:
    return {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
