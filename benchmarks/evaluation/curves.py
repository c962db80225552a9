"""Figures 7 and 9: cumulative error curves, the fraction of test images or joints within d of the truth.

`weighted_*`: what is read off errors, for many resamples at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

BLOCK = 64  # errors that `weighted_median` counts together


def hits(errors: np.ndarray, d: float) -> np.ndarray:
    """Which errors are within d, both in the same unit -> bool of their shape; an error of exactly d is a hit."""
    return np.asarray(errors) <= d


def within(errors: np.ndarray, d: float) -> float:
    """Fraction of errors, of any shape, that are hits at d."""
    return float(hits(errors, d).mean())


def worst(errors: np.ndarray) -> np.ndarray:
    """Errors (..., J) of an image's joints -> the largest (...,)."""
    return np.max(errors, axis=-1)


def distances(estimates: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Euclidean errors (...,) of points (..., D), in their unit."""
    return np.linalg.norm(np.asarray(estimates) - np.asarray(truth), axis=-1)


def cumulative(errors: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Fractions of errors, of any shape, within each d of grid (D,) -> (D,); the same hits as `within`."""
    ordered = np.sort(np.asarray(errors), axis=None)
    return np.searchsorted(ordered, np.asarray(grid), side="right") / len(ordered)


def per_seed(rows: pd.DataFrame, errors: str | Sequence[str], grid: np.ndarray) -> np.ndarray:
    """Cumulative curves of one condition's rows, over all `errors`, one per seed in order of seed -> (S, D)."""
    columns = errors if isinstance(errors, str) else list(errors)
    return np.stack([cumulative(seed[columns].to_numpy(), grid) for _, seed in rows.groupby("seed", sort=True)])


@dataclass(frozen=True)
class Band:
    """Mean and full range over seeds, each (D,): a handful of seeds supports no more."""

    low: np.ndarray
    mean: np.ndarray
    high: np.ndarray


def band(curves: np.ndarray) -> Band:
    """Curves (S, D) -> the band over their seeds."""
    return Band(low=curves.min(axis=0), mean=curves.mean(axis=0), high=curves.max(axis=0))


def weighted_mean(errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means of errors (N,) under the integer weights (R, N) of R resamples -> (R,)."""
    return weights @ errors / weights.sum(axis=1)


def weighted_median(errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Medians of errors (N,) repeated `weights` (R, N) times -> (R,): numpy.median of each resample.

    Sums over blocks say in which one the middle lies; only that one is counted through.
    """
    order = np.argsort(errors, kind="stable")
    ordered = np.take(weights, order, axis=1)
    starts = np.arange(0, len(errors), BLOCK)
    counted = np.cumsum(np.add.reduceat(ordered, starts, axis=1), axis=1)  # up to each block's end
    resamples, total = np.arange(len(weights)), counted[:, -1]
    middles = []
    for rank in ((total - 1) // 2, total // 2):
        block = (counted <= rank[:, None]).sum(axis=1)
        before = np.where(block > 0, counted[resamples, block - 1], 0)
        images = np.minimum(starts[block][:, None] + np.arange(BLOCK), len(errors) - 1)
        within = before[:, None] + np.cumsum(ordered[resamples[:, None], images], axis=1)
        middles.append(errors[order][starts[block] + (within <= rank[:, None]).sum(axis=1)])
    return (middles[0] + middles[1]) / 2


def weighted_joint_mean(errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means of errors (N, J) under weights (R, N) -> (R,): every joint counts alike, NaN is left out."""
    known = ~np.isnan(errors)
    return weights @ np.where(known, errors, 0).sum(axis=1) / (weights @ known.sum(axis=1))


def weighted_within(errors: np.ndarray, weights: np.ndarray, *, d: float) -> np.ndarray:
    """Fractions of errors (N,) or (N, J) that are at most d, under weights (R, N) -> (R,)."""
    return weighted_mean(hits(errors, d).reshape(len(errors), -1).mean(axis=1), weights)
