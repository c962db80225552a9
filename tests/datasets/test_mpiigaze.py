"""MPIIGaze's published files, written here in their true nesting, load to hand-computed values."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from benchmarks.core.errors import UserError
from benchmarks.datasets.loading import Loaded
from benchmarks.datasets.mpiigaze import MPIIGaze, Wanted, check_sides, head_angles


def eyes(count: int, seed: int) -> dict[str, np.ndarray]:
    """One side of a day."""
    rng = np.random.default_rng(seed)
    gaze = rng.normal([0, 0, -4], 1, (count, 3))
    return {
        "image": rng.integers(0, 256, (count, 36, 60), dtype=np.uint8),
        "gaze": gaze / np.linalg.norm(gaze, axis=1, keepdims=True),
        "pose": rng.normal(0, 0.2, (count, 3)),
    }


def write_day(root: Path, name: str, left: Any, right: Any) -> None:
    """`name` is p00/day01; filenames are a cell array, as in the published files."""
    files = [f"{number:04d}.jpg" for number in range(1, len(right["image"]) + 1)]
    path = root / "Data" / "Normalized" / f"{name}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.array(files, dtype=object).reshape(-1, 1)
    savemat(path, {"data": {"left": left, "right": right}, "filenames": cells})


def write_list(root: Path, person: str, lines: list[str]) -> None:
    path = root / "Evaluation Subset" / "sample list for eye image" / f"{person}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def load_all(source: MPIIGaze) -> Loaded:
    parts = [source.load(batch) for batch in source.batches()]
    labels = pd.concat([part.labels for part in parts if part.labels is not None], ignore_index=True)
    return Loaded(np.concatenate([part.images for part in parts]), labels, [r for part in parts for r in part.rejected])


def test_left_eyes_keep_their_sign_and_right_eyes_are_mirrored(tmp_path: Path):
    left, right = eyes(2, 0), eyes(2, 1)
    left["gaze"][0] = right["gaze"][0] = [0.6, 0.0, -0.8]  # towards image right
    left["pose"][0] = right["pose"][0] = [0.0, np.radians(20), 0.0]
    write_day(tmp_path, "p03/day07", left, right)
    loaded = load_all(MPIIGaze(tmp_path))
    assert loaded.rejected == [] and loaded.labels is not None
    assert np.array_equal(loaded.images[:2], left["image"][:, 0:35, 2:57])
    assert np.array_equal(loaded.images[2:], np.flip(right["image"], 2)[:, 0:35, 2:57])
    assert list(loaded.labels["person"]) == ["p03"] * 4
    assert np.allclose(loaded.labels["gaze_x"][[0, 2]], [0.6, -0.6])
    assert np.allclose(loaded.labels[["gaze_y", "gaze_z"]], np.r_[left["gaze"], right["gaze"]][:, 1:])
    assert np.allclose(loaded.labels["head_yaw_deg"][[0, 2]], [20, -20])
    assert np.allclose(loaded.labels["head_pitch_deg"][[0, 2]], 0)


def test_mirroring_keeps_the_iris_under_its_gaze(tmp_path: Path):
    """A dark iris painted where the eye looks: to image right for x > 0, before and after the mirror."""
    sides = [eyes(40, seed) for seed in (2, 3)]
    for side in sides:
        side["image"][:] = 200
        for image, gaze in zip(side["image"], side["gaze"], strict=True):
            column = round(30 + 12 * gaze[0])
            image[12:24, column - 6 : column + 6] = 10
    write_day(tmp_path, "p00/day01", sides[0], sides[1])
    source = MPIIGaze(tmp_path)
    loaded = load_all(source)
    assert loaded.labels is not None
    source.check(loaded.images, loaded.labels)
    with pytest.raises(UserError, match="irises move against the labels"):
        source.check(loaded.images[:, :, ::-1], loaded.labels)
    with pytest.raises(UserError, match="irises move against the labels"):
        check_sides(
            np.repeat(loaded.images[..., None], 3, 3), loaded.labels.assign(gaze_x=-loaded.labels.gaze_x), tmp_path
        )


@pytest.mark.parametrize(
    ("pose", "pitch", "yaw"),
    [
        ([0.0, 0.0, 0.0], 0, 0),
        ([0.0, np.radians(30), 0.0], 0, 30),  # about y (down): the face turns to image left
        ([np.radians(30), 0.0, 0.0], -30, 0),  # about x (right): z goes to -y, the face to y, which is down
        ([0.0, 0.0, np.radians(40)], 0, 0),  # roll
    ],
)
def test_head_angles_by_hand(pose: list[float], pitch: float, yaw: float):
    found = head_angles(np.array([pose]))
    assert np.allclose(np.concatenate(found), [pitch, yaw], atol=1e-9)


def test_head_angles_are_the_gaze_angles_of_the_face():
    poses = np.random.default_rng(4).normal(0, 0.5, (50, 3))
    face = np.stack([-cv2.Rodrigues(pose)[0][:, 2] for pose in poses])
    pitch, yaw = head_angles(poses)
    assert np.allclose(pitch, np.degrees(np.arcsin(-face[:, 1])))
    assert np.allclose(yaw, np.degrees(np.arctan2(-face[:, 0], -face[:, 2])))


def test_a_day_of_one_image_keeps_its_axis(tmp_path: Path):
    left, right = eyes(1, 5), eyes(1, 6)
    write_day(tmp_path, "p00/day01", left, right)
    loaded = load_all(MPIIGaze(tmp_path))
    assert loaded.rejected == []
    assert np.array_equal(loaded.images[0], left["image"][0, 0:35, 2:57])
    assert np.array_equal(loaded.images[1], right["image"][0, 0:35, ::-1][:, 2:57])


def test_resize_averages_areas(tmp_path: Path):
    left, right = eyes(2, 7), eyes(2, 8)
    left["image"][0] = 77
    left["image"][1] = np.arange(60) * 4
    write_day(tmp_path, "p00/day01", left, right)
    images = load_all(MPIIGaze(tmp_path, fit="resize")).images
    assert images.shape == (4, 35, 55) and (images[0] == 77).all()
    centres = (np.arange(55) + 0.5) * 60 / 55 - 0.5  # of the cells, in published columns
    assert np.allclose(images[1, 17], centres * 4, atol=1.5)


def test_gaze_a_little_off_unit_is_made_unit(tmp_path: Path):
    left, right = eyes(3, 9), eyes(3, 10)
    direction = left["gaze"].copy()
    left["gaze"] = direction * 1.005
    write_day(tmp_path, "p00/day01", left, right)
    labels = load_all(MPIIGaze(tmp_path)).labels
    assert labels is not None
    assert np.allclose(labels[["gaze_x", "gaze_y", "gaze_z"]][:3], direction, atol=1e-12)


def test_persons_are_picked_in_the_order_asked(tmp_path: Path):
    for person in (0, 3, 14):
        write_day(tmp_path, f"p{person:02d}/day02", eyes(1, person), eyes(1, person))
        write_day(tmp_path, f"p{person:02d}/day01", eyes(1, person), eyes(1, person))
    names = [batch.name for batch in MPIIGaze(tmp_path, persons=(14, 0)).batches()]
    assert names == ["p14/day01.mat", "p14/day02.mat", "p00/day01.mat", "p00/day02.mat"]
    with pytest.raises(UserError, match="no folder of person p07"):
        MPIIGaze(tmp_path, persons=(7,)).batches()


def test_evaluation_takes_the_listed_eyes_only(tmp_path: Path):
    left, right = eyes(4, 11), eyes(4, 12)
    write_day(tmp_path, "p00/day01", left, right)
    write_day(tmp_path, "p00/day02", left, right)
    write_list(tmp_path, "p00", ["day01/0003.jpg left", "day01/0001.jpg right", "day01/0001.jpg left", ""])
    source = MPIIGaze(tmp_path, subset="evaluation")
    assert [batch.items for batch in source.batches()] == [
        (Wanted("0003.jpg", "left"), Wanted("0001.jpg", "right"), Wanted("0001.jpg", "left"))
    ]
    loaded = load_all(source)
    assert np.array_equal(loaded.images[:2], left["image"][[2, 0], 0:35, 2:57])
    assert np.array_equal(loaded.images[2], right["image"][0, 0:35, ::-1][:, 2:57])


def test_evaluation_names_what_is_not_there(tmp_path: Path):
    write_day(tmp_path, "p00/day01", eyes(2, 13), eyes(2, 14))
    write_list(tmp_path, "p00", ["day01/0001.jpg right", "day01/0009.jpg right", "day05/0001.jpg left"])
    loaded = load_all(MPIIGaze(tmp_path, subset="evaluation"))
    assert len(loaded.images) == 1
    assert loaded.rejected == [
        ("p00/day01.mat 0009.jpg right", "listed, but not in the day"),
        ("p00/day05.mat 0001.jpg left", "no such file"),
    ]


def without(name: str) -> Any:
    def damage(side: dict[str, Any]) -> None:
        del side[name]

    return damage


def put(name: str, value: Any) -> Any:
    def damage(side: dict[str, Any]) -> None:
        side[name] = value(side[name])

    return damage


def set_row(name: str, value: Any) -> Any:
    def damage(side: dict[str, Any]) -> None:
        side[name][1] = value

    return damage


@pytest.mark.parametrize(
    ("damage", "name", "reason"),
    [
        (without("image"), "p00/day01.mat left", "lacks data.left.image"),
        (without("gaze"), "p00/day01.mat left", "lacks data.left.gaze"),
        (without("pose"), "p00/day01.mat left", "lacks data.left.pose"),
        (put("image", lambda i: i[:, :30]), "p00/day01.mat left", "images are uint8 (30, 60), not uint8 (36, 60)"),
        (put("image", lambda i: i / 255), "p00/day01.mat left", "images are float64 (36, 60), not uint8 (36, 60)"),
        (put("image", lambda i: i[:0]), "p00/day01.mat left", "empty day"),
        (put("gaze", lambda g: g[:2]), "p00/day01.mat left", "gaze is float64 (2, 3) for 3 images"),
        (put("gaze", lambda g: g[:, :2]), "p00/day01.mat left", "gaze is float64 (3, 2) for 3 images"),
        (put("pose", lambda p: p[:1]), "p00/day01.mat left", "pose is float64 (1, 3) for 3 images"),
        (put("image", lambda i: i[:2]), "p00/day01.mat left", "gaze is float64 (3, 3) for 2 images"),
        (set_row("gaze", np.nan), "p00/day01.mat 0002.jpg left", "NaN gaze"),
        (set_row("gaze", [0, 0, -0.9]), "p00/day01.mat 0002.jpg left", "gaze of length 0.9 instead of 1"),
        (set_row("pose", np.nan), "p00/day01.mat 0002.jpg left", "NaN head pose"),
    ],
)
def test_damage_is_rejected_by_name(tmp_path: Path, damage: Any, name: str, reason: str):
    left, right = eyes(3, 15), eyes(3, 16)
    damage(left)
    write_day(tmp_path, "p00/day01", left, right)
    loaded = load_all(MPIIGaze(tmp_path))
    assert loaded.rejected == [(name, reason)]
    assert len(loaded.images) == (5 if ".jpg" in name else 3)
    assert loaded.labels is not None and len(loaded.labels) == len(loaded.images)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def garbled(path: Path) -> None:
    path.write_bytes(b"no matrix" * 100)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def without_filenames(path: Path) -> None:
    savemat(path, {"data": {"left": eyes(2, 0), "right": eyes(2, 1)}})


def without_data(path: Path) -> None:
    savemat(path, {"filenames": np.array([["0001.jpg"]], dtype=object)})


def flat_data(path: Path) -> None:
    savemat(path, {"data": np.zeros(3), "filenames": np.array([["0001.jpg"]], dtype=object)})


@pytest.mark.parametrize("damage", [cut_short, garbled, emptied, without_filenames, without_data, flat_data])
def test_a_broken_day_leaves_the_others(tmp_path: Path, damage: Any):
    write_day(tmp_path, "p00/day01", eyes(2, 17), eyes(2, 18))
    write_day(tmp_path, "p00/day02", eyes(2, 19), eyes(2, 20))
    damage(tmp_path / "Data" / "Normalized" / "p00" / "day01.mat")
    loaded = load_all(MPIIGaze(tmp_path))
    assert len(loaded.images) == 4
    expected = {
        without_filenames: ["lacks filenames"] * 2,
        without_data: ["lacks data.left.image", "lacks data.right.image"],
        flat_data: ["lacks data.left.image", "lacks data.right.image"],
    }
    assert {name.split()[0] for name, _ in loaded.rejected} == {"p00/day01.mat"}
    reasons = [reason for _, reason in loaded.rejected]
    if damage in expected:
        assert reasons == expected[damage]
    else:
        assert len(reasons) == 1 and reasons[0].startswith("unreadable (")


def test_every_listed_eye_of_a_broken_day_is_counted(tmp_path: Path):
    write_day(tmp_path, "p00/day01", eyes(2, 21), eyes(2, 22))
    write_list(tmp_path, "p00", ["day01/0001.jpg left", "day01/0002.jpg left", "day01/0002.jpg right"])
    cut_short(tmp_path / "Data" / "Normalized" / "p00" / "day01.mat")
    assert len(load_all(MPIIGaze(tmp_path, subset="evaluation")).rejected) == 3


def test_what_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"Normalized: not there.*mpi-inf\.mpg\.de"):
        MPIIGaze(tmp_path).batches()
    (tmp_path / "Data" / "Normalized" / "p00").mkdir(parents=True)
    with pytest.raises(UserError, match=r"holds no pXX/dayYY\.mat"):
        MPIIGaze(tmp_path).batches()
    with pytest.raises(UserError, match=r"p00\.txt: not there"):
        MPIIGaze(tmp_path, subset="evaluation").batches()
    write_list(tmp_path, "p00", ["day01/0001.jpg left", "day01/0001.jpg"])
    with pytest.raises(UserError, match=r"p00\.txt, line 2: expected"):
        MPIIGaze(tmp_path, subset="evaluation").batches()
