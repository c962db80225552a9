"""Table 3's adaptive linear regression (Lu et al. 2011, 2014): an eye as a sparse combination of training eyes."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import linprog

from estimators.baselines.clusters import cluster
from estimators.baselines.features import cells

GRID = (3, 5)  # Lu's sub-regions


def fit(
    images: np.ndarray,
    head: np.ndarray,
    angles: np.ndarray,
    rng: np.random.Generator,
    candidates: int = 99,
    nearest: int = 3,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The weights that reconstruct the test eye, applied to the gazes of those training eyes.

    A test eye is reconstructed from random training eyes of the `nearest` clusters of head pose, as many of each, about
    `candidates` in all: ALR was made for few, and solves a linear program for every test eye.
    """
    clusters = cluster(head, rng)
    each = max(1, candidates // min(nearest, len(clusters.members)))
    kept = [np.sort(rng.permutation(own)[:each]) for own in clusters.members]
    known = subregions(images)

    def estimate(images: np.ndarray, head: np.ndarray) -> np.ndarray:
        found = np.empty((len(images), 2))
        for i, (eye, near) in enumerate(zip(subregions(images), clusters.nearest(head, nearest), strict=True)):
            chosen = np.concatenate([kept[index] for index in near])
            found[i] = weights(known[chosen], eye) @ angles[chosen]
        return found

    return estimate


def subregions(images: np.ndarray) -> np.ndarray:
    """uint8 (N, 35, 55) -> (N, 15): the sub-regions' mean intensities as multiples of the eye's own mean."""
    regions = cells(images, *GRID).astype(np.float64)
    return regions / np.maximum(regions.mean(axis=1, keepdims=True), 1)


def weights(known: np.ndarray, eye: np.ndarray, penalty: float = 10.0) -> np.ndarray:
    """Training eyes (n, d), test eye (d,) -> (n,): argmin |w|_1 + penalty * |known.T @ w - eye|_1, sum w = 1.

    The reconstruction is exact where it can be; Lu's bound on its error, which has no solution for too small a bound,
    is a penalty here. Weights w = plus - minus and errors over - under make it a linear program.
    """
    n, d = known.shape
    plus_minus = np.concatenate([known.T, np.ones((1, n))])
    over_under = np.eye(d + 1, d)
    solution = linprog(
        np.repeat([1.0, penalty], [2 * n, 2 * d]),
        A_eq=np.concatenate([plus_minus, -plus_minus, -over_under, over_under], axis=1),
        b_eq=np.append(eye, 1.0),
        method="highs-ds",
        options={"presolve": False},  # a third of the time for programs this small
    )
    if solution.x is None:
        raise RuntimeError(f"ALR's linear program has no solution: {solution.message}")
    return solution.x[:n] - solution.x[n : 2 * n]
