"""The training loop reads losses late and all at once; none that is not finite passes."""

import pytest
import torch

from benchmarks.training.loop import Losses, _read


def test_losses_are_read_in_their_order():
    unread: list[tuple[int, Losses]] = [
        (step, {"loss": torch.tensor(float(step)), "history": 10 * step}) for step in range(3)
    ]
    unread[2][1]["validation_loss"] = 0.5  # pyright: ignore[reportIndexIssue]
    window: dict[str, list[float]] = {"loss": [7.0]}
    _read(unread, window)
    assert window == {"loss": [7, 0, 1, 2], "history": [0, 10, 20], "validation_loss": [0.5]}
    assert not unread


@pytest.mark.parametrize("bad", [torch.tensor(float("nan")), float("inf")])
def test_the_first_that_is_not_finite_is_named_with_its_step(bad: torch.Tensor | float):
    unread: list[tuple[int, Losses]] = [
        (4, {"refiner": torch.tensor(1.0)}),
        (5, {"refiner": bad}),
        (6, {"refiner": bad}),
    ]
    with pytest.raises(FloatingPointError, match=rf"refiner is {float(bad)} at step 5"):
        _read(unread, {})
