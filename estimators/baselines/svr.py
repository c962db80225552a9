"""Table 3's SVR: a linear support vector regression of pitch and one of yaw on HOG and LBP histograms."""

from collections.abc import Callable

import numpy as np
from sklearn.svm import LinearSVR
from threadpoolctl import threadpool_limits

from estimators.baselines.features import hog_lbp


def fit(
    images: np.ndarray, head: np.ndarray, angles: np.ndarray, rng: np.random.Generator, cost: float = 1.0
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """scikit-learn's defaults, `cost` included, no error tolerated; the head's pose is not used."""
    features = hog_lbp(images)
    with threadpool_limits(1):  # sums of products may depend on the number of threads
        models = [LinearSVR(C=cost, random_state=int(rng.integers(2**31))).fit(features, angle) for angle in angles.T]

    def estimate(images: np.ndarray, head: np.ndarray) -> np.ndarray:
        with threadpool_limits(1):
            features = hog_lbp(images)
            return np.stack([model.predict(features) for model in models], axis=1)

    return estimate
