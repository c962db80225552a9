"""Table 3: the estimators that the paper compares its CNN with, and the mean of the training labels as a floor.

The paper quotes their errors; their recipes are those of Zhang et al. 2015, "Appearance-Based Gaze Estimation in the
Wild", and of the works cited there. Each learns gaze pitch and yaw from histogram-equalised eyes and the head's pitch
and yaw, all in degrees.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from estimators.baselines import alr, forest, knn, multimodal, svr
from estimators.baselines.features import equalised

Estimate = Callable[[np.ndarray, np.ndarray], np.ndarray]  # equalised eyes, head (M, 2) -> gaze pitch and yaw (M, 2)

CHUNK = 4096  # images whose features are in memory at once


def mean(images: np.ndarray, head: np.ndarray, angles: np.ndarray, rng: np.random.Generator) -> Estimate:
    """The naive floor: the mean pitch and yaw of the training set, whatever the image."""
    centre = angles.mean(0)
    return lambda images, head: np.tile(centre, (len(images), 1))


BASELINES: dict[str, Callable[..., Estimate]] = {
    "mean": mean,
    "svr": svr.fit,
    "alr": alr.fit,
    "random_forest": forest.fit,
    "knn": knn.fit,
    "multimodal_cnn": multimodal.fit,
}


@dataclass(frozen=True)
class Predictor:
    """What `fit` learnt."""

    estimate: Estimate
    posed: bool  # trained with head poses

    def predict(self, images: np.ndarray, head: np.ndarray | None) -> np.ndarray:
        """uint8 (M, 35, 55), head pitch and yaw (M, 2) in degrees -> gaze (M, 3), unit vectors, camera frame.

        Each image's estimate is independent of the others. Raises ValueError for head poses that the training lacked,
        or the other way round.
        """
        if self.posed != (head is not None):
            raise ValueError(f"trained {'with' if self.posed else 'without'} head poses: predict likewise")
        chunks = [slice(start, start + CHUNK) for start in range(0, len(images), CHUNK)]
        poses = _poses(images, head)
        angles = [self.estimate(equalised(images[chunk]), poses[chunk]) for chunk in chunks]
        return to_vectors(np.concatenate([np.empty((0, 2)), *angles]))


def fit(
    name: str,
    images: np.ndarray,
    head: np.ndarray | None,
    gaze: np.ndarray,
    rng: np.random.Generator,
    at_most: int = 8000,
    **settings: float,
) -> Predictor:
    """Train the baseline `name` of BASELINES on the CPU; the result depends on the arguments alone.

    images uint8 (N, 35, 55); head (N, 2), pitch and yaw in degrees, or None, which counts as the same pose for all;
    gaze (N, 3), unit vectors in MPIIGaze's camera frame. Of more than `at_most` images a random subset of that size is
    used. `settings` are further parameters of the baseline's own `fit`, such as the CNN's `steps`. Raises ValueError
    for no images or other lengths, KeyError for an unknown name.
    """
    poses = _poses(images, head)
    if not 0 < len(images) == len(poses) == len(gaze):
        raise ValueError(
            f"{len(images)} images, {len(poses)} head poses and {len(gaze)} gazes: expected as many of each"
        )
    chosen = np.sort(rng.permutation(len(images))[:at_most])
    estimate = BASELINES[name](equalised(images[chosen]), poses[chosen], to_angles(gaze[chosen]), rng, **settings)
    return Predictor(estimate, head is not None)


def to_angles(gaze: np.ndarray) -> np.ndarray:
    """Unit vectors (N, 3) -> pitch, positive up, and yaw, positive to the image's left, (N, 2) in degrees."""
    x, y, z = gaze.astype(np.float64).T
    return np.degrees(np.stack([np.arcsin(np.clip(-y, -1, 1)), np.arctan2(-x, -z)], 1))


def to_vectors(angles: np.ndarray) -> np.ndarray:
    """The inverse of `to_angles`: (N, 2) in degrees -> (N, 3)."""
    pitch, yaw = np.radians(angles).T
    return np.stack([-np.cos(pitch) * np.sin(yaw), -np.sin(pitch), -np.cos(pitch) * np.cos(yaw)], 1)


def _poses(images: np.ndarray, head: np.ndarray | None) -> np.ndarray:
    return np.zeros((len(images), 2)) if head is None else np.asarray(head, np.float64)
