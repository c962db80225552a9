"""Section 3.2's heat maps: from joints in crop pixels to the hourglass's targets, and back at sub-pixel precision.

Pixel centres lie at integers and both grids cover the same square: crop pixel u is heat-map pixel
(u + 0.5) * side / size - 0.5. At the paper's 224 and 64 a heat-map pixel is 3.5 crop pixels.
"""

import torch
from torch import Tensor

FLOOR = 1e-6  # of the peak: what a heat map counts as 0 before its logarithm


def to_map(joints: Tensor, size: int, side: int) -> Tensor:
    """Crop pixels, any shape, of crops of `size` -> heat-map pixels of maps of `side`."""
    return (joints + 0.5) * (side / size) - 0.5


def to_crop(joints: Tensor, size: int, side: int) -> Tensor:
    """The inverse of `to_map`."""
    return (joints + 0.5) * (size / side) - 0.5


def encode(joints: Tensor, size: int, side: int, sigma: float = 1.0) -> Tensor:
    """Joints (N, J, 2) as (u, v) in crop pixels -> Gaussians (N, J, side, side) of peak 1 and `sigma` heat-map pixels.

    The Gaussian stands at the joint itself, not at the pixel nearest to it. Of a joint outside the crop only the tail
    that reaches in is drawn, which is nothing from some 4 sigma on.
    """
    pixels = torch.arange(side, device=joints.device, dtype=joints.dtype)
    u, v = ((pixels - to_map(joints, size, side)[..., None]) / sigma).square().mul(-0.5).exp().unbind(2)
    return v[..., :, None] * u[..., None, :]


def decode(maps: Tensor, size: int) -> Tensor:
    """Heat maps (N, J, side, side), side >= 3 -> joints (N, J, 2) as (u, v) in crop pixels of crops of `size`.

    From the highest pixel along each axis to the peak of the parabola through three logarithms, which is exact for
    Gaussians of any width and height (Zhang et al. 2020, "Distribution-aware coordinate representation", without their
    smoothing), and never further than half a heat-map pixel. So joints outside the crop come back on its edge. A
    constant map, having no peak, gives a point within a heat-map pixel of its first.
    """
    n, j, side, _ = maps.shape
    highest, index = maps.flatten(2).max(2)
    logarithms = maps.clamp_min((highest * FLOOR).clamp_min(torch.finfo(maps.dtype).tiny)[..., None, None]).log()
    row, column = index // side, index % side
    lines = torch.stack([
        logarithms.gather(2, row[..., None, None].expand(n, j, 1, side))[:, :, 0],
        logarithms.gather(3, column[..., None, None].expand(n, j, side, 1))[..., 0],
    ], 2)  # (N, J, 2, side): the row and the column through the highest pixel  # fmt: skip
    peak = torch.stack([column, row], 2)
    middle = peak.clamp(1, side - 2)  # at the border the parabola's three points move inwards
    before, at, after = lines.gather(3, middle[..., None] + torch.arange(-1, 2, device=maps.device)).unbind(3)
    curvature = (2 * at - before - after).clamp_min(torch.finfo(maps.dtype).eps)
    offset = middle - peak + (after - before) / (2 * curvature)
    return to_crop(peak + offset.clamp(-0.5, 0.5), size, side)
