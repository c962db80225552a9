"""Grey levels alone: equalised, as MPIIGaze is published, or matched to the real set's."""

from typing import Any

import cv2
import numpy as np
import torch
from skimage.exposure import match_histograms
from torch import Tensor

from benchmarks.core.config import SimGANParams
from benchmarks.refiners import contract

LEVELS = 4096  # quantiles that stand for all pixels of the real set
IMAGES = 2000


class HistogramEqualisation(contract.Refiner):
    """Each image by itself; of the real domain nothing is used."""

    def forward(self, images: Tensor) -> Tensor:
        levels = ((images[:, 0] + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
        equalised = np.stack([cv2.equalizeHist(image) for image in levels])
        return (torch.from_numpy(equalised)[:, None] / 127.5 - 1).to(images)


class HistogramMatching(contract.Refiner):
    """Each image to all pixels of the real set. `foreground_only`: levels below 0, a depth image's hand."""

    class Settings(contract.Settings):
        foreground_only: bool = False

    def __init__(self, settings: Any, size: tuple[int, int], simgan: SimGANParams):
        super().__init__(settings, size, simgan)
        self.register_buffer("levels", torch.zeros(LEVELS))

    def trainer(self, domains: contract.Domains) -> None:
        chosen = torch.linspace(0, len(domains.real) - 1, min(IMAGES, len(domains.real))).long()
        pixels = domains.real.images(chosen).cpu().numpy().ravel()
        if self.settings.foreground_only:
            pixels = pixels[pixels < 0]
        shares = (np.arange(LEVELS) + 0.5) / LEVELS
        self.levels = torch.from_numpy(np.quantile(pixels, shares).astype(np.float32)).to(domains.device)

    def forward(self, images: Tensor) -> Tensor:
        levels = self.levels.cpu().numpy()
        matched = images.cpu().numpy().copy()
        for image in matched:
            chosen = image < 0 if self.settings.foreground_only else np.ones_like(image, dtype=bool)
            if chosen.any():
                image[chosen] = match_histograms(image[chosen], levels)
        return torch.from_numpy(matched).to(images)
