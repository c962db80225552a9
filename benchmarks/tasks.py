"""What section 3 measures, task by task: conditions, metrics and the one declared family of claims."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.curves import hits

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


def weighted_mean(errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means of errors (N,) under the integer weights (R, N) of R resamples -> (R,)."""
    return weights @ errors / weights.sum(axis=1)


def weighted_median(errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Medians of errors (N,) repeated `weights` (R, N) times -> (R,): numpy.median of each resample."""
    order = np.argsort(errors, kind="stable")
    ranks = np.cumsum(weights[:, order], axis=1, dtype=np.int32)
    middles = [((row[-1] - 1) // 2, row[-1] // 2) for row in ranks]
    lower, upper = np.array([row.searchsorted(pair, "right") for row, pair in zip(ranks, middles, strict=True)]).T
    return (errors[order][lower] + errors[order][upper]) / 2


def weighted_within(errors: np.ndarray, weights: np.ndarray, *, d: float) -> np.ndarray:
    """Fractions of errors (N,) that are at most d, under weights (R, N) -> (R,)."""
    return weighted_mean(hits(errors, d).astype(np.float64), weights)


@dataclass(frozen=True)
class Metric:
    """One number per condition and seed. `d` is the threshold of a fraction of hits, in the error's unit."""

    statistic: Statistic
    higher_is_better: bool
    d: float | None = None


def within_metric(d: float) -> Metric:
    return Metric(partial(weighted_within, d=d), higher_is_better=True, d=d)


@dataclass(frozen=True)
class Claim:
    """Condition `a` is better than `b` in `metric`; `supervised` closes the gap that the claim is about."""

    text: str
    a: str
    b: str
    metric: str
    supervised: str | None = None


@dataclass(frozen=True)
class Task:
    """`error` and `cluster` are columns of the results; images of one cluster are not independent."""

    name: str
    error: str
    cluster: str
    conditions: tuple[str, ...]
    metrics: dict[str, Metric]
    claims: dict[str, Claim]


GAZE = Task(
    name="gaze",
    error="error_deg",
    cluster="person",
    conditions=("synthetic", "synthetic_4x", "refined", "refined_4x", "real"),
    metrics={
        "mean_error_deg": Metric(weighted_mean, higher_is_better=False),
        "median_error_deg": Metric(weighted_median, higher_is_better=False),
        "within_7deg": within_metric(7.0),
        "within_13deg": within_metric(13.0),
    },
    claims={
        "refined_mean_error": Claim(
            "refined images train a better estimator than synthetic ones (mean error)",
            "refined",
            "synthetic",
            "mean_error_deg",
            supervised="real",
        ),
        "refined_4x_mean_error": Claim(
            "refined images train a better estimator than synthetic ones, 4x (mean error)",
            "refined_4x",
            "synthetic_4x",
            "mean_error_deg",
            supervised="real",
        ),
        "refined_within_7deg": Claim(
            "refined images train a better estimator than synthetic ones (within 7 degrees)",
            "refined",
            "synthetic",
            "within_7deg",
        ),
        "refined_4x_within_7deg": Claim(
            "refined images train a better estimator than synthetic ones, 4x (within 7 degrees)",
            "refined_4x",
            "synthetic_4x",
            "within_7deg",
        ),
        "more_synthetic_mean_error": Claim(
            "four times the synthetic images train a better estimator (mean error)",
            "synthetic_4x",
            "synthetic",
            "mean_error_deg",
        ),
        "more_refined_mean_error": Claim(
            "four times the refined images train a better estimator (mean error)",
            "refined_4x",
            "refined",
            "mean_error_deg",
        ),
    },
)

TASKS = {task.name: task for task in (GAZE,)}
