"""Figure 7's cumulative error curves: the fraction of test images within d of the truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


def hits(errors: np.ndarray, d: float) -> np.ndarray:
    """Which errors (N,) are within d, both in the same unit -> bool (N,); an error of exactly d is a hit."""
    return np.asarray(errors) <= d


def within(errors: np.ndarray, d: float) -> float:
    """Fraction of errors (N,) that are hits at d."""
    return float(hits(errors, d).mean())


def cumulative(errors: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Fractions of errors (N,) within each d of grid (D,) -> (D,); the same hits as `within`."""
    ordered = np.sort(np.asarray(errors))
    return np.searchsorted(ordered, np.asarray(grid), side="right") / len(ordered)


def per_seed(rows: pd.DataFrame, error: str, grid: np.ndarray) -> np.ndarray:
    """Cumulative curves of one condition's rows, one per seed in order of seed -> (S, D)."""
    return np.stack([cumulative(seed[error].to_numpy(), grid) for _, seed in rows.groupby("seed", sort=True)])


@dataclass(frozen=True)
class Band:
    """Mean and full range over seeds, each (D,): a handful of seeds supports no more."""

    low: np.ndarray
    mean: np.ndarray
    high: np.ndarray


def band(curves: np.ndarray) -> Band:
    """Curves (S, D) -> the band over their seeds."""
    return Band(low=curves.min(axis=0), mean=curves.mean(axis=0), high=curves.max(axis=0))
