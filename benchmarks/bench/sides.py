"""The two processes in which things are timed: the suite's side, set up as its workers are, and the plain one."""

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

Kind = Literal["ours", "plain"]
PROFILED = 3  # rounds
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
    seconds: dict[Kind, list[float]] = field(default_factory=lambda: {"ours": [], "plain": []})


class Sides:
    """Both build the same works; `seconds` has one of them do its kind of one work, while the other waits."""

    def __init__(self, pools: dict[Kind, ProcessPoolExecutor]):
        self.pools = pools

    def build(self, group: Callable[[], Iterator[Work]]) -> list[Timed]:
        """`group` must pickle."""
        ours, plain = (pool.submit(_build, group) for pool in self.pools.values())
        plain.result()
        return ours.result()

    def products(self, number: int) -> float | None:
        """The share of ours that convolutions and matrix products take, by torch's profiler; None for other work."""
        return self.pools["ours"].submit(_products, number).result()

    def seconds(self, kind: Kind, number: int) -> float | None:
        """None where there is nothing of that kind."""
        return self.pools[kind].submit(_seconds, kind, number).result()


@contextmanager
def sides() -> Iterator[Sides]:
    """The plain side has the system's memory allocator as it is; ours keeps freed memory, as the stages' workers do."""
    with ExitStack() as stack:
        pools: dict[Kind, ProcessPoolExecutor] = {
            "ours": stack.enter_context(workers(1)),
            "plain": stack.enter_context(workers(1)),
        }
        pools["ours"].submit(os.getpid).result()
        kept = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("MALLOC_")}
        try:
            pools["plain"].submit(os.getpid).result()  # starts it
        finally:
            os.environ.update(kept)
        yield Sides(pools)


def _build(group: Callable[[], Iterator[Work]]) -> list[Timed]:
    _built[:] = []  # frees the last group's memory first
    _built[:] = group()
    return [Timed(work.name, work.images, work.flops, work.bytes) for work in _built]


def _seconds(kind: Kind, number: int) -> float | None:
    act = getattr(_built[number], kind)
    if act is None:
        return None
    started = time.perf_counter()
    act()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _products(number: int) -> float | None:
    work = _built[number]
    if work.plain is None or torch.cuda.is_available():
        return None
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for _ in range(PROFILED):
            work.ours()
    spent = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    return sum(spent[name] for name in spent if PRODUCT.search(name)) / sum(spent.values())
