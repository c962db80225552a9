"""Methods that keep the contract and methods that break it, each in its own way."""

import math
from pathlib import Path

import torch

from benchmarks.datasets.store import open_store
from benchmarks.refiners.contract import Estimator, Refiner, Settings


class Brighter(Refiner):
    """Learns one number in five steps."""

    class Settings(Settings):
        by: float = 0.1

    def __init__(self, settings, size, simgan):
        super().__init__(settings, size, simgan)
        self.shift = torch.nn.Parameter(torch.zeros(()))

    def trainer(self, domains):
        return Steps(self, domains)

    def forward(self, images):
        return (images + self.shift).clamp(-1, 1)


class Steps:
    total = 5

    def __init__(self, refiner, domains):
        self.refiner, self.domains, self.step = refiner, domains, 0
        self.random = domains.random("brighter")

    @property
    def done(self):
        return self.step >= self.total

    def advance(self):
        with torch.no_grad():
            drawn = self.domains.real(4, self.random).mean()
            self.refiner.shift += self.refiner.settings.by * drawn
        self.step += 1
        return {"shift": self.refiner.shift.item()}

    def state_dict(self):
        return {"step": self.step, "random": self.random.get_state(), "refiner": self.refiner.state_dict()}

    def load_state_dict(self, state):
        self.step = state["step"]
        self.random.set_state(state["random"])
        self.refiner.load_state_dict(state["refiner"])


class Smaller(Refiner):
    def forward(self, images):
        return images[..., 1:-1, 1:-1]


class NotFinite(Refiner):
    def forward(self, images):
        return images * math.nan


class TooBright(Refiner):
    def forward(self, images):
        return images + 3


class Chancy(Refiner):
    def forward(self, images):
        return images * torch.rand(())


class Forgetful(Brighter):
    """Leaves its generator out of its state."""

    def trainer(self, domains):
        steps = Steps(self, domains)
        steps.state_dict = lambda: {"step": steps.step, "refiner": self.state_dict()}

        def load(state):
            steps.step = state["step"]
            self.load_state_dict(state["refiner"])

        steps.load_state_dict = load
        return steps


class Unseeded(Brighter):
    def trainer(self, domains):
        steps = Steps(self, domains)
        steps.random = torch.Generator()
        steps.random.seed()
        return steps


class ReadsLabels(Refiner):
    def trainer(self, domains):
        open_store(Path("stores/gaze/synthetic"), "gaze").gaze()


class OpensLabels(Refiner):
    def trainer(self, domains):
        Path("stores/gaze/synthetic/labels.parquet").read_bytes()


class Crashes(Brighter):
    def trainer(self, domains):
        return Crash(self, domains)


class Crash(Steps):
    def advance(self):
        return {"loss": 1 / (3 - self.step)} | super().advance()


class Unsaved(Refiner):
    """Keeps what it learned outside its state_dict."""

    shift = 0.0

    def trainer(self, domains):
        self.shift = 0.5

    def forward(self, images):
        return (images + self.shift).clamp(-1, 1)


class Constant(Estimator):
    def __init__(self, settings, cnn):
        super().__init__(settings, cnn)
        self.gaze = torch.nn.Parameter(torch.tensor([0.0, 0.0, -1.0]))

    def forward(self, eyes):
        return self.gaze.expand(len(eyes), 3)

    def loss(self, eyes, gaze, domains, random, done):
        domains.real(len(eyes), random)
        return (self(eyes) - gaze).square().mean()


class NoMethod:
    pass
