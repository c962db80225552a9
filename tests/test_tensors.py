"""Images on their way to the network."""

import pytest
import torch

from benchmarks.datasets import eyes, hands
from benchmarks.training.tensors import Images, to_network

CPU = torch.device("cpu")


@pytest.mark.parametrize("task", ["gaze", "hand"])
def test_images_that_live_on_the_device_are_those_of_the_store(task: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.training.tensors.CHUNK", 10)  # more than one chunk, the last one short
    images = next(eyes.simulator(24, 1) if task == "gaze" else hands.simulator(24, 1, size=32))[0]
    images[3] = 0  # nothing but background
    chosen = torch.tensor([23, 3, 0, 23])
    torch.testing.assert_close(
        Images(images, CPU, resident=True)(chosen), to_network(images[chosen.numpy()], CPU), rtol=0, atol=0
    )
