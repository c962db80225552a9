"""Training on several devices or hosts: `torchrun ... -m benchmarks train-simgan --task gaze`.

Every rank draws the whole mini-batch with the same generator and learns from its share of it; gradients are averaged
before each step, so the effective batch, and with float tolerance the losses, are those of one process. Rank 0 alone
runs the training loop, logs and writes; the others do what it says. What differs from one process: each rank's
history (section 2.3) holds its own share of the refined images, and batch norm (the hourglass) sees its share alone.
"""

import inspect
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from benchmarks.core.config import Compute
from benchmarks.core.errors import UserError
from benchmarks.core.files import remove
from benchmarks.training import loop
from benchmarks.training.tensors import choose_device
from estimators.fit import Fit
from simgan.algorithm1 import Draw, SimGAN

ADVANCE, STATE, LOAD, END = "advance", "state", "load", "end"


def run_all(piece: "partial[Path | None]", instances: Sequence[tuple[Any, ...]], compute: Compute) -> None:
    """Trainings one after the other, each by all ranks; of other work each rank takes every so-manieth instance."""
    device = choose_device(compute)
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        if "train" in inspect.signature(piece.func).parameters:
            checkpoints = [piece(*each, train=train) for each in instances]
            for checkpoint in checkpoints if dist.get_rank() == 0 else ():
                if checkpoint:
                    remove(checkpoint)
        else:
            for each in instances[dist.get_rank() :: dist.get_world_size()]:
                piece(*each)
        dist.barrier()
    finally:
        dist.destroy_process_group()


def train(trainer: SimGAN | Fit, *, settings: Any, **options: Any) -> Path:
    """`loop.train` on rank 0; what it asks for on the others."""
    orders = dist.new_group(backend="gloo")  # NCCL sends no Python objects from the host
    together = Together(trainer, orders)
    if dist.get_rank():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # rank 0 saves first, then ends all
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return together.follow()
    folder: Path | None = None
    try:
        folder = loop.train(together, settings=dict(settings) | {"ranks": dist.get_world_size()}, **options)
        return folder
    finally:
        together.order(folder or END)


class Together:
    """A trainer of which each rank has its share; on rank 0 it looks like one (`benchmarks.training.loop.Trainer`)."""

    def __init__(self, trainer: SimGAN | Fit, orders: Any):
        self.trainer, self.orders = trainer, orders
        network = trainer.refiner if isinstance(trainer, SimGAN) else trainer.network
        self.device = next(network.parameters()).device
        _share(trainer)

    @property
    def step(self) -> int:
        return self.trainer.step

    @property
    def done(self) -> bool:
        return self.trainer.done

    def advance(self) -> loop.Losses:
        """One step -> the losses, mean over the ranks."""
        self.order(ADVANCE)
        return self._advanced()

    def state_dict(self) -> dict[str, Any]:
        """Of all ranks, since their histories differ."""
        self.order(STATE)
        states: list[Any] = [None] * dist.get_world_size()
        dist.gather_object(self.trainer.state_dict(), states, group=self.orders)
        return {"ranks": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.order(LOAD)
        own: list[Any] = [None]
        dist.scatter_object_list(own, state["ranks"], group=self.orders)
        self.trainer.load_state_dict(own[0])

    def order(self, what: str | Path) -> None:
        dist.broadcast_object_list([what], group=self.orders)

    def follow(self) -> Path:
        """On the other ranks: what rank 0 orders, until it gives the checkpoint's folder, or ends without one."""
        while True:
            order: list[Any] = [None]
            dist.broadcast_object_list(order, group=self.orders)
            if isinstance(order[0], Path):
                return order[0]
            if order[0] == END:
                raise SystemExit(1)  # rank 0 has said why
            if order[0] == ADVANCE:
                self._advanced()
            elif order[0] == STATE:
                dist.gather_object(self.trainer.state_dict(), group=self.orders)
            else:
                own: list[Any] = [None]
                dist.scatter_object_list(own, group=self.orders)
                self.trainer.load_state_dict(own[0])

    def _advanced(self) -> loop.Losses:
        losses = self.trainer.advance()
        values = torch.stack([self._double(loss) for loss in losses.values()])
        dist.all_reduce(values)
        return dict(zip(losses, values / dist.get_world_size(), strict=True))

    def _double(self, loss: Tensor | float) -> Tensor:
        """On the device, without waiting for it."""
        if isinstance(loss, Tensor):
            return loss.double()
        return torch.full((), loss, dtype=torch.float64, device=self.device)


def _share(trainer: SimGAN | Fit) -> None:
    """Make it learn from this rank's share of each mini-batch, and step as all ranks together would."""
    rank, world = dist.get_rank(), dist.get_world_size()
    batch = trainer.schedule.batch if isinstance(trainer, SimGAN) else trainer.batch
    if batch % world:
        raise UserError(f"batch: {batch} does not part among {world} processes; choose a multiple of {world}")
    if isinstance(trainer, SimGAN):
        trainer.schedule = replace(trainer.schedule, batch=batch // world)
        trainer.draw_synthetic = _share_of(trainer.draw_synthetic, rank, world)
        trainer.draw_real = _share_of(trainer.draw_real, rank, world)
        optimizers = [trainer.refiner_optimizer, trainer.discriminator_optimizer]
    else:
        whole, validate = trainer.train, trainer.validate
        trainer.train = lambda chosen, random: whole(chosen[rank::world], random)
        trainer.validate = lambda network: _of_rank_0(network, validate)
        optimizers = [trainer.optimizer]
    for optimizer in optimizers:
        optimizer.register_step_pre_hook(_average)


def _share_of(draw: Draw, rank: int, world: int) -> Draw:
    return lambda count, random: draw(count * world, random)[rank::world]


def _average(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Gradients, in one message: the mean over the ranks."""
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    together = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(together)
    together /= dist.get_world_size()
    parts: Sequence[Tensor] = together.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def _of_rank_0(network: nn.Module, validate: Callable[[nn.Module], float]) -> float:
    """The validation loss with rank 0's averages of batch norm, so that all ranks stop at the same step."""
    for buffer in network.buffers():
        dist.broadcast(buffer, 0)
    device = next(network.parameters()).device
    loss = torch.tensor(validate(network) if dist.get_rank() == 0 else 0.0, dtype=torch.float64, device=device)
    dist.broadcast(loss, 0)
    return loss.item()
