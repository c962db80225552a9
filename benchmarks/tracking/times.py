"""Where the minutes of `make run` go: into the stages' own work, or around it (DVC, imports, MLflow)."""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.tracking.events import DIARY

FILE = DIARY / "times.jsonl"
WORK, MLFLOW = "work", "mlflow"


@contextmanager
def spent(kind: str) -> Iterator[None]:
    """Notes the seconds of a block, where DVC runs it: a stage's work, or MLflow's part of that."""
    started = time.time()
    yield
    stage = os.environ.get("DVC_STAGE")
    if stage:
        FILE.parent.mkdir(exist_ok=True)
        with FILE.open("a") as file:
            file.write(json.dumps({"stage": stage, kind: time.time() - started, "ended": time.time()}) + "\n")


def table(since: float | None = None) -> str:
    """Minutes by stage; with `since` (seconds since 1970) of what ended later, and of what was spent around it."""
    work, mlflow = defaultdict[str, float](float), 0.0
    for line in _lines(FILE):
        if since is None or line["ended"] > since:
            work[line["stage"].partition("@")[0]] += line.get(WORK, 0) - line.get(MLFLOW, 0)
            mlflow += line.get(MLFLOW, 0)
    if not work:
        return "Nothing had to run."
    total = sum(work.values()) if since is None else time.time() - since
    rows = [*work.items()]
    if since is not None:
        rows += [("around the stages: DVC, imports, MLflow", total - sum(work.values())), ("whole run", total)]
    wide = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{wide}}  {seconds / 60:6.1f} min  {seconds / total:6.1%}" for name, seconds in rows)


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
