"""Trained networks as models of MLflow, which loads them from here: numpy in, numpy out.

    mlflow.pyfunc.load_model("models:/...").predict(images)

refiner  uint8 eyes (N, H, W), or uint16 crops of hands in mm -> refined images, same type and shape
gaze     uint8 eyes (N, 35, 55) -> float32 (N, 3), unit vectors of gaze in MPIIGaze's camera frame
hand     uint16 crops of hands in mm (N, size, size) -> float32 (N, J, 2), joints in crop pixels
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.training.tensors import load_weights, to_network, to_pixels
from estimators import gaze_cnn, hourglass
from simgan.networks import Refiner

NETWORKS = {"refiner": Refiner, "gaze": gaze_cnn.GazeCNN, "hand": hourglass.Hourglass}
BATCH = 64


class Model:
    """The network of NETWORKS that the weights' file is named after, on the CPU."""

    def __init__(self, weights: Path):
        self.kind, self.device = weights.stem, torch.device("cpu")
        self.network = load_weights(weights, NETWORKS[self.kind], self.device)

    @torch.no_grad()
    def predict(self, images: np.ndarray) -> np.ndarray:
        """Images (N, H, W) -> what the kind gives, see above."""
        chunks = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        batches = (to_network(chunk, self.device) for chunk in chunks)
        if self.kind == "refiner":
            return np.concatenate([to_pixels(self.network(b), c) for b, c in zip(batches, chunks, strict=True)])
        if self.kind == "gaze":
            return F.normalize(gaze_cnn.estimate(self.network, batches)).numpy()
        return hourglass.estimate(self.network, batches).numpy()


def _load_pyfunc(folder: str) -> Model:
    (weights,) = Path(folder).glob("*.safetensors")
    return Model(weights)
