"""Guards of the gate: what reruns hardly move, losses and label-free measures, must stay where it was accepted.

Tables 2 and 4 move by a tenth from seed to seed and hide many faults. These numbers see the images and the training
itself, so a planted fault shows in them at once (reports/sensitivity). A change either way is a fault.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.core.files import instance
from benchmarks.evaluation.tasks import TASKS

Guards = dict[str, dict[str, list[float]]]  # task -> guard -> one value a seed

FAMILY = 0.01  # chance that a healthy rerun with other seeds trips any guard at all, over all accepted ones
PRIOR_FREEDOM = 6  # degrees of freedom of the prior spreads: most are of seven seeds
NUMERICAL = 1e-3  # of the value: the last bits of sums, on another machine
COLUMNS = ("task", "guard", "accepted", "value", "low", "high", "status")
FAILED = ("changed", "missing")


@dataclass(frozen=True)
class Scale:
    """How a guard is compared: on a logarithmic axis or its own, and the spread between seeds expected there.

    `gaze` and `hand` are standard deviations, in natural logarithms where `log`; 0 for what no seed moves.
    """

    log: bool
    gaze: float
    hand: float

    def prior(self, task: str) -> float:
        return {"gaze": self.gaze, "hand": self.hand}[task]

    def onto(self, values: Sequence[float]) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(values) if self.log else np.array(values)

    def back(self, x: float) -> float:
        return float(np.exp(x)) if self.log else x


# What seeds of preset ci showed, rounded up: seven of gaze, four of hands; of gaze validation losses eight CNNs.
MEASURES = {  # results/measures: refined images of a seed
    "realism/refined/patches": Scale(log=True, gaze=0.15, hand=0.30),
    "realism/refined/spectrum": Scale(log=True, gaze=0.30, hand=0.40),
    "realism/refined/grey_levels": Scale(log=True, gaze=0.15, hand=0.25),
    "realism/refined/mean_image": Scale(log=True, gaze=0.04, hand=0.04),
    "realism/refined/edges": Scale(log=False, gaze=0.04, hand=0.01),  # a correlation
    "artefacts/refined/rim": Scale(log=False, gaze=0.05, hand=0.005),
    "two_sample/refined/accuracy": Scale(log=False, gaze=0.01, hand=0.20),
    "preservation/shift_mean": Scale(log=True, gaze=0.20, hand=0.20),
}
EXACT = Scale(log=False, gaze=0.0, hand=0.0)
LOSSES = {  # runs/train-simgan: the last quarter of Algorithm 1
    "self_regularization": Scale(log=True, gaze=0.10, hand=0.70),
    "realism": Scale(log=True, gaze=0.05, hand=0.005),
    "discriminator": Scale(log=True, gaze=0.03, hand=0.02),
    "discriminator_accuracy": Scale(log=False, gaze=0.01, hand=0.04),
    "history": EXACT,
    "history_share": EXACT,
}
FIT = Scale(log=True, gaze=0.12, hand=0.03)
VALIDATION = "val_loss"  # of an estimator: the least


def collect(root: Path, tasks: Sequence[str], seeds: Sequence[int]) -> Guards:
    """The guards of the tasks, from those files of stages measure and train-* that exist below `root`.

    A guard without a finite value for every seed is left out, which makes it `missing` for the gate. Of section
    3.3's ablations there are none.
    """
    return {
        task: _measures(root, task, seeds) | _losses(root, task, seeds) | _fits(root, task, seeds) for task in tasks
    }


def accept(guards: Guards, where: str) -> Guards:
    """Checked for use as accepted values. UserError where a guard has fewer than 2 seeds, or none on its scale."""
    for task, found in guards.items():
        for guard, values in found.items():
            if len(values) < 2:
                raise UserError(f"{where}: {task} {guard} has fewer than 2 seeds; a tolerance needs their spread")
            if not np.isfinite(scale_of(guard).onto(values)).all():
                raise UserError(f"{where}: {task} {guard} has {min(values):g}; no tolerance is relative to that")
    return guards


def compare(guards: Guards, accepted: Guards, tasks: Sequence[str] = (), *, present: bool = False) -> pd.DataFrame:
    """One row per accepted guard, with the columns of COLUMNS; of some tasks, if given.

    A row is `changed` where the value, the mean over seeds, is outside low to high, `missing` where it is absent
    (`present` leaves these rows out). Means and limits are taken on the guard's scale, log for losses and distances,
    so that doubling and halving are as far; `accepted`, `value` and the limits are in its own unit. For two means
    over k and k_accepted seeds the limits are

        accepted -+ t s sqrt(1/k + 1/k_accepted),  s^2 = (n s0^2 + sum (x - mean)^2) / (n + k_accepted - 1)

    x, mean  the seeds when accepted. The present spread is not used: an erratic training must not widen its limits.
    s0, n    the scale's prior for the task and PRIOR_FREEDOM. A spread of three seeds is near 0 or twice too large by
             luck; it is moderated towards what such quantities show (the moderated t-statistic, Smyth 2004).
    t        Student's two-sided quantile at n + k_accepted - 1 degrees of freedom, at FAMILY over the number of
             accepted guards (Bonferroni): one rerun in a hundred with other seeds trips by chance, over all rows.

    What no seed moves (EXACT) has NUMERICAL * accepted in place of the seeds' term; all others have it added.
    UserError where nothing was accepted.
    """
    from scipy.stats import t

    if not accepted:
        raise UserError("the accepted values hold no guards; accept anew")
    rows = []
    count = sum(map(len, accept(accepted, "the accepted guards").values()))
    for task, known in accepted.items():
        if tasks and task not in tasks:
            continue
        for guard, seeds in known.items():
            now = guards.get(task, {}).get(guard)
            if present and now is None:
                continue
            scale = scale_of(guard)
            x = scale.onto(seeds)
            mean = float(x.mean())
            tolerance = 0.0
            if prior := scale.prior(task):
                freedom = PRIOR_FREEDOM + len(x) - 1
                spread = ((PRIOR_FREEDOM * prior**2 + ((x - mean) ** 2).sum()) / freedom) ** 0.5
                quantile = t.isf(FAMILY / count / 2, freedom)
                tolerance = quantile * spread * (1 / len(now or seeds) + 1 / len(x)) ** 0.5
            was = scale.back(mean)
            slack = NUMERICAL * abs(was)
            low, high = scale.back(mean - tolerance) - slack, scale.back(mean + tolerance) + slack
            value = None if now is None else scale.back(float(scale.onto(now).mean()))
            status = "missing" if value is None else "ok" if low <= value <= high else "changed"
            rows.append((task, guard, was, value, low, high, status))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def scale_of(guard: str) -> Scale:
    """UserError for a guard that this code does not know."""
    stage, _, name = guard.partition("/")
    scale = (
        LOSSES.get(name) if stage == "train-simgan" else FIT if name.endswith(f"/{VALIDATION}") else MEASURES.get(guard)
    )
    if scale is None:
        raise UserError(f"accepted guard {guard}: unknown; accept anew")
    return scale


def _measures(root: Path, task: str, seeds: Sequence[int]) -> dict[str, list[float]]:
    files = [root / "results/measures" / f"{instance(task, seed)}.json" for seed in seeds]
    found = [json.loads(file.read_text()) for file in files if file.is_file()]
    return _complete({guard: [_at(measured, guard) for measured in found] for guard in MEASURES}, seeds)


def _at(nested: Any, path: str) -> float | None:
    for key in path.split("/"):
        nested = nested.get(key) if isinstance(nested, dict) else None
    return nested


def _losses(root: Path, task: str, seeds: Sequence[int]) -> dict[str, list[float]]:
    found = [_last_quarter(root / "runs/train-simgan" / instance(task, seed) / "metrics.jsonl") for seed in seeds]
    return _complete({f"train-simgan/{name}": [each.get(name) for each in found] for name in LOSSES}, seeds)


def _last_quarter(file: Path) -> dict[str, float]:
    """Mean of each loss over the last quarter of the points of Algorithm 1 proper: those with a realism loss."""
    points = [event for event in _events(file) if "train/realism" in event]
    last = points[-max(1, len(points) // 4) :]
    known = {name: [event[f"train/{name}"] for event in last if f"train/{name}" in event] for name in LOSSES}
    return {name: float(np.mean(values)) for name, values in known.items() if values}


def _fits(root: Path, task: str, seeds: Sequence[int]) -> dict[str, list[float]]:
    """The least validation loss of each condition's estimators; the mean over the folds, where there are folds."""
    stage = f"train-{task}"
    guards = {
        f"{stage}/{condition}/{VALIDATION}": [
            _best(root / "runs" / stage / f"{task}-{condition}", seed) for seed in seeds
        ]
        for condition in TASKS[task].conditions
    }
    return _complete(guards, seeds)


def _best(folder: Path, seed: int) -> float | None:
    files = [*folder.glob(f"{seed}/metrics.jsonl"), *sorted(folder.glob(f"fold*/{seed}/metrics.jsonl"))]
    least = [min((e["val/loss"] for e in _events(file) if "val/loss" in e), default=np.nan) for file in files]
    return float(np.mean(least)) if least else None


def _events(file: Path) -> list[dict[str, float]]:
    """The metrics of a run's events in order; none where the file is absent."""
    return [json.loads(line)["metrics"] for line in file.read_text().splitlines()] if file.is_file() else []


def _complete(guards: dict[str, list[float | None]], seeds: Sequence[int]) -> dict[str, list[float]]:
    """Those with a finite value for every seed, to the digits that sums agree on across machines."""
    return {
        guard: [float(f"{value:.6g}") for value in values if value is not None]
        for guard, values in guards.items()
        if len(values) == len(seeds) and all(value is not None and np.isfinite(value) for value in values)
    }
