"""The stacked hourglass: shapes and parameters by hand, its supervision, and learning on rendered hands."""

import numpy as np
import pytest
import torch

from benchmarks.datasets import hands
from benchmarks.datasets.hands import crops
from estimators.heatmaps import decode, encode
from estimators.hourglass import Hourglass, HourglassModule, estimate, hourglass_loss


def narrow(features: int = 16) -> Hourglass:
    """Two stacks for 64-pixel crops, heat maps of 16; the heads, which start at zero, drawn."""
    torch.manual_seed(0)
    network = Hourglass(features=features, depth=2, side=16)
    for head in network.heads:
        torch.nn.init.normal_(head.get_parameter("weight"))
    return network


def convolution(kernel: int, inputs: int, outputs: int) -> int:
    return (kernel**2 * inputs + 1) * outputs


def residual(inputs: int, features: int) -> int:
    half = features // 2
    body = convolution(1, inputs, half) + convolution(3, half, half) + convolution(1, half, features)
    norms = 2 * (inputs + half + half)
    return body + norms + (convolution(1, inputs, features) if inputs != features else 0)


@pytest.mark.parametrize(("stacks", "features", "depth", "joints"), [(2, 256, 4, 14), (8, 256, 4, 16), (1, 16, 2, 3)])
def test_parameters_by_hand(stacks: int, features: int, depth: int, joints: int):
    f = features
    with torch.device("meta"):
        network = Hourglass(stacks, f, joints, depth=depth)
    stem = convolution(7, 1, f // 4) + 2 * (f // 4) + residual(f // 4, f // 2) + residual(f // 2, f // 2)
    stem += residual(f // 2, f)
    hourglass = (3 * depth + 1) * residual(f, f) + residual(f, f) + convolution(1, f, f) + 2 * f
    back = convolution(1, f, f) + convolution(1, joints, f)
    expected = stem + stacks * (hourglass + convolution(1, f, joints)) + (stacks - 1) * back
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize("size", [224, 256])
def test_the_papers_heat_maps_are_64_wide(size: int):
    with torch.device("meta"):
        maps = Hourglass()(torch.empty(3, 1, size, size))
    assert maps.shape == (3, 2, 14, 64, 64)


@pytest.mark.parametrize(("size", "side", "depth"), [(64, 32, 4), (64, 16, 3), (65, 25, 3)])
def test_smaller_crops_and_odd_sides(size: int, side: int, depth: int):
    assert Hourglass(features=8, depth=depth, side=side)(torch.rand(2, 1, size, size)).shape == (2, 2, 14, side, side)


def test_crops_that_the_stem_cannot_fill_are_refused():
    with pytest.raises(ValueError, match="twice the heat maps' side, 64"):
        Hourglass(features=8)(torch.zeros(2, 1, 96, 96))


@pytest.mark.parametrize(("depth", "reach"), [(1, False), (3, True)])
def test_depth_lets_every_pixel_see_the_whole_map(depth: int, reach: bool):
    torch.manual_seed(0)
    x = torch.rand(1, 8, 32, 32, requires_grad=True)
    HourglassModule(8, depth).eval()(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None and bool(x.grad[0, :, :, 20:].abs().sum() > 0) == reach


def test_loss_is_the_mean_over_pixels_summed_over_stacks():
    target = torch.zeros(2, 3, 4, 4)
    predicted = torch.stack([target + 1, target + 2], 1)
    assert hourglass_loss(predicted, target).item() == pytest.approx(1 + 4)


def test_the_second_stack_sees_the_first_one_s_maps():
    network, depth = narrow().eval(), torch.rand(1, 1, 64, 64)
    before = network(depth)
    torch.nn.init.constant_(network.heads[0].get_parameter("bias"), 1.0)
    after = network(depth)
    torch.testing.assert_close(after[:, 0], before[:, 0] + 1)
    assert not torch.allclose(after[:, 1], before[:, 1])


def test_it_starts_with_empty_maps():
    assert (Hourglass(features=16, depth=2, side=16)(torch.rand(2, 1, 64, 64)) == 0).all()


def test_an_estimate_does_not_depend_on_the_batch():
    network, depth = narrow(), torch.rand(5, 1, 64, 64)
    network(depth)  # running averages
    at_once = estimate(network, [depth])
    torch.testing.assert_close(estimate(network, depth.split(2)), at_once, atol=1e-2, rtol=0)
    assert at_once.shape == (5, 14, 2) and not network.training


def test_it_overfits_one_batch_in_both_stacks():
    images, labels = next(hands.simulator(4, 0, size=64))
    offset = crops.cube_offset(labels.crop_d.to_numpy())
    depth = torch.from_numpy(crops.network_units(images, offset, 400.0))[:, None]
    columns = [f"{joint}_{axis}" for joint in hands.JOINTS for axis in "uv"]
    joints = torch.tensor(labels[columns].to_numpy(np.float32).reshape(4, -1, 2))
    torch.manual_seed(0)
    network, target = Hourglass(features=32, depth=2, side=16), encode(joints, 64, 16)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(100):
        loss = hourglass_loss(network(depth), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        errors = [(decode(maps, 64) - joints).norm(dim=2) for maps in network(depth).unbind(1)]
    assert max(error.max().item() for error in errors) < 1
    found = estimate(network, [depth])
    assert torch.equal((found[:, :, None] - joints[:, None]).norm(dim=3).argmin(2), torch.arange(14).expand(4, 14))
