"""Section 3.1's error: the angle between the estimated and the true gaze."""

import torch
from torch import Tensor


def angular_error_deg(estimated: Tensor, truth: Tensor) -> Tensor:
    """(N, 3), (N, 3) vectors of any length but 0 -> (N,) angles in degrees, in float64."""
    a = torch.nn.functional.normalize(estimated.double(), dim=1, eps=1e-12)
    b = torch.nn.functional.normalize(truth.double(), dim=1, eps=1e-12)
    return torch.rad2deg(torch.acos((a * b).sum(1).clamp(-1, 1)))
