"""Plain augmentation: the synthetic eyes with a webcam's faults at random; no image of the real domain is used."""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import conv2d, pad

from benchmarks.core.config import GazeCNNParams
from benchmarks.refiners import contract
from estimators.gaze_cnn import GazeCNN, gaze_loss


class Augmented(contract.Estimator):
    """Section 3.1's CNN on eyes with other contrast and brightness, blur and noise, drawn evenly up to the most."""

    class Settings(contract.Settings):
        contrast: Annotated[float, Field(ge=0, lt=1)] = 0.5
        brightness: Annotated[float, Field(ge=0)] = 0.3
        blur_px: Annotated[float, Field(ge=0)] = 1.5
        noise: Annotated[float, Field(ge=0)] = 0.1

    def __init__(self, settings: Any, cnn: GazeCNNParams):
        super().__init__(settings, cnn)
        self.network = GazeCNN(cnn.fc9600, cnn.width, cnn.hidden)

    def forward(self, eyes: Tensor) -> Tensor:
        return self.network(eyes)

    def loss(
        self, eyes: Tensor, gaze: Tensor, domains: contract.Domains, random: torch.Generator, done: float
    ) -> Tensor:
        return gaze_loss(self.network(self.faulty(eyes, random)), gaze)

    def faulty(self, eyes: Tensor, random: torch.Generator) -> Tensor:
        """Eyes (n, 1, H, W) as a webcam might give them."""
        settings, count = self.settings, len(eyes)

        def even(low: float, high: float) -> Tensor:
            return (low + (high - low) * torch.rand(count, 1, 1, 1, generator=random)).to(eyes.device)

        changed = eyes * even(1 - settings.contrast, 1 + settings.contrast)
        changed = _blurred(changed + even(-settings.brightness, settings.brightness), even(0, settings.blur_px))
        noise = torch.randn(eyes.shape, generator=random).to(eyes.device)
        return (changed + noise * even(0, settings.noise)).clamp(-1, 1)


def _blurred(eyes: Tensor, sigma: Tensor, reach: int = 4) -> Tensor:
    """Gauss, each image with its own sigma (n, 1, 1, 1) in pixels."""
    place = torch.arange(-reach, reach + 1, device=eyes.device, dtype=eyes.dtype)
    kernel = torch.exp(-0.5 * (place / sigma.view(-1, 1).clamp(min=0.1)) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    batch = pad(eyes.transpose(0, 1), (reach, reach, reach, reach), mode="replicate")  # images as channels
    along = conv2d(batch, kernel[:, None, None, :], groups=len(eyes))
    return conv2d(along, kernel[:, None, :, None], groups=len(eyes)).transpose(0, 1)
