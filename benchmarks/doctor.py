"""`python -m benchmarks doctor`: what is on disk, what is missing and where to get it, and what a run would cost here.

Costs are measured on this machine: a few steps of each network at the active sizes, at a small batch, scaled up.
"""

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from benchmarks.core.config import MPIIGazeFiles, NYUFiles, OnDisk, Params, UnityEyesFiles
from benchmarks.core.errors import UserError
from benchmarks.datasets import catalogue
from benchmarks.datasets.catalogue import CATALOGUE, VIEWS
from benchmarks.evaluation.tasks import JOINTS, TASKS
from benchmarks.stages.evaluate import trained
from benchmarks.training.algorithm1 import prepare
from benchmarks.training.instances import at_once
from benchmarks.training.tensors import choose_device, optimizer, place, precision
from estimators.gaze_cnn import GazeCNN, gaze_loss
from estimators.hourglass import Hourglass, hourglass_loss

PROBE = 4  # images a step when timing; a larger batch costs in proportion
SIDE = 64  # the side of crops when timing, of heat maps a quarter; larger ones cost in proportion to their area
EYE = (35, 55)
GIB = 1 << 30


def report(params: Params) -> str:
    """The whole answer, as text."""
    return "\n".join([*_disk(params), "", *_costs(params)])


def _disk(params: Params) -> list[str]:
    wanted = list(catalogue.on_disk(params))
    lines = [f"Data (preset {params.preset})"]
    if not wanted:
        lines.append("  Everything is embedded: no data set is needed.")
    for key, part in wanted:
        known = CATALOGUE[catalogue.kind(part)]
        missing = catalogue.absent(part)
        lines.append(f"  {key}: {known.name}, {known.use}: {'MISSING' if missing else found(part)} in {part.path}")
        if missing:
            lines += [
                f"    lacks {', '.join(missing)}",
                f"    expected: {known.layout} ({known.counts})",
                f"    get it from {known.where}; licence: {known.licence}",
            ]
    unused = [known for name, known in CATALOGUE.items() if name not in {catalogue.kind(part) for _, part in wanted}]
    lines.append("  Not used by this preset: " + "; ".join(f"{known.name} ({known.where})" for known in unused))
    return lines


def found(part: OnDisk) -> str:
    """How many batches of a data set load-synthesis would decode, by listing its files alone."""
    try:
        batches = catalogue.files(part, "real", 224).batches()
    except UserError as error:
        return f"not usable ({error})"
    images = sum(len(batch.items) for batch in batches)
    return f"{len(batches)} day files" if isinstance(part, MPIIGazeFiles) else f"{images} images or frames"


def _costs(params: Params) -> list[str]:
    device = choose_device(params.compute)
    beside = at_once(params.compute)
    lines = [
        f"A whole run (device {device}, {torch.get_num_threads()} threads a training, {beside} side by side; estimates "
        "from a few steps each)"
    ]
    seeds, total, stored, memory = len(params.seeds), 0.0, 0, 0.0
    for name, task in TASKS.items():
        settings, estimator = getattr(params.simgan, name), getattr(params.estimators, name)
        size = EYE if name == "gaze" else (params.data.hand.size,) * 2
        synthetic = images(params, name, "synthetic")
        probed = min(SIDE, size[0]), min(SIDE, size[1])
        gan = simgan_seconds(params, name, probed, device) * np.prod(size) / np.prod(probed)
        fit = estimator_seconds(params, name, device)
        folds = {"real": params.supervised.folds} if name == "gaze" else {}
        fits = sum(len(params.seeds_of(name, each)) * folds.get(each, 1) for each in trained(params, task))
        seconds = math.ceil(seeds / beside) * gan + math.ceil(fits / beside) * fit
        bytes_each = np.prod(size) * (1 if name == "gaze" else 2)
        real, test = images(params, name, "real"), images(params, name, "test")
        disk = int(bytes_each * (synthetic * (1 + seeds) + 2 * real + test))
        total, stored = total + seconds, stored + disk
        history = 4 * np.prod(size) * settings.history
        memory = max(memory, history + 4 * np.prod(size) * settings.batch * (settings.features * settings.blocks * 6))
        lines += [
            f"  {name}: SimGAN {seeds} x {duration(gan)}, estimators {fits} x at most {duration(fit)}",
            f"    {synthetic} synthetic images, {real} real, {test} for testing; stores about {disk / GIB:.1f} GiB",
            f"    batch {settings.batch} (SimGAN), {estimator.batch} (estimator)",
        ]
    memory = (memory / GIB + 0.5) * min(beside, seeds)
    free = shutil.disk_usage(Path.cwd()).free
    have = psutil.virtual_memory().total
    lines += [
        f"  In all at most about {duration(total)}, and the loading of files.",
        f"  Disk: about {2 * stored / GIB:.1f} GiB with DVC's cache; free here {free / GIB:.1f} GiB"
        + (" - TOO LITTLE" if 2 * stored > free else ""),
        f"  Memory: about {memory:.1f} GiB; this machine has {have / GIB:.1f} GiB"
        + (" - TOO LITTLE" if memory > have / GIB and device.type == "cpu" else ""),
    ]
    return lines


def images(params: Params, task: str, domain: str) -> int:
    """How many images a domain has: as asked for, else as the data set is known to have."""
    source = getattr(getattr(params.data, task), domain)
    total = 0
    for part in getattr(source, "parts", (source,)):
        views = 1 if task == "gaze" or domain == "test" else len(VIEWS)
        total += views * (getattr(part, "count", None) or _usual(part))
    return total


def _usual(part: OnDisk) -> int:
    if isinstance(part, NYUFiles):
        return 72_757 if part.split == "train" else 8_252
    if isinstance(part, MPIIGazeFiles):
        persons = 15 if part.persons is None else len(part.persons)
        return persons * (3_000 if part.subset == "evaluation" else 213_659 // 15)
    if isinstance(part, UnityEyesFiles):
        return 1_200_000
    return sum(len(batch.items) for batch in catalogue.files(part, "real", 224).batches())


def simgan_seconds(params: Params, task: str, size: tuple[int, int], device: torch.device) -> float:
    """Of one training, from some steps of Algorithm 1 itself."""
    settings = getattr(params.simgan, task)
    batch = min(PROBE, settings.batch) // 2 * 2
    once = {"refiner_pretraining": 0, "discriminator_pretraining": 0, "iterations": 1, "batch": batch}

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, 1, *size, generator=generator).to(device)

    trainer, _ = prepare(
        settings.model_copy(update=once),
        channels=1,
        size=size,
        draw_synthetic=draw,
        draw_real=draw,
        device=device,
        seed=0,
        purpose="doctor",
        precision=precision(params.compute),
    )
    scale = settings.batch / batch
    pretraining = _each(lambda: trainer.pretrain_refiner()) * settings.refiner_pretraining
    update = _each(lambda: trainer.update_discriminator())
    return scale * (
        pretraining
        + update * (settings.discriminator_pretraining + settings.iterations * settings.k_d)
        + _each(lambda: trainer.update_refiner()) * settings.iterations * settings.k_g
    )


def estimator_seconds(params: Params, task: str, device: torch.device) -> float:
    """Of one training that goes on to `max_steps`."""
    settings = getattr(params.estimators, task)
    batch = min(PROBE, settings.batch)
    scale = settings.max_steps * settings.batch / batch
    size = EYE
    if task == "gaze":
        network = place(GazeCNN(settings.fc9600, settings.width, settings.hidden), device)
        target, loss = torch.zeros(batch, 3, device=device), gaze_loss
    else:
        side = min(SIDE // 4, settings.side)
        size = tuple(round(side * params.data.hand.size / settings.side) for _ in EYE)
        scale *= (settings.side / side) ** 2
        network = place(
            Hourglass(
                stacks=settings.stacks,
                features=settings.features,
                joints=len(JOINTS),
                depth=settings.depth,
                side=side,
            ),
            device,
        )
        target = torch.zeros(batch, len(JOINTS), side, side, device=device)
        loss = hourglass_loss
    steps, dtype = optimizer(settings.optimizer, network, settings.lr), precision(params.compute)
    inputs = torch.rand(batch, 1, *size, device=device)

    def step() -> None:
        steps.zero_grad()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            estimated = network(inputs)
        loss(estimated.float(), target).backward()
        steps.step()

    return _each(step) * scale


def _each(step: Callable[[], object], times: int = 3) -> float:
    first = _timed(step)
    return first if first > 1 else min(_timed(step) for _ in range(times))


def _timed(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def duration(seconds: float) -> str:
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
