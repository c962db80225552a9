"""The instances of a stage, a seed or a condition each, side by side: a core learns more alone than two do together."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.core.config import Compute
from benchmarks.core.files import remove
from benchmarks.core.workers import cores, side_by_side
from benchmarks.training.tensors import choose_device

SHARING = 4


def run_all(piece: Callable[..., Path | None], instances: Sequence[tuple[Any, ...]], compute: Compute) -> None:
    """`piece` for each of the instances, `at_once` side by side.

    `piece` gives the checkpoint of a training that has ended. It stays until all have: should one fail, DVC
    deletes the outputs of all before it runs the stage again, which then writes them from there.
    """
    for checkpoint in side_by_side(piece, instances, at_once(compute)):
        if checkpoint:
            remove(checkpoint)


def at_once(compute: Compute) -> int:
    """How many instances run side by side: as many as have `compute.threads` cores each, else one.

    On one GPU at most `SHARING`, which fill it between them: small networks wait for the CPU to launch their kernels.
    """
    if not compute.threads:
        return 1
    most = {"cpu": cores(), "cuda": SHARING}.get(choose_device(compute).type, 1)
    return max(1, min(most, cores() // compute.threads))
