"""`python -m benchmarks matrix`: the stale stages of dvc.yaml on a Dask cluster, one task a seed where seeds can part.

The nodes share the repository's folder. They run the stages' own commands; this process alone speaks to DVC: it
finds what is stale, clears old outputs, and commits what the tasks made, so that `dvc repro` finds nothing to do.
"""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.training.instances import at_once
from benchmarks.training.tensors import choose_device

if TYPE_CHECKING:
    from distributed import Client
    from dvc.repo import Repo
    from dvc.stage import Stage

SUITE = ["python", "-m", "benchmarks"]
BY_SEED = ("train-simgan", "train-gaze", "train-hand", "refine", "measure")  # commands that take --seed
LAST_LINES = 5
# Variables that Dask sets for its workers; the last bits of numpy's sums and the speed of a step depend on them.
SETTINGS = ("OMP_", "MKL_", "OPENBLAS_", "MALLOC_")


def run(params: Params, address: str = "") -> int:
    """Runs all that is stale, on the cluster at `address` or on processes of this machine; how many stages ran.

    A task whose node dies is given to another, where a training goes on from its last checkpoint. Raises UserError
    where Dask is missing, no scheduler answers, or a command fails; what had ended by then is committed.
    """
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise UserError("matrix needs Dask: pip install -c constraints.txt -e '.[cluster]'") from None
    from dvc.repo import Repo

    if address:
        try:
            client = Client(address, timeout=30)
        except (OSError, ValueError) as error:
            raise UserError(f"{address}: no scheduler answers ({error}); start one with `dask scheduler`") from None
        return _with(client, params, Repo())
    with LocalCluster(at_once(params.compute), threads_per_worker=1, dashboard_address=":0") as cluster:
        return _with(Client(cluster), params, Repo())


def pieces(command: str, params: Params) -> list[list[str]]:
    """A stage's command as commands that can run side by side: of each seed, and of each condition of an estimator."""
    words = shlex.split(command)
    if words[:3] != SUITE or words[3] not in BY_SEED:
        return [words]
    name, rest = words[3], words[4:]
    if "--condition" not in rest:
        return [[*words, "--seed", str(seed)] for seed in params.seeds]
    task = name.removeprefix("train-")
    return [
        [*SUITE, name, "--condition", condition, "--seed", str(seed)]
        for condition in rest[1::2]
        for seed in params.seeds_of(task, condition)
    ]


def execute(command: list[str], folder: str, settings: dict[str, str]) -> None:
    """On a node: one command, which ends with the node's process. Raises RuntimeError with its last lines.

    `settings` replaces the node's own `SETTINGS`, so that the outputs are those of `dvc repro`.
    """
    words = [sys.executable, *command[1:]] if command[0] == "python" else command
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)} | settings
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_end_with_parent,
    )
    said = process.communicate()[0]
    if process.returncode:
        last = "\n".join(said.splitlines()[-LAST_LINES:])
        raise RuntimeError(f"{shlex.join(command)}: exit status {process.returncode}:\n{last}")


def _with(client: "Client", params: Params, repo: "Repo") -> int:
    from distributed import as_completed

    waiting = dict(_producers(repo))
    done: set[str] = set()
    running: dict[str, int] = {}
    stage_of: dict[Any, str] = {}
    ran = 0
    ended = as_completed()
    settings = {name: value for name, value in os.environ.items() if name.startswith(SETTINGS)}
    with client:
        while waiting or running:
            for name in [name for name, producers in waiting.items() if producers <= done]:
                del waiting[name]
                commands = _stale(name, params)
                if not commands:
                    done.add(name)
                    continue
                print(f"matrix: {name}: {len(commands)} task{'s' * (len(commands) > 1)}", flush=True)
                running[name] = len(commands)
                for command in commands:
                    resources = {"GPU": 1} if _on_gpu(command, params) else None
                    future = client.submit(execute, command, str(Path.cwd()), settings, resources=resources, pure=False)
                    stage_of[future] = name
                    ended.add(future)
            if not running:
                continue  # what was up to date may have freed others
            future = next(ended)
            name = stage_of.pop(future)
            if future.status != "finished":
                client.cancel(list(stage_of))
                raise UserError(f"matrix: {name}: {future.exception()}")
            running[name] -= 1
            if not running[name]:
                del running[name]
                _commit(name)
                done.add(name)
                ran += 1
                print(f"matrix: {name}: ended; {len(waiting) + len(running)} stages left", flush=True)
    print(f"matrix: {ran} stages ran; `dvc status` has nothing left" if ran else "matrix: all is up to date")
    return ran


def _producers(repo: "Repo") -> Iterator[tuple[str, set[str]]]:
    """Of each stage of dvc.yaml, the stages that make what it reads."""
    graph = repo.index.graph
    for stage in graph:
        if stage.path_in_repo == "dvc.yaml":
            yield stage.addressing, {producer.addressing for producer in graph.successors(stage)}


def _stale(name: str, params: Params) -> list[list[str]]:
    """What must run for a stage, its old outputs cleared; nothing where it is up to date."""
    from dvc.repo import Repo

    with Repo() as repo:
        if not repo.status(targets=[name]):
            return []
        stage = _stage(repo, name)
        with repo.lock:
            stage.remove_outs(ignore_remove=False, force=False)
        for out in stage.outs:
            Path(out.fs_path).parent.mkdir(parents=True, exist_ok=True)
        return pieces(str(stage.cmd), params)


def _commit(name: str) -> None:
    from dvc.repo import Repo

    with Repo() as repo:
        repo.commit(name, force=True)


def _stage(repo: "Repo", name: str) -> "Stage":
    (stage,) = (stage for stage in repo.index.stages if stage.addressing == name)
    return stage


def _on_gpu(command: list[str], params: Params) -> bool:
    return choose_device(params.compute).type == "cuda" and command[:3] == SUITE and command[3] in BY_SEED


def _end_with_parent() -> None:
    """In a command's process, on Linux: SIGTERM, on which a training saves, when the node's process dies."""
    if _libc is not None:
        _libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
