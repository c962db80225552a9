"""Processes beside this one, for work that parts into independent pieces."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import active_children, forkserver, get_context, parent_process
from multiprocessing.sharedctypes import Synchronized
from typing import Any, TypeVar

from benchmarks.core.progress import share_terminal

Result = TypeVar("Result")
PATIENCE_S = 10.0  # for workers to end by themselves
_server: list[str] = []  # the modules that workers come with, imported once for all of them


def side_by_side(piece: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], at_once: int) -> list[Result]:
    """`piece` with each of the arguments, `at_once` of them in processes of their own; the first error ends all.

    Where only one would run at a time, it runs in this process.
    """
    if min(at_once, len(arguments)) <= 1:
        return [piece(*each) for each in arguments]
    with workers(min(at_once, len(arguments))) as pool:
        pieces = [pool.submit(piece, *each) for each in arguments]
        for done in as_completed(pieces):
            done.result()
    return [done.result() for done in pieces]


def import_ahead(*modules: str) -> None:
    """Start importing these in the process from which workers are forked, while this process imports them, too.

    It saves each worker their import, several seconds with torch, and so must come first. On Linux only; workers
    have the environment of this moment.
    """
    if sys.platform == "linux":
        _server.extend(modules)
        forkserver.set_forkserver_preload(_server)
        forkserver.ensure_running()


@contextmanager
def workers(count: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """`count` processes, None for one a core; they end with this one however it ends, and with the block.

    An error ends them in the midst of their work; they have `PATIENCE_S` for what they would save.
    """
    count = count or cores()
    # A fork of this process would copy the threads' locks of the libraries in use.
    context = get_context("forkserver" if _server else "spawn")
    terminal = context.RLock(), context.Value("i", 0)
    with ProcessPoolExecutor(count, context, _start, terminal) as pool:
        try:
            yield pool
        except BaseException:
            children = active_children()
            for process in children:
                process.terminate()  # a training saves its state first
            until = time.monotonic() + PATIENCE_S
            for process in children:
                process.join(max(0.0, until - time.monotonic()))
                process.kill()
            raise


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(lock: Any, started: "Synchronized[int]") -> None:
    with started:
        share_terminal(lock, row=started.value)
        started.value += 1
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the piece, too
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
