"""Section 3's networks and steps as one would first write them: torch's defaults, nothing chosen for speed.

The yardstick of `bench`, and the oracle of its test: the same weights must give the same losses as the suite's own.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simgan.networks import Conv, Layers


class Refiner(nn.Module):
    """R of section 3.1, as `simgan.networks.Refiner`, whose weights it takes."""

    def __init__(self, features: int, blocks: int, kernel: int):
        super().__init__()

        def conv(inputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, features, kernel, padding=kernel // 2, padding_mode="reflect")

        self.stem = conv(1)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"conv1": conv(features), "conv2": conv(features)}) for _ in range(blocks)
        )
        self.head = nn.Conv2d(features, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        for block in self.blocks:
            x = F.relu(x + block["conv2"](F.relu(block["conv1"](x))))  # pyright: ignore[reportIndexIssue]
        return F.tanh(self.head(x))


class Discriminator(nn.Module):
    """The local D of section 2.2, as `simgan.networks.Discriminator`."""

    def __init__(self, layers: Layers, width: float):
        super().__init__()
        trunk: list[nn.Module] = []
        channels = 1
        for layer in layers:
            if isinstance(layer, Conv):
                features = max(1, round(layer.features * width))
                trunk += [nn.Conv2d(channels, features, layer.kernel, layer.stride, layer.kernel // 2), nn.ReLU()]
                channels = features
            else:
                trunk.append(nn.MaxPool2d(layer.kernel, layer.stride, layer.kernel // 2))
        self.trunk = nn.Sequential(*trunk)
        self.head = nn.Conv2d(channels, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x))


class GazeCNN(nn.Module):
    """Section 3.1's, with ReLU before pooling, as the paper lists them."""

    def __init__(self, fc9600: str, width: float, hidden: int):
        super().__init__()
        c1, c2, c3, c4, c5 = (max(1, round(features * width)) for features in (32, 32, 64, 80, 192))
        self.features = nn.Sequential(
            nn.Conv2d(1, c1, 3), nn.ReLU(),
            nn.Conv2d(c1, c2, 3), nn.ReLU(),
            nn.Conv2d(c2, c3, 3), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(c3, c4, 3), nn.ReLU(),
            nn.Conv2d(c4, c5, 3), nn.ReLU(), nn.MaxPool2d(2, 2),
        )  # fmt: skip
        flat = c5 * 5 * 10
        fc: list[nn.Module] = [nn.Linear(flat, flat), nn.ReLU()] if fc9600 == "layer" else []
        self.fc = nn.Sequential(*fc, nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, eye: Tensor) -> Tensor:
        return self.fc(self.features(eye).flatten(1))


def adam(network: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=lr)


def refiner_step(
    refiner: nn.Module, discriminator: nn.Module, optimizer: torch.optim.Optimizer, synthetic: Tensor, lam: float
) -> float:
    """One step of R on eq. 4, D fixed -> the loss."""
    discriminator.requires_grad_(False)
    refined = refiner(synthetic)
    loss = _patches(discriminator(refined), 0) + lam * (refined - synthetic).abs().sum((1, 2, 3)).mean()
    _step(optimizer, loss)
    discriminator.requires_grad_(True)
    return loss.item()


def discriminator_step(
    refiner: nn.Module, discriminator: nn.Module, optimizer: torch.optim.Optimizer, synthetic: Tensor, real: Tensor
) -> float:
    """One step of D on eq. 2, R fixed, without a history -> the loss."""
    with torch.no_grad():
        refined = refiner(synthetic)
    loss = _patches(discriminator(refined), 1) + _patches(discriminator(real), 0)
    _step(optimizer, loss)
    return loss.item()


def estimator_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[Any, Tensor], Tensor],
    images: Tensor,
    targets: Tensor,
) -> float:
    loss = loss_of(network(images), targets)
    _step(optimizer, loss)
    return loss.item()


def _patches(logits: Tensor, target: int) -> Tensor:
    targets = torch.full_like(logits[:, 0], target, dtype=torch.long)
    return F.cross_entropy(logits, targets, reduction="none").sum((1, 2)).mean()


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
