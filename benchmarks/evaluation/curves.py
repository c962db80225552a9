"""Figures 7 and 9: cumulative error curves, the fraction of test images or joints within d of the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


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
