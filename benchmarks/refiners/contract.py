"""What a method of one's own is: a refiner (section 2), or an estimator that adapts itself instead (docs/refiners.md).

Both are networks: their `forward` does the work, their `state_dict` is what the suite keeps, and their parameters in
params.yaml are those of their own `Settings`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from benchmarks.core.config import GazeCNNParams, SimGANParams
from benchmarks.core.rivals import Section
from benchmarks.training.loop import Trainer
from benchmarks.training.tensors import Images, generator


class Settings(Section):
    """Base of a method's parameters: strict, so that an unknown or missing key of params.yaml is named."""


class Unlabelled:
    """One domain's images and no labels: `domain(count, random)` draws float32 (count, 1, H, W) in [-1, 1].

    `domain.images(indices)` gives chosen ones, `len(domain)` their number.
    """

    def __init__(self, images: Images):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __call__(self, count: int, random: torch.Generator) -> Tensor:
        """With replacement."""
        return self.images(torch.randint(len(self.images), (count,), generator=random))


@dataclass(frozen=True)
class Domains:
    """What a method may learn from; its tensors live on `device`.

    The suite seeds torch before it builds a method and asks for its trainer, so weights may start as torch has them.
    Chance during the training must come from generators of `random`, whose states the trainer saves.
    """

    synthetic: Unlabelled
    real: Unlabelled
    device: torch.device
    seed: int

    def random(self, purpose: str) -> torch.Generator:
        """A CPU generator of this seed, one a purpose."""
        return generator(self.seed, purpose)


class Refiner(nn.Module):
    """Base of a refiner: `forward` maps images (n, 1, H, W) in [-1, 1] to images of the same shape and range.

    Depth images are 0 in the background and negative on the hand (`benchmarks.training.tensors.to_network`).
    `size` is (H, W). `simgan` are the preset's parameters of SimGAN, whose budget a rival should keep to: as many
    images pass its generators in training as pass R, `steps(simgan)` mini-batches of `simgan.batch`. Everything in a
    constructor must follow from its three arguments.
    """

    Settings: ClassVar[type[Section]] = Settings

    def __init__(self, settings: Any, size: tuple[int, int], simgan: SimGANParams):
        super().__init__()
        self.settings, self.size, self.simgan = settings, size, simgan

    def trainer(self, domains: Domains) -> Trainer | None:
        """What learns: `advance()` takes a step, whose losses it gives (numbers, or tensors () on
        the device), until `done`; its state saves and loads.

        `total`, if it has that, is the number of steps for the progress bar.

        None where no step is needed. Buffers that only describe the domains are filled here, before the first step.
        """
        return None


class Estimator(nn.Module):
    """Base of a gaze estimator: `forward` maps eyes (n, 1, 35, 55) in [-1, 1] to gaze (n, 3).

    It is trained as section 3.1's CNN is, on the labelled synthetic images, for as many steps at the same rate; a
    method's own part is its `loss`. `cnn` are the preset's parameters of that CNN.
    """

    Settings: ClassVar[type[Section]] = Settings

    def __init__(self, settings: Any, cnn: GazeCNNParams):
        super().__init__()
        self.settings, self.cnn = settings, cnn

    def loss(self, eyes: Tensor, gaze: Tensor, domains: Domains, random: torch.Generator, done: float) -> Tensor:
        """Of one mini-batch of synthetic eyes with their gaze; `done` goes from 0 to 1 over the training."""
        raise NotImplementedError


def steps(simgan: SimGANParams) -> int:
    """Mini-batches that SimGAN's R learns from at these parameters."""
    return simgan.refiner_pretraining + simgan.k_g * simgan.iterations


Method = Refiner | Estimator
