"""Networks of the unpaired translators, CycleGAN and CUT: generator and PatchGAN."""

from torch import Tensor, nn
from torch.nn.functional import pad


class Block(nn.Module):
    """Two convolutions with instance norm, added to the input."""

    def __init__(self, features: int):
        super().__init__()
        convolutions = [
            layer
            for k in range(2)
            for layer in (
                nn.Conv2d(features, features, 3, padding="same", padding_mode="reflect"),
                nn.InstanceNorm2d(features),
                *([nn.ReLU()] if k == 0 else []),
            )
        ]
        self.convolutions = nn.Sequential(*convolutions)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convolutions(x)


class Generator(nn.Module):
    """CycleGAN's (appendix 7.2): c7s1-k, d2k, d4k, blocks, u2k, uk, c7s1-1, tanh; any size.

    images (n, 1, H, W) in [-1, 1] -> the same. `encode` gives the features of its first half at five depths, for CUT.
    """

    def __init__(self, features: int, blocks: int):
        super().__init__()
        k = features
        half = blocks // 2
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(1, k, 7, padding=3, padding_mode="reflect"), nn.InstanceNorm2d(k), nn.ReLU()),
                nn.Sequential(nn.Conv2d(k, 2 * k, 3, 2, 1), nn.InstanceNorm2d(2 * k), nn.ReLU()),
                nn.Sequential(nn.Conv2d(2 * k, 4 * k, 3, 2, 1), nn.InstanceNorm2d(4 * k), nn.ReLU()),
                nn.Sequential(*(Block(4 * k) for _ in range(half))),
            ]
        )
        self.decoder = nn.Sequential(
            *(Block(4 * k) for _ in range(blocks - half)),
            nn.ConvTranspose2d(4 * k, 2 * k, 3, 2, 1, 1), nn.InstanceNorm2d(2 * k), nn.ReLU(),
            nn.ConvTranspose2d(2 * k, k, 3, 2, 1, 1), nn.InstanceNorm2d(k), nn.ReLU(),
            nn.Conv2d(k, 1, 7, padding=3, padding_mode="reflect"), nn.Tanh(),
        )  # fmt: skip
        self.apply(_initialise)

    def encode(self, images: Tensor) -> list[Tensor]:
        height, width = images.shape[2:]
        features = [pad(images, (0, -width % 4, 0, -height % 4), mode="replicate")]
        for layer in self.encoder:
            features.append(layer(features[-1]))
        return features

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        return self.decoder(self.encode(images)[-1])[..., :height, :width]


def patch_discriminator(features: int) -> nn.Sequential:
    """PatchGAN with two strided layers, a logit a patch of 34 pixels; the papers' 70 would see all of such images."""
    k = features
    network = nn.Sequential(
        nn.Conv2d(1, k, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(k, 2 * k, 4, 2, 1), nn.InstanceNorm2d(2 * k), nn.LeakyReLU(0.2),
        nn.Conv2d(2 * k, 4 * k, 4, 1, 1), nn.InstanceNorm2d(4 * k), nn.LeakyReLU(0.2),
        nn.Conv2d(4 * k, 1, 4, 1, 1),
    )  # fmt: skip
    network.apply(_initialise)
    return network


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0, 0.02)
        nn.init.zeros_(layer.bias) if layer.bias is not None else None
