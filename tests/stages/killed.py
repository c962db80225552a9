"""A training in a process of its own, killed after its first checkpoint."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHILD = """
import sys
from importlib import import_module
from benchmarks.core import config
from benchmarks.training import loop
train = lambda *args, **kwargs: loop.train(*args, **kwargs, checkpoint_every_s=0.02)
import_module(sys.argv[1]).run(config.load(), sys.argv[2], 0, train=train)
"""


def kill_training(stage: str, what: str) -> None:
    """`what` is the task or condition that the module `stage` trains, by the working folder's params.yaml."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHILD, stage, what]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(Path(".checkpoints").glob("*/*/state.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
