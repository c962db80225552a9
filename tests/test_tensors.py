"""Images on their way to the network, and networks on theirs to the device."""

from functools import partialmethod

import pytest
import torch
from torch import nn

from benchmarks.datasets import eyes, hands
from benchmarks.training.tensors import Images, place, to_network
from simgan.networks import Refiner

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


def test_a_compiled_network_gives_what_the_plain_one_does(monkeypatch: pytest.MonkeyPatch):
    """Traced whole, forward and backward, but for what turns the trace into machine code."""
    monkeypatch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend="aot_eager", fullgraph=True))
    found = []
    for compiled in (False, True):
        torch.manual_seed(0)
        refiner = place(Refiner(features=4, blocks=1), CPU, compiled)
        images = torch.rand(3, 1, 9, 11, generator=torch.Generator().manual_seed(1))
        loss = refiner(images).square().sum()
        loss.backward()
        found.append((loss.detach(), {name: weight.grad for name, weight in refiner.named_parameters()}))
    torch.testing.assert_close(found[1], found[0])
