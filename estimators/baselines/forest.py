"""Table 3's random forest (Sugano et al. 2014): differences of pixels less than 6 apart, and the head's angles."""

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from estimators.baselines.clusters import Ensemble, cluster
from estimators.baselines.features import cells

GRID = (9, 16)
REACH = 6


def fit(
    images: np.ndarray, head: np.ndarray, angles: np.ndarray, rng: np.random.Generator, candidates: int = 300
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """10 trees a cluster, each grown on half as many samples, mean of the 5 nearest clusters.

    A node chooses among `candidates` random features, at their best thresholds; the original draws thresholds too.
    """

    def make(count: int) -> RandomForestRegressor:
        seed = int(rng.integers(2**31))
        half = (count + 1) // 2
        return RandomForestRegressor(10, max_features=candidates, max_samples=half, random_state=seed)

    ensemble = Ensemble(cluster(head, rng), make, differences(images, head), angles)
    return lambda images, head: ensemble.predict(differences(images, head), head)


def differences(images: np.ndarray, head: np.ndarray) -> np.ndarray:
    """uint8 (N, 35, 55), (N, 2) -> float32 (N, 4671 + 2): the differences of 16x9 pixels' pairs, then the pose."""
    first, second = pairs()
    grey = cells(images, *GRID)
    return np.concatenate([grey[:, first] - grey[:, second], head.astype(np.float32)], axis=1)


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """The pairs of pixels less than REACH apart, each once, as indices into the flattened grid."""
    row, column = np.divmod(np.arange(GRID[0] * GRID[1]), GRID[1])
    first, second = np.triu_indices(len(row), 1)
    near = (row[first] - row[second]) ** 2 + (column[first] - column[second]) ** 2 < REACH**2
    return first[near], second[near]
