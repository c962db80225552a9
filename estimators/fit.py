"""Section 3.1: training "until the validation error converges", as a resumable state."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]  # images (n, C, H, W) in [-1, 1], targets (n, ...)
Losses = dict[str, Tensor | float]
Loss = Callable[[Tensor, Tensor], Tensor]  # of what the network gives, and the targets


class Fit:
    """Mini-batch training of one estimator; keeps the weights of the best validation loss.

    `train(indices, generator)` hands out the images and targets of those samples, augmented if at all with that
    generator, `validate(network)` the validation loss. The
    validation set is held out from the training set itself; nothing else may decide when to stop. Stops after
    `patience` validations without a better one, or after `max_steps`, over which `decay` takes the learning rate from
    its start (share of the steps done, 0 to 1 -> factor). `precision`: bfloat16 has the network compute in it in
    training (autocast); its weights, what it gives, and the loss are float32 all the same.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Loss,
        *,
        train: Callable[[Tensor, torch.Generator], Batch],
        count: int,
        validate: Callable[[nn.Module], float],
        batch: int,
        max_steps: int,
        validate_every: int,
        patience: int,
        decay: Callable[[float], float] = lambda done: 1.0,
        precision: torch.dtype = torch.float32,
        generator: torch.Generator,
    ):
        self.network, self.optimizer, self.loss = network, optimizer, loss
        self.train, self.count, self.validate = train, count, validate
        self.batch, self.max_steps = min(batch, count), max_steps
        self.validate_every, self.patience, self.decay = validate_every, patience, decay
        self.precision = precision
        self.generator = generator
        self.step = 0
        self.order = torch.empty(0, dtype=torch.long)  # what is left of the current epoch
        self.best_loss, self.stale = math.inf, 0
        self.best = copy.deepcopy(network.state_dict())

    @property
    def done(self) -> bool:
        return self.step >= self.max_steps or self.stale >= self.patience

    def advance(self) -> Losses:
        """One mini-batch step -> {"loss"}, a tensor () on the device, and {"validation_loss"} where one was due."""
        if len(self.order) < self.batch:
            self.order = torch.randperm(self.count, generator=self.generator)
        chosen, self.order = self.order[: self.batch], self.order[self.batch :]
        images, targets = self.train(chosen, self.generator)
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = group["initial_lr"] * self.decay(self.step / self.max_steps)
        self.network.train()
        with torch.autocast(images.device.type, self.precision, enabled=self.precision != torch.float32):
            estimated = self.network(images)
        loss = self.loss(estimated.float(), targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        losses: Losses = {"loss": loss.detach()}
        if self.step % self.validate_every == 0 or self.step == self.max_steps:
            losses["validation_loss"] = self._validated()
        return losses

    def _validated(self) -> float:
        loss = self.validate(self.network)
        if loss < self.best_loss:
            self.best_loss, self.stale = loss, 0
            self.best = copy.deepcopy(self.network.state_dict())
        else:
            self.stale += 1
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "best": self.best,
            "best_loss": self.best_loss,
            "stale": self.stale,
            "optimizer": self.optimizer.state_dict(),
            "order": self.order,
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.order = state["step"], state["order"]
        self.network.load_state_dict(state["network"])
        self.best, self.best_loss, self.stale = state["best"], state["best_loss"], state["stale"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
