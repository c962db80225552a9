"""Embedded images by the ten thousand: rendered by all cores, handed on in order as they come."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import cv2
import numpy as np
import pandas as pd

from benchmarks.core.workers import cores, workers

AHEAD = 2  # chunks a core, at most, that wait to be handed on: what memory holds
Chunk = tuple[np.ndarray, pd.DataFrame]


def rendered(source: Callable[..., Iterator[Chunk]], count: int, chunk: int) -> Iterator[Chunk]:
    """What `source(count)` yields, in pieces of `chunk` images: `source(stop, start=...)` in processes of their own."""
    starts = range(0, count, chunk)
    if min(len(starts), cores()) == 1:
        yield from source(count)
        return
    with workers(min(len(starts), cores())) as pool:
        waiting: deque[Future[list[Chunk]]] = deque()
        for start in starts:
            waiting.append(pool.submit(_piece, source, min(start + chunk, count), start))
            if len(waiting) > AHEAD * cores():
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _piece(source: Callable[..., Iterator[Chunk]], stop: int, start: int) -> list[Chunk]:
    cv2.setNumThreads(1)  # the processes fill the cores
    return list(source(stop, start=start))
