"""SimGAN behind the rivals' door, with whatever of its parameters an entry of params.yaml changes."""

from typing import Any, Literal

from torch import Tensor

from benchmarks.core.config import SimGANParams
from benchmarks.refiners import contract
from benchmarks.training.algorithm1 import prepare
from benchmarks.training.tensors import place
from simgan.algorithm1 import SimGAN as Algorithm1
from simgan.networks import Refiner


class SimGAN(contract.Refiner):
    """Algorithm 1 with the preset's parameters, but for those that are given here."""

    class Settings(contract.Settings):
        history: int | None = None
        discriminator: Literal["local", "global"] | None = None
        lam: float | None = None

    def __init__(self, settings: Any, size: tuple[int, int], simgan: SimGANParams):
        super().__init__(settings, size, simgan)
        self.parameters_used = simgan.model_copy(update=settings.model_dump(exclude_none=True))
        used = self.parameters_used
        self.refiner = Refiner(1, used.features, used.blocks, used.kernel, used.padding)

    def trainer(self, domains: contract.Domains) -> Algorithm1:
        task = "gaze" if self.size == (35, 55) else "hand"
        trainer, _ = prepare(
            self.parameters_used,
            channels=1,
            size=self.size,
            draw_synthetic=domains.synthetic,
            draw_real=domains.real,
            device=domains.device,
            seed=domains.seed,
            purpose=f"train-simgan/{task}",  # the same chance as the stage train-simgan has
        )
        self.refiner = place(trainer.refiner, domains.device)
        return trainer

    def forward(self, images: Tensor) -> Tensor:
        return self.refiner(images)
