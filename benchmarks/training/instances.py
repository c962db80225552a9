"""The instances of a stage, a seed or a condition each, side by side: a core learns more alone than two do together."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import joblib
import torch

from benchmarks.core.config import Compute
from benchmarks.core.files import remove
from benchmarks.core.workers import side_by_side
from benchmarks.training.tensors import choose_device


def run_all(piece: Callable[..., Path | None], instances: Sequence[tuple[Any, ...]], compute: Compute) -> None:
    """`piece` for each of the instances, `at_once` side by side.

    `piece` gives the checkpoint of a training that has ended. It stays until all have: DVC deletes the outputs of a
    stage that fails, and the next run writes them again from there.
    """
    for checkpoint in side_by_side(piece, instances, at_once(compute)):
        if checkpoint:
            remove(checkpoint)


def at_once(compute: Compute) -> int:
    """How many instances run side by side: as many as have `compute.threads` cores each, one on an accelerator."""
    accelerated = choose_device(compute).type != "cpu"
    return 1 if accelerated else max(1, joblib.cpu_count() // torch.get_num_threads())
