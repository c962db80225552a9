"""Heat maps: the two grids' alignment by hand, and decoding as the inverse of encoding."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.heatmaps import decode, encode, to_crop, to_map


def test_both_grids_cover_the_same_square():
    corners = torch.tensor([-0.5, 111.5, 223.5])  # left edge, middle and right edge of 224 pixels
    assert to_map(corners, 224, 64).tolist() == [-0.5, 31.5, 63.5]
    assert to_crop(torch.tensor([0.0, 1.0]), 224, 64).tolist() == [1.25, 4.75]  # 3.5 crop pixels a heat-map pixel
    assert to_crop(torch.tensor([0.0, 1.0]), 64, 32).tolist() == [0.5, 2.5]


def test_a_map_is_a_gaussian_of_sigma_heat_map_pixels_at_its_own_joint():
    joints = torch.tensor([[[4.75, 8.25], [22.25, 1.25]]])  # heat-map pixels (1, 2) and (6, 0)
    maps = encode(joints, 56, 16, sigma=1.5)
    assert maps.shape == (1, 2, 16, 16)
    assert maps[0, [0, 1], [2, 0], [1, 6]].tolist() == pytest.approx([1, 1])  # row v, column u
    assert maps[0, 0, 5, 3].item() == pytest.approx(math.exp(-(2**2 + 3**2) / (2 * 1.5**2)), rel=1e-4)
    assert maps[0, 1, 2, 1].item() == pytest.approx(math.exp(-(5**2 + 2**2) / (2 * 1.5**2)), rel=1e-4)


@pytest.mark.parametrize(("size", "side"), [(224, 64), (64, 32), (64, 16), (50, 7)])
@settings(max_examples=50, deadline=None, derandomize=True)
@given(place=st.tuples(st.floats(0, 1), st.floats(0, 1)), sigma=st.floats(0.6, 3))
def test_decoding_undoes_encoding_up_to_the_crop_s_edge(size, side, place, sigma):
    joints = torch.tensor([[place]]) * size - 0.5
    torch.testing.assert_close(decode(encode(joints, size, side, sigma), size), joints, atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [192, 256])
def test_another_stride_moves_the_joints(size):
    joints = torch.tensor([[[40.0, 180.0]]])
    assert (decode(encode(joints, 224, 64), size) - joints).abs().min() > 5


def test_height_and_batch_do_not_matter():
    joints = torch.rand(3, 5, 2, generator=torch.Generator().manual_seed(0)) * 60
    maps = encode(joints, 64, 32)
    torch.testing.assert_close(decode(0.03 * maps, 64), joints, atol=1e-3, rtol=0)
    torch.testing.assert_close(decode(maps[1:2, 3:4], 64)[0, 0], joints[1, 3], atol=1e-3, rtol=0)


def test_noise_moves_a_joint_little():
    generator = torch.Generator().manual_seed(1)
    joints = torch.rand(50, 14, 2, generator=generator) * 63
    maps = encode(joints, 64, 32)
    found = decode(maps + 0.02 * torch.randn(maps.shape, generator=generator), 64)
    assert (found - joints).norm(dim=2).mean() < 0.2


def test_joints_outside_end_on_the_edge_and_leave_no_trace_from_afar():
    near, far = torch.tensor([[[-3.0, 30.0]]]), torch.tensor([[[300.0, 30.0]]])
    torch.testing.assert_close(decode(encode(near, 64, 32), 64), torch.tensor([[[-0.5, 30.0]]]), atol=1e-3, rtol=0)
    assert encode(far, 64, 32).sum() == 0


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_constant_maps_give_a_point_near_their_first_pixel(value):
    assert (decode(torch.full((1, 1, 8, 8), value), 16) - 0.5).abs().max() <= 2
