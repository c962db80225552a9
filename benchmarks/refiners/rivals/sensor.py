"""Plain augmentation for depth: each pixel is read a little beside its place, as a structured-light sensor reads it.

The lateral noise of the Kinect model of Handa, Whelan, McDonald and Davison (ICRA 2014) and of Barron and Malik (CVPR
2013): pixel coordinates are displaced by Gaussian offsets. It makes edges ragged; of the real domain nothing is used.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchmarks.refiners import contract


class DepthSensor(contract.Refiner):
    """`jitter_px`: standard deviation of the offsets, in pixels of the crop; theirs is half a pixel."""

    class Settings(contract.Settings):
        jitter_px: Annotated[float, Field(ge=0)] = 0.5

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        keys = (images.double() * 1000).round().sum((1, 2, 3)).long().tolist()  # an image has its own noise, always
        found = []
        for image, key in zip(images, keys, strict=True):
            offsets = torch.randn(2, height, width, generator=torch.Generator().manual_seed(abs(key)))
            down, aside = (offsets * self.settings.jitter_px).round().long()
            found.append(image[:, (rows + down).clamp(0, height - 1), (columns + aside).clamp(0, width - 1)])
        return torch.stack(found)
