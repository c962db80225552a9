"""The process that copies a run of section 3's experiments to MLflow while it goes on.

A process and not a thread: MLflow's import, locks and retries cost the training nothing, and it outlives a
training that is killed by SIGKILL just long enough to say so in MLflow. It reads the run's folder and nothing
else; the end of its standard input tells it that the run has ended.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from benchmarks.tracking.destination import SETTINGS, connect, first_line
from benchmarks.tracking.events import KILLED, RUNNING, RunFolder

INTERVAL, LONGEST_INTERVAL = 3.0, 60.0  # seconds between batches; doubled after each failure


class Sender:
    """The parent's side."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.uri = uri
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.tracking.sender", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**SETTINGS, **os.environ, "MLFLOW_TRACKING_URI": uri},
            start_new_session=True,  # Ctrl-C is for the training; the sender has yet to report it
        )

    def finish(self, patience: float) -> str | None:
        """Let the rest be sent within `patience` seconds; why it could not be, or None."""
        try:
            reason, _ = self._process.communicate(b"end\n", timeout=patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return f"no answer within {patience:g} s"
        if self._process.returncode == 0:
            return None
        return reason.decode(errors="replace").strip() or f"the sender ended with status {self._process.returncode}"


def _send_until(ended: threading.Event, folder: RunFolder, uri: str) -> str | None:
    writer = folder.record().process
    mirror = None
    pause = 0.0
    while True:
        last = ended.wait(pause)
        try:
            if mirror is None:
                from benchmarks.tracking.mirror import open_mirror, reap

                client = connect(uri)
                mirror = open_mirror(client, uri, folder)
                reap(client)
            if last:
                record = folder.record()
                if record.process == writer:  # else a resumed run has taken the folder over
                    mirror.close(KILLED if record.status == RUNNING else record.status, record.ended)
                return None
            mirror.push()
            mirror.push_images()
            pause = INTERVAL
        except Exception as error:
            if last:
                return first_line(error)
            pause = min(max(2 * pause, INTERVAL), LONGEST_INTERVAL)


def main() -> int:
    """Send until standard input ends; the reason of a failure goes to standard output, for the parent."""
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.buffer.read(1)
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    reason = _send_until(ended, RunFolder(Path(sys.argv[1])), os.environ["MLFLOW_TRACKING_URI"])
    if reason:
        print(reason)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
