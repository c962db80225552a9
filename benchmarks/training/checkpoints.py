"""A training's whole state on disk: the last two, each with its digest, so that no damaged one is believed."""

import hashlib
import io
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.core.files import whole

DIGEST = 16  # bytes at the head of the file


def save(state: dict[str, Any], path: Path) -> None:
    """Appears whole or not at all; the state before it stays beside it."""
    content = io.BytesIO()
    torch.save(state, content)
    with whole(path) as beside:
        with beside.open("wb") as file:
            file.write(_digest(content.getbuffer()))
            file.write(content.getbuffer())
        if path.is_file():
            path.replace(_before(path))


def newest(path: Path) -> dict[str, Any] | None:
    """The last state that is whole, without unpickling anything but tensors; None where there is none."""
    for each in (path, _before(path)):
        if not each.is_file():
            continue
        content = each.read_bytes()
        head, body = content[:DIGEST], content[DIGEST:]
        if body and head == _digest(body):
            try:
                return torch.load(io.BytesIO(body), weights_only=True)
            except (pickle.UnpicklingError, RuntimeError, EOFError):
                pass
        print(f"{each}: damaged; going on from the state before it, if there is one", flush=True)
    return None


@contextmanager
def stop_asked() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM are noted in the list that it gives, for the training to save itself; the second is obeyed."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: object) -> None:
        asked.append(number)
        restore()

    for number in before:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        restore()


def _before(path: Path) -> Path:
    return path.with_name(f"{path.stem}.before{path.suffix}")


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()
