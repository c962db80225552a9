"""Kill every kind of training again and again, at random moments, and compare its end with one never killed.

`python -m tests.soak 100` from the repository's root; about five seconds a kill.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.conftest import eye_store, hand_store, tiny_values, write_yaml

ROOT = Path(__file__).parents[1]
STEPS = 150
TRAININGS = {  # module, function after params.yaml's parameters, what it trains
    "SimGAN, eyes": ("benchmarks.stages.train_simgan", "run", ["gaze"]),
    "SimGAN, hands": ("benchmarks.stages.train_simgan", "run", ["hand"]),
    "gaze CNN": ("benchmarks.stages.train_gaze", "run", ["synthetic_4x"]),
    "hourglass": ("benchmarks.stages.train_hand", "run", ["synthetic"]),
    "CycleGAN": ("benchmarks.refiners.learning", "learn", ["gaze", "cyclegan"]),
}
CHILD = """
import importlib, sys, time
from benchmarks.core import config
from benchmarks.training import loop
module, name, pause, what = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
def train(trainer, **options):
    step = trainer.advance
    def slow():
        time.sleep(pause)
        return step()
    trainer.advance = slow
    print("begins", flush=True)
    return loop.train(trainer, **options, checkpoint_every_s=0.03)
getattr(importlib.import_module(module), name)(config.load(), *what, 0, train=train)
"""


def workspace(folder: Path) -> None:
    """params.yaml and stores in which each training takes a few seconds."""
    values: dict[str, Any] = tiny_values()
    for task in ("gaze", "hand"):
        values["simgan"][task] |= {"iterations": STEPS}
        values["estimators"][task] |= {"max_steps": STEPS, "patience": 999}
    values["refiners"]["gaze"]["cyclegan"] |= {"features": 2, "blocks": 1, "code": str(ROOT / "benchmarks/refiners")}
    write_yaml(folder / "params.yaml", values)
    for name, count, labelled in (("synthetic", 64, True), ("real", 32, False), ("real_labelled", 32, True)):
        eye_store(folder / "stores/gaze" / name, count, 1, labelled=labelled, domain=name)
        hand_store(folder / "stores/hand" / name, 12, 1, labelled=labelled)


def start(folder: Path, training: str, pause: float) -> subprocess.Popen[str]:
    module, function, what = TRAININGS[training]
    command = [sys.executable, "-c", CHILD, module, function, str(pause), *what]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": "off", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def outputs(folder: Path) -> dict[str, bytes]:
    """Weights and what runs/ holds, by path."""
    files = [*(folder / "models").rglob("*.safetensors"), *(folder / "runs").rglob("*")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(files) if file.is_file()}


def finished(folder: Path, training: str) -> tuple[dict[str, bytes], str]:
    """What a training that is left alone ends with, and what it said."""
    process = start(folder, training, 0)
    said = process.communicate(timeout=300)[0]
    if process.returncode:
        raise RuntimeError(f"{training}: exit status {process.returncode}: {said[-2000:]}")
    ended = outputs(folder)
    for made in ("models", "runs", ".checkpoints", "diary"):
        shutil.rmtree(folder / made, ignore_errors=True)
    return ended, said


def killed(folder: Path, training: str, after_s: float) -> None:
    """SIGKILL so long after its first step."""
    process = start(folder, training, 0.01)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("begins"):
            break
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def soak(kills: int, seed: int = 0, at_a_time: int = 4) -> dict[str, int]:
    """Kills a training `at_a_time` times, then lets it end; raises where it ends otherwise than one never killed.

    Gives how often each was resumed from a state on disk at its end.
    """
    chance, resumed = random.Random(seed), dict.fromkeys(TRAININGS, 0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        workspace(folder)
        whole = {training: finished(folder, training)[0] for training in TRAININGS}
        done = 0
        while done < kills:
            for training in TRAININGS:
                for _ in range(min(at_a_time, kills - done)):
                    killed(folder, training, chance.uniform(0.05, 2.0))
                    done += 1
                ended, said = finished(folder, training)
                resumed[training] += "resuming at step" in said
                if ended != whole[training]:
                    differing = [name for name in whole[training] if ended.get(name) != whole[training][name]]
                    raise AssertionError(f"{training}: other bytes after kills: {', '.join(differing)}")
                print(f"{done} kills: {training} ends in the same bytes", flush=True)
                if done >= kills:
                    break
    return resumed


if __name__ == "__main__":
    print(soak(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
