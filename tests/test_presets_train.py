"""Every preset trains: its networks, optimisers and rates, on few images and in small batches, within minutes.

A rate means the same at any batch: losses are means over it, of sums over an image. `paper` has smaller crops of hands
here than 224 pixels, where a step of R takes a minute.
"""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks import presets
from benchmarks.core.config import GazeCNNParams, HourglassParams, Params, check
from benchmarks.datasets import eyes, hands
from benchmarks.datasets.hands.crops import detail
from benchmarks.datasets.hands.skeleton import JOINTS
from benchmarks.training.algorithm1 import prepare
from benchmarks.training.tensors import RandomBatches, optimizer, place, to_network
from estimators.gaze_cnn import GazeCNN, gaze_loss
from estimators.heatmaps import encode
from estimators.hourglass import Hourglass, hourglass_loss
from simgan.algorithm1 import SimGAN

CPU = torch.device("cpu")
ALL = list(product(("ci", "embedded", "paper"), ("gaze", "hand")))  # others have the networks and rates of one of these
LARGE = "paper"  # the preset at full width


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("preset", "task"), ALL)
def test_simgan_trains(preset: str, task: str):
    trainer = simgan(params(preset), task)
    losses = []
    while not trainer.done:
        losses.append(trainer.advance())
    identity = [step["self_regularization"] for step in losses[: trainer.schedule.refiner_pretraining]]
    assert np.mean(identity[-10:]) <= 0.1 * identity[0], "self-regularization falls by 90 % in pretraining"
    right = np.array([step["discriminator_accuracy"] for step in losses if "discriminator_accuracy" in step])
    assert 0.505 < right[-50:].mean() < 0.995, "D has begun to tell and is not always right"
    synthetic = trainer.draw_synthetic(16, torch.Generator().manual_seed(1))
    with torch.no_grad():
        refined = trainer.refiner(synthetic)
    assert saturated(refined) <= saturated(synthetic) + 0.1  # the first of D's gradients push R about


def test_the_printed_optimiser_and_rate_do_not_train():
    """Why `paper` leaves section 3.1's here: SGD at 0.001 drives R's tanh to its ends within twenty steps."""
    trainer = simgan(params("paper"), "gaze", optimizer="sgd", lr=0.001, refiner_pretraining=20)
    identity = [float(trainer.advance()["self_regularization"]) for _ in range(20)]
    assert np.mean(identity[-10:]) > identity[0]
    with torch.no_grad():
        refined = trainer.refiner(trainer.draw_synthetic(16, torch.Generator().manual_seed(1)))
    assert saturated(refined) > 0.9


@pytest.mark.parametrize(("preset", "task"), [*ALL, ("gpu", "gaze")])
def test_estimator_learns(preset: str, task: str):
    losses = {"gaze": gaze_losses, "hand": hand_losses}[task](params(preset))
    assert np.mean(losses[-5:]) <= 0.97 * losses[0]


def params(preset: str) -> Params:
    return check(presets.parse(presets.compose(preset)), Path(preset))


def simgan(params: Params, task: str, **changes: Any) -> SimGAN:
    """Algorithm 1 of `task`, every phase cut short, with `changes` of its settings."""
    large = params.preset == LARGE
    settings = getattr(params.simgan, task)
    short = {
        "batch": 2 if large else 4,
        "refiner_pretraining": 200 if large else 400,
        "discriminator_pretraining": {"gaze": 40, "hand": 100}[task],
        "iterations": 10,
    }
    synthetic, real = images(task, size=16 if large else 64)
    return prepare(
        settings.model_copy(update=short | changes),
        channels=1,
        size=synthetic.shape[1:],
        draw_synthetic=RandomBatches(synthetic, CPU),
        draw_real=RandomBatches(real, CPU),
        device=CPU,
        seed=0,
        purpose="test",
    )[0]


def images(task: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic images and the stand-in's."""
    if task == "gaze":
        return next(eyes.simulator(256, 1))[0], next(eyes.camera(256, 2, range(16)))[0]
    views = (0, 1, 2)
    real = hands.camera(64, 2, [0], views, size, masked=True, detail=detail(size))
    return next(hands.simulator(64, 1, views, size))[0], next(real)[0]


def saturated(images: Tensor) -> float:
    """The share of pixels where tanh has no slope left."""
    return (images.abs() > 0.99).float().mean().item()


def gaze_losses(params: Params) -> list[float]:
    settings = params.estimators.gaze
    seen, labels = next(eyes.simulator(256, 1))
    gaze = torch.tensor(labels[["gaze_x", "gaze_y", "gaze_z"]].to_numpy(np.float32))
    torch.manual_seed(0)
    network = place(GazeCNN(settings.fc9600, settings.width, settings.hidden), CPU)
    return descend(network, gaze_loss, settings, to_network(seen, CPU), gaze, batch=16)


def hand_losses(params: Params) -> list[float]:
    settings = params.estimators.hand
    size = 2 * settings.side
    depth, labels = next(hands.simulator(64, 1, (0,), size))
    columns = [f"{joint}_{axis}" for joint in JOINTS for axis in "uv"]
    joints = torch.tensor(labels[columns].to_numpy(np.float32).reshape(-1, len(JOINTS), 2))
    maps = encode(joints, size, settings.side, settings.sigma)
    torch.manual_seed(0)
    network = place(Hourglass(settings.stacks, settings.features, len(JOINTS), 1, settings.depth, settings.side), CPU)
    return descend(network, hourglass_loss, settings, to_network(depth, CPU), maps, batch=2 if size > 64 else 16)


def descend(
    network: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    settings: GazeCNNParams | HourglassParams,
    images: Tensor,
    targets: Tensor,
    batch: int,
) -> list[float]:
    """Some steps on random batches -> their losses."""
    descent, random, losses = optimizer(settings.optimizer, network, settings.lr), np.random.default_rng(0), []
    for _ in range(24):
        chosen = random.choice(len(images), batch, replace=False)
        found = loss(network(images[chosen]), targets[chosen])
        descent.zero_grad()
        found.backward()
        descent.step()
        losses.append(found.item())
    return losses
