"""Section 3.1's gaze CNN, its loss, and the angular error, against hand-computed values."""

import math

import numpy as np
import pytest
import torch

from estimators.errors import angular_error_deg
from estimators.gaze_cnn import GazeCNN, estimate, gaze_loss


def test_shapes_are_the_papers_unpadded_ones():
    network = GazeCNN("flattening")
    sizes, x = [], torch.zeros(1, 1, 35, 55)
    for layer in network.features:
        x = layer(x)
        if not isinstance(layer, torch.nn.ReLU):
            sizes.append(tuple(x.shape[1:]))
    assert sizes == [
        (32, 33, 53), (32, 31, 51), (64, 29, 49), (64, 14, 24), (80, 12, 22), (192, 10, 20), (192, 5, 10)
    ]  # fmt: skip
    assert x.flatten(1).shape[1] == 9600


@pytest.mark.parametrize(("reading", "fc"), [("flattening", 0), ("layer", 9601 * 9600)])
def test_both_readings_of_fc9600(reading, fc: int):
    with torch.device("meta"):  # 102 M parameters need no memory here
        network = GazeCNN(reading)
    convolutions = sum((9 * i + 1) * o for i, o in [(1, 32), (32, 32), (32, 64), (64, 80), (80, 192)])
    expected = convolutions + fc + 9601 * 1000 + 1001 * 3
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_output_is_not_normalised():
    network = GazeCNN("flattening", width=0.1, hidden=4)
    torch.nn.init.constant_(list(network.parameters())[-1], 3.0)
    assert network(torch.zeros(2, 1, 35, 55)).norm(dim=1).min() > 4


def test_gaze_loss_is_half_the_squared_distance():
    estimated, truth = torch.tensor([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]]), torch.zeros(2, 3)
    assert gaze_loss(estimated, truth).item() == pytest.approx(0.5 * 9 / 2)


def test_angular_error_of_known_angles():
    truth = torch.tensor([[0.0, 0.0, -1.0]]).expand(4, 3)
    angles = np.deg2rad([0.0, 7.0, 90.0, 180.0])
    estimated = torch.tensor(np.stack([np.sin(angles), np.zeros(4), -np.cos(angles)], 1))
    assert angular_error_deg(estimated, truth).tolist() == pytest.approx([0, 7, 90, 180], abs=1e-4)


def test_angular_error_ignores_length():
    """Degrees without normalising would call a short vector a wide angle."""
    truth = torch.tensor([[0.0, 0.6, -0.8]])
    assert angular_error_deg(0.3 * truth, truth).item() == pytest.approx(0, abs=1e-4)
    assert angular_error_deg(torch.tensor([[0.0, 0.0, -5.0]]), truth).item() == pytest.approx(
        math.degrees(math.acos(0.8)), abs=1e-4
    )


def test_estimate_in_batches_equals_at_once():
    torch.manual_seed(0)
    network = GazeCNN("flattening", width=0.1, hidden=8).eval()
    eyes = torch.rand(10, 1, 35, 55)
    with torch.no_grad():
        assert torch.allclose(estimate(network, eyes.split(3)), network(eyes), atol=1e-6)
