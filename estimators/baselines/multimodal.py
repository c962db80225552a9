"""Table 3's CNN of Zhang et al. 2015: a LeNet that takes the head's pose beside the eye."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class MultimodalCNN(nn.Module):
    """36x60 -> 32x56 -> 16x28 -> 12x24 -> 6x12, x 50 = 3600 -> 500, and the head's 2 angles -> 2.

    eye (N, 1, 35, 55) in [0, 1], head (N, 2) in radians -> gaze pitch and yaw (N, 2) in radians. Eyes are padded to the
    36x60 that they were cropped from by repeating their edge. As in LeNet, only the fully connected layer has a ReLU.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.ReplicationPad2d((2, 3, 0, 1)),
            nn.Conv2d(1, 20, 5), nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(3600, 500), nn.ReLU(),
        )  # fmt: skip
        self.regression = nn.Linear(500 + 2, 2)

    def forward(self, eye: Tensor, head: Tensor) -> Tensor:
        return self.regression(torch.cat([self.features(eye), head], 1))


def fit(
    images: np.ndarray,
    head: np.ndarray,
    angles: np.ndarray,
    rng: np.random.Generator,
    *,
    steps: int,
    batch: int = 32,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Adam at 0.001, falling to 0 by a cosine over `steps`, on the squared distance of the angles.

    Zhang et al. start from the LeNet of handwritten digits and train for longer; here the weights start at random.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        network = MultimodalCNN().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            chosen = rng.integers(len(images), size=batch)
            loss = functional.mse_loss(network(*_inputs(images[chosen], head[chosen])), _radians(angles[chosen]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()

    @torch.no_grad()
    def estimate(images: np.ndarray, head: np.ndarray) -> np.ndarray:
        with one_thread():
            parts = np.array_split(np.arange(len(images)), -(-len(images) // 256))
            radians = torch.cat([network(*_inputs(images[part], head[part])) for part in parts])
        return np.degrees(radians.double().numpy())

    return estimate


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums of floats depend on the number of threads that they are parted among."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _inputs(images: np.ndarray, head: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(images[:, None] / np.float32(255)), _radians(head)


def _radians(degrees: np.ndarray) -> Tensor:
    return torch.from_numpy(np.radians(degrees).astype(np.float32))
