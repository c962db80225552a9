"""Bones, skin and crops of the embedded hands, against hand-computed chains and brute force."""

import numpy as np
import pytest

from benchmarks.datasets.hands import crops
from benchmarks.datasets.hands import skeleton as sk
from benchmarks.datasets.hands.poses import POSTURES, Poses, independent, postures, sequence
from benchmarks.datasets.hands.renderer import CAPSULES, PATCHES, Rays, render, spheres

NONE = np.empty((0, 2), int), np.empty((0, 3), int)
INDEX, MIDDLE = 4, 8  # where these digits' four angles start


def grid(size: int, step: float) -> Rays:
    half = (size - 1) / 2 * step
    return Rays(np.array([-half]), np.array([half]), np.array([step]), size, size)


def brute_force(centres: np.ndarray, radii: np.ndarray, rays: Rays) -> np.ndarray:
    """Nearest hit of each ray with any of many spheres (K, 3), (K,)."""
    x = rays.x0[0] + np.arange(rays.width) * rays.step[0]
    y = rays.y0[0] - np.arange(rays.height) * rays.step[0]
    d = np.stack([*np.meshgrid(x, y), np.ones((rays.height, rays.width))], -1)
    nearest = np.full(d.shape[:2], np.inf)
    for centre, radius in zip(centres, radii, strict=True):
        b, dd = d @ centre, (d * d).sum(-1)
        root = b**2 - dd * (centre @ centre - radius**2)
        nearest = np.where(root >= 0, np.minimum(nearest, (b - np.sqrt(np.maximum(root, 0))) / dd), nearest)
    return nearest


def agree(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    outline = np.isfinite(found) != np.isfinite(expected)
    assert outline.mean() < 0.004  # sampled hulls are a little thinner
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.sum() > 1000
    difference = expected[both] - found[both]
    assert difference.min() > -1e-6
    assert np.percentile(difference, 99) < tolerance


def test_a_sphere_is_where_it_should_be():
    centre, radius = np.array([12.0, -9.0, 700.0]), 20.0
    rays = grid(81, 0.001)
    found = render(np.array([[centre, centre]]), np.array([radius]), rays, np.array([[0, 1]]), NONE[1])
    np.testing.assert_allclose(found[0], brute_force(centre[None], np.array([radius]), rays), atol=1e-6)
    row, column = 40 + round(9 / 700 / 0.001), 40 + round(12 / 700 / 0.001)  # y is up, rows go down
    assert found[0, row, column] == pytest.approx(680, abs=0.1)


@pytest.mark.parametrize(
    "ends, radii",
    [
        ([(-30, 10, 700), (35, -20, 680)], (12, 12)),
        ([(-30, 10, 700), (35, -20, 740)], (18, 7)),
        ([(5, 5, 640), (9, 0, 720)], (8, 15)),  # towards the camera
        ([(5, 5, 640), (9, 0, 720)], (15, 8)),
    ],
)
def test_capsules_are_swept_spheres(ends, radii):
    a, b = np.array(ends, float)
    share = np.linspace(0, 1, 400)[:, None]
    rays = grid(121, 0.0011)
    expected = brute_force(a + share * (b - a), radii[0] + share[:, 0] * (radii[1] - radii[0]), rays)
    found = render(np.array([[a, b]]), np.array(radii, float), rays, np.array([[0, 1]]), NONE[1])[0]
    agree(found, expected, 0.05)


@pytest.mark.parametrize("tilt", [0, 35, 80])
def test_patches_close_the_hull_of_three_spheres(tilt):
    corners = np.array([(-30, -20, 0), (34, -12, 6), (3, 36, -5)]) @ sk.rotation(0, np.array(tilt)).T + [0, 0, 700]
    radii = np.array([14.0, 10.0, 7.0])
    u, v = np.meshgrid(np.linspace(0, 1, 60), np.linspace(0, 1, 60))
    weights = np.stack([u, v, 1 - u - v], -1)[u + v <= 1 + 1e-9]
    rays = grid(101, 0.0013)
    edges, patch = np.array([(0, 1), (1, 2), (2, 0)]), np.array([(0, 1, 2)])
    expected = brute_force(weights @ corners, weights @ radii, rays)
    agree(render(corners[None], radii, rays, edges, patch)[0], expected, 0.3)


def test_patches_that_one_sphere_swallows_are_left_out():
    centres = np.array([[(0, 0, 700), (3, 0, 700), (0, 3, 700)]], float)
    assert np.isinf(render(centres, np.array([20.0, 4, 4]), grid(61, 0.001), NONE[0], np.array([(0, 1, 2)]))).all()


def test_a_finger_s_chain_by_hand():
    angles = np.zeros((1, sk.ANGLES))
    angles[0, MIDDLE : MIDDLE + 4] = 0, 90, 90, 0  # knuckle towards the palm, hinge back down
    middle = sk.digits(angles, sk.Shape())[0, 2]
    base, bones = sk.BASE[2], sk.BONES[2]
    expected = np.array([(0, 0, 0), (0, 0, -bones[0]), (0, -bones[1], -bones[0]), (0, -bones[1] - bones[2], -bones[0])])
    np.testing.assert_allclose(middle - base, expected, atol=1e-9)
    angles[0, INDEX : INDEX + 4] = 10, 0, 0, 0
    index = sk.digits(angles, sk.Shape(scale=2))[0, 1]
    lean = np.radians(10 + sk.FAN[1])
    np.testing.assert_allclose(
        index[3] - index[0], 2 * sk.BONES[1].sum() * np.array([np.sin(lean), np.cos(lean), 0]), atol=1e-9
    )


@pytest.mark.parametrize("axis", range(3))
def test_rotations_compose(axis):
    a, b = sk.rotation(axis, np.array(31.0)), sk.rotation(axis, np.array(-12.0))
    np.testing.assert_allclose(a @ b, sk.rotation(axis, np.array(19.0)), atol=1e-12)
    np.testing.assert_allclose(a @ a.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(a) == pytest.approx(1)


@pytest.mark.parametrize("person", [0, 1])
def test_bones_keep_their_lengths_and_nyu_s(person):
    poses = independent(50, np.random.default_rng(0))
    shape = sk.PERSONS[person]
    joints = sk.digits(poses.angles, shape)
    lengths = np.linalg.norm(np.diff(joints, axis=2), axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[:1], lengths.shape))
    found = sk.evaluation_joints(joints, shape)
    straight = [(0, 1), (2, 3), (4, 5), (6, 7)]  # tip to middle hinge, at most
    nyu = [(43.5, 50.4, 57.2, 51.3), (35.3, 44.2, 48.7, 45.1)][person]
    reach = sk.evaluation_joints(sk.digits(np.zeros((1, sk.ANGLES)), shape), shape)[0]
    np.testing.assert_allclose([np.linalg.norm(reach[a] - reach[b]) for a, b in straight], nyu, rtol=0.05)
    wrist = np.linalg.norm(found[:, 11:13] - found[:, 13:], axis=-1)
    np.testing.assert_allclose(wrist, (81.3, 67.3)[person], rtol=0.03)


def test_the_fourteen_joints_are_nyu_s_in_its_order():
    assert list(sk.NYU_JOINTS.values()) == [0, 3, 6, 9, 12, 15, 18, 21, 24, 25, 27, 30, 31, 32]
    angles = np.random.default_rng(1).uniform(sk.LIMITS[:, 0], sk.LIMITS[:, 1], (3, sk.ANGLES))
    joints = sk.digits(angles, sk.Shape())
    found = dict(zip(sk.JOINTS, sk.evaluation_joints(joints, sk.Shape()).swapaxes(0, 1), strict=True))
    for name, digit, place in (("pinky_tip", 4, 3), ("ring_hinge", 3, 1), ("index_tip", 1, 3), ("thumb_hinge", 0, 2)):
        np.testing.assert_array_equal(found[name], joints[:, digit, place])
    root = joints[:, 0, 0] / 3 + joints[:, 0, 1] * 2 / 3
    np.testing.assert_allclose(found["thumb_root"], root)
    assert (found["palm"] == 0).all() and (found["wrist_radial"][:, 0] > found["wrist_ulnar"][:, 0]).all()


def test_poses_keep_the_limits_and_their_fingers_move_together():
    poses = independent(4000, np.random.default_rng(3))
    assert (poses.angles >= sk.LIMITS[:, 0]).all() and (poses.angles <= sk.LIMITS[:, 1]).all()
    assert ((postures() >= sk.LIMITS[:, 0]) & (postures() <= sk.LIMITS[:, 1])).all() and len(POSTURES) >= 20
    knuckles = np.corrcoef(poses.angles[:, [5, 9, 13, 17]].T)
    assert knuckles[2, 3] > 0.6 > knuckles[0, 3] > 0
    assert np.corrcoef(poses.angles[:, 6], poses.angles[:, 7])[0, 1] > 0.9  # the last two hinges


def test_sequences_are_autocorrelated_and_independent_poses_are_not():
    def lag_one(poses: Poses) -> np.ndarray:
        seen = np.column_stack([poses.angles, poses.palms, poses.rotations[:, 0]])
        return np.array([np.corrcoef(column[:-1], column[1:])[0, 1] for column in seen.T])

    rng = np.random.default_rng(4)
    frames = sequence(600, rng)
    assert lag_one(frames).min() > 0.8
    assert (np.abs(np.diff(frames.angles, axis=0)) <= 0.1 * np.ptp(sk.LIMITS, axis=1)).all()  # nothing jumps
    assert np.abs(lag_one(independent(600, rng))).max() < 0.2


def placed(rotation: np.ndarray, palms: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Image (size, size) and joints (14, 2) in crop pixels of the generic hand."""
    poses = Poses(angles, rotation[None], palms[None])
    centres, radii = spheres(angles, sk.Shape())
    image = render(poses.place(centres), radii, crops.crop_rays(poses.palms, 96))[0]
    joints = crops.project(poses.place(sk.evaluation_joints(sk.digits(angles, sk.Shape()), sk.Shape())))
    return image, crops.frame_to_crop(joints[..., :2], crops.project(poses.palms), 96)[0]


def test_turning_the_scene_about_the_optical_axis_turns_image_and_joints():
    angles = independent(1, np.random.default_rng(5)).angles
    start, palm = sk.rotation(0, np.array(25.0)) @ sk.rotation(1, np.array(20.0)), np.array([0, 0, 700.0])
    image, joints = placed(start, palm, angles)
    quarter, moved = placed(sk.rotation(2, np.array(90.0)) @ start, palm, angles)
    np.testing.assert_allclose(quarter, np.rot90(image, -1), rtol=1e-9)  # +y towards +x: clockwise
    for degrees in (90.0, -17.0):
        _, moved = placed(sk.rotation(2, np.array(degrees)) @ start, palm, angles)
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        expected = (joints - 47.5) @ np.array([[cos, -sin], [sin, cos]]).T + 47.5  # clockwise with v down
        np.testing.assert_allclose(moved, expected, atol=1e-9)


def test_side_views_turn_the_hand_and_keep_distances():
    poses = independent(20, np.random.default_rng(6))
    points = np.random.default_rng(7).normal(0, 50, (20, 9, 3))
    front = poses.place(points)
    spans = np.linalg.norm(np.diff(front, axis=1), axis=-1)
    for view in (1, 2):
        side = poses.seen(view).place(points)
        np.testing.assert_allclose(np.linalg.norm(np.diff(side, axis=1), axis=-1), spans)
        np.testing.assert_allclose(side[..., 1], front[..., 1])  # about the vertical
        assert not np.allclose(side[..., 0], front[..., 0])
    np.testing.assert_allclose(poses.seen(0).place(points), front)


def test_crop_frame_and_millimetres_round_trip():
    rng = np.random.default_rng(8)
    palms = np.column_stack([rng.uniform(-100, 100, (6, 2)), rng.uniform(600, 1000, 6)])
    points = palms[:, None] + rng.uniform(-100, 100, (6, 5, 3))
    crop, uvd = crops.project(palms), crops.project(points)
    uv = crops.frame_to_crop(uvd[..., :2], crop, 64)
    np.testing.assert_allclose(crops.crop_to_frame(uv, crop, 64), uvd[..., :2])
    np.testing.assert_allclose(crops.crop_to_mm(np.concatenate([uv, uvd[..., 2:]], -1), crop, 64), points)
    corner = palms[:, None] + [[150, -150, 0]]  # the cube's lower right corner lies at the edge of the last pixel
    np.testing.assert_allclose(crops.frame_to_crop(crops.project(corner)[..., :2], crop, 64), 63.5)
    np.testing.assert_allclose(crops.project(np.array([0.0, 100, 587.07])), [320, 140, 587.07])


def test_every_sphere_is_used_and_none_is_named_twice_in_a_part():
    for parts in (CAPSULES, PATCHES):
        assert all(len(set(part)) == len(part) for part in parts.tolist())
        assert len({tuple(sorted(part)) for part in parts.tolist()}) == len(parts)
    centres, radii = spheres(np.zeros((1, sk.ANGLES)), sk.Shape())
    assert set(CAPSULES.ravel()) == set(range(len(radii))) and centres.shape == (1, len(radii), 3)
