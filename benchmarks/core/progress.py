"""Progress of long work: a bar in a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

_row = 0  # of the terminal, for this process's bar


def share_terminal(lock: Any, row: int) -> None:
    """Draw bars in a row of their own, one process at a time."""
    global _row
    tqdm.set_lock(lock)
    _row = row


class Progress:
    """`progress(done, values)`; a log gets a line at most every ten seconds, and the last."""

    def __init__(self, title: str, total: int, unit: str = "step"):
        self.title, self.total, self.unit = title, total, unit
        self.bar = (
            tqdm(total=total, desc=title, unit=unit, position=_row, leave=_row == 0) if sys.stderr.isatty() else None
        )
        self.started = self.printed = time.monotonic()
        self.first: int | None = None

    def __call__(self, done: int, values: Mapping[str, float] | None = None) -> None:
        shown = {name: f"{value:.4g}" for name, value in (values or {}).items()}
        if self.bar is not None:
            self.bar.set_postfix(shown, refresh=False)
            self.bar.update(done - self.bar.n)
            return
        now = time.monotonic()
        self.first = done if self.first is None else self.first
        if done >= self.total or now - self.printed >= 10:
            rate = (done - self.first) / (now - self.started) if done > self.first else 0.0
            left = f", {(self.total - done) / rate:.0f} s left at most" if rate and done < self.total else ""
            pairs = " ".join(f"{name} {value}" for name, value in shown.items())
            print(f"{self.title}: {self.unit} {done}/{self.total}{left} {pairs}".rstrip(), flush=True)
            self.printed = now

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
