"""Checkpoints: whole, checked, the last two kept; a training that is asked to stop saves first."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks.training import checkpoints
from tests.stages.killed import CHILD, ROOT


def state(step: int) -> dict[str, object]:
    return {"step": step, "weights": torch.full((1000,), float(step))}


def test_the_newest_state_comes_back(tmp_path: Path):
    path = tmp_path / "state.pt"
    assert checkpoints.newest(path) is None
    for step in (1, 2, 3):
        checkpoints.save(state(step), path)
        found = checkpoints.newest(path)
        assert found is not None
        assert (found["step"], float(found["weights"][0])) == (step, step)


@pytest.mark.parametrize("damage", ["one byte", "truncated", "empty", "absent"])
def test_a_damaged_state_falls_back_to_the_one_before(tmp_path: Path, capsys, damage: str):
    path = tmp_path / "state.pt"
    checkpoints.save(state(1), path)
    checkpoints.save(state(2), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"one byte": bytes(content), "truncated": bytes(content[:-9]), "empty": b""}
    if damage == "absent":  # killed between the two renames
        path.unlink()
    else:
        path.write_bytes(damaged[damage])
    found = checkpoints.newest(path)
    assert found is not None
    assert found["step"] == 1
    assert ("state.pt: damaged" in capsys.readouterr().out) == (damage != "absent")


class Payload:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_planted_pickle_is_not_executed(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "state.pt"
    for body in (pickle.dumps(Payload()), _zipped()):
        path.write_bytes(checkpoints._digest(body) + body)
        assert checkpoints.newest(path) is None
    assert not Path("executed").exists()
    assert capsys.readouterr().out.count("damaged") == 2


def _zipped() -> bytes:
    import io

    file = io.BytesIO()
    torch.save({"trainer": Payload()}, file)
    return file.getvalue()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_asked_to_stop_saves_first(workspace: Path, number: signal.Signals):
    child = CHILD.replace("checkpoint_every_s=0.02", "checkpoint_every_s=1e9").replace(
        "stage.run(", "import time; import simgan.algorithm1 as a; step = a.SimGAN.advance\n"
        "a.SimGAN.advance = lambda self: (time.sleep(0.5), step(self))[1]\nprint('begins', flush=True); stage.run(",
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", child, "benchmarks.stages.train_simgan", "gaze"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    while not list(Path(".checkpoints").glob("*/*/events/metrics.jsonl")):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    told = process.communicate(timeout=60)[0]
    assert "saved; start it again to go on" in told
    assert process.returncode
    (kept,) = Path(".checkpoints").glob("*/*/state.pt")
    found = checkpoints.newest(kept)
    assert found is not None
    assert 1 <= found["trainer"]["step"] < 12
