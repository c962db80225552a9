"""Augmentation against the renderer: a moved crop is the crop of the moved hand."""

import numpy as np
import pytest
import torch

from benchmarks.datasets.hands import crops
from benchmarks.datasets.hands import skeleton as sk
from benchmarks.datasets.hands.poses import Poses, independent
from benchmarks.datasets.hands.renderer import Rays, render, spheres
from estimators.augment import Moves, augment, draw, move

SIZE = 192
PALM = np.array([[0, 0, 700.0]])


def rendered(
    degrees: float, scale: float = 1.0, shift: tuple[float, float] = (0, 0)
) -> tuple[torch.Tensor, torch.Tensor]:
    """Crop (1, 1, SIZE, SIZE) in network units and joints (1, 14, 2) of one hand, turned about the optical axis.

    `scale` and `shift` are the camera's: a narrower cube, centred elsewhere.
    """
    angles = independent(1, np.random.default_rng(5)).angles
    attitude = sk.rotation(2, np.array(degrees)) @ sk.rotation(0, np.array(25.0)) @ sk.rotation(1, np.array(20.0))
    poses = Poses(angles, attitude[None], PALM)
    centres, radii = spheres(angles, sk.Shape())
    wide = crops.crop_rays(PALM, SIZE)
    step = wide.step / scale
    corner = np.array([-1, 1]) * ((SIZE - 1) / 2 + SIZE * np.array(shift)) * step[:, None]
    depth = render(poses.place(centres), radii, Rays(corner[:, 0], corner[:, 1], step, SIZE, SIZE))
    units = crops.network_units(np.where(np.isfinite(depth), np.rint(depth), 0))
    joints = crops.project(poses.place(sk.evaluation_joints(sk.digits(angles, sk.Shape()), sk.Shape())))[..., :2]
    centre = crops.project(PALM)[:, None, :2]
    pixels = (joints - centre) / (crops.FX, crops.FY) / step + (SIZE - 1) / 2 + SIZE * np.array(shift)
    return torch.from_numpy(units)[:, None], torch.from_numpy(pixels).float()


def moves(degrees: float, scale: float = 1.0, shift: tuple[float, float] = (0, 0)) -> Moves:
    return Moves(torch.tensor([degrees]), torch.tensor([scale]), torch.tensor([shift], dtype=torch.float32))


def overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    """Intersection over union of the hands in two crops."""
    a, b = a < crops.BACKGROUND, b < crops.BACKGROUND
    return ((a & b).sum() / (a | b).sum()).item()


@pytest.mark.parametrize(
    "change",
    [(20.0,), (-17.0,), (0.0, 1.2), (0.0, 0.85), (0.0, 1.0, (0.11, -0.07)), (-13.0, 1.1, (-0.05, 0.08))],
)
def test_a_moved_crop_is_the_moved_hand_s(change):
    still, start = rendered(0.0)
    depth, joints = move(still, start, moves(*change))
    expected, expected_joints = rendered(*change)
    torch.testing.assert_close(joints, expected_joints, atol=1e-3, rtol=0)
    assert overlap(depth, expected) > 0.97  # half a pixel of outline
    assert overlap(still, expected) < 0.8
    both = (depth < crops.BACKGROUND) & (expected < crops.BACKGROUND)
    assert (depth - expected)[both].abs().median() < 1 / 2000  # 1 mm


def test_no_depth_is_invented():
    depth, joints = rendered(0.0)
    moved, _ = move(depth, joints, moves(13.0, 1.07, (0.02, 0.03)))
    assert set(moved.unique().tolist()) <= set(depth.unique().tolist()) | {0.0}
    assert len(moved.unique()) > 20


def test_quarter_turns_are_exact_and_clockwise():
    depth, joints = rendered(0.0)
    turned, moved = move(depth, joints, moves(90.0))
    assert torch.equal(turned, depth.rot90(-1, (2, 3)))
    u, v = joints.unbind(2)
    torch.testing.assert_close(moved, torch.stack([SIZE - 1 - v, u], 2), atol=1e-4, rtol=0)


def test_what_enters_is_background_and_joints_may_leave():
    depth, joints = torch.full((1, 1, 8, 8), -0.5), torch.tensor([[[6.0, 1.0]]])
    moved, found = move(depth, joints, moves(0.0, 1.0, (0.5, 0.0)))
    assert (moved[..., :4] == 0).all() and (moved[..., 4:] == -0.5).all()
    assert found.tolist() == [[[10.0, 1.0]]]


def test_each_image_moves_on_its_own_and_with_its_own_joints():
    depth, joints = (x.expand(3, *x.shape[1:]) for x in rendered(0.0))
    together = augment(depth, joints, torch.Generator().manual_seed(2))
    drawn = draw(3, torch.Generator().manual_seed(2))
    for i in range(3):
        alone = move(depth[:1], joints[:1], Moves(*(values[i : i + 1] for values in drawn)))
        assert torch.equal(together[0][i], alone[0][0])
        torch.testing.assert_close(together[1][i], alone[1][0], atol=1e-4, rtol=0)
    assert (together[1][0] - together[1][1]).abs().max() > 1


def test_draws_fill_their_ranges():
    drawn = draw(4000, torch.Generator().manual_seed(0), degrees=20, scale=0.1, shift=0.05)
    for values, low, high in ((drawn.degrees, -20, 20), (drawn.scale, 0.9, 1.1), (drawn.shift, -0.05, 0.05)):
        assert low <= values.min() < low + 0.01 * (high - low) and high - 0.01 * (high - low) < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 0.03 * (high - low)
