"""What the unpaired translators, CycleGAN and CUT, have in common: generator, budget, losses, optimiser, state."""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from benchmarks.core.config import SimGANParams
from benchmarks.refiners import contract
from benchmarks.refiners.rivals.unpaired.generators import Generator


class Translator(contract.Refiner):
    """A generator from synthetic to real images; batches are the preset's, not of one image as in the papers."""

    class Settings(contract.Settings):
        features: Annotated[int, Field(gt=0)] = 16
        blocks: Annotated[int, Field(gt=0)] = 4
        lr: float = 0.0002

    def __init__(self, settings: Any, size: tuple[int, int], simgan: SimGANParams):
        super().__init__(settings, size, simgan)
        self.generator = Generator(settings.features, settings.blocks)

    def forward(self, images: Tensor) -> Tensor:
        return self.generator(images)


class Training:
    """Steps, chance and state of a translator's training; `parts` are all networks, optimisers and histories.

    As each step learns from real images, too, it takes half as many steps as R has batches.
    """

    def __init__(self, refiner: Translator, domains: contract.Domains, purpose: str):
        self.domains, self.settings, self.batch = domains, refiner.settings, refiner.simgan.batch
        self.total = contract.steps(refiner.simgan) // 2
        self.random = domains.random(purpose)
        self.step = 0
        self.parts: dict[str, Any] = {}

    @property
    def done(self) -> bool:
        return self.step >= self.total

    def state_dict(self) -> dict[str, Any]:
        own = {"step": self.step, "random": self.random.get_state()}
        return own | {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.random.set_state(state["random"])
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


def fools(logits: Tensor) -> Tensor:
    """Least squares: how far the patches are from being taken for real (1)."""
    return (logits - 1).square().mean()


def tells(of_real: Tensor, of_fake: Tensor) -> Tensor:
    """D's loss: half of both sides."""
    return 0.5 * ((of_real - 1).square().mean() + of_fake.square().mean())


def adam(*networks: nn.Module, lr: float) -> torch.optim.Adam:
    """As both papers have it."""
    parameters = [parameter for network in networks for parameter in network.parameters()]
    return torch.optim.Adam(parameters, lr=lr, betas=(0.5, 0.999))


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def falls(optimizers: list[torch.optim.Adam], lr: float, done: float) -> None:
    """Constant for half of the training, then falling to 0 on a line."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, 2 * (1 - done))
