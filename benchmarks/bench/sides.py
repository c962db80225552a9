"""The processes in which things are timed: the suite's sides, set up as its workers are, and the plain one."""

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

import torch

from benchmarks.bench.workloads import Work
from benchmarks.core.workers import workers

Kind = Literal["ours", "plain", "fast"]
KINDS: tuple[Kind, ...] = ("ours", "plain", "fast")
PROFILED = 3  # rounds
IN_A_ROW = 5  # of a thing on a GPU, for one reading: a training does not wait for each of its steps
PRODUCT = re.compile(r"aten::.*(conv|mm$)")
_built: list[Work] = []  # in a side's process: what it times


@dataclass
class Timed:
    """What is known of a `Work` outside the processes that do it; `seconds` has an entry a round."""

    name: str
    images: int
    flops: float = 0.0
    bytes: float = 0.0
    products: float | None = None  # share of the suite's time in convolutions and matrix products
    seconds: dict[Kind, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


class Sides:
    """All have the same works; `seconds` has one of them do its kind of one work, while the others wait."""

    def __init__(self, pools: dict[Kind, ProcessPoolExecutor]):
        self.pools = pools

    def build(self, group: Callable[[], Iterator[Work]]) -> list[Timed]:
        """`group` must pickle."""
        for kind, pool in self.pools.items():
            pool.submit(_build, kind, group).result()
        return self.pools["plain"].submit(_timed).result()

    def products(self, number: int) -> float | None:
        """The share of ours that convolutions and matrix products take, by torch's profiler; None for other work."""
        return self.pools["ours"].submit(_products, number).result()

    def seconds(self, kind: Kind, number: int) -> float | None:
        """None where there is nothing of that kind."""
        return self.pools[kind].submit(_seconds, kind, number).result()


@contextmanager
def sides() -> Iterator[Sides]:
    """The plain one's memory allocator is as the system sets it; the others keep freed memory, as our workers do."""
    with ExitStack() as stack:
        pools: dict[Kind, ProcessPoolExecutor] = {
            "ours": stack.enter_context(workers(1)),
            "plain": stack.enter_context(workers(1)),
            "fast": stack.enter_context(workers(1)),
        }
        for kind in ("ours", "fast"):
            pools[kind].submit(os.getpid).result()
        kept = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("MALLOC_")}
        try:
            pools["plain"].submit(os.getpid).result()  # starts it
        finally:
            os.environ.update(kept)
        yield Sides(pools)


def _build(kind: Kind, group: Callable[[], Iterator[Work]]) -> None:
    if kind == "plain":
        torch.backends.cudnn.allow_tf32 = False  # float32, as it says
    _built[:] = []  # frees the last group's memory first
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    _built[:] = group()


def _timed() -> list[Timed]:
    return [Timed(work.name, work.images, work.operations(), work.bytes) for work in _built]


def _seconds(kind: Kind, number: int) -> float | None:
    act = getattr(_built[number], kind)
    if act is None:
        return None
    gpu = torch.cuda.is_available()
    started = time.perf_counter()
    for _ in range(IN_A_ROW if gpu else 1):
        act()
    if gpu:
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / (IN_A_ROW if gpu else 1)


def _products(number: int) -> float | None:
    work = _built[number]
    if work.plain is None or torch.cuda.is_available():
        return None
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for _ in range(PROFILED):
            work.ours()
    spent = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    return sum(spent[name] for name in spent if PRODUCT.search(name)) / sum(spent.values())
