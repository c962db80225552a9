"""Sections 3.1 and 3.2, implementation details: the refiner R and the discriminators D.

All images are (N, C, H, W) in [-1, 1]. The paper gives neither padding, nor initialisation, nor normalisation layers,
nor R's output function: here padding keeps the size, initialisation is torch's, there is no batch norm, R ends in tanh.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor, nn


class Conv(NamedTuple):
    """A convolution of D: square kernel, stride, feature maps, followed by ReLU."""

    kernel: int
    stride: int
    features: int


class Pool(NamedTuple):
    """A max-pooling of D."""

    kernel: int
    stride: int


Layers = tuple[Conv | Pool, ...]
Padding = Literal["reflect", "zeros"]

# Section 3.1. "5 convolution layers and 2 max-pooling layers", one of which is listed; the fifth gives the logits.
GAZE_LAYERS: Layers = (Conv(3, 2, 96), Conv(3, 2, 64), Pool(3, 1), Conv(3, 1, 32), Conv(1, 1, 32))
# Section 3.2.
HAND_LAYERS: Layers = (Conv(7, 4, 96), Conv(5, 2, 64), Pool(3, 2), Conv(3, 2, 32), Conv(1, 1, 32))
LAYERS = {"gaze": GAZE_LAYERS, "hand": HAND_LAYERS}


class ResNetBlock(nn.Module):
    """Two convolutions with the same number of feature maps, added to the input (section 3.1)."""

    def __init__(self, features: int, kernel: int, padding: Padding):
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, kernel, padding="same", padding_mode=padding)
        self.conv2 = nn.Conv2d(features, features, kernel, padding="same", padding_mode=padding)

    def forward(self, x: Tensor) -> Tensor:
        # In place, where no gradient needs the input: the same numbers in less time.
        return self.conv2(self.conv1(x).relu_()).add_(x).relu_()


class Refiner(nn.Module):
    """R of section 3.1: Conv(kernel) -> ResNet blocks -> Conv1x1 -> tanh; no striding, no pooling.

    image (N, C, H, W) in [-1, 1] -> refined image, same shape and range. The defaults are the paper's for gaze;
    for hands it takes 10 blocks and 7x7 filters (section 3.2). Zeros as padding let D tell refined images by their
    rim, and R answers with a frame around them; reflection leaves no rim.
    """

    def __init__(
        self, channels: int = 1, features: int = 64, blocks: int = 4, kernel: int = 3, padding: Padding = "reflect"
    ):
        super().__init__()
        self.stem = nn.Conv2d(channels, features, kernel, padding="same", padding_mode=padding)
        self.blocks = nn.Sequential(*(ResNetBlock(features, kernel, padding) for _ in range(blocks)))
        self.head = nn.Conv2d(features, channels, 1)

    def forward(self, synthetic: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(synthetic).relu_())).tanh_()


class Discriminator(nn.Module):
    """D of section 2.2, local or global; two logits a patch, no ReLU on them. Softmax is in the losses.

    image (N, C, H, W) in [-1, 1] -> logits (N, 2, h, w), class 1 = refined (section 2.1). `local` judges every patch
    that one output sees: (h, w) = (9, 14) for 35x55 eyes. `global` (section 3.3) replaces the last layer by a fully
    connected one over the whole image: (h, w) = (1, 1).
    """

    def __init__(
        self,
        layers: Layers = GAZE_LAYERS,
        kind: Literal["local", "global"] = "local",
        channels: int = 1,
        size: tuple[int, int] = (35, 55),
        width: float = 1.0,
    ):
        super().__init__()
        trunk: list[nn.Module] = []
        for layer in layers:
            if isinstance(layer, Pool):
                trunk.append(nn.MaxPool2d(layer.kernel, layer.stride, padding=layer.kernel // 2))
            else:
                features = max(1, round(layer.features * width))
                trunk.append(nn.Conv2d(channels, features, layer.kernel, layer.stride, layer.kernel // 2))
                trunk.append(nn.ReLU())
                channels = features
        self.trunk = nn.Sequential(*trunk)
        self.kind = kind
        if kind == "local":
            self.head: nn.Module = nn.Conv2d(channels, 2, 1)
        else:
            h, w = map_size(layers, size)
            self.head = nn.Linear(channels * h * w, 2)

    def forward(self, image: Tensor) -> Tensor:
        features = self.trunk(image)
        if self.kind == "local":
            return self.head(features)  # (N, 2, h, w)
        return self.head(features.flatten(1))[:, :, None, None]  # (N, 2, 1, 1)


def probability_map(logits: Tensor) -> Tensor:
    """Figure 3: logits (N, 2, h, w) -> probability of being refined (N, h, w)."""
    return logits.softmax(1)[:, 1]


def map_size(layers: Sequence[Conv | Pool], size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of D's output for an image of `size`, with same padding."""
    h, w = size
    for layer in layers:
        h, w = -(-h // layer.stride), -(-w // layer.stride)
    return h, w


def refiner_receptive_field(blocks: int = 4, kernel: int = 3) -> int:
    """Pixels along one side that one output pixel of R sees."""
    return 1 + (kernel - 1) * (1 + 2 * blocks)


def discriminator_receptive_field(layers: Sequence[Conv | Pool] = GAZE_LAYERS) -> int:
    """Pixels along one side that one output of the local D sees."""
    field, jump = 1, 1
    for layer in layers:
        field += (layer.kernel - 1) * jump
        jump *= layer.stride
    return field
