"""Clusters of head poses: Table 3's kNN, random forest and ALR use the training images of the nearest ones only."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist


class Regressor(Protocol):
    """scikit-learn's interface."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Regressor": ...
    def predict(self, X: np.ndarray) -> np.ndarray: ...


class Clusters(NamedTuple):
    """Head poses parted by k-means."""

    centres: np.ndarray  # (K, 2), pitch and yaw in degrees
    members: Sequence[np.ndarray]  # K arrays of indices of training images, none empty

    def nearest(self, head: np.ndarray, count: int) -> np.ndarray:
        """Head poses (M, 2) -> indices (M, min(count, K)) of the clusters with the nearest centres, nearest first."""
        return np.argsort(cdist(head, self.centres), axis=1, kind="stable")[:, :count]


def cluster(head: np.ndarray, rng: np.random.Generator, count: int = 16, images_each: int = 50) -> Clusters:
    """Head poses (N, 2) -> at most `count` clusters, of `images_each` images or more on average; one for equal poses.

    The count is ours: Zhang et al. 2015 take over that of a data set with discrete poses.
    """
    distinct = len(np.unique(head, axis=0))
    centres, labels = kmeans2(head, max(1, min(count, len(head) // images_each, distinct)), minit="++", rng=rng)
    filled = np.unique(labels)
    return Clusters(centres[filled], [np.flatnonzero(labels == label) for label in filled])


class Ensemble:
    """A regressor for each cluster; its estimate is the mean of those of the nearest clusters."""

    def __init__(
        self,
        clusters: Clusters,
        make: Callable[[int], Regressor],  # of a cluster's number of images
        features: np.ndarray,
        angles: np.ndarray,
        nearest: int = 5,
    ):
        self.clusters, self.nearest = clusters, nearest
        self.models = [make(len(own)).fit(features[own], angles[own]) for own in clusters.members]

    def predict(self, features: np.ndarray, head: np.ndarray) -> np.ndarray:
        """(M, d), (M, 2) -> (M, 2)."""
        near = self.clusters.nearest(head, self.nearest)
        total = np.zeros((len(features), 2))
        for index, model in enumerate(self.models):
            asked = (near == index).any(axis=1)
            if asked.any():
                total[asked] += model.predict(features[asked])
        return total / near.shape[1]
