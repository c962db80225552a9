"""Trainings by several processes: the losses of one, rank 0 alone writes, and a killed one goes on to the same end."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import eye_store, tiny_values, write_yaml

ROOT = Path(__file__).parents[1]
GAN = ["train-simgan", "--task", "gaze", "--seed", "0"]
CNN = ["train-gaze", "--condition", "synthetic_4x", "--seed", "0"]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    values = tiny_values()
    values["seeds"] = [0]
    values["simgan"]["gaze"] |= {"batch": 8, "iterations": 20, "log_every": 1, "history": 0}
    values["estimators"]["gaze"] |= {"batch": 8, "max_steps": 30, "log_every": 1}
    write_yaml(tmp_path / "params.yaml", values)
    for name in ("synthetic", "real"):
        eye_store(tmp_path / "stores/gaze" / name, 64, 1, labelled=name == "synthetic", domain=name)
    return values


def start(processes: int, command: list[str]) -> subprocess.Popen[str]:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    words = [sys.executable, *(torchrun if processes > 1 else []), "-m", "benchmarks", *command]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def run(processes: int, command: list[str]) -> str:
    process = start(processes, command)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    return said


def losses() -> dict[str, dict[int, float]]:
    """Of the training that has ended: name -> step -> value."""
    (file,) = Path("runs").rglob("metrics.jsonl")
    found: dict[str, dict[int, float]] = {}
    for line in map(json.loads, file.read_text().splitlines()):
        for name, value in line["metrics"].items():
            found.setdefault(name, {})[line["step"]] = value
    for made in ("runs", "models", "diary"):
        shutil.rmtree(made)
    return found


@pytest.mark.parametrize("command", [GAN, CNN], ids=["SimGAN", "gaze CNN"])
def test_several_processes_have_the_losses_of_one(tiny: dict[str, Any], command: list[str]):
    run(1, command)
    alone = losses()
    for processes in (2, 4):
        said = run(processes, command)
        together = losses()
        assert together.keys() == alone.keys()
        for name, values in alone.items():
            if name.startswith(("train/", "val/")) and not name.startswith("train/history"):
                assert together[name] == pytest.approx(values, rel=2e-3, abs=1e-4), name
        assert len([line for line in said.splitlines() if "step " in line and " 1/" in line]) <= 1, "rank 0 alone tells"
        assert not list(Path(".checkpoints").glob("*/*/state.pt"))


def test_a_killed_one_goes_on_to_the_same_end(tiny: dict[str, Any], tmp_path: Path):
    """With the history in use, which each rank has of its own."""
    tiny["simgan"]["gaze"] |= {"history": 40, "iterations": 800}
    write_yaml(tmp_path / "params.yaml", tiny)
    run(2, GAN)
    (weights,) = Path("models").rglob("*.safetensors")
    whole = weights.read_bytes()
    losses()
    process = start(2, GAN)
    assert process.stdout is not None
    next(line for line in process.stdout if "train-simgan gaze/0: step" in line)
    os.killpg(process.pid, signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    assert process.returncode != 0
    assert "saved; start it again to go on" in said
    assert "resuming at step" in run(2, GAN)
    assert weights.read_bytes() == whole


def test_a_batch_that_does_not_part_is_refused(tiny: dict[str, Any], tmp_path: Path):
    tiny["simgan"]["gaze"]["batch"] = 9
    write_yaml(tmp_path / "params.yaml", tiny)
    said = start(2, GAN).communicate(timeout=60)[0]
    assert "batch: 9 does not part among 2 processes; choose a multiple of 2" in said
