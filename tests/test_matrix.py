"""Stages on a cluster of two nodes, one of which is killed: DVC then has nothing to run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import matrix
from benchmarks.core import config
from benchmarks.core.errors import UserError

WORK = """
import os, sys, time
from pathlib import Path
name = sys.argv[1]
with open(f"started-{name}", "a") as file:
    print(os.getppid(), os.getpid(), file=file, flush=True)
time.sleep(float(sys.argv[2]))
Path(f"out-{name}").write_text("".join(sorted(Path(each).read_text() for each in sys.argv[3:])) + name)
"""
STAGES = """
stages:
  a:
    cmd: python work.py a 6
    deps: [work.py]
    outs: [out-a]
  b:
    cmd: python work.py b 0
    deps: [work.py]
    outs: [out-b]
  c:
    cmd: python work.py c 0 out-a out-b
    deps: [work.py, out-a, out-b]
    outs: [out-c]
"""


def dvc(*words: str) -> str:
    return subprocess.run([sys.executable, "-m", "dvc", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    Path("work.py").write_text(WORK)
    Path("dvc.yaml").write_text(STAGES)
    return tmp_path


@pytest.fixture
def nodes(pipeline: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler's address and two nodes, each a process of its own."""
    file = pipeline / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    command += ["--host", "127.0.0.1", "--scheduler-file", str(file)]
    scheduler = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file)]
    command += ["--no-nanny", "--nthreads", "1", "--no-dashboard"]
    workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        deadline = time.monotonic() + 60
        while not file.is_file():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(0.2)  # for the whole file
        yield json.loads(file.read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_nodes_death_loses_nothing_and_dvc_finds_nothing_to_do(
    pipeline: Path, nodes: tuple[str, list[subprocess.Popen[bytes]]]
):
    address, workers = nodes
    script = "import sys; from benchmarks import matrix; from benchmarks.core import config; from pathlib import Path\n"
    script += f"matrix.run(config.load(Path({str(Path(__file__).parents[1] / 'params.yaml')!r})), {address!r})"
    driver = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (pipeline / "started-a").is_file() or not (pipeline / "started-a").read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    node, command = map(int, (pipeline / "started-a").read_text().split())
    assert node in {worker.pid for worker in workers}
    os.kill(node, signal.SIGKILL)
    said = driver.communicate(timeout=120)[0]
    assert driver.returncode == 0, said
    starts = (pipeline / "started-a").read_text().splitlines()
    assert len(starts) == 2, "started again on the other node"
    assert starts[1].split()[0] != str(node)
    with pytest.raises(ProcessLookupError):
        os.kill(command, 0)  # the dead node's command ended with it
    assert (pipeline / "out-c").read_text() == "abc"
    assert "3 stages ran" in said
    assert dvc("status").strip() == "Data and pipelines are up to date."
    assert "didn't change, skipping" in dvc("repro")


def test_a_command_that_fails_is_named_with_its_last_words(pipeline: Path, monkeypatch: pytest.MonkeyPatch):
    Path("work.py").write_text("raise SystemExit('no room for it')")
    params = config.load(Path(__file__).parents[1] / "params.yaml")
    with pytest.raises(UserError, match=r"(?s)matrix: [ab]: .*work.py.*no room for it"):
        matrix.run(params)


def test_a_task_has_the_drivers_threads_and_allocator_not_the_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Dask gives its workers one thread of BLAS, on which the last bits of numpy's sums depend."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    show = "import os, json; print(json.dumps(dict(os.environ)), file=open('shown', 'w'))"
    matrix.execute(["python", "-c", show], str(tmp_path), {"MALLOC_TRIM_THRESHOLD_": "7"})
    shown = json.loads((tmp_path / "shown").read_text())
    assert "OMP_NUM_THREADS" not in shown and shown["MALLOC_TRIM_THRESHOLD_"] == "7"


def test_seeds_and_conditions_part_and_whole_stages_stay_whole():
    params = config.load(Path(__file__).parents[1] / "params.yaml")
    suite = "python -m benchmarks"
    assert matrix.pieces(f"{suite} train-simgan --task hand", params) == [
        ["python", "-m", "benchmarks", "train-simgan", "--task", "hand", "--seed", str(seed)] for seed in params.seeds
    ]
    both = matrix.pieces(f"{suite} train-gaze --condition refined --condition synthetic_4x", params)
    assert len(both) == len(params.seeds) + len(params.seeds_of("gaze", "synthetic_4x"))
    assert both[-1][-3:-1] == ["synthetic_4x", "--seed"]
    assert matrix.pieces(f"{suite} evaluate --task gaze", params) == [f"{suite} evaluate --task gaze".split()]


def test_without_a_scheduler_it_says_so(monkeypatch: pytest.MonkeyPatch):
    params = config.load(Path(__file__).parents[1] / "params.yaml")
    with pytest.raises(UserError, match="no scheduler answers"):
        matrix.run(params, "nowhere")
