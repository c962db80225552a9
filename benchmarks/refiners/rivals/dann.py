"""DANN (Ganin and Lempitsky, ICML 2015): features in which a classifier cannot tell synthetic eyes from real ones."""

import math
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.core.config import GazeCNNParams
from benchmarks.refiners import contract
from estimators.gaze_cnn import GazeCNN, gaze_loss


class Reversal(torch.autograd.Function):
    """The identity; gradients come back times -factor (equations 7 and 8 there)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, factor: float) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.factor = factor
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * grads[0], None


class DANN(contract.Estimator):
    """Section 3.1's CNN; the classifier sees its convolutions' features. `adaptation` scales the paper's factor, which
    goes from 0 to 1 as 2 / (1 + exp(-10 done)) - 1.
    """

    class Settings(contract.Settings):
        adaptation: Annotated[float, Field(ge=0)] = 1.0
        hidden: Annotated[int, Field(gt=0)] = 100

    def __init__(self, settings: Any, cnn: GazeCNNParams):
        super().__init__(settings, cnn)
        self.network = GazeCNN(cnn.fc9600, cnn.width, cnn.hidden)
        flat = self.network.fc[0]
        assert isinstance(flat, nn.Linear)
        self.classifier = nn.Sequential(
            nn.Linear(flat.in_features, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, 1)
        )

    def forward(self, eyes: Tensor) -> Tensor:
        return self.network(eyes)

    def loss(
        self, eyes: Tensor, gaze: Tensor, domains: contract.Domains, random: torch.Generator, done: float
    ) -> Tensor:
        both = torch.cat((eyes, domains.real(len(eyes), random)))
        features = self.network.features(both).flatten(1)
        factor = self.settings.adaptation * (2 / (1 + math.exp(-10 * done)) - 1)
        logits = self.classifier(Reversal.apply(features, factor))[:, 0]
        is_real = torch.arange(len(both), device=both.device) >= len(eyes)
        return gaze_loss(self.network.fc(features[: len(eyes)]), gaze) + binary_cross_entropy_with_logits(
            logits, is_real.to(logits)
        )
