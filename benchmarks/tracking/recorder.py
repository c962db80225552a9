"""The `with` statement around each training and evaluation of section 3."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.core.errors import UserError
from benchmarks.tracking.destination import installed, is_server, shown, tracking_uri
from benchmarks.tracking.events import FAILED, FINISHED, KILLED, Run, new_record
from benchmarks.tracking.provenance import provenance
from benchmarks.tracking.sender import Sender

LIVE_AFTER = 120.0  # seconds: MLflow's start takes a core for a while, which halves a short training's speed
_KILLED_BY_SIGNAL = (128 + signal.SIGINT, 128 + signal.SIGTERM)


@contextlib.contextmanager
def run(
    folder: Path,
    *,
    experiment: str,
    name: str,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    inputs: Mapping[str, tuple[str, int]] | None = None,
    resume_step: int | None = None,
    live: bool = True,
    patience: float | None = None,
) -> Iterator[Run]:
    """Record a run in `folder` and, unless tracking is off, in MLflow as FINISHED, FAILED or KILLED.

    Args:
        params: flat, see `flatten`.
        inputs: data-set name -> (digest, number of images).
        resume_step: keep the folder's run and its events up to this step, and go on in the same MLflow run.
        live: send while the run goes on, from `LIVE_AFTER` seconds on; else, and for a shorter run, `sync` is left
            to send it: stage evaluate and `make run` do.
        patience: seconds to wait at the end for what has not been sent yet; by default 15 for a server, which
            may hang, and 60 for a database file, which may only be slow.

    Raises:
        UserError: the folder cannot be written. Nothing that befalls MLflow is raised.
    """
    labels = {**provenance(Path.cwd()), **(tags or {})}
    recorded = Run(folder, new_record(experiment, name, params or {}, labels, inputs or {}), resume_step)
    sending = _Sending(folder) if live else None
    try:
        with sigterm_raises():
            yield recorded
    except BaseException as error:
        with contextlib.suppress(UserError):  # a full disk must not hide what went wrong
            recorded.close(_status(error))
        raise
    else:
        recorded.close(FINISHED)
    finally:
        sender = sending.stop() if sending else None
        if sender is not None:
            _finish(sender, recorded, patience)


class _Sending:
    """Starts a sender once the run is `LIVE_AFTER` seconds old."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._sender, self._lock = folder, None, threading.Lock()
        self._timer = threading.Timer(LIVE_AFTER, self._start)
        self._timer.daemon = True
        if LIVE_AFTER:
            self._timer.start()
        else:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if not self._timer.finished.is_set():
                self._sender = _sender(self._folder)

    def stop(self) -> Sender | None:
        """The sender, where there is one by now; none starts later."""
        self._timer.cancel()
        with self._lock:
            return self._sender


def _sender(folder: Path) -> Sender | None:
    uri = tracking_uri()
    if uri is None:
        return None
    if not installed():
        print(f"tracking: MLflow is not installed; the run is kept in {folder} alone", file=sys.stderr)
        return None
    try:
        return Sender(folder, uri)
    except OSError as error:
        print(f"tracking: cannot start the sender ({error}); the run is kept in {folder}", file=sys.stderr)
        return None


def _finish(sender: Sender, recorded: Run, patience: float | None) -> None:
    if patience is None:
        patience = 15.0 if is_server(sender.uri) else 60.0
    if recorded.record.status == KILLED:
        patience = min(patience, 5.0)  # whoever sent SIGTERM sends SIGKILL next
    reason = sender.finish(patience)
    if reason:
        folder = recorded.folder
        events = len(folder.events_from()[0]) + len(folder.images())
        print(
            f"tracking: MLflow at {shown(sender.uri)} lacks events of {recorded.record.name!r} ({reason}); "
            f"all {events} events are kept in {folder.path}; send the rest by: python -m benchmarks sync",
            file=sys.stderr,
        )


def _status(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return KILLED
    if isinstance(error, SystemExit):
        return FINISHED if not error.code else KILLED if error.code in _KILLED_BY_SIGNAL else FAILED
    return FAILED


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """SIGTERM as SystemExit(143), so that `with` and `finally` work; signals reach the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
