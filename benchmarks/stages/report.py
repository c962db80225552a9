"""Stage report: metrics.json, tables, figures and the page, from the rows of the evaluation and the training events."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import curves, summary, verdicts
from benchmarks.config import Camera, EyeSource, Params, Simulator
from benchmarks.datasets.store import Store, open_store
from benchmarks.files import remove, whole
from benchmarks.report.page import build
from benchmarks.tasks import GAZE

REPORTS = Path("reports")
PAIRS, REALS = 12, 12
SELECTION = (
    "Every choice was made by measures that use no label of the test domain; lambda, however, was chosen after a run "
    "at another value had been evaluated on the test persons, where refined and synthetic were level. Learning "
    "rates, K_d and K_g are the paper's where it prints them. "
    "lambda was chosen by how near refined images come to unlabelled real ones (power spectrum, grey-level histogram, "
    "mean and deviation images), steps by the time at hand, the gaze CNN's batch by its validation loss on held-out "
    "synthetic images (README, How lambda and the steps were chosen). Every gaze CNN stops on a held-out part of its "
    "own training images."
)


def run(params: Params) -> None:
    task = GAZE.name
    stores = Path("stores") / task
    synthetic, real, test = (open_store(stores / name, task) for name in ("synthetic", "real", "test"))
    refined = open_store(stores / f"refined-{params.seeds[0]}", task)
    rows = pd.read_parquet(Path("results") / f"{task}.parquet")
    standin = isinstance(params.data.gaze.test, Camera)
    metrics = summary.summarise(
        rows,
        GAZE,
        np.random.default_rng(params.evaluation.seed),
        {"test_data": _identity(params.data.gaze.test, test), "preset": params.preset, "stand_in": standin},
        params.evaluation.resamples,
    )
    shown = np.linspace(0, len(synthetic) - 1, PAIRS, dtype=int)
    losses, device = _events(task)
    with whole(REPORTS / ".building") as beside:
        beside.mkdir()
        build(
            beside,
            metrics=metrics,
            rows={task: rows},
            losses={task: losses},
            samples={
                task: {
                    "synthetic": synthetic.images[shown],
                    "refined": refined.images[shown],
                    "real": real.images[np.linspace(0, len(real) - 1, REALS, dtype=int)],
                }
            },
            claims=verdicts.claims(metrics),
            findings=verdicts.contradictions(),
            data={task: _described(params, standin, synthetic, real, test)},
            run={
                "preset": params.preset,
                "seeds": params.seeds,
                "device": device,
                "parameters": params.model_dump(exclude={"preset", "seeds", "data"}),
                "selection": SELECTION,
            },
        )
        summary.write(metrics, beside / "metrics.json")
        (beside / "plots").mkdir()
        _curves(rows).to_csv(beside / "plots" / f"{task}.csv", index=False, float_format="%.6f")
        for made in sorted(beside.iterdir()):
            remove(REPORTS / made.name)
            made.rename(REPORTS / made.name)
    print(f"report: {REPORTS / 'index.html'} and {REPORTS / 'metrics.json'}", flush=True)


def _identity(source: EyeSource, store: Store) -> str:
    """What the gate compares: rendered images may differ in a last bit between machines, files may not."""
    return str(source) if isinstance(source, Simulator | Camera) else store.digest


def _described(params: Params, standin: bool, synthetic: Store, real: Store, test: Store) -> dict[str, Any]:
    source = params.data.gaze.synthetic
    return {
        "label": "embedded stand-in" if standin else "real images",
        "standin": standin,
        "synthetic": "rendered eyes" if isinstance(source, Simulator) else source.source,
        "real": "eyes rendered by another camera, the stand-in," if standin else params.data.gaze.test.source,
        "sources": params.data.gaze.model_dump(),
        "images": {"synthetic": len(synthetic), "real, unlabelled": len(real), "test": len(test)},
        "digests": {"synthetic": synthetic.digest, "real, unlabelled": real.digest, "test": test.digest},
    }


def _curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Cumulative curves, mean over seeds, one column a condition: what `dvc plots diff` compares."""
    degrees = np.arange(0, 25.5, 0.5)
    shares = {
        condition: curves.per_seed(rows.query("condition == @condition"), GAZE.errors, degrees).mean(axis=0)
        for condition in GAZE.conditions
    }
    return pd.DataFrame({"degrees": degrees, **shares})


def _events(task: str) -> tuple[pd.DataFrame, str]:
    """The losses of all trainings of a task, one value a row, and the device they ran on."""
    rows, devices = [], set()
    for folder in sorted(path.parent for path in Path("runs").glob(f"train-*/{task}-*/run.json")):
        tags = json.loads((folder / "run.json").read_text())["tags"]
        devices.add(tags["env.device"])
        for line in (folder / "metrics.jsonl").read_text().splitlines():
            rows.extend(_values(json.loads(line), tags))
    return pd.DataFrame(rows), ", ".join(sorted(devices))


def _values(event: dict[str, Any], tags: dict[str, str]) -> Iterator[dict[str, Any]]:
    for metric, value in event["metrics"].items():
        if not metric.endswith("images_per_s"):  # a time: the report keeps the same bytes
            yield {
                "stage": tags["stage"],
                "condition": tags["condition"],
                "seed": int(tags["seed"]),
                "step": event["step"],
                "metric": metric,
                "value": value,
            }
