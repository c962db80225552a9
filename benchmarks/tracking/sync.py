"""Bringing MLflow up to date with the run folders of section 3's experiments, whatever it has missed."""

import dataclasses
import platform
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks.core.errors import UserError
from benchmarks.tracking.destination import connect, first_line, installed, shown, tracking_uri
from benchmarks.tracking.events import KILLED, RUNNING, Record, RunFolder, is_alive
from benchmarks.tracking.times import MLFLOW, spent


@dataclasses.dataclass
class Synced:
    """Numbers of runs. `failed`: refused by MLflow; `reaped`: shown as running, but dead."""

    created: int = 0
    completed: int = 0
    unchanged: int = 0
    failed: int = 0
    reaped: int = 0


def sync(*roots: Path) -> Synced:
    """Send to MLflow what the run folders anywhere below `roots` have and it has not.

    Runs that are still going on are left to their own sender, and runs deleted in MLflow stay deleted.

    Raises:
        UserError: MLflow does not answer; what had been sent until then stays sent.
    """
    counts = Synced()
    uri = tracking_uri()
    if uri is None or not installed():
        print(f"tracking: {'MLflow is not installed' if uri else 'off'}; nothing is sent", file=sys.stderr)
        return counts
    folders = _ended_runs(roots)
    try:
        with spent(MLFLOW):
            _send(uri, folders, counts)
    except Exception as error:
        raise UserError(
            f"{shown(uri)}: failed after {counts.created + counts.completed} runs ({first_line(error)}); "
            "mend MLFLOW_TRACKING_URI or start the server, then sync again"
        ) from error
    return counts


def _ended_runs(roots: tuple[Path, ...]) -> list[tuple[Record, RunFolder]]:
    """One folder a run key: of a working folder and its published copy, the one that ended later."""
    newest: dict[str, tuple[Record, RunFolder]] = {}
    for file in sorted(file for root in roots for file in root.rglob("run.json")):
        folder = RunFolder(file.parent)
        try:
            record = folder.record()
        except UserError as error:
            print(f"tracking: left out: {error}", file=sys.stderr)
            continue
        if record.status == RUNNING:
            if record.process["host"] != platform.node() or is_alive(record.process):
                continue
            record = dataclasses.replace(record, status=KILLED)
        if record.key not in newest or (record.ended or 0) > (newest[record.key][0].ended or 0):
            newest[record.key] = record, folder
    return list(newest.values())


def _send(uri: str, folders: list[tuple[Record, RunFolder]], counts: Synced) -> None:
    client = connect(uri)
    from mlflow.entities import ViewType

    from benchmarks.tracking.mirror import KEY, SENT, Mirror, experiment_id, home_of, reap, search

    counts.reaped = reap(client)
    by_experiment = defaultdict(list)
    for record, folder in folders:
        by_experiment[home_of(record)].append((record, folder))
    for experiment, runs in by_experiment.items():
        home = experiment_id(client, uri, experiment)
        found = search(client, [home], "", ViewType.ALL)
        # Of a run deleted and then resumed both are there: the active one counts.
        known = {
            run.data.tags.get(KEY): run for run in sorted(found, key=lambda run: run.info.lifecycle_stage == "active")
        }
        for record, folder in runs:
            run = known.get(record.key)
            if run is not None and (
                run.info.lifecycle_stage == "deleted"
                or (run.data.tags.get(SENT) == folder.extent() and run.info.status == record.status)
            ):
                counts.unchanged += 1
                continue
            try:
                Mirror(client, folder, home, run).close(record.status, record.ended)
            except Exception as error:
                client.get_experiment(home)  # raises if MLflow is down, and not this run alone refused
                print(f"tracking: left out: {folder.path}: {first_line(error)}", file=sys.stderr)
                counts.failed += 1
                continue
            if run is None:
                counts.created += 1
            else:
                counts.completed += 1
