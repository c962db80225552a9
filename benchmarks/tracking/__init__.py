"""The diary of section 3's trainings and evaluations: the runs behind Tables 2 and 4, compared in MLflow.

A run writes its events to a folder of small files first; a process of its own copies them to MLflow while
the run goes on, and `sync` copies whatever did not arrive. MLflow is thus filled from the files alone: an
outage or a fresh database loses nothing, and no failure of MLflow reaches
the training.

    with tracking.run(folder, experiment="gaze", name="refined_4x seed 0", params=..., tags=...) as run:
        run.log(step, {"train/loss": 0.31})
        run.image(step, "samples", grid)
        run.final({"test/mean_error_deg": 7.1})
"""

from benchmarks.tracking.destination import prepare
from benchmarks.tracking.events import DIARY, SPEED, Run, RunFolder, add, add_model, ended
from benchmarks.tracking.provenance import flatten, provenance
from benchmarks.tracking.recorder import run
from benchmarks.tracking.sync import Synced, sync
from benchmarks.tracking.ui import serve_ui

__all__ = [
    "DIARY",
    "SPEED",
    "Run",
    "RunFolder",
    "Synced",
    "add",
    "add_model",
    "ended",
    "flatten",
    "prepare",
    "provenance",
    "run",
    "serve_ui",
    "sync",
]
