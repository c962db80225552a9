"""Stage report: results.json, its headline metrics.json, tables, figures and the page, from rows and training."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks import tracking, verdicts
from benchmarks.core.config import (
    FIGURE6,
    Camera,
    Evaluation,
    EyeSource,
    GazeData,
    HandData,
    HandSource,
    Kinect,
    MPIIGazeFiles,
    NYUFiles,
    OnDisk,
    Params,
    Several,
    Simulator,
)
from benchmarks.core.errors import UserError
from benchmarks.core.files import digest, instance, remove, whole
from benchmarks.core.workers import cores, side_by_side
from benchmarks.datasets.store import Store, open_store
from benchmarks.evaluation import curves, guards, summary
from benchmarks.evaluation.tasks import (
    ABLATIONS,
    GAZE,
    GAZE_UNSEEN,
    HAND,
    NEGATIVE_CONTROLS,
    PIXELS,
    TABLE3,
    TASKS,
    Task,
    split,
)
from benchmarks.report import build
from benchmarks.report.data import AblationData, DataDescription, Domain, ReportData, RunDescription, TaskData

REPORTS = Path("reports")
FAMILIES = {  # of comparisons, all from the rows of one task
    "gaze": (GAZE, ABLATIONS, TABLE3, NEGATIVE_CONTROLS["gaze"], GAZE_UNSEEN),
    "hand": (HAND, NEGATIVE_CONTROLS["hand"]),
}
DOMAINS = {"synthetic": "synthetic", "real": "real, unlabelled", "test": "test"}  # store -> its name on the page
PAIRS, REALS = 12, 12
INTERVAL = {"value": "", "low": "/low", "high": "/high"}  # of a figure in MLflow
SELECTION = (
    "No label of a tested image was read to choose a network, a rate or lambda. Learning rates, K_d and K_g are the "
    "paper's where it prints them and the preset keeps them. lambda is the value whose refined images have the nearest "
    "7x7 patches to unlabelled real ones among those that keep the synthetic images' edges. Steps, batches and "
    "learning rates of gaze were tried on other persons of the stand-in, with their labels; they are in no set of "
    "this run. That the stand-in's hands leave a gap was seen on other frames of its two hands, with their labels. "
    "Other numbers of steps of the hourglass were tried on half of the tested frames, with labels; it kept its 400. "
    "The numbers of seeds and of persons were raised after runs that saw too little (docs/presets.md). "
    "Every estimator keeps the weights with the best loss on a held-out part of its own training images."
)


def run(params: Params, tasks: Sequence[str] = tuple(TASKS), out: Path = REPORTS, pictures: bool = True) -> None:
    """The report of some tasks in `out`; `pictures` False leaves out every image of the data, as of real persons."""
    data = gather(params, tasks, pictures)
    with whole(out / ".building") as staging:
        staging.mkdir()
        build(staging, data)
        _write_plots(staging / "plots", data)
        for made in sorted(staging.iterdir()):
            remove(out / made.name)
            made.rename(out / made.name)
    remove(out / ".building")
    if out == REPORTS and set(tasks) == set(TASKS):
        try:
            _log(params, data, pictures)
        except UserError as error:  # a diary stops no report; `make run` and `sync` send what is missing
            print(f"report: not in MLflow yet: {error}", flush=True)
    print(f"report: {out / 'index.html'} and {out / 'results.json'}", flush=True)


def gather(params: Params, tasks: Sequence[str], pictures: bool) -> ReportData:
    """All that the report says, from the files that earlier stages wrote. Raises UserError where one is absent."""
    needed = [Path("results") / f"{name}.parquet" for name in tasks]
    needed += [_measures_file(instance(name, seed)) for name in tasks for seed in params.seeds]
    if absent := [path for path in needed if not path.exists()]:
        raise UserError(f"{absent[0]}: not there, {len(absent)} of {len(needed)} results are missing; run `dvc repro`")
    task_data, families, devices = {}, [], set()
    for name in tasks:
        stores = {store: open_store(Path("stores") / name / store, name) for store in DOMAINS}
        sources = getattr(params.data, name)
        rows = _rows(name)
        losses, used = _losses(name)
        devices |= used
        test = {
            "test_data": _identity(sources.test, stores["test"]),
            "preset": params.preset,
            "stand_in": not isinstance(sources.test, MPIIGazeFiles | NYUFiles),  # for the paper's own test images
        }
        trained = {family.name: _trained(rows, family) for family in FAMILIES[name]}
        for chosen, family in trained.values():
            if family.claims and len(chosen):  # else a condition or more of what it compares was not trained
                families.append((chosen, family, test, params.evaluation))
        task_data[name] = TaskData(
            rows=trained[name][0],
            losses=losses,
            measures=[_measures(instance(name, seed)) for seed in params.seeds],
            domains=[_domain(name, store, opened, pictures) for store, opened in stores.items()],
            description=_description(name, sources, stores),
            samples=_samples(name, params.seeds[0], stores) if pictures else {},
            sample_grids=_sample_grids(instance(name, params.seeds[0])) if pictures else {},
        )
    metrics: dict[str, Any] = summary.merge(*side_by_side(_summarised, families, cores()))
    metrics["guards"] = guards.collect(Path(), tasks, params.seeds)
    ablations = _ablations(params, pictures) if "gaze" in tasks and params.ablations else AblationData()
    measures = {**{name: task.measures for name, task in task_data.items()}, **ablations.measures}
    return ReportData(
        metrics=metrics,
        tasks=task_data,
        claims=verdicts.claims(metrics, measures, _figure6(params)),
        contradictions=verdicts.contradictions(),
        run=RunDescription(
            preset=params.preset,
            seeds=params.seeds,
            devices=sorted(devices),
            parameters=params.model_dump(exclude={"preset", "seeds", "data", "refiners"}),
            selection=SELECTION,
        ),
        ablations=ablations,
        boards=_boards(),
    )


def _log(params: Params, data: ReportData, pictures: bool) -> None:
    """The whole pipeline as one run of MLflow: its parameters and data, Tables 2 and 4, the report."""
    judged = [claim.verdict for claim in data.claims]
    figures = {f"claims/{verdict}": float(judged.count(verdict)) for verdict in (*summary.COUNTED, "inconclusive")}
    inputs, sheets = {}, {}
    for task, metric in summary.HEADLINE_METRIC.items():
        for condition, estimates in data.metrics[task].items():
            figures |= {f"{task}/{condition}{end}": estimates[metric][key] for key, end in INTERVAL.items()}
        for domain in DOMAINS:
            store = open_store(Path("stores") / task / domain, task)
            inputs[f"{task}-{domain}"] = store.digest, len(store)
            sheets[f"{task}-{domain}"] = _contact_sheet(task, domain)
    with tracking.run(
        tracking.DIARY / "report" / f"{time.time_ns():d}",
        experiment="pipelines",
        name=os.environ.get("DVC_EXP_NAME") or params.preset,
        params=tracking.flatten(params.model_dump(mode="json")),  # MLflow compares those that differ
        tags={"stage": "report", "preset": params.preset},
        inputs=inputs,
        live=False,
    ) as run:
        run.final(figures)
        for name in ("index.html", "results.json", "claims.json", "tables"):
            run.file(REPORTS / name)
        for name, sheet in sheets.items() if pictures else ():
            run.image(0, name, np.asarray(Image.open(sheet)))
    tracking.sync(tracking.DIARY / "report")


def _summarised(rows: pd.DataFrame, task: Task, test: dict[str, Any], settings: Evaluation) -> dict[str, Any]:
    return summary.summarise(rows, task, np.random.default_rng(settings.seed), test, settings.resamples)


def _rows(name: str) -> pd.DataFrame:
    """One a test image, condition and seed: of the estimators, and for gaze of Table 3's earlier methods."""
    files = [Path("results") / f"{name}.parquet"]
    if name == "gaze" and (earlier := Path("results/baselines.parquet")).exists():
        files.append(earlier)
    return pd.concat(map(pd.read_parquet, files), ignore_index=True)


def _trained(rows: pd.DataFrame, task: Task) -> tuple[pd.DataFrame, Task]:
    """The rows that a task's numbers are of, and the task with those of its conditions that were trained."""
    chosen = rows_of(rows, task)
    trained = task.among(list(chosen["condition"].unique()))
    return chosen.query("condition in @trained.conditions"), trained


def rows_of(rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """The rows that a task's numbers are of: gaze is judged on persons whom the refiner saw, as in the paper.

    Where the test has none of them, on all; then there is no table of unseen persons beside it.
    """
    if task in NEGATIVE_CONTROLS.values():
        rows = split(rows, task)
    if "seen" not in task.identity:
        return rows
    seen = rows.query("seen == True")
    if task is GAZE_UNSEEN:
        return rows.query("seen == False") if len(seen) else seen
    return seen if len(seen) else rows


def _measures(name: str) -> dict[str, Any]:
    """What stage measure found of one refiner's images."""
    return json.loads(_measures_file(name).read_text())


def _measures_file(name: str) -> Path:
    return Path("results/measures") / f"{name}.json"


def _ablations(params: Params, pictures: bool) -> AblationData:
    stores, seed = Path("stores/gaze"), params.seeds[0]
    paths = {"synthetic": stores / "synthetic", "refined": stores / instance("refined", seed)}
    paths |= {f"refined_{variant}": stores / instance("refined", seed, variant) for variant in params.ablations}
    opened = {condition: open_store(path, "gaze") for condition, path in paths.items()}
    shown = np.linspace(0, len(opened["synthetic"]) - 1, PAIRS, dtype=int)
    measures = {"refined": [_measures(instance("gaze", seed)) for seed in params.seeds]} | {
        f"refined_{variant}": [_measures(instance("gaze", seed, variant)) for seed in params.seeds]
        for variant in params.ablations
    }
    samples = {condition: store.images[shown] for condition, store in opened.items()} if pictures else {}
    return AblationData(samples, measures)


def _figure6(params: Params) -> dict[str, Any]:
    """What benchmarks/figure6 found, where it was run with these parameters."""
    file = Path("results/figure6.json")
    found = json.loads(file.read_text()) if file.exists() else {}
    return found if found.get("parameters") == params.model_dump(mode="json", include=FIGURE6) else {}


def _boards() -> dict[str, Any]:
    """What benchmarks/refiners found beside these very results; no output to DVC, as Figure 6."""
    file = Path("reports/refiners/board.json")
    found = json.loads(file.read_text())["boards"] if file.exists() else {}
    results = {task: Path("results") / f"{task}.parquet" for task in found}
    return {
        task: found[task] for task, ours in results.items() if ours.exists() and found[task]["results"] == digest(ours)
    }


def _sample_grids(name: str) -> dict[int, np.ndarray]:
    """Step -> the sample grid that a SimGAN training showed then, uint8 (3 H, W)."""
    files = sorted((Path("runs/train-simgan") / name / "images").glob("samples_*.png"))
    return {int(file.stem.split("_")[-1]): np.asarray(Image.open(file).convert("L")) for file in files}


def _samples(name: str, seed: int, stores: dict[str, Store]) -> dict[str, np.ndarray]:
    """What Figures 5 and 8 show: the same images synthetic and refined, and real ones; hands in the frontal view."""
    synthetic, real = stores["synthetic"], stores["real"]
    refined = open_store(Path("stores") / name / instance("refined", seed), name)
    frontal = np.arange(len(synthetic))
    if "view" in synthetic.labels:
        frontal = np.flatnonzero(synthetic.labels["view"] == 0)
    shown = frontal[np.linspace(0, len(frontal) - 1, PAIRS, dtype=int)]
    step = len(synthetic) // len(frontal)  # the real store has the same views in the same order
    reals = np.arange(0, len(real), step)
    return {
        "synthetic": synthetic.images[shown],
        "refined": refined.images[shown],
        "real": real.images[reals[np.linspace(0, len(reals) - 1, REALS, dtype=int)]],
    }


def _identity(source: EyeSource | HandSource, store: Store) -> str:
    """What the gate compares: rendered images may differ in a last bit between machines, files may not."""
    return str(source) if isinstance(source, Simulator | Camera | Kinect) else store.digest


def _description(name: str, sources: GazeData | HandData, stores: dict[str, Store]) -> DataDescription:
    things = {"gaze": "eyes", "hand": "hands"}[name]
    seen = {
        "gaze": "eyes seen by another camera, the stand-in,",
        "hand": "hands seen by a depth sensor, the stand-in, with edges as ragged in crop pixels as at 224,",
    }
    standin = isinstance(sources.test, Camera | Kinect)
    rendered = isinstance(sources.synthetic, Simulator)
    return DataDescription(
        label="embedded stand-in" if standin else "real images",
        standin=standin,
        synthetic=f"rendered {things}" if rendered else _source_name(sources.synthetic),
        real=seen[name] if standin else _source_name(sources.test),
        sources=sources.model_dump(),
        images={DOMAINS[store]: len(opened) for store, opened in stores.items()},
        digests={store: opened.digest for store, opened in stores.items()},
        masked=sources.test.masked if isinstance(sources.test, Kinect) else None,
    )


def _source_name(source: EyeSource | HandSource) -> str:
    """A source on disk by the name of its folder."""
    if isinstance(source, Several):
        return " and ".join(map(_source_name, source.parts))
    return Path(source.path).name if isinstance(source, OnDisk) else source.source


def _contact_sheet(task: str, domain: str) -> Path:
    return Path("runs/load-synthesis") / f"{task}-{domain}" / "contact_sheet.png"


def _domain(task: str, name: str, store: Store, pictures: bool) -> Domain:
    """What load-synthesis made of a domain: numbers, persons, directions of gaze, what it rejected, a contact sheet."""
    labelled = store if "labels" in store.info["digests"] else open_store(store.path.with_name("real_labelled"), task)
    loaded = store.info.get("summary", {})
    persons = labelled.columns(["person"])["person"].value_counts().sort_index()
    gaze = labelled.columns(["gaze_x", "gaze_y", "gaze_z"]).dropna().to_numpy()
    return Domain(
        name=DOMAINS[name],
        images=len(store),
        persons=persons.to_dict(),
        rejected=loaded.get("rejected", 0),
        rejected_first=loaded.get("rejected_first", []),
        gaze=_angles(gaze) if len(gaze) else None,
        contact_sheet=_contact_sheet(task, name).read_bytes() if pictures else None,
    )


def _angles(gaze: np.ndarray) -> np.ndarray:
    """Unit vectors (N, 3), MPIIGaze's camera frame -> pitch and yaw (N, 2) in degrees."""
    x, y, z = gaze.T
    return np.degrees(np.stack([np.arcsin(np.clip(-y, -1, 1)), np.arctan2(-x, -z)], axis=1))


def _write_plots(folder: Path, data: ReportData) -> None:
    """What `dvc plots` draws and `dvc plots diff` compares: CSV files of a task's curves and of its trainings."""
    folder.mkdir()
    for name, task in data.tasks.items():
        plots = {name: _curves(task.rows, TASKS[name].among(data.metrics[name]))} | _training(task.losses, name)
        for plot, table in plots.items():
            table.to_csv(folder / f"{plot}.csv", index=False, float_format="%.6g")


def _curves(rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Cumulative curves, mean over seeds, one column a condition."""
    errors, grid, unit = {
        "gaze": (GAZE.errors, np.arange(0, 25.5, 0.5), "degrees"),
        "hand": (PIXELS, np.arange(0, 30.5, 0.5), "pixels"),
    }[task.name]
    shares = {
        condition: curves.per_seed(rows.query("condition == @condition"), errors, grid).mean(axis=0)
        for condition in task.conditions
    }
    return pd.DataFrame({unit: grid, **shares})


def _training(losses: pd.DataFrame, task: str) -> dict[str, pd.DataFrame]:
    """Means over seeds by step: SimGAN's losses, label-free criteria, estimators' validation loss."""
    simgan = losses.query("stage == 'train-simgan' and condition == ''").pivot_table("value", "step", "metric")
    loss = simgan[["train/realism", "train/self_regularization", "train/discriminator"]].dropna()
    criteria = simgan[["measure/patches", "measure/edges", "measure/spectrum"]]
    fits = losses[(losses["stage"] == f"train-{task}") & (losses["metric"] == "val/loss")]
    validation = fits.pivot_table("value", "step", "condition")
    tables = {f"{task}_simgan": loss, f"{task}_realism": criteria, f"{task}_estimators": validation}
    return {
        plot: table.dropna(how="all").rename(columns=lambda name: name.split("/")[-1]).reset_index()
        for plot, table in tables.items()
    }


def _losses(task: str) -> tuple[pd.DataFrame, set[str]]:
    """The losses of all trainings of a task, one value a row, and the devices they ran on."""
    rows, devices = [], set()
    for folder in sorted(path.parent for path in Path("runs").glob(f"train-*/{task}*/**/run.json")):
        tags = json.loads((folder / "run.json").read_text())["tags"]
        devices.add(tags["env.device"])
        if tags["condition"] not in ("", *TASKS[task].conditions):
            continue  # an ablation
        for line in (folder / "metrics.jsonl").read_text().splitlines():
            fold = folder.parent.name if folder.parent.name.startswith("fold") else ""
            rows.extend(_values(json.loads(line), tags | {"fold": fold}))
    return pd.DataFrame(rows), devices


def _values(event: dict[str, Any], tags: dict[str, str]) -> Iterator[dict[str, Any]]:
    for metric, value in event["metrics"].items():
        yield {
            "stage": tags["stage"],
            "condition": tags["condition"],
            "seed": int(tags["seed"]),
            "fold": tags["fold"],
            "step": event["step"],
            "metric": metric,
            "value": value,
        }
