"""Algorithm 1 of the paper: adversarial training of the refiner R and the discriminator D, as a resumable state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from simgan.history import History
from simgan.losses import Psi, discriminator_loss, identity, realism_loss, refiner_loss, self_regularization
from simgan.networks import probability_map

Decay = Callable[[float], float]  # share of the training that is done, 0 to 1 -> factor of the learning rate
Draw = Callable[[int, torch.Generator], Tensor]  # a random mini-batch of that many images (n, C, H, W) in [-1, 1]
Losses = dict[str, Tensor | float]  # tensors () on the device, for which nobody has waited
Phase = Literal["refiner_pretraining", "discriminator_pretraining", "adversarial"]


@dataclass(frozen=True)
class Schedule:
    """Phase lengths of section 3.1, in steps of the network that is trained; `iterations` counts Algorithm 1's T."""

    refiner_pretraining: int = 1000
    discriminator_pretraining: int = 200
    iterations: int = 10_000
    k_g: int = 2
    k_d: int = 1
    batch: int = 512
    lr_drops: tuple[tuple[int, float], ...] = ()  # (iteration of Algorithm 1, learning rate from then on)

    @property
    def total(self) -> int:
        return self.refiner_pretraining + self.discriminator_pretraining + self.iterations

    def phase(self, step: int) -> Phase:
        """The phase that step number `step` (from 0) belongs to."""
        if step < self.refiner_pretraining:
            return "refiner_pretraining"
        if step < self.refiner_pretraining + self.discriminator_pretraining:
            return "discriminator_pretraining"
        return "adversarial"


class SimGAN:
    """Algorithm 1. `advance` takes one step of the current phase; the whole state saves and loads.

    `draw_synthetic` and `draw_real` sample mini-batches from X and Y with the generator they are handed. `decay` is of
    both learning rates over Algorithm 1's iterations; the paper has none. `precision`: bfloat16 has R and D compute
    in it (autocast); their weights, what they give, and the losses are float32 all the same.
    """

    def __init__(
        self,
        refiner: nn.Module,
        discriminator: nn.Module,
        *,
        refiner_optimizer: torch.optim.Optimizer,
        discriminator_optimizer: torch.optim.Optimizer,
        draw_synthetic: Draw,
        draw_real: Draw,
        schedule: Schedule,
        lam: float,
        history: int,
        psi: Psi = identity,
        decay: Decay = lambda done: 1.0,
        precision: torch.dtype = torch.float32,
        generator: torch.Generator,
    ):
        self.refiner, self.discriminator = refiner, discriminator
        self.refiner_optimizer, self.discriminator_optimizer = refiner_optimizer, discriminator_optimizer
        self.draw_synthetic, self.draw_real = draw_synthetic, draw_real
        self.schedule, self.lam, self.psi = schedule, lam, psi
        self.decay, self.precision = decay, precision
        self.history = History(history, next(refiner.parameters()).device)
        self.generator = generator
        self.step = 0

    @property
    def total(self) -> int:
        return self.schedule.total

    @property
    def done(self) -> bool:
        return self.step >= self.total

    def advance(self) -> Losses:
        """One step of the current phase -> its losses (each as in `simgan.losses`)."""
        phase = self.schedule.phase(self.step)
        self._set_learning_rate()
        losses: Losses = {}
        if phase == "refiner_pretraining":
            losses |= self.pretrain_refiner()
        elif phase == "discriminator_pretraining":
            losses |= self.update_discriminator()
        else:
            for _ in range(self.schedule.k_g):
                losses |= self.update_refiner()
            for _ in range(self.schedule.k_d):
                losses |= self.update_discriminator()
        self.step += 1
        return losses

    def _set_learning_rate(self) -> None:
        """The last drop's, else the optimiser's own, times the decay.

        Supplement, convergence experiment: hands start at 0.0002 and go on at 0.00005 after 600,000 steps.
        """
        schedule = self.schedule
        iteration = max(0, self.step - schedule.refiner_pretraining - schedule.discriminator_pretraining)
        dropped = [lr for start, lr in schedule.lr_drops if start <= iteration]
        factor = self.decay(iteration / max(1, schedule.iterations))
        for optimizer in (self.refiner_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
                group["lr"] = factor * (dropped[-1] if dropped else group["initial_lr"])

    def refine(self, synthetic: Tensor) -> Tensor:
        """R of images (N, C, H, W), in the training's precision -> float32."""
        with self._autocast(synthetic):
            return self.refiner(synthetic).float()

    def judge(self, images: Tensor) -> Tensor:
        """D's logits of images (N, C, H, W), likewise."""
        with self._autocast(images):
            return self.discriminator(images).float()

    def _autocast(self, images: Tensor) -> torch.autocast:
        return torch.autocast(images.device.type, self.precision, enabled=self.precision != torch.float32)

    def pretrain_refiner(self) -> Losses:
        """One step of R on self-regularization alone (section 3.1)."""
        synthetic = self.draw_synthetic(self.schedule.batch, self.generator)
        loss = self_regularization(self.refine(synthetic), synthetic, self.psi)
        _descend(self.refiner_optimizer, loss)
        return {"self_regularization": loss.detach()}

    def update_refiner(self) -> Losses:
        """Algorithm 1, lines 2 to 4: one step of R on eq. 4 with D fixed."""
        synthetic = self.draw_synthetic(self.schedule.batch, self.generator)
        self.discriminator.requires_grad_(False)
        refined = self.refine(synthetic)
        logits = self.judge(refined)
        loss = refiner_loss(logits, refined, synthetic, self.lam, self.psi)
        _descend(self.refiner_optimizer, loss)
        self.discriminator.requires_grad_(True)
        with torch.no_grad():
            realism = realism_loss(logits)
            regularization = self_regularization(refined, synthetic, self.psi)
        return {"refiner": loss.detach(), "realism": realism, "self_regularization": regularization}

    def update_discriminator(self) -> Losses:
        """Algorithm 1, lines 5 to 8, with section 2.3: one step of D on eq. 2 with R fixed, half its refined images
        from the history, which then takes in as many new ones. While it holds fewer than b/2 all are new."""
        batch = self.schedule.batch
        real = self.draw_real(batch, self.generator)
        old = self.history.sample(batch // 2, self.generator).to(real)
        with torch.no_grad():
            new = self.refine(self.draw_synthetic(batch - len(old), self.generator))
        refined_logits = self.judge(torch.cat((new, old)) if len(old) else new)
        real_logits = self.judge(real)
        loss = discriminator_loss(refined_logits, real_logits)
        _descend(self.discriminator_optimizer, loss)
        self.history.update(new[: batch // 2], self.generator)
        with torch.no_grad():
            hits = (probability_map(refined_logits) > 0.5).float().mean() + (
                probability_map(real_logits) <= 0.5
            ).float().mean()
        return {
            "discriminator": loss.detach(),
            "discriminator_accuracy": hits / 2,
            "history": len(self.history),
            "history_share": 1 - len(new) / len(refined_logits),
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "refiner": self.refiner.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "refiner_optimizer": self.refiner_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "history": self.history.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.refiner.load_state_dict(state["refiner"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.refiner_optimizer.load_state_dict(state["refiner_optimizer"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        self.history.load_state_dict(state["history"])
        self.generator.set_state(state["generator"])


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
