"""Algorithm 1: phases, who is updated when, what D is shown, resumption, precision."""

from typing import Any

import pytest
import torch
from torch import nn

from simgan.algorithm1 import Schedule, SimGAN
from simgan.losses import discriminator_loss
from simgan.networks import Conv, Discriminator, Refiner

LAYERS = (Conv(3, 2, 4),)
SIZE = (8, 10)


class Recorder:
    """Draws numbered batches and counts them."""

    def __init__(self, level: float):
        self.level, self.calls = level, 0

    def __call__(self, count: int, generator: torch.Generator) -> torch.Tensor:
        self.calls += 1
        return self.level + 0.1 * torch.rand(count, 1, *SIZE, generator=generator)


def simgan(
    schedule: Schedule,
    *,
    history: int = 64,
    lam: float = 0.1,
    optimizer: Any = torch.optim.SGD,
    seed: int = 0,
    **options: Any,
) -> SimGAN:
    torch.manual_seed(seed)
    refiner = Refiner(features=4, blocks=1)
    discriminator = Discriminator(LAYERS, size=SIZE)
    return SimGAN(
        refiner,
        discriminator,
        refiner_optimizer=optimizer(refiner.parameters(), lr=0.01),
        discriminator_optimizer=optimizer(discriminator.parameters(), lr=0.01),
        draw_synthetic=Recorder(-0.5),
        draw_real=Recorder(0.5),
        schedule=schedule,
        lam=lam,
        history=history,
        generator=torch.Generator().manual_seed(seed),
        **options,
    )


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()]).clone()


def changed(network: nn.Module, before: torch.Tensor) -> bool:
    return not torch.equal(weights(network), before)


def test_default_schedule_is_the_papers():
    schedule = Schedule()
    assert (schedule.refiner_pretraining, schedule.discriminator_pretraining) == (1000, 200)
    assert (schedule.k_g, schedule.k_d, schedule.batch) == (2, 1, 512)


def test_phases_have_their_lengths_and_order():
    schedule = Schedule(3, 2, 4)
    assert [schedule.phase(step) for step in range(schedule.total)] == (
        ["refiner_pretraining"] * 3 + ["discriminator_pretraining"] * 2 + ["adversarial"] * 4
    )


def test_each_phase_trains_its_networks_only():
    trainer = simgan(Schedule(2, 2, 2, batch=4))
    moved = []
    while not trainer.done:
        r, d = weights(trainer.refiner), weights(trainer.discriminator)
        trainer.advance()
        moved.append((changed(trainer.refiner, r), changed(trainer.discriminator, d)))
    assert moved == [(True, False)] * 2 + [(False, True)] * 2 + [(True, True)] * 2


@pytest.mark.parametrize(("k_g", "k_d"), [(2, 1), (5, 3)])
def test_k_g_and_k_d_count_the_updates(monkeypatch: pytest.MonkeyPatch, k_g: int, k_d: int):
    trainer = simgan(Schedule(0, 0, 1, k_g=k_g, k_d=k_d, batch=4))
    order: list[str] = []
    for name in ("update_refiner", "update_discriminator"):
        original = getattr(trainer, name)
        monkeypatch.setattr(trainer, name, lambda original=original, name=name: order.append(name) or original())
    trainer.advance()
    assert order == ["update_refiner"] * k_g + ["update_discriminator"] * k_d


def test_refiner_step_leaves_the_discriminator_alone():
    trainer = simgan(Schedule(0, 0, 1, batch=4))
    before = weights(trainer.discriminator)
    trainer.update_refiner()
    assert not changed(trainer.discriminator, before)
    assert all(parameter.grad is None for parameter in trainer.discriminator.parameters())
    assert all(parameter.requires_grad for parameter in trainer.discriminator.parameters())


def test_discriminator_step_leaves_the_refiner_alone():
    trainer = simgan(Schedule(0, 0, 1, batch=4))
    before = weights(trainer.refiner)
    trainer.update_discriminator()
    assert not changed(trainer.refiner, before)
    assert all(parameter.grad is None for parameter in trainer.refiner.parameters())


def shown_to_d(trainer: SimGAN) -> list[torch.Tensor]:
    """What D is shown in one of its updates: the refined batch, then the real one."""
    batches: list[torch.Tensor] = []
    handle = trainer.discriminator.register_forward_pre_hook(
        lambda _, inputs: batches.append(inputs[0].detach().clone())
    )
    trainer.update_discriminator()
    handle.remove()
    return batches


def test_half_of_ds_refined_batch_is_history():
    """After R has changed, images that the present R cannot have drawn are in D's batch."""
    trainer = simgan(Schedule(0, 0, 1, batch=8))
    for _ in range(3):
        trainer.update_discriminator()
    assert len(trainer.history) == 12
    trainer.history.images[:] = 0.77
    refined, real = shown_to_d(trainer)
    assert len(refined) == len(real) == 8
    assert [bool((image == 0.77).all()) for image in refined] == [False] * 4 + [True] * 4


def test_history_grows_by_half_a_batch_a_step():
    trainer = simgan(Schedule(0, 3, 2, batch=8), history=18)
    sizes = []
    while not trainer.done:
        trainer.advance()
        sizes.append(len(trainer.history))
    assert sizes == [4, 8, 12, 16, 18]


def test_discriminator_learns_to_tell_and_refiner_to_fool():
    """Direction of both games: D's loss on a fixed pair falls; with lambda 0, R moves towards what D calls real."""
    trainer = simgan(Schedule(0, 100, 0, batch=16), optimizer=torch.optim.Adam)
    g = torch.Generator().manual_seed(9)
    synthetic, real = trainer.draw_synthetic(16, g), trainer.draw_real(16, g)

    def d_loss() -> float:
        with torch.no_grad():
            return discriminator_loss(
                trainer.discriminator(trainer.refiner(synthetic)), trainer.discriminator(real)
            ).item()

    before = d_loss()
    while not trainer.done:
        trainer.advance()
    trained = d_loss()
    assert trained < 0.7 * before
    trainer.lam = 0.0
    for _ in range(30):
        trainer.update_refiner()
    assert d_loss() > trained


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_resumed_training_ends_in_the_same_bytes(precision: torch.dtype):
    whole, first, second = (simgan(Schedule(3, 3, 6, batch=8), seed=s, precision=precision) for s in (0, 0, 1))
    while not whole.done:
        whole.advance()
    for _ in range(8):
        first.advance()
    second.load_state_dict(first.state_dict())
    while not second.done:
        second.advance()
    assert torch.equal(weights(second.refiner), weights(whole.refiner))
    assert torch.equal(weights(second.discriminator), weights(whole.discriminator))
    assert torch.equal(second.history.images, whole.history.images)


def test_bfloat16_follows_float32():
    """Each forward pass sees the weights of its own step, and these stay float32."""
    schedule = Schedule(4, 4, 12, batch=8)
    wide, narrow = simgan(schedule), simgan(schedule, precision=torch.bfloat16)
    start = weights(wide.refiner)
    while not wide.done:
        losses = wide.advance()
        torch.testing.assert_close(
            {name: float(loss) for name, loss in narrow.advance().items()},
            {name: float(loss) for name, loss in losses.items()},
            rtol=0.1,
            atol=0.05,
        )
    moved, apart = (weights(wide.refiner) - start).norm(), (weights(wide.refiner) - weights(narrow.refiner)).norm()
    assert 0 < apart < 0.01 * moved
    assert all(parameter.dtype == torch.float32 for parameter in narrow.refiner.parameters())
    assert (
        narrow.refine(torch.zeros(1, 1, *SIZE)).dtype == narrow.judge(torch.zeros(1, 1, *SIZE)).dtype == torch.float32
    )
