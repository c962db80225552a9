"""The two domains of embedded eyes: reproducible, labelled, and different in the ways that they claim."""

import cv2
import numpy as np
import pytest

from benchmarks.core.errors import UserError
from benchmarks.datasets import eyes
from benchmarks.datasets.eyes import sensor
from benchmarks.datasets.eyes.geometry import angles
from benchmarks.datasets.eyes.renderer import trace
from benchmarks.datasets.eyes.scenes import person, simulator_scenes


@pytest.fixture(scope="module")
def clean():
    return next(eyes.simulator(300, 11))


@pytest.fixture(scope="module")
def real():
    return next(eyes.camera(300, 11, range(15)))


DOMAINS = {"simulator": eyes.simulator, "camera": lambda count, seed: eyes.camera(count, seed, [3, 0, 7])}


@pytest.mark.parametrize("draw", DOMAINS.values(), ids=DOMAINS)
def test_images_depend_on_seed_and_index_alone(draw):
    long = list(draw(eyes.CHUNK + 4, 5))
    assert [len(images) for images, _ in long] == [eyes.CHUNK, 4]
    images, labels = next(draw(20, 5))
    np.testing.assert_array_equal(images, long[0][0][:20])
    assert labels.equals(long[0][1][:20])
    other, _ = next(draw(20, 6))
    assert not (other == images).all((1, 2)).any()
    assert not (long[1][0] == long[0][0][:4]).all((1, 2)).any()


def test_labels_have_the_columns_and_ranges_of_the_contract(clean, real):
    points = [f"pupil_{k:02d}" for k in range(8)]
    points += [f"{name}_{k:02d}" for name in ("iris", "lid") for k in range(16)]
    columns = ["person", "gaze_x", "gaze_y", "gaze_z", "head_pitch_deg", "head_yaw_deg", "pupil_x", "pupil_y"]
    columns += [f"{point}_{axis}" for point in points for axis in "xy"]
    for images, labels in (clean, real):
        assert images.shape == (300, 35, 55) and images.dtype == np.uint8
        assert list(labels.columns) == columns and not labels.isna().any().any()
        numbers = labels.drop(columns="person")
        assert (numbers.dtypes == np.float64).all()
        norm = np.linalg.norm(labels[["gaze_x", "gaze_y", "gaze_z"]], axis=1)
        np.testing.assert_allclose(norm, 1, atol=1e-12)
        assert labels.pupil_x.between(0, 54).all() and labels.pupil_y.between(0, 34).all()


def test_the_stand_in_looks_about_less_than_the_simulator(clean, real):
    spread = []
    for _, labels in (clean, real):
        pitch, yaw = angles(labels[["gaze_x", "gaze_y", "gaze_z"]].to_numpy())
        spread.append((pitch.std(), yaw.std(), labels.head_yaw_deg.std()))
    assert (np.array(spread[0]) > 1.2 * np.array(spread[1])).all()


def test_pupils_can_be_seen_in_the_simulator():
    hit = trace(simulator_scenes(200, np.random.default_rng(8)))
    visible = (hit.pupil * hit.opening).sum(1) / hit.pupil.sum(1)
    assert np.mean(visible > 0.5) > 0.95


def test_stand_in_is_equalised_and_the_simulator_is_not(clean, real):
    # A flat histogram has a straight cumulative curve; the crop leaves out a tenth of the equalised image.
    def bend(image):
        return np.abs(np.cumsum(np.bincount(image.ravel(), minlength=256)) / image.size - np.arange(256) / 255).max()

    assert np.percentile([bend(image) for image in real[0]], 95) < 0.15
    assert np.median([bend(image) for image in clean[0]]) > 0.2


def test_persons_share_the_images_evenly_and_differ(real):
    _, labels = real
    counts = labels.person.value_counts()
    assert list(counts.index.sort_values()) == [f"p{n:02d}" for n in range(15)] and (counts == 20).all()
    looks = np.array([list(person(n).values()) for n in range(15)])
    assert all(len(np.unique(column)) == 15 for column in looks.T[:4])
    assert sum(person(n)["rim"] > 0 for n in range(15)) == 4


def test_a_person_keeps_anatomy_and_habits_over_seeds():
    gaze = ["gaze_x", "gaze_y", "gaze_z"]
    yaws = {}
    for number in (1, 4):
        for seed in (1, 2):
            _, labels = next(eyes.camera(200, seed, [number]))
            yaws[number, seed] = angles(labels[gaze].to_numpy())[1].mean()
        # 200 draws of deviation 9: each mean is within 4 standard errors of the person's own.
        for seed in (1, 2):
            assert yaws[number, seed] == pytest.approx(person(number)["gaze_yaw"], abs=4 * 9 / np.sqrt(200))


@pytest.mark.parametrize("persons", [[], [120], [-1], [1, 1]])
def test_persons_that_are_not_there_are_refused(persons):
    with pytest.raises(UserError, match="persons: expected distinct numbers from 0 to 119"):
        next(eyes.camera(1, 0, persons))


SHARP = sensor.Exposure(level=0.25, nearness=1, defocus=0.5, motion=0, motion_angle=0)
GOOD = sensor.Laptop(scale=1, electrons=1e5, read_noise=3, sharpening=0, quality=95)


def photograph_twice(laptop):
    ramp = np.linspace(0.1, 1, 36 * 60, dtype=np.float32).reshape(36, 60)
    shots = [sensor.photograph(ramp, laptop, SHARP, np.random.default_rng(seed)) for seed in (0, 1)]
    return np.std(shots[0].astype(float) - shots[1])


def test_fewer_electrons_mean_more_noise():
    few, many = photograph_twice(GOOD._replace(electrons=1e3)), photograph_twice(GOOD)
    assert few > 3 * many


def test_sharp_noiseless_photograph_is_an_equalised_resampling():
    rng = np.random.default_rng(0)
    radiance = cv2.GaussianBlur(rng.random((36, 60), np.float32), (0, 0), 4)
    radiance = 0.1 + (radiance - radiance.min()) / np.ptp(radiance)
    shot = sensor.photograph(radiance, GOOD._replace(electrons=1e9, read_noise=0, quality=100), SHARP, rng)
    rank = radiance.ravel().argsort().argsort().reshape(36, 60) / radiance.size
    assert np.abs(shot / 255 - rank[:35, 2:57]).mean() < 0.03


def test_blur_kernel_is_a_disc_drawn_out_along_the_motion():
    y, x = np.mgrid[-4:5, -4:5]
    disc = sensor.blur_kernel(SHARP._replace(defocus=2.5))
    assert disc.sum() == pytest.approx(1) and (disc * x).sum() == pytest.approx(0, abs=1e-6)
    assert (disc * x**2).sum() == pytest.approx(2.5**2 / 4, rel=0.1)  # variance of a disc along one axis
    smear = sensor.blur_kernel(SHARP._replace(defocus=0.5, motion=4, motion_angle=90))
    assert (smear * y**2).sum() > 4 * (smear * x**2).sum()
