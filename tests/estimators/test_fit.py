"""Stopping on the held-out split, keeping the best weights, and resumption."""

import torch
from torch import nn

from estimators.fit import Fit


def fit(validation: list[float], *, max_steps: int = 100, patience: int = 2, seed: int = 0, lr: float = 0.1) -> Fit:
    """A linear fit whose validation losses are dictated, one every second step."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 12)[:, None]
    network, losses = nn.Linear(1, 1), iter(validation)
    return Fit(
        network,
        torch.optim.Adam(network.parameters(), lr=lr),
        nn.functional.mse_loss,
        train=lambda chosen, _: (x[chosen], 2 * x[chosen]),
        count=12,
        validate=lambda _: next(losses),
        batch=4,
        max_steps=max_steps,
        validate_every=2,
        patience=patience,
        generator=torch.Generator().manual_seed(seed),
    )


def test_it_stops_after_patience_validations_without_a_better_one_and_keeps_the_best():
    trainer = fit([5.0, 3.0, 4.0, 2.0, 2.5, 2.0, 9.0])
    kept = {}
    while not trainer.done:
        losses = trainer.advance()
        if losses.get("validation_loss") == 2.0 and trainer.step == 8:
            kept = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert trainer.step == 12  # 2.0 at step 8, then 2.5 and an equal 2.0: patience is 2
    assert all(torch.equal(trainer.best[name], kept[name]) for name in kept)
    assert not torch.equal(trainer.best["weight"], trainer.network.state_dict()["weight"])


def test_it_stops_at_max_steps_with_a_last_validation():
    trainer = fit([3.0, 2.0, 1.0], max_steps=5)
    seen = []
    while not trainer.done:
        seen.append("validation_loss" in trainer.advance())
    assert seen == [False, True, False, True, True]


def test_an_epoch_shows_every_image_once():
    trainer = fit([9.0] * 9, max_steps=6, patience=9)
    shown: list[int] = []
    train = trainer.train
    trainer.train = lambda chosen, generator: shown.extend(chosen.tolist()) or train(chosen, generator)
    while not trainer.done:
        trainer.advance()
    assert sorted(shown[:12]) == sorted(shown[12:]) == list(range(12))
    assert shown[:12] != shown[12:]


def test_it_learns():
    trainer, loss = fit([1.0] * 60, max_steps=100, patience=99), 1.0
    while not trainer.done:
        loss = trainer.advance()["loss"]
    assert loss < 1e-3


def test_resumed_training_ends_in_the_same_bytes():
    whole, first, second = (fit([1.0] * 5, max_steps=9, patience=9, seed=s) for s in (0, 0, 1))
    while not whole.done:
        whole.advance()
    for _ in range(5):
        first.advance()
    second.load_state_dict(first.state_dict())
    while not second.done:
        second.advance()
    assert torch.equal(second.network.state_dict()["weight"], whole.network.state_dict()["weight"])
    assert torch.equal(second.order, whole.order)
