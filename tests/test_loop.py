"""The training loop reads losses late and all at once; none that is not finite passes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.core.config import Compute
from benchmarks.core.errors import UserError
from benchmarks.training import checkpoints
from benchmarks.training.loop import Losses, _read, train


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


class Diverging:
    """Its loss is not a number from step 5 on."""

    def __init__(self):
        self.step, self.done = 0, False

    def advance(self) -> Losses:
        self.step += 1
        return {"loss": torch.tensor(1.0 if self.step <= 5 else float("nan"))}

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@pytest.mark.parametrize("sample_every", [0, 7])
def test_no_state_is_saved_or_shown_before_its_losses_are_read(workspace: Path, sample_every: int):
    """Neither a log nor, with samples, a checkpoint is due when the loss goes."""
    seen: list[int] = []
    trainer = Diverging()
    with pytest.raises(UserError, match="loss is nan at step 5; "):
        train(
            trainer,
            experiment="SimGAN",
            stage="train-simgan",
            task="gaze",
            condition="",
            seed=0,
            settings={},
            inputs={},
            compute=Compute(device="cpu", threads=1, precision="float32", compiled=False),
            steps=100,
            images_per_step=1,
            log_every=100,
            save_outputs=lambda: None,
            criteria=lambda: seen.append(trainer.step) or {},
            sample_every=sample_every,
            checkpoint_every_s=1e9 if sample_every else 0,
        )
    assert seen == [0]
    for state in Path(".checkpoints").glob("*/*/state.pt"):
        found = checkpoints.newest(state)
        assert found is not None
        assert found["trainer"]["step"] == 5
