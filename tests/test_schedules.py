"""Learning-rate schedules, alone and in both trainers."""

import pytest
import torch
from torch import nn

from benchmarks.training.schedules import SCHEDULES
from estimators.fit import Fit
from simgan.algorithm1 import Schedule, SimGAN


@pytest.mark.parametrize(
    ("name", "factors"),
    [("constant", [1, 1, 1, 1, 1]), ("linear", [1, 1, 1, 0.5, 0]), ("cosine", [1, 0.853553, 0.5, 0.146447, 0])],
)
def test_factors_at_each_quarter_of_the_training(name: str, factors: list[float]):
    assert [SCHEDULES[name](k / 4) for k in range(5)] == pytest.approx(factors, abs=1e-6)


def test_simgan_decays_over_the_adversarial_iterations_and_keeps_its_drops():
    refiner, discriminator = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 2, 1)
    optimizers = [torch.optim.SGD(network.parameters(), lr=0.2) for network in (refiner, discriminator)]
    trainer = SimGAN(
        refiner,
        discriminator,
        refiner_optimizer=optimizers[0],
        discriminator_optimizer=optimizers[1],
        draw_synthetic=lambda n, g: torch.zeros(n, 1, 2, 2),
        draw_real=lambda n, g: torch.zeros(n, 1, 2, 2),
        schedule=Schedule(1, 1, 4, 1, 1, 4, lr_drops=((3, 0.01),)),
        lam=0.1,
        history=8,
        decay=SCHEDULES["linear"],
        generator=torch.Generator(),
    )
    rates = []
    while not trainer.done:
        trainer.advance()
        rates.append([optimizer.param_groups[0]["lr"] for optimizer in optimizers])
    expected = [0.2, 0.2, 0.2, 0.2, 0.2, 0.005]  # pretraining twice, then iterations 0 to 3 of 4
    assert rates == [pytest.approx([rate, rate]) for rate in expected]


def test_an_estimator_decays_over_its_steps():
    network = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.4)
    trainer = Fit(
        network,
        optimizer,
        nn.functional.mse_loss,
        train=lambda chosen, _: (torch.ones(len(chosen), 2), torch.zeros(len(chosen), 1)),
        count=4,
        validate=lambda _: 1.0,
        batch=2,
        max_steps=4,
        validate_every=4,
        patience=2,
        decay=SCHEDULES["linear"],
        generator=torch.Generator(),
    )
    rates = []
    while not trainer.done:
        trainer.advance()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.4, 0.4, 0.4, 0.2])
