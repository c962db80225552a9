"""Learning rates over a training: the share of it that is done, 0 to 1 -> the factor of params.yaml's rate.

The paper's rates are constant (section 3.1). At a constant rate the last steps' noise stays in the weights; a rate that
falls to 0 leaves less of it, so that seeds differ less.
"""

import math
from collections.abc import Callable


def constant(done: float) -> float:
    return 1.0


def linear(done: float) -> float:
    """Constant for the first half, then falling to 0 on a line."""
    return min(1.0, 2 * (1 - done))


def cosine(done: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017, one period)."""
    return (1 + math.cos(math.pi * done)) / 2


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "linear": linear, "cosine": cosine}
