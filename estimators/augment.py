"""Section 3.2's augmentation: "random [-20, 20] degree rotations and crops", of depth and joints together."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Moves(NamedTuple):
    """One similarity an image: a turn about the crop's centre, a magnification about it, then a shift."""

    degrees: Tensor  # (N,), clockwise on the screen (v points down)
    scale: Tensor  # (N,), above 1 enlarges the hand
    shift: Tensor  # (N, 2), right and down, as shares of the crop's side


def draw(
    count: int,
    generator: torch.Generator,
    degrees: float = 20.0,
    scale: float = 0.1,
    shift: float = 0.05,
) -> Moves:
    """`count` moves, uniform: turns in [-degrees, degrees], scales in [1 - scale, 1 + scale], shifts up to `shift`.

    The rotations are the paper's. It does not describe its crops: the windows here are 0.9 to 1.1 of the crop wide and
    up to a twentieth of it off centre.
    """
    turn, zoom, right, down = torch.rand(4, count, generator=generator) * 2 - 1
    return Moves(degrees * turn, 1 + scale * zoom, shift * torch.stack([right, down], 1))


def move(depth: Tensor, joints: Tensor, moves: Moves) -> tuple[Tensor, Tensor]:
    """Square crops (N, C, size, size) in network units and joints (N, J, 2) in crop pixels -> both, moved alike.

    The joints are exact. Depth is that of the nearest pixel: interpolation would invent surfaces between the hand and
    the background. What enters from outside is background, 0 in network units. Joints may leave the crop.
    """
    size = depth.shape[-1]
    moves = Moves(*(part.to(depth.device, non_blocking=depth.device.type == "cuda") for part in moves))
    turn = torch.deg2rad(moves.degrees)
    cos, sin = turn.cos(), turn.sin()
    rotation = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)

    centred = joints - (size - 1) / 2
    matrix = (moves.scale[:, None, None] * rotation).to(joints)
    moved = centred @ matrix.mT + (size - 1) / 2 + size * moves.shift[:, None].to(joints)

    inverse = rotation.mT / moves.scale[:, None, None]
    origin = -inverse @ (2 * moves.shift[:, :, None])  # affine_grid's square is 2 wide
    grid = functional.affine_grid(torch.cat([inverse, origin], 2).to(depth), list(depth.shape), align_corners=False)
    return functional.grid_sample(depth, grid, "nearest", "zeros", align_corners=False), moved


def augment(
    depth: Tensor,
    joints: Tensor,
    generator: torch.Generator,
    degrees: float = 20.0,
    scale: float = 0.1,
    shift: float = 0.05,
) -> tuple[Tensor, Tensor]:
    """`move` by `draw`: crops (N, C, size, size) and joints (N, J, 2) -> the same, each image moved on its own."""
    return move(depth, joints, draw(len(depth), generator, degrees, scale, shift))
