"""A clone of the last commit, in which faults are planted and the stages of one task run one after another."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks import presets
from benchmarks.core.errors import UserError
from benchmarks.core.files import remove
from benchmarks.evaluation import guards, regression, summary
from benchmarks.sensitivity.experiments import Experiment
from benchmarks.sensitivity.runner import Row

OUTPUTS = ("stores", "models", "runs", "results")


class Checkout:
    """`folder` holds `commit` of the repository, whose DVC cache it shares: what a fault does not touch is restored.

    Made anew where it is absent or of another commit. Raises UserError where git or DVC fails.
    """

    def __init__(self, repository: Path, folder: Path, commit: str, preset: str, task: str, logs: Path):
        self.folder, self.preset, self.task, self.logs = folder, preset, task, logs
        self.log = logs / "checkout.log"
        if not (folder / ".git").exists() or committed(folder)[0] != commit:
            remove(folder)
            folder.parent.mkdir(parents=True, exist_ok=True)
            _told(["git", "clone", "--quiet", "--no-checkout", str(repository), str(folder)], repository)
            _told(["git", "checkout", "--quiet", "--detach", commit], folder)
        cache = _told([sys.executable, "-m", "dvc", "cache", "dir"], repository).strip()
        _told([sys.executable, "-m", "dvc", "cache", "dir", "--local", str(repository / cache)], folder)
        accepted = summary.read(folder / "benchmarks/accepted" / f"{preset}.json")
        self.guards = guards.accept(accepted.get("guards", {}), f"accepted values of {preset}")
        if not self.guards.get(task):
            raise UserError(f"{preset}.json: no accepted guards of {task} at this commit; accept anew and commit")
        self.tables = {task: accepted[task], "data": {task: accepted["data"][task]}}
        self.seeds: Sequence[int] = ()

    def start(self, experiment: Experiment) -> Sequence[str]:
        """The commit's code with the experiment's patch and parameters, no outputs; the task's stages in order."""
        logs = self.logs / f"{experiment.name}.log"
        remove(logs)
        self.log = logs
        _told(["git", "checkout", "--quiet", "--force", "."], self.folder)
        _told(["git", "clean", "--quiet", "--force", "-d"], self.folder)
        for output in OUTPUTS:
            remove(self.folder / output)
        if experiment.patch:
            _told(["git", "apply", str(experiment.patch.resolve())], self.folder)
        params = changed(presets.compose(self.preset), experiment)
        (self.folder / "params.yaml").write_text(params)
        self.seeds = presets.parse(params)["seeds"]
        dot = _told([sys.executable, "-m", "dvc", "dag", "--dot"], self.folder)
        return chain(dot, [f"measure@{self.task}", f"evaluate@{self.task}"])  # cheap guards first

    def step(self, stage: str) -> str:
        return self._logged([sys.executable, "-m", "dvc", "repro", "--single-item", stage])

    def judge(self, complete: bool) -> list[Row]:
        """Guards of the files there are; once `complete`, all guards and the task's table, from the report."""
        if not complete:
            now = guards.collect(self.folder, [self.task], self.seeds)
            return tripped(guards.compare(now, self.guards, [self.task], present=True).to_dict("records"))
        out = Path("reports")
        command = ["-m", "benchmarks", "report", "--task", self.task, "--out", str(out), "--no-pictures"]
        if error := self._logged([sys.executable, *command]):
            return [{"row": f"report: {error}", "accepted": None, "value": None, "low": None, "high": None}]
        metrics = summary.read(self.folder / out / "results.json")
        rows = guards.compare(metrics["guards"], self.guards, [self.task]).to_dict("records")
        return tripped([*rows, *regression.compare(metrics, self.tables).to_dict("records")])

    def _logged(self, command: list[str]) -> str:
        """Run in the clone with its output in the log; gives the line of the error, "" for none."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log.open("a+") as log:
            print("$", *command[1:], file=log, flush=True)
            start = log.tell()
            status = subprocess.run(command, cwd=self.folder, env=environment(), stdout=log, stderr=log).returncode
            log.seek(start)
            return error_line(log.read()) if status else ""


def committed(folder: Path) -> tuple[str, bool]:
    """The commit of HEAD, and whether tracked files differ from it. UserError where there is no git repository."""
    commit = _told(["git", "rev-parse", "HEAD"], folder).strip()
    return commit, bool(_told(["git", "status", "--porcelain", "--untracked-files=no"], folder).strip())


def changed(params: str, experiment: Experiment) -> str:
    """The text of params.yaml with an experiment's values."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 200, True
    values = yaml.load(params)
    if experiment.seeds_from is not None:
        values["seeds"] = [experiment.seeds_from + k for k in range(len(values["seeds"]))]
    for key, value in experiment.params.items():
        *sections, last = key.split(".")
        section = values
        for name in sections:
            section = section[name]
        section[last] = value
    text = io.StringIO()
    yaml.dump(values, text)
    return text.getvalue()


def chain(dot: str, targets: Sequence[str]) -> list[str]:
    """Each target after all that it needs, from `dvc dag --dot`; one target after the other, else as dvc.yaml has them.

    UserError for a target that there is not.
    """
    declared = re.findall(r'^"([^"]+)";?$', dot, re.MULTILINE)
    needs: dict[str, set[str]] = {stage: set() for stage in declared}
    for before, after in re.findall(r'^"([^"]+)" -> "([^"]+)";?$', dot, re.MULTILINE):
        needs[after].add(before)
    order: list[str] = []
    for target in targets:
        if target not in needs:
            raise UserError(f"dvc.yaml: no stage {target}")
        wanted, waiting = set(), [target]
        while waiting:
            stage = waiting.pop()
            wanted.add(stage)
            waiting.extend(needs[stage] - wanted)
        while left := [stage for stage in declared if stage in wanted and stage not in order]:
            order.append(next(stage for stage in left if needs[stage] <= set(order)))
    return order


def tripped(rows: Sequence[dict[Any, Any]]) -> list[Row]:
    """Of the gate's rows, guards or the tables', those that fail; what is missing, then the farthest out, first."""
    found = []
    for row in rows:
        if row["status"] not in regression.FAILED:
            continue
        low = row["low"] if "low" in row else row["accepted"] - row["tolerance"]
        high = row["high"] if "high" in row else row["accepted"] + row["tolerance"]
        name = row["guard"] if "guard" in row else f"{row['condition']}, {row['metric']}"
        value = None if row["status"] == "missing" else float(f"{row['value']:.6g}")
        limits = {key: float(f"{x:.6g}") for key, x in (("accepted", row["accepted"]), ("low", low), ("high", high))}
        found.append({"row": name, "value": value, **limits})
    return sorted(found, key=_farthest_first)


def _farthest_first(row: Row) -> float:
    if row["value"] is None:
        return -float("inf")
    half = (row["high"] - row["low"]) / 2 or 1.0
    return -max(row["low"] - row["value"], row["value"] - row["high"]) / half


def environment() -> dict[str, str]:
    """Tracking off, this interpreter as `python`, none of DVC's variables from a stage around us."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DVC_") and key != "PYTHONPATH"}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return kept | {"PATH": path, "MLFLOW_TRACKING_URI": "off"}


def error_line(output: str) -> str:
    """The line that says why a stage failed: the last `error: ...`, else the last of a traceback, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("error: ")]
    raised = [line for line in lines if re.match(r"[A-Za-z_.]*(Error|Exception|Interrupt)\b", line)]
    return [*(lines[-1:] or ["no output"]), *raised[-1:], *told[-1:]][-1]


def _told(command: list[str], folder: Path) -> str:
    """A command's standard output. UserError with its last line where it fails."""
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{' '.join(command[:4])} in {folder}: {error_line(done.stderr)}")
    return done.stdout
