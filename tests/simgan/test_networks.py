"""Section 3.1 and 3.2's networks: shapes, parameters, receptive fields, against the paper's text and gradients."""

import pytest
import torch

from simgan.networks import (
    GAZE_LAYERS,
    HAND_LAYERS,
    Discriminator,
    Refiner,
    discriminator_receptive_field,
    map_size,
    probability_map,
    refiner_receptive_field,
)


def seen(network: torch.nn.Module, size: int, output: tuple[int, int]) -> int:
    """Pixels along one side on which one output depends, by its gradient: an oracle that knows no formula."""
    image = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    network.double()
    for parameter in network.parameters():  # positive weights: no path cancels, no ReLU is closed
        torch.nn.init.constant_(parameter, 0.01)
    network(image)[0, 0, *output].backward()
    assert image.grad is not None
    return int((image.grad[0, 0].abs().sum(0) > 0).sum())


def trainable(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_refiner_has_the_papers_layers():
    refiner = Refiner()
    # Conv3x3 to 64, four blocks of two Conv3x3 64 -> 64, Conv1x1 to 1, with biases
    assert trainable(refiner) == (9 + 1) * 64 + 8 * (9 * 64 + 1) * 64 + (64 + 1)
    image = torch.rand(2, 1, 35, 55) * 2 - 1
    assert refiner(image).shape == image.shape
    assert refiner(50 * image).abs().max() <= 1


def test_refined_images_have_no_rim():
    """A constant image comes out constant: nothing tells the border from the middle, unlike with zeros."""
    torch.manual_seed(0)
    flat = torch.full((1, 1, 35, 55), 0.6)
    assert Refiner()(flat).std() < 1e-6
    assert Refiner(padding="zeros")(flat).std() > 1e-4


def test_discriminator_has_the_papers_layers_and_a_local_map():
    network = Discriminator()
    convolutions = [(1, 96, 3), (96, 64, 3), (64, 32, 3), (32, 32, 1), (32, 2, 1)]
    assert trainable(network) == sum((i * k * k + 1) * o for i, o, k in convolutions)
    assert network(torch.zeros(3, 1, 35, 55)).shape == (3, 2, 9, 14)
    assert map_size(GAZE_LAYERS, (35, 55)) == (9, 14)
    hand = Discriminator(HAND_LAYERS, size=(224, 224))
    assert hand(torch.zeros(1, 1, 224, 224)).shape[2:] == map_size(HAND_LAYERS, (224, 224))


def test_global_discriminator_judges_the_whole_image():
    network = Discriminator(kind="global")
    assert network(torch.zeros(3, 1, 35, 55)).shape == (3, 2, 1, 1)
    assert trainable(network) - trainable(Discriminator()) == (32 * 9 * 14 + 1) * 2 - (32 + 1) * 2


def test_logits_reach_both_signs():
    """A ReLU on D's logits would cut the negative half off."""
    torch.manual_seed(0)
    for kind in ("local", "global"):
        logits = Discriminator(kind=kind)(torch.rand(16, 1, 35, 55) * 2 - 1)
        head = Discriminator(kind=kind)
        torch.nn.init.constant_(list(head.parameters())[-1], -5.0)  # the last layer's bias
        assert (head(torch.zeros(1, 1, 35, 55)) < -4).all()
        assert torch.isfinite(logits).all()


def test_probability_map_is_the_probability_of_being_refined():
    logits = torch.tensor([0.0, 2.0]).reshape(1, 2, 1, 1)  # class 1, refined, is the likelier
    assert probability_map(logits).item() == pytest.approx(1 / (1 + torch.tensor(-2.0).exp().item()))


@pytest.mark.parametrize(("blocks", "kernel", "size"), [(4, 3, 41), (2, 7, 63)])
def test_refiner_receptive_field(blocks: int, kernel: int, size: int):
    field = seen(Refiner(features=2, blocks=blocks, kernel=kernel), size, (size // 2, size // 2))
    assert field == refiner_receptive_field(blocks, kernel)


def test_receptive_fields_are_those_of_the_ledger():
    assert refiner_receptive_field(4, 3) == 19
    assert refiner_receptive_field(10, 7) == 127
    assert discriminator_receptive_field(GAZE_LAYERS) == 23
    assert discriminator_receptive_field(HAND_LAYERS) == 71


@pytest.mark.parametrize("layers", [GAZE_LAYERS, HAND_LAYERS])
def test_discriminator_receptive_field(layers):
    """Pooling passes one gradient only, so pixels are probed from the input: which of them change the output."""
    size = 161
    network = Discriminator(layers, size=(size, size), width=0.05).double()
    torch.manual_seed(3)
    for name, parameter in network.named_parameters():
        torch.nn.init.uniform_(parameter, 0.05, 0.1) if "weight" in name else torch.nn.init.zeros_(parameter)
    h, w = map_size(layers, (size, size))
    zero = torch.zeros(1, 1, size, size, dtype=torch.float64)
    columns = []
    with torch.no_grad():
        for column in range(size):
            lit = zero.clone()
            lit[..., column] = 1
            columns.append(bool(network(lit)[0, 0, h // 2, w // 2] > network(zero)[0, 0, h // 2, w // 2]))
    assert sum(columns) == discriminator_receptive_field(layers)
