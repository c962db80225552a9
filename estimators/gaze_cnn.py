"""Section 3.1, implementation details: the gaze estimation network."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn


class GazeCNN(nn.Module):
    """The paper's CNN, unpadded: 35x55 -> 33x53 -> 31x51 -> 29x49 -> 14x24 -> 12x22 -> 10x20 -> 5x10, x 192 = 9600.

    eye (N, 1, 35, 55) in [-1, 1] -> gaze (N, 3), camera frame, not normalised (the l2 loss pulls it to unit length).
    Pooling comes before ReLU: the order gives the same bits, and fewer to pass through ReLU.
    "FC9600" is a fully connected layer of 9600 units (`layer`, 102 M parameters) or the name of the flattening
    (`flattening`, 10 M). `width` scales the convolutions, `hidden` is FC1000; the defaults are the paper's.
    """

    def __init__(
        self,
        fc9600: Literal["layer", "flattening"] = "layer",
        width: float = 1.0,
        hidden: int = 1000,
        channels: int = 1,
    ):
        super().__init__()
        c1, c2, c3, c4, c5 = (max(1, round(features * width)) for features in (32, 32, 64, 80, 192))
        self.features = nn.Sequential(
            nn.Conv2d(channels, c1, 3), nn.ReLU(),
            nn.Conv2d(c1, c2, 3), nn.ReLU(),
            nn.Conv2d(c2, c3, 3), nn.MaxPool2d(3, 2), nn.ReLU(),
            nn.Conv2d(c3, c4, 3), nn.ReLU(),
            nn.Conv2d(c4, c5, 3), nn.MaxPool2d(2, 2), nn.ReLU(),
        )  # fmt: skip
        flat = c5 * 5 * 10
        fc: list[nn.Module] = [nn.Linear(flat, flat), nn.ReLU()] if fc9600 == "layer" else []
        self.fc = nn.Sequential(*fc, nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, eye: Tensor) -> Tensor:
        return self.fc(self.features(eye).flatten(1))


def gaze_loss(estimated: Tensor, truth: Tensor) -> Tensor:
    """The "Euclidean loss" of section 3.1: half the squared l2 distance, mean over the batch; (N, 3), (N, 3) -> ()."""
    return 0.5 * (estimated - truth).square().sum(1).mean()


@torch.no_grad()
def estimate(network: nn.Module, batches: Iterable[Tensor]) -> Tensor:
    """Batches of eyes (n, 1, 35, 55) -> gaze (N, 3) of all of them, on the host."""
    network.eval()
    return torch.cat([network(eyes).cpu() for eyes in batches])
