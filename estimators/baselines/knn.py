"""Table 3's kNN: the mean gaze of the 10 most similar images in each of the 5 nearest clusters of head pose."""

from collections.abc import Callable

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from estimators.baselines.clusters import Ensemble, cluster
from estimators.baselines.features import cells

GRID = (9, 16)


def fit(
    images: np.ndarray, head: np.ndarray, angles: np.ndarray, rng: np.random.Generator, neighbours: int = 10
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Similar is a small Euclidean distance of 16x9 grey images, the random forest's input."""

    def make(count: int) -> KNeighborsRegressor:
        # A tree is searched by one thread, brute force by all of them.
        return KNeighborsRegressor(min(neighbours, count), algorithm="kd_tree")

    ensemble = Ensemble(cluster(head, rng), make, cells(images, *GRID), angles)
    return lambda images, head: ensemble.predict(cells(images, *GRID), head)
