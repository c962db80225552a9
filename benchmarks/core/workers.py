"""Processes beside this one, for work that parts into independent pieces."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process


@contextmanager
def workers(count: int | None) -> Iterator[ProcessPoolExecutor]:
    """`count` processes, None for one a core; they end with this one however it ends, and with the block.

    Pieces that no process has begun when the block ends, by an error for instance, are dropped.
    """
    context = get_context("spawn")  # a fork would copy the threads' locks of the libraries in use
    with ProcessPoolExecutor(count, context, _start) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the piece, too
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
