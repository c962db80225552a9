"""Section 3's tables from the results: one row per test image becomes metrics, intervals and comparisons."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError
from benchmarks.evaluation.curves import hits
from benchmarks.evaluation.significance import (
    ALPHA,
    Interval,
    hierarchical_bootstrap,
    holm,
    image_error,
    interval,
    mcnemar,
    sign_test,
    smallest_effect,
    widen,
)
from benchmarks.evaluation.tasks import Claim, Metric, Task, blocks

DIGITS = 6  # significant digits in results.json: what float64 sums agree on across machines


@dataclass(frozen=True)
class Results:
    """errors: of each condition (S, N) or (S, N, K); the same N images, of clusters (N,), under each and every seed.

    There are K errors an image where the task has more than one column of them. All conditions have `seeds`, in this
    order; those that have more (`Task.more_seeds`) have all the same ones, these first.
    """

    errors: list[np.ndarray]
    clusters: np.ndarray
    seeds: list[int]

    @property
    def cluster_count(self) -> int:
        return len(np.unique(self.clusters))


@dataclass(frozen=True)
class Estimates:
    """One metric under the task's C conditions: by_seed, of each (S,), as measured; draws (R, C) bootstrapped."""

    by_seed: list[np.ndarray]
    draws: np.ndarray


def summarise(
    rows: pd.DataFrame,
    task: Task,
    generator: np.random.Generator,
    data: dict[str, Any] | None = None,
    resamples: int = 2000,
) -> dict[str, Any]:
    """Results -> {task: {condition: {metric: {value, low, high, seeds}}}, "comparisons": ..., "data": ...}.

    A value is the mean over seeds of each seed's statistic; low and high are its 95 % interval over seeds,
    clusters and images. `data` tells of the test data (test_data: what identifies it; preset; stand_in) and is
    completed with counts, with the share of the optional errors that is `unmeasured`, and with `image_error`, what
    the luck of single images adds to each metric at one seed (for the regression gate). UserError where the rows
    are not every image once under every condition and seed.
    """
    results = paired(rows, task)
    unmeasured = {"unmeasured": _unmeasured(task, results)} if task.optional else {}
    draws = hierarchical_bootstrap(results.errors, results.clusters, task.metrics, generator, resamples)
    estimates = {
        name: Estimates(_by_seed(results.errors, metric), draws[name]) for name, metric in task.metrics.items()
    }
    described = {
        **(data or {}),
        "images": len(results.clusters),
        f"{task.cluster}s": results.cluster_count,
        "seeds": results.seeds,
        "resamples": resamples,
        **unmeasured,
        "image_error": {
            condition: {
                name: image_error(results.errors[c], metric, generator) for name, metric in task.metrics.items()
            }
            for c, condition in enumerate(task.conditions)
        },
    }
    measured = {
        condition: {name: _measured(estimates[name], c, results, metric) for name, metric in task.metrics.items()}
        for c, condition in enumerate(task.conditions)
    }
    return _rounded(
        {
            task.name: measured,
            "comparisons": {task.name: _comparisons(task, results, estimates)},
            "data": {task.name: described},
        }
    )


def merge(*summaries: dict[str, Any]) -> dict[str, Any]:
    """The summaries of several tasks as one results.json."""
    merged: dict[str, Any] = {"comparisons": {}, "data": {}}
    for summary in summaries:
        for key, value in summary.items():
            merged[key] = {**merged[key], **value} if key in ("comparisons", "data") else value
    return merged


HEADLINE_METRIC = {"gaze": "mean_error_deg", "hand": "within_5px"}  # Tables 2 and 4
COUNTED = "reproduced", "contradicted"
ALL_IMAGES = {"gaze": "_4x", "hand": "_3x"}  # conditions that train on all images


def headline(metrics: dict[str, Any], verdicts: Sequence[str]) -> dict[str, Any]:
    """The few numbers that `dvc metrics show` and `dvc exp show` have room for, in four digits.

    Of each task synthetic and refined, all images: gaze's mean error in degrees, hands' share of joints within 5
    pixels; and how many claims were `reproduced` and `contradicted`.
    """
    shown: dict[str, Any] = {
        task: {
            domain: float(f"{metrics[task][domain + ALL_IMAGES[task]][metric]['value']:.4g}")
            for domain in ("synthetic", "refined")
            if domain + ALL_IMAGES[task] in metrics[task]
        }
        for task, metric in HEADLINE_METRIC.items()
        if task in metrics
    }
    return shown | {verdict: verdicts.count(verdict) for verdict in COUNTED}


def write(metrics: dict[str, Any], path: Path) -> None:
    """Sorted, indented, the same bytes for the same numbers."""
    path.write_text(json.dumps(metrics, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """results.json, or an accepted file. UserError where it is absent or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None


def paired(rows: pd.DataFrame, task: Task) -> Results:
    """Results as arrays in which an index means the same image, seed and condition everywhere; checked."""
    errors = list(task.errors)
    columns = [*task.identity, "condition", "seed", "image", *errors]
    if absent := [column for column in columns if column not in rows.columns]:
        raise UserError(f"results of {task.name}: no column {', '.join(absent)}; evaluate again")
    found = set(rows["condition"])
    if absent := [condition for condition in task.conditions if condition not in found]:
        raise UserError(f"results of {task.name}: no rows for condition {', '.join(absent)}; evaluate it")
    if unknown := sorted(found.difference(task.conditions)):
        raise UserError(
            f"results of {task.name}: unknown condition {', '.join(unknown)}; the task declares "
            f"{', '.join(task.conditions)}"
        )
    for column in errors:
        unknown = rows[column].isna() if column in task.optional else False
        bad = rows[~(np.isfinite(rows[column]) | unknown) | (rows[column] < 0)]
        if len(bad):
            raise UserError(
                f"results of {task.name}: {len(bad)} values of {column} are negative or not finite, first "
                f"{bad.iloc[0][column]} at {_place(bad.iloc[0])}; evaluate again"
            )
    duplicates = rows[rows.duplicated(["condition", "seed", "image"])]
    if len(duplicates):
        raise UserError(f"results of {task.name}: {_place(duplicates.iloc[0])} is there more than once")

    if task.cluster not in task.identity:
        rows = rows.assign(**{task.cluster: blocks(rows)})
    ordered = rows.sort_values(["condition", "seed", "image"], kind="stable")
    groups = dict(iter(ordered.groupby(["condition", "seed"])))
    usual = [condition for condition in task.conditions if condition not in task.more_seeds] or task.conditions
    seeds = sorted(int(seed) for seed in rows.loc[rows["condition"].isin(usual), "seed"].unique())
    further = sorted(int(seed) for seed in set(rows["seed"]).difference(seeds))
    if len(seeds) == 1:  # further ones would hide that nothing is known of the others' spread
        further = []
    of = {condition: seeds if condition in usual else seeds + further for condition in task.conditions}
    cells = [(condition, seed) for condition in task.conditions for seed in of[condition]]
    for condition, seed in cells:
        if (condition, seed) not in groups:
            raise UserError(f"results of {task.name}: condition {condition} has no seed {seed}; evaluate it")
    reference = groups[cells[0]]
    for cell in cells[1:]:
        _same_images(groups[cell], reference, task)
    columns = errors if len(errors) > 1 else errors[0]
    measured = [
        np.stack([groups[condition, seed][columns].to_numpy(np.float64) for seed in of[condition]])
        for condition in task.conditions
    ]
    return Results(measured, reference[task.cluster].to_numpy(), seeds)


def _unmeasured(task: Task, results: Results) -> dict[str, float]:
    """Condition -> share of the optional errors that are NaN. UserError where an estimator has none at all."""
    optional = [task.errors.index(column) for column in task.optional]
    unmeasured = {}
    for condition, errors in zip(task.conditions, results.errors, strict=True):
        shares = np.isnan(errors[..., optional]).mean(axis=(1, 2))  # (S,)
        for s in np.flatnonzero(shares == 1):
            where = f"condition {condition} seed {results.seeds[s]}"
            raise UserError(f"results of {task.name}: {where} has no {task.optional[0]} at all; evaluate again")
        unmeasured[condition] = float(shares.mean())
    return unmeasured


def _same_images(group: pd.DataFrame, reference: pd.DataFrame, task: Task) -> None:
    where = f"results of {task.name}: condition {group['condition'].iloc[0]} seed {group['seed'].iloc[0]}"
    other = f"condition {reference['condition'].iloc[0]} seed {reference['seed'].iloc[0]}"
    differing = set(group["image"]).symmetric_difference(reference["image"])
    if differing:
        raise UserError(
            f"{where} has {len(group)} images and {other} {len(reference)}: image {min(differing)} is in one "
            "of them only; evaluate both on the same test data"
        )
    moved = group["image"].to_numpy()[group[task.cluster].to_numpy() != reference[task.cluster].to_numpy()]
    if len(moved):
        raise UserError(f"{where} gives image {moved[0]} another {task.cluster} than {other}")


def _place(row: pd.Series) -> str:
    return f"condition {row['condition']} seed {row['seed']} image {row['image']}"


def _by_seed(errors: list[np.ndarray], metric: Metric) -> list[np.ndarray]:
    once = np.ones((1, errors[0].shape[1]))
    return [np.array([metric(seed, once)[0] for seed in condition]) for condition in errors]


def _measured(estimates: Estimates, c: int, results: Results, metric: Metric) -> dict[str, Any]:
    by_seed = estimates.by_seed[c]
    value = by_seed.mean()
    found = interval(value, widen(estimates.draws[:, c], value, [by_seed], results.cluster_count))
    most = np.inf if metric.d is None else 1.0  # widening knows no bounds: an error has one, a fraction two
    low, high = max(found.low, 0.0), min(found.high, most)
    return {"value": found.estimate, "low": low, "high": high, "seeds": by_seed.tolist()}


def _comparisons(task: Task, results: Results, estimates: dict[str, Estimates]) -> dict[str, Any]:
    found = {name: _difference(claim, task, results, estimates)[0] for name, claim in task.claims.items()}
    adjusted = holm({name: difference.p for name, difference in found.items()})
    comparisons = {}
    for name, claim in task.claims.items():
        difference, metric = found[name], task.metrics[claim.metric]
        comparisons[name] = {
            "claim": claim.text,
            "a": claim.a,
            "b": claim.b,
            "metric": claim.metric,
            "difference": difference.estimate,
            "low": difference.low,
            "high": difference.high,
            "p": difference.p,
            "p_holm": adjusted[name],
            "verdict": direction_verdict(difference, adjusted[name], metric.higher_is_better),
            "smallest_effect": smallest_effect(difference.se),
            "optimistic": _optimistic(claim, task, results),
        }
        for key, bound in (("share_of_gap_closed", claim.supervised), ("share_of_closable_gap", claim.photographed)):
            if bound:
                comparisons[name][key] = _share_of_gap_closed(claim, bound, task, results, estimates)
    return comparisons


def direction_verdict(difference: Interval, p_holm: float, higher_is_better: bool) -> str:
    """Of a claim that a is better than b, from the interval of a - b and the family-wise p."""
    if p_holm >= ALPHA or difference.low <= 0 <= difference.high:
        return "inconclusive"
    return "reproduced" if (difference.estimate > 0) == higher_is_better else "contradicted"


def _difference(
    claim: Claim, task: Task, results: Results, estimates: dict[str, Estimates]
) -> tuple[Interval, np.ndarray]:
    """a - b, and its draws (R,): paired by seed where both have the same seeds."""
    a, b = task.conditions.index(claim.a), task.conditions.index(claim.b)
    metric = estimates[claim.metric]
    of_a, of_b = metric.by_seed[a], metric.by_seed[b]
    by_seed = [of_a - of_b] if len(of_a) == len(of_b) else [of_a, of_b]
    estimate = of_a.mean() - of_b.mean()
    draws = widen(metric.draws[:, a] - metric.draws[:, b], estimate, by_seed, results.cluster_count)
    return interval(estimate, draws), draws


def _share_of_gap_closed(
    claim: Claim, bound: str, task: Task, results: Results, estimates: dict[str, Estimates]
) -> dict[str, Any]:
    """(refined - synthetic) / (bound - synthetic): what compares across data sets; null without a gap to close."""
    closed, closed_draws = _difference(claim, task, results, estimates)
    whole = Claim(claim.text, bound, claim.b, claim.metric)
    gap, gap_draws = _difference(whole, task, results, estimates)
    reason = None
    if gap.low <= 0 <= gap.high:
        reason = f"the interval of the gap {bound} - {claim.b} includes 0"
    elif (gap.estimate > 0) != task.metrics[claim.metric].higher_is_better:
        reason = f"{claim.b} is better than {bound}"
    if reason:
        return {"value": None, "low": None, "high": None, "reason": reason}
    share = interval(closed.estimate / gap.estimate, closed_draws / gap_draws)
    return {"value": share.estimate, "low": share.low, "high": share.high, "reason": None}


def _optimistic(claim: Claim, task: Task, results: Results) -> dict[str, float | None]:
    """The paper's practice: exact tests in which every image or joint under every seed counts as independent.

    They need pairs: of the seeds that both conditions have.
    """
    metric = task.metrics[claim.metric]
    of_a, of_b = (results.errors[task.conditions.index(side)] for side in (claim.a, claim.b))
    seeds = min(len(of_a), len(of_b))
    a, b = (metric.select(errors[:seeds]).ravel() for errors in (of_a, of_b))
    mcnemar_p = None if metric.d is None else mcnemar(hits(a, metric.d), hits(b, metric.d))
    return {"binomial_p": sign_test(a, b), "mcnemar_p": mcnemar_p}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
