"""Section 3.2, implementation details: the hand pose estimator, the stacked hourglass of Newell, Yang & Deng 2016."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from estimators.heatmaps import decode


class Residual(nn.Module):
    """Newell's bottleneck: 1x1 to half the features, 3x3, 1x1, each after batch norm and ReLU; added to the input."""

    def __init__(self, inputs: int, features: int):
        super().__init__()
        half = features // 2
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, half, 1),
            nn.BatchNorm2d(half), nn.ReLU(), nn.Conv2d(half, half, 3, padding=1),
            nn.BatchNorm2d(half), nn.ReLU(), nn.Conv2d(half, features, 1),
        )  # fmt: skip
        self.skip = nn.Identity() if inputs == features else nn.Conv2d(inputs, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.body(x)


class HourglassModule(nn.Module):
    """One hourglass: `depth` halvings by max-pooling and as many nearest-neighbour doublings, a skip at each size.

    (N, features, h, w) -> same; odd sides round up on the way down and are restored on the way up.
    """

    def __init__(self, features: int, depth: int):
        super().__init__()
        self.skip = Residual(features, features)
        self.down = Residual(features, features)
        self.inner = HourglassModule(features, depth - 1) if depth > 1 else Residual(features, features)
        self.up = Residual(features, features)

    def forward(self, x: Tensor) -> Tensor:
        low = self.up(self.inner(self.down(functional.max_pool2d(x, 2, ceil_mode=True))))
        return self.skip(x) + functional.interpolate(low, size=x.shape[-2:], mode="nearest")


class Hourglass(nn.Module):
    """Stacked hourglasses, each predicting heat maps that are fed on to the next.

    depth crops (N, channels, size, size) in network units -> heat maps (N, stacks, joints, side, side), one set a
    stack for the intermediate supervision; the last is the estimate. "2 hourglass blocks", 64x64 and 14 joints are
    section 3.2's, features and depth Newell's; his stem takes features / 4, then features / 2.

    Newell's stem divides the side by 4, which makes 56 of 224. Here its max-pooling adapts to `side`: between
    256 and 64 it is his 2x2; from 224 its windows are 2 or 3 wide, 1.75 apart and centred to 1/14 of a heat-map pixel;
    at size / 2 it does nothing. The heads start at zero. Raises ValueError for crops below twice `side`.
    """

    def __init__(
        self,
        stacks: int = 2,
        features: int = 256,
        joints: int = 14,
        channels: int = 1,
        depth: int = 4,
        side: int = 64,
    ):
        super().__init__()
        self.side = side
        self.stem = nn.Sequential(
            nn.Conv2d(channels, features // 4, 7, 2, 3), nn.BatchNorm2d(features // 4), nn.ReLU(),
            Residual(features // 4, features // 2),
            nn.AdaptiveMaxPool2d(side),
            Residual(features // 2, features // 2),
            Residual(features // 2, features),
        )  # fmt: skip
        self.hourglasses = nn.ModuleList(
            nn.Sequential(
                HourglassModule(features, depth),
                Residual(features, features),
                nn.Conv2d(features, features, 1), nn.BatchNorm2d(features), nn.ReLU(),
            )
            for _ in range(stacks)
        )  # fmt: skip
        self.heads = nn.ModuleList(nn.Conv2d(features, joints, 1) for _ in range(stacks))
        for parameter in self.heads.parameters():  # empty maps: coming down from random ones takes hundreds of steps
            nn.init.zeros_(parameter)
        self.features_back = nn.ModuleList(nn.Conv2d(features, features, 1) for _ in range(stacks - 1))
        self.maps_back = nn.ModuleList(nn.Conv2d(joints, features, 1) for _ in range(stacks - 1))

    def forward(self, depth: Tensor) -> Tensor:
        if min(depth.shape[-2:]) < 2 * self.side:
            raise ValueError(f"crops of {tuple(depth.shape[-2:])} are below twice the heat maps' side, {self.side}")
        x = self.stem(depth)
        maps = []
        for stack, (hourglass, head) in enumerate(zip(self.hourglasses, self.heads, strict=True)):
            y = hourglass(x)
            maps.append(head(y))
            if stack < len(self.maps_back):
                x = x + self.features_back[stack](y) + self.maps_back[stack](maps[-1])
        return torch.stack(maps, 1)


def hourglass_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Newell's loss: mean squared error over images, joints and pixels, summed over the stacks.

    (N, stacks, J, h, w), (N, J, h, w) -> (). Every stack has the same target (intermediate supervision).
    """
    return (predicted - target[:, None]).square().mean((0, 2, 3, 4)).sum()


@torch.no_grad()
def estimate(network: nn.Module, batches: Iterable[Tensor]) -> Tensor:
    """Batches of crops (n, C, size, size) -> joints (N, J, 2) in crop pixels of all of them, on the host.

    Evaluation mode: batch norm takes its running averages, so that no crop's estimate depends on its neighbours.
    """
    network.eval()
    return torch.cat([decode(network(depth)[:, -1], depth.shape[-1]).cpu() for depth in batches])
