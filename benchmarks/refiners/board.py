"""reports/refiners: SimGAN and its rivals in one table a task (section 3's estimators), with pictures and tests."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn

from benchmarks import tracking
from benchmarks.core.config import Camera, Kinect, Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import digest, instance, whole
from benchmarks.datasets.store import open_store
from benchmarks.evaluation.significance import hierarchical_bootstrap
from benchmarks.evaluation.summary import ALL_IMAGES, HEADLINE_METRIC, paired, summarise
from benchmarks.evaluation.tasks import TASKS, Claim, Task
from benchmarks.refiners import plugins
from benchmarks.refiners.contract import Estimator, Refiner
from benchmarks.refiners.judging import RESULTS
from benchmarks.refiners.learning import folder, seeds
from benchmarks.refiners.page import LABELS, text
from benchmarks.training.tensors import choose_device, load_weights, to_network, to_pixels
from simgan import networks

OUT = Path("reports/refiners")
BASE = {"synthetic": "synthetic", "refined": "simgan", "photographed": "photographed"}  # conditions of the main run
SHOWN, TIMED = 8, 512
TRACKED = tracking.DIARY / "board"


def write(params: Params) -> None:
    """One table a task that has results, `TASK.csv`, `TASK_wins.csv`, a picture, README.md and board.json."""
    choose_device(params.compute)
    boards = {}
    with whole(OUT) as beside:
        beside.mkdir(parents=True)
        for task in TASKS:
            if not _main(task).is_file():
                print(f"board: {task}: left out: {_main(task)} is not there; `dvc repro` makes it", flush=True)
                continue
            found, absent = _rows(params, task)
            if absent:
                print(f"board: {task}: no results of {', '.join(absent)}: not in the table", flush=True)
            if len(set(found["condition"])) <= len(BASE):
                continue
            boards[task] = board(params, task, found) | {"absent": absent, "results": digest(_main(task))}
            pd.DataFrame(boards[task]["methods"]).to_csv(beside / f"{task}.csv", index=False)
            wins = boards[task]["wins"]
            pd.DataFrame(wins["probability"], wins["methods"], wins["methods"]).to_csv(beside / f"{task}_wins.csv")
            _picture(params, task, [row["method"] for row in boards[task]["methods"]], beside / f"{task}.png")
        if not boards:
            raise UserError("no results to compare; run `dvc repro`, then `dvc repro benchmarks/refiners/dvc.yaml`")
        standin = isinstance(params.data.gaze.real, Camera) and isinstance(params.data.hand.real, Kinect)
        content = {"preset": params.preset, "seeds": list(seeds(params)), "stand_in": standin, "boards": boards}
        (beside / "board.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        (beside / "README.md").write_text(text(content))
    for task, found in boards.items():
        for row in found["methods"]:
            _to_mlflow(params, task, row)
    tracking.sync(TRACKED)
    print(f"board: {OUT / 'README.md'}", flush=True)


def _to_mlflow(params: Params, task: str, row: dict[str, Any]) -> None:
    """A run of the experiment *board* for each row of the table: its numbers, and the method's own parameters."""
    name = row["method"]
    rival = getattr(params.refiners, task).get(name)
    with tracking.run(
        TRACKED / task / name,
        experiment="board",
        name=f"{task} {name}",
        params={"task": task, "method": name} | (rival.own if rival else {}),
        tags={"stage": "board", "task": task, "method": name, "preset": params.preset},
        live=False,
    ) as run:
        run.final({key: float(value) for key, value in row.items() if isinstance(value, int | float)})


def board(params: Params, task: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Of each method: error, its difference to SimGAN with the test, share of the closable gap, what else is known."""
    metric = HEADLINE_METRIC[task]
    known = list(dict.fromkeys(rows["condition"]))
    methods = [name for name in known if name != "photographed"]
    closable = "photographed" if "photographed" in known else None
    against = _task(task, known, {n: Claim(f"{n} beats SimGAN", n, "simgan", metric) for n in methods if n != "simgan"})
    gain = _task(
        task, known, {n: Claim(n, n, "synthetic", metric, None, closable) for n in methods if n != "synthetic"}
    )
    evaluation = params.evaluation
    seed, resamples = evaluation.seed, evaluation.resamples  # the same draws each time
    of_simgan = summarise(rows, against, np.random.default_rng(seed), resamples=resamples)
    of_synthetic = summarise(rows, gain, np.random.default_rng(seed), resamples=resamples)
    results = paired(rows, against)
    draws = hierarchical_bootstrap(
        results.errors, results.clusters, against.metrics, np.random.default_rng(seed), resamples
    )[metric]  # (R, C)
    sign = 1 if against.metrics[metric].higher_is_better else -1
    better = (sign * (draws[:, :, None] - draws[:, None, :]) > 0).mean(0)
    beats, lines = better[:, known.index("simgan")], []
    for k, name in enumerate(known):
        compared = of_simgan["comparisons"][against.name].get(name)
        gained = of_synthetic["comparisons"][gain.name].get(name, {})
        value = of_simgan[against.name][name][metric]
        lines.append(
            {"method": name, "label": LABELS.get(name, name)}
            | {metric: value["value"], "low": value["low"], "high": value["high"]}
            | _prefixed("vs_simgan_", compared, ("difference", "low", "high", "p_holm", "verdict"))
            | {"beats_simgan": None if name == "simgan" else round(float(beats[k]), 3)}
            | _prefixed("vs_synthetic_", gained, ("difference", "low", "high"))
            | _prefixed("closable_gap_", gained.get("share_of_closable_gap"), ("value", "low", "high"))
            | _looks(params, task, name)
            | _cost(params, task, name)
        )
    order = np.argsort([sign * -line[metric] for line in lines])
    return {
        "metric": metric,
        "images": int(results.errors[0].shape[1]),
        "methods": [lines[k] for k in order],
        "wins": {"methods": [known[k] for k in order], "probability": better[np.ix_(order, order)].round(3).tolist()},
    }


def _main(task: str) -> Path:
    return Path("results") / f"{task}.parquet"


def _rows(params: Params, task: str) -> tuple[pd.DataFrame, list[str]]:
    """The main run's rows of the board's seeds, and those of every rival that has results; who has none."""
    rows = pd.read_parquet(_main(task))
    rows = rows.loc[rows["seed"].isin(seeds(params))]
    base = {f"{name}{ALL_IMAGES[task]}": label for name, label in BASE.items()}
    parts = [rows.loc[rows["condition"] == name].assign(condition=label) for name, label in base.items()]
    files = {name: RESULTS / task / name / "errors.parquet" for name in getattr(params.refiners, task)}
    parts += [pd.read_parquet(file) for file in files.values() if file.is_file()]
    together = pd.concat(parts, ignore_index=True)
    if task == "gaze" and bool(together["seen"].to_numpy(bool).any()):
        together = together.loc[together["seen"].to_numpy(bool)]  # section 3.1 tests persons whom the refiner saw
    return together, [name for name, file in files.items() if not file.is_file()]


def _task(name: str, conditions: list[str], claims: dict[str, Claim]) -> Task:
    task, metric = TASKS[name], HEADLINE_METRIC[name]
    return replace(
        task,
        name=f"{name}_refiners",
        conditions=tuple(conditions),
        metrics={metric: task.metrics[metric]},
        more_seeds=(),
        claims=claims,
    )


def _prefixed(prefix: str, values: dict[str, Any] | None, keys: tuple[str, ...]) -> dict[str, Any]:
    return {f"{prefix}{key}": (values or {}).get(key) for key in keys}


def _looks(params: Params, task: str, name: str) -> dict[str, float | None]:
    """Label-free realism, the classifier in the place of people, and kept labels: means over seeds."""
    files = [
        (Path("results/measures") / f"{instance(task, seed)}.json")
        if name in BASE.values()
        else RESULTS / task / name / f"measures/{seed}.json"
        for seed in seeds(params)
    ]
    side = {"synthetic": "synthetic", "photographed": ""}.get(name, "refined")
    found = [json.loads(file.read_text()) for file in files if file.is_file()] if side else []

    def mean(*keys: str) -> float | None:
        values = [_dig(seed, keys) for seed in found]
        return float(np.mean([v for v in values if v is not None])) if any(v is not None for v in values) else None

    return {
        "spectrum_db": mean("realism", side, "spectrum"),
        "patches": mean("realism", side, "patches"),
        "classifier_accuracy": mean("two_sample", side, "accuracy"),
        "pupil_shift_px": mean("preservation", "shift_mean") if side == "refined" else None,
        "pupil_not_found": mean("preservation", f"failed_{side}"),
        "outline": mean("outline", side, "ragged"),
        "overlap": mean("moved", "overlap") if side == "refined" else None,
    }


def _dig(value: Any, keys: tuple[str, ...]) -> float | None:
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def _cost(params: Params, task: str, name: str) -> dict[str, float | None]:
    """Minutes of training a seed (this machine's diary), images refined a second on one core, parameters."""
    method = _method(params, task, name)
    trained = [_minutes(params, task, name, seed) for seed in seeds(params)]
    minutes = [each for each in trained if each is not None]
    cost: dict[str, float | None] = {
        "training_minutes": float(np.mean(minutes)) if minutes else None,
        "images_per_s": None,
        "parameters": sum(p.numel() for p in method.parameters()) if method else None,
    }
    if method is None or isinstance(method, Estimator):
        return cost
    images = to_network(open_store(Path("stores") / task / "synthetic", task).images[:TIMED], torch.device("cpu"))
    started = time.perf_counter()
    with torch.no_grad():
        for batch in images.split(64):
            method(batch)
    return cost | {"images_per_s": len(images) / (time.perf_counter() - started)}


def _minutes(params: Params, task: str, name: str, seed: int) -> float | None:
    stage, variant = ("train-simgan", "") if name == "simgan" else ("train-refiner", name)
    run = tracking.DIARY / stage / instance(task, seed, variant)
    if not (run / "metrics.jsonl").is_file():
        return None
    batch = getattr(params.simgan, task).batch
    return sum(_seconds(tracking.RunFolder(run), batch)) / 60


def _seconds(run: tracking.RunFolder, batch: int) -> Iterator[float]:
    before = 0
    for event in run.events_from()[0]:
        speed = event["metrics"].get(f"train/{tracking.SPEED}")
        if speed:
            yield (event["step"] - before) * batch / speed
            before = event["step"]


def _method(params: Params, task: str, name: str) -> nn.Module | None:
    """The first seed's, in evaluation mode on the CPU; none of those that change nothing."""
    cpu, seed = torch.device("cpu"), params.seeds[0]
    if name in ("synthetic", "photographed"):
        return None
    if name == "simgan":
        return load_weights(Path("models/simgan") / f"{instance(task, seed)}.safetensors", networks.Refiner, cpu)
    rival, key = plugins.entry(params, task, name), f"refiners.{task}.{name}"
    weights = folder(task, name) / f"refiner/{seed}.safetensors"
    if issubclass(plugins.find(rival.where, rival.code), Estimator):
        all_images = f"{name}{ALL_IMAGES[task]}"
        weights = folder(task, name) / "estimator" / f"{instance(all_images, seed)}.safetensors"
    return plugins.restored(weights, rival.code, key, cpu)


def _picture(params: Params, task: str, methods: list[str], path: Path) -> None:
    """The same synthetic images by each refiner, in the table's order, then real ones: only of embedded data."""
    data = getattr(params.data, task)
    if not isinstance(data.real, Camera | Kinect):
        return  # of persons
    stores = {domain: open_store(Path("stores") / task / domain, task).images for domain in ("synthetic", "real")}
    first = stores["synthetic"][:SHOWN]
    rows = [first]
    for name in methods:
        method = _method(params, task, name)
        if isinstance(method, Refiner | networks.Refiner):
            with torch.no_grad():
                rows.append(to_pixels(method(to_network(first, torch.device("cpu"))), first))
    rows.append(stores["real"][:SHOWN])
    cpu = torch.device("cpu")
    grey = [row if row.dtype == np.uint8 else _depth(to_network(row, cpu)) for row in rows]
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in grey])
    size = (2 * sheet.shape[1], 2 * sheet.shape[0])
    Image.fromarray(sheet).resize(size, Image.Resampling.NEAREST).save(path, optimize=True)


def _depth(units: torch.Tensor) -> np.ndarray:
    """Depth as the networks see it, the near dark."""
    return ((units[:, 0] + 1) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
