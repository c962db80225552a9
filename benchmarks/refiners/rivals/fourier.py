"""Fourier domain adaptation (Yang and Soatto, CVPR 2020): a real image's low frequencies, the synthetic one's phase."""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from benchmarks.core.config import SimGANParams
from benchmarks.refiners import contract


class FourierAdaptation(contract.Refiner):
    """Equation 3 there: the amplitudes of the lowest frequencies, up to `beta` of either side, become a real image's.

    Which of the `bank` real images follows from the synthetic image's own pixels.
    """

    class Settings(contract.Settings):
        beta: Annotated[float, Field(ge=0, le=0.5)] = 0.05
        bank: Annotated[int, Field(gt=0)] = 512

    def __init__(self, settings: Any, size: tuple[int, int], simgan: SimGANParams):
        super().__init__(settings, size, simgan)
        self.register_buffer("amplitudes", torch.zeros(settings.bank, 1, *size))  # of real images, lowest in the middle

    def trainer(self, domains: contract.Domains) -> None:
        random = domains.random("fourier")
        real = domains.real(self.settings.bank, random)
        self.amplitudes = _shifted(real).abs()

    def forward(self, images: Tensor) -> Tensor:
        own = _shifted(images)
        keys = ((images + 1) * 127.5).round().sum((1, 2, 3)).long() % self.settings.bank
        rows, columns = (
            slice(side // 2 - reach, side // 2 + reach + 1)
            for side, reach in ((side, int(self.settings.beta * side)) for side in self.size)
        )
        amplitude = own.abs().clone()
        amplitude[..., rows, columns] = self.amplitudes[keys][..., rows, columns]
        mixed = torch.polar(amplitude, own.angle())
        return torch.fft.ifft2(torch.fft.ifftshift(mixed, dim=(-2, -1))).real.clamp(-1, 1)


def _shifted(images: Tensor) -> Tensor:
    """Spectra with the lowest frequency in the middle, complex (n, 1, H, W)."""
    return torch.fft.fftshift(torch.fft.fft2(images), dim=(-2, -1))
