"""The embedded eyes' geometry against hand-computed pinholes, SciPy's rotations and the pixels themselves."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from benchmarks.datasets.eyes import geometry as geo
from benchmarks.datasets.eyes.renderer import render, trace
from benchmarks.datasets.eyes.scenes import camera_scenes, simulator_scenes


def scenes_looking(pitch, yaw, **values):
    """One plain scene a (pitch, yaw) pair, the head towards the camera on its axis."""
    gaze = geo.direction(np.asarray(pitch, float), np.asarray(yaw, float)).astype(np.float32)
    plain = simulator_scenes(1, np.random.default_rng(3))
    scenes = geo.Scenes(
        **{name: np.repeat(value, len(gaze), 0) for name, value in vars(plain).items() if name != "gaze"},
        gaze=gaze,
    )
    still = {"head_pitch": 0, "head_yaw": 0, "centre": (0, 0, 600), "iris_radius": 5.9, "pupil_radius": 2.5}
    return scenes.but(**{**still, **values})


WIDE_OPEN = {"upper_lid": 60, "lower_lid": 60, "corner_in": -14, "corner_out": 14, "lash_dark": 0}
FIXATIONS = {"pitch": [0, 0, 0, 20, -20, 15, -15], "yaw": [0, 25, -25, 0, 0, 20, -20]}


def test_direction_follows_mpiigaze_axes():
    vectors = geo.direction(np.array([0, 0, 90, 30]), np.array([0, 90, 0, 0]))
    expected = [[0, 0, -1], [-1, 0, 0], [0, -1, 0], [0, -0.5, -np.sqrt(0.75)]]
    np.testing.assert_allclose(vectors, expected, atol=1e-12)


def test_angles_invert_direction():
    pitch, yaw = np.random.default_rng(0).uniform(-80, 80, (2, 50))
    np.testing.assert_allclose(geo.angles(geo.direction(pitch, yaw)), [pitch, yaw], atol=1e-9)


def test_pupil_label_is_the_pinhole_image_of_the_iris_centre():
    scenes = scenes_looking([0], [30], centre=(1, 2, 590))
    depth = np.sqrt(12**2 - 5.9**2)
    x, z = 1 - depth * 0.5, 590 - depth * np.sqrt(0.75)
    expected = [27 + 960 * x / z, 17 + 960 * 2 / z]
    np.testing.assert_allclose(geo.landmarks(scenes)["centre"][0, 0], expected, atol=1e-3)


def test_limbus_landmarks_lie_on_the_globe_at_the_iris_radius():
    scenes = scenes_looking([0], [0])
    offsets = (geo.landmarks(scenes)["iris"][0] - (27, 17)) * (600 - np.sqrt(12**2 - 5.9**2)) / 960
    np.testing.assert_allclose(np.hypot(*offsets.T), 5.9, atol=1e-3)
    assert offsets[0, 0] > 5 and offsets[4, 1] > 5  # from image right, clockwise on a screen


def test_head_rotation_carries_lids_as_scipy_does():
    scenes = simulator_scenes(40, np.random.default_rng(1))
    half, middle = (scenes.corner_out - scenes.corner_in) / 2, (scenes.corner_out + scenes.corner_in) / 2
    x = middle + half * geo.LID_POINTS
    margin = geo.lids(scenes, x)
    y = np.where(np.arange(16) <= 8, margin.upper, margin.lower)
    head = np.stack([x, y, -geo.relief(scenes, x, y)[0]], -1)
    for i, found in enumerate(geo.landmarks(scenes)["lid"]):
        turn = [scenes.head_yaw[i, 0], -scenes.head_pitch[i, 0]]
        camera = Rotation.from_euler("YX", turn, degrees=True).apply(head[i]) + scenes.centre[i]
        expected = np.array([27, 17]) + 960 * camera[:, :2] / camera[:, 2:]
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_head_facing_follows_the_gaze_convention():
    scenes = scenes_looking([0], [0], head_pitch=10, head_yaw=20)
    facing = geo.head_rotation(scenes)[0] @ [0, 0, -1]
    np.testing.assert_allclose(facing, geo.direction(np.array([10]), np.array([20]))[0], atol=1e-6)


def test_eye_turned_with_the_head_keeps_its_lids():
    turned = scenes_looking([-15], [12], head_pitch=-15, head_yaw=12)
    ahead = scenes_looking([0], [0])
    x = np.linspace(-10, 10, 5, dtype=np.float32)[None]
    np.testing.assert_allclose(geo.lids(turned, x).upper, geo.lids(ahead, x).upper, atol=1e-4)


def test_pupil_label_is_the_centroid_of_the_pupil_pixels():
    # Against a picture of the same eye with no pupil, whatever is darker is pupil.
    flat = {"key": 0, "glint": 0, "window_glint": 0, "iris_fibres": 0, "limbus": 0}
    scenes = scenes_looking(**FIXATIONS, **WIDE_OPEN, **flat)
    dark = np.clip(1 - render(scenes) / render(scenes.but(pupil_radius=0.01)), 0, None)
    dark[dark < 0.3] = 0
    rows, columns = np.indices((35, 55))
    centroid = np.stack([(dark * axis).sum((1, 2)) / dark.sum((1, 2)) for axis in (columns, rows)], -1)
    np.testing.assert_allclose(centroid, geo.landmarks(scenes)["centre"][:, 0], atol=0.3)


def test_iris_foreshortens_by_the_cosine_of_the_viewing_angle():
    scenes = scenes_looking(**FIXATIONS)
    share = trace(scenes).iris.reshape(-1, 35, 55)
    rows, columns = np.indices((35, 55))
    centres = np.stack([np.zeros(len(scenes)), np.zeros(len(scenes)), np.full(len(scenes), 600)], -1)
    ray = centres + scenes.gaze * geo.limbus_depth(scenes)
    cosine = -np.sum(ray * scenes.gaze, -1) / np.linalg.norm(ray, axis=-1)
    for weight, expected in zip(share, cosine, strict=True):
        moments = np.cov(columns.ravel(), rows.ravel(), aweights=weight.ravel())
        small, large = np.sqrt(np.linalg.eigvalsh(moments))
        assert small / large == pytest.approx(expected, abs=0.015)
        assert large * 2 == pytest.approx(5.9 * 960 / 590, abs=0.15)  # a disc's deviation is half its radius


def test_pupil_moves_with_the_gaze():
    ahead, left, right, up, down = geo.landmarks(scenes_looking([0, 0, 0, 15, -15], [0, 15, -15, 0, 0]))["centre"][:, 0]
    assert left[0] < ahead[0] - 3 and right[0] > ahead[0] + 3
    assert up[1] < ahead[1] - 3 and down[1] > ahead[1] + 3


def test_upper_lid_comes_down_with_the_gaze():
    scenes = scenes_looking([20, 10, 0, -10, -20], [0] * 5)
    upper = geo.landmarks(scenes)["lid"][:, 4, 1]
    lower = geo.landmarks(scenes)["lid"][:, 12, 1]
    assert (np.diff(upper) > 2).all() and (np.diff(lower) > 0).all()
    assert (np.diff(upper) > np.diff(lower)).all()
    assert (np.diff(trace(scenes).opening.sum(1)) < 0).all()


def test_lids_hide_the_iris_beneath_them():
    open_eye = scenes_looking([0], [0], glint=0, window_glint=0)
    nearly_shut = open_eye.but(upper_lid=-10)
    hidden = trace(nearly_shut).opening.reshape(35, 55) == 0
    dark, bright = (render(nearly_shut.but(iris_albedo=tone))[0] for tone in (0.05, 0.5))
    np.testing.assert_array_equal(dark[hidden], bright[hidden])
    seen = trace(open_eye).iris.reshape(35, 55) * ~hidden
    assert np.abs(dark - bright)[seen == 1].min() > 0 and hidden[10:17, 22:32].all()


@pytest.mark.parametrize("circle", ["pupil", "iris"])
def test_circle_landmarks_lie_on_the_drawn_edge(circle):
    scenes = scenes_looking(**FIXATIONS)
    shares = getattr(trace(scenes), circle).reshape(-1, 35, 55)
    for image, points in zip(shares, geo.landmarks(scenes)[circle], strict=True):
        np.testing.assert_allclose(map_coordinates(image, points[:, ::-1].T, order=1), 0.5, atol=0.15)


@pytest.mark.parametrize("domain", ["simulator", "camera"])
def test_lid_landmarks_lie_on_the_drawn_margin(domain):
    rng = np.random.default_rng(5)
    scenes = simulator_scenes(60, rng) if domain == "simulator" else camera_scenes(np.arange(60) % 15, rng)
    opening = trace(scenes).opening.reshape(-1, 35, 55)
    shares = []
    for image, points in zip(opening, geo.landmarks(scenes)["lid"], strict=True):
        middle = points[[3, 4, 5, 11, 12, 13]]
        inside = middle[(middle > 0).all(1) & (middle < (54, 34)).all(1)]
        shares.append(map_coordinates(image, inside[:, ::-1].T, order=1))
    share = np.concatenate(shares)
    assert share.mean() == pytest.approx(0.5, abs=0.05)
    assert np.mean(np.abs(share - 0.5) < 0.25) > 0.95


def test_relief_slopes_are_its_derivatives():
    scenes = simulator_scenes(3, np.random.default_rng(2))
    x, y = np.random.default_rng(4).uniform(-12, 12, (2, 3, 20))
    _, along_x, along_y = geo.relief(scenes, x, y, slopes=True)
    step = 1e-4
    for slope, dx, dy in ((along_x, step, 0), (along_y, 0, step)):
        ahead, behind = geo.relief(scenes, x + dx, y + dy)[0], geo.relief(scenes, x - dx, y - dy)[0]
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), atol=1e-3)


def test_rays_meet_the_relief():
    scenes = simulator_scenes(20, np.random.default_rng(6))
    hit = trace(scenes)
    depth = -geo.relief(scenes, hit.skin_x, hit.skin_y)[0]
    miss = np.hypot(hit.x0 + hit.ax * depth - hit.skin_x, hit.y0 + hit.ay * depth - hit.skin_y)
    assert np.percentile(miss, 99) < 0.15  # mm; a pixel is 0.6
