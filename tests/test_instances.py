"""Pieces of work side by side: the same bytes as one after the other, and nothing that had ended is lost."""

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from benchmarks.core.config import Compute, Params
from benchmarks.core.errors import UserError
from benchmarks.core.workers import side_by_side
from benchmarks.stages import train_gaze
from benchmarks.training import instances, loop
from benchmarks.training.instances import at_once, run_all

Tiny = Callable[..., Params]
TWO = [("synthetic", 0), ("synthetic", 1)]


def weights() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in sorted(Path("models").rglob("*.safetensors"))}


def number(each: int) -> tuple[int, int]:
    return each, os.getpid()


def fail_or_wait(each: int) -> None:
    if each == 1:
        raise UserError("the second is wrong")
    Path(f"{os.getpid()}.waits").touch()
    time.sleep(600)


def elsewhere(parent: int, params: Params, condition: str, seed: int) -> Path:
    assert os.getpid() != parent
    return train_gaze.run(params, condition, seed)


def no_second_seed(params: Params, condition: str, seed: int) -> Path:
    if seed == 1:
        while not Path("models/gaze/synthetic/0.safetensors").exists():
            time.sleep(0.05)
        raise UserError("seed 1 is wrong")
    return train_gaze.run(params, condition, seed)


def untrainable(params: Params, condition: str, seed: int) -> Path:
    def advance(_: object) -> None:
        raise AssertionError(f"seed {seed} is trained anew")

    with pytest.MonkeyPatch.context() as patch:
        if seed == 0:
            patch.setattr("estimators.fit.Fit.advance", advance)
        return train_gaze.run(params, condition, seed)


def test_results_come_in_order_from_as_many_processes_as_asked():
    found = side_by_side(number, [(each,) for each in range(4)], 2)
    assert [each for each, _ in found] == [0, 1, 2, 3]
    assert os.getpid() not in {process for _, process in found}
    assert side_by_side(number, [(5,)], 2) == [(5, os.getpid())]
    assert side_by_side(number, [(each,) for each in range(2)], 1) == [(0, os.getpid()), (1, os.getpid())]


def test_the_first_error_ends_the_others(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    started = time.monotonic()
    with pytest.raises(UserError, match="the second is wrong"):
        side_by_side(fail_or_wait, [(0,), (1,), (2,)], 2)
    assert time.monotonic() - started < 60
    assert not multiprocessing.active_children()
    assert not [path for path in Path().glob("*.waits") if psutil.pid_exists(int(path.stem))]


def compute(**given: Any) -> Compute:
    return Compute(precision="float32", compiled=False, **given)


@pytest.mark.parametrize(("threads", "count"), [(1, 6), (2, 3), (4, 1), (8, 1), (None, 1)])
def test_every_instance_has_its_threads_in_cores(monkeypatch, threads: int | None, count: int):
    monkeypatch.setattr(instances, "cores", lambda: 6)
    assert at_once(compute(device="cpu", threads=threads)) == count
    monkeypatch.setattr(instances, "choose_device", lambda _: torch.device("cuda"))
    assert at_once(compute(device="auto", threads=threads)) == min(count, 4)
    monkeypatch.setattr(instances, "choose_device", lambda _: torch.device("mps"))
    assert at_once(compute(device="auto", threads=threads)) == 1


def test_code_that_decides_is_in_the_checkpoints_key(workspace: Path, tiny: Tiny, monkeypatch, capsys):
    train_gaze.run(tiny(), *TWO[0])
    train_gaze.run(tiny(), *TWO[0])
    assert "resuming" in capsys.readouterr().out
    changed = workspace / "changed.py"
    changed.write_text("another step\n")
    deciding = loop._deciding
    monkeypatch.setattr(loop, "_deciding", lambda stage: [*deciding(stage), changed])
    train_gaze.run(tiny(), *TWO[0])
    assert "resuming" not in capsys.readouterr().out
    names = {path.relative_to(loop.ROOT).as_posix() for path in deciding("train-gaze")}
    assert {"estimators/fit.py", "benchmarks/training/loop.py", "benchmarks/stages/train_gaze.py"} <= names


def test_side_by_side_gives_the_bytes_of_one_after_the_other(workspace: Path, tiny: Tiny, monkeypatch):
    params = tiny()
    monkeypatch.setattr(instances, "cores", lambda: 2)
    run_all(partial(elsewhere, os.getpid(), params), TWO, params.compute)
    found = weights()
    assert not list(Path(".checkpoints").glob("*/*"))
    shutil.rmtree("models")
    for condition, seed in TWO:
        train_gaze.run(params, condition, seed)
    assert weights() == found
    assert len(found) == 2


def test_what_had_ended_when_another_failed_is_not_trained_again(workspace: Path, tiny: Tiny, monkeypatch):
    params = tiny()
    monkeypatch.setattr(instances, "cores", lambda: 2)
    with pytest.raises(UserError, match="seed 1 is wrong"):
        run_all(partial(no_second_seed, params), TWO, params.compute)
    ended = weights()
    shutil.rmtree("models")  # as DVC does before it runs a failed stage again
    run_all(partial(untrainable, params), TWO, params.compute)
    assert weights().items() > ended.items()
    assert not list(Path(".checkpoints").glob("*/*"))
