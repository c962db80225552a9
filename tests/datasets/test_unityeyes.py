"""UnityEyes' files, written here as the tool writes them: crops, frames, and each damage by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.core.errors import UserError
from benchmarks.datasets.loading import load_files
from benchmarks.datasets.unityeyes import UnityEyes

SAMPLE = Path(__file__).parents[3] / "shared/data/eyes/unityeyes_sample"
SIZE = (800, 600)


def vector(*values: float) -> str:
    return f"({', '.join(f'{value:.4f}' for value in values)})"


def pair(
    folder: Path,
    name: str,
    *,
    iris: tuple[float, float] = (430.0, 310.0),  # from the left and from the top
    look: tuple[float, float, float] = (0.0, 0.0, -1.0),
    head: tuple[float, float] = (0.0, 180.0),
    scale: float = 1.0,
    flip: bool = False,
    texture: np.ndarray | None = None,
) -> dict[str, Any]:
    """Write a pair of files: a dark iris of 80 pixels on grey, eye corners at x = 330 and 490, y = 300 from the top."""
    width, height = (round(scale * side) for side in SIZE)

    def points(x: np.ndarray, y: np.ndarray) -> list[str]:
        x = width - scale * x if flip else scale * x
        return [vector(column, height - scale * row, 9.0) for column, row in zip(x, y, strict=True)]

    turn = np.arange(32) * np.pi / 16
    lid = np.concatenate([np.linspace(360, 490, 9), np.linspace(475, 375, 7)])
    arch = np.concatenate([-np.sin(np.linspace(0, np.pi, 9)), 0.8 * np.sin(np.linspace(0.4, np.pi - 0.4, 7))])
    values = {
        "interior_margin_2d": points(lid, 300 + 40 * arch),
        "caruncle_2d": points(np.array([356, 354, 350, 345, 340, 335, 330.0]), np.full(7, 300.0)),
        "iris_2d": points(iris[0] + 40 * np.cos(turn), iris[1] + 40 * np.sin(turn)),
        "eye_details": {"look_vec": vector(-look[0] if flip else look[0], *look[1:], 0), "pupil_size": "0.1"},
        "head_pose": vector(head[0], 360 - head[1] if flip else head[1], 0),
    }
    y, x = (np.indices((height, width)) + 0.5) / scale
    inside = np.clip(scale * (40 - np.hypot(x - iris[0], y - iris[1])) + 0.5, 0, 1)  # the disc's share of each pixel
    image = (200 - 180 * inside).round().astype(np.uint8) if texture is None else texture
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f"{name}.jpg"), image[:, ::-1] if flip else image, [cv2.IMWRITE_JPEG_QUALITY, 98])
    (folder / f"{name}.json").write_text(json.dumps(values, indent=2))
    return values


def only(folder: Path, **options):
    source = UnityEyes(folder, **options)
    (batch,) = source.batches()
    return source.load(batch)


@pytest.mark.parametrize("scale", [0.3, 0.5, 1, 2], ids=lambda scale: f"{800 * scale:.0f} wide")
def test_landmarks_lie_on_the_crop(tmp_path: Path, scale: float):
    pair(tmp_path, "1", scale=scale)
    images, labels, rejected = only(tmp_path)
    assert images.shape == (1, 35, 55)
    assert rejected == []
    assert labels is not None
    dark = np.clip(200 - images[0].astype(float), 0, 180)
    rows, columns = np.indices(dark.shape)
    row = labels.iloc[0]
    assert (dark * columns).sum() / dark.sum() == pytest.approx(row["pupil_x"], abs=0.05)
    assert (dark * rows).sum() / dark.sum() == pytest.approx(row["pupil_y"], abs=0.05)
    assert dark.sum() / 180 == pytest.approx(np.pi * 8.5**2, rel=0.02)  # an iris 17 pixels wide
    assert (row["pupil_x"], row["pupil_y"]) == pytest.approx((27 + 20 * 17 / 80, 19 + 10 * 17 / 80), abs=0.7)


def test_the_crop_averages_areas(tmp_path: Path):
    stripes = np.tile(np.array([0, 255], np.uint8), (600, 400))
    pair(tmp_path, "1", texture=stripes)
    assert np.abs(only(tmp_path).images.astype(float) - 127.5).max() < 16  # sampling would give 0 or 255


def test_colour_is_rgb(tmp_path: Path):
    blue, green, red = 30, 90, 200
    pair(tmp_path, "1", texture=np.full((600, 800, 3), (blue, green, red), np.uint8))
    assert np.allclose(only(tmp_path, colour=True).images.mean((0, 1, 2)), (red, green, blue), atol=2)


def test_gaze_and_head_in_mpiigazes_frame(tmp_path: Path):
    pair(tmp_path, "1", look=(0.0, 0.6, -0.8), head=(355.0, 180.0))  # looks up; camera 5 degrees below
    pair(tmp_path, "2", look=(0.6, 0.0, -0.8), head=(0.0, 200.0))  # looks to image right; camera on the nose's side
    pair(tmp_path, "3", head=(30.0, 240.0))
    labels = only(tmp_path).labels
    assert labels is not None
    assert np.allclose(labels[["gaze_x", "gaze_y", "gaze_z"]], [[0, -0.6, -0.8], [0.6, 0, -0.8], [0, 0, -1]])
    # Third: the head's z axis seen by the camera, y up: (-sin 240, cos 240 sin 30, cos 240 cos 30).
    pitch, yaw = np.degrees(np.arcsin(-0.25)), np.degrees(np.arctan2(-np.sqrt(0.75), 0.5 * np.sqrt(0.75)))
    assert np.allclose(labels["head_pitch_deg"], [5, 0, pitch])
    assert np.allclose(labels["head_yaw_deg"], [0, -20, yaw])
    assert set(labels["person"]) == {"simulator"}


def test_a_mirrored_set_is_turned_back(tmp_path: Path):
    options = {"iris": (440.0, 320.0), "look": (0.28, 0.0, -0.96), "head": (10.0, 190.0)}
    pair(tmp_path / "as_is", "1", **options)
    pair(tmp_path / "mirrored", "1", **options, flip=True)
    one, other = only(tmp_path / "as_is"), only(tmp_path / "mirrored")
    assert one.labels is not None and other.labels is not None
    names = [name for name in one.labels if name != "person"]
    assert np.allclose(one.labels[names], other.labels[names], atol=0.5)  # the crop's place is rounded
    assert other.labels["gaze_x"].to_numpy()[0] == pytest.approx(0.28)
    assert np.abs(one.images.astype(int) - other.images).mean() < 10


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs UnityEyes files (../shared), not ours to commit")
def test_the_true_sample(tmp_path: Path):
    (description,) = SAMPLE.glob("*.json")
    (tmp_path / "1.json").write_bytes(description.read_bytes())
    cv2.imwrite(str(tmp_path / "1.jpg"), np.full((600, 800), 128, np.uint8))
    labels = only(tmp_path).labels
    assert labels is not None
    row = labels.iloc[0]
    assert np.allclose(row[["gaze_x", "gaze_y", "gaze_z"]].astype(float), [0.3404, -0.3879, -0.8566], atol=1e-4)
    assert (row["head_pitch_deg"], row["head_yaw_deg"]) == pytest.approx((4.502, -23.92), abs=0.01)
    # Iris 82.31 wide (points 4 and 20): 266 x 170 pixels from x = 286 and 218 below the top; the corners' middle is at
    # (418, 313), 2 crop pixels below the centre.
    assert (row["lid_00_x"], row["lid_00_y"]) == pytest.approx((17.1756, 17.1188), abs=0.001)
    assert (row["iris_04_x"], row["iris_04_y"]) == pytest.approx((22.4547, 4.2391), abs=0.001)


Damage = Callable[[Path, dict[str, Any]], object]


def rewrite(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(folder: Path, values: dict[str, Any]) -> None:
        change(values)
        (folder / "2.json").write_text(json.dumps(values))

    return damage


def cut(name: str, share: float) -> Damage:
    def damage(folder: Path, values: dict[str, Any]) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(share * len(data))])

    return damage


def look(text: str) -> Damage:
    return rewrite(lambda values: values["eye_details"].update(look_vec=text))


def shift(values: dict[str, Any]) -> None:
    for key in ("interior_margin_2d", "caruncle_2d", "iris_2d"):
        numbers = [[float(number) for number in point.strip("()").split(",")] for point in values[key]]
        values[key] = [vector(x + 300, y, z) for x, y, z in numbers]


DAMAGES: dict[str, tuple[Damage, str, str]] = {
    "truncated image": (cut("2.jpg", 0.6), "2.jpg", "truncated"),
    "image cut to its header": (cut("2.jpg", 0.001), "2.jpg", "not a JPEG|truncated"),
    "empty image": (cut("2.jpg", 0), "2.jpg", "empty file"),
    "no image": (lambda folder, _: (folder / "2.jpg").unlink(), "2.json", "no 2.jpg beside it"),
    "another kind of file": (lambda folder, _: (folder / "2.jpg").write_text("<html>"), "2.jpg", "not a JPEG"),
    "no picture in the JPEG": (
        lambda folder, _: (folder / "2.jpg").write_bytes(b"\xff\xd8\xff\xd9"),
        "2.jpg",
        "not a readable",
    ),
    "folder for an image": (
        lambda folder, _: ((folder / "2.jpg").unlink(), (folder / "2.jpg").mkdir()),
        "2.jpg",
        "unreadable",
    ),
    "no description": (lambda folder, _: (folder / "2.json").unlink(), "2.jpg", "no 2.json beside it"),
    "empty description": (cut("2.json", 0), "2.json", "empty file"),
    "invalid json": (cut("2.json", 0.5), "2.json", "not valid JSON"),
    "another json": (lambda folder, _: (folder / "2.json").write_text("[1, 2]"), "2.json", "not what UnityEyes"),
    "missing key": (rewrite(lambda values: values.pop("iris_2d")), "2.json", "has no iris_2d"),
    "missing inner key": (rewrite(lambda values: values["eye_details"].clear()), "2.json", "has no look_vec"),
    "NaN": (look("(NaN, 0.0, -1.0, 0.0)"), "2.json", "NaN"),
    "infinity": (look("(Infinity, 0.0, -1.0, 0.0)"), "2.json", "infinity"),
    "non-unit gaze": (look("(0.0, 0.0, -0.5, 0.0)"), "2.json", "length 0.500 instead of 1"),
    "unparsable vector": (look("(0,0 0,0 -1,0)"), "2.json", "not made of numbers"),
    "short vector": (look("(0.0, 0.0, -1.0)"), "2.json", "too few"),
    "nested vector": (look("[0.0, 0.0, -1.0, 0.0]"), "2.json", "not made of numbers"),
    "numbers for strings": (rewrite(lambda values: values.update(head_pose=[0, 180, 0])), "2.json", "not what Unity"),
    "too few landmarks": (rewrite(lambda values: values["iris_2d"].pop()), "2.json", "iris_2d has 31 points"),
    "crop outside": (rewrite(shift), "2.json|2.jpg", "reaches out of the image"),
    "no iris": (rewrite(lambda values: values.update(iris_2d=32 * ["(400, 300, 9)"])), "2.jpg", "0 pixels wide"),
}


@pytest.mark.parametrize("name", list(DAMAGES))
def test_damage_is_rejected_by_name(tmp_path: Path, name: str):
    damage, file, reason = DAMAGES[name]
    values = [pair(tmp_path, number, scale=0.3) for number in ("1", "2", "3")][1]
    damage(tmp_path, values)
    images, labels, [(rejected, why)] = only(tmp_path)
    assert labels is not None and len(images) == len(labels) == 2
    assert rejected in file.split("|")
    assert any(part in why for part in reason.split("|")), why


def signed_set(folder: Path, along_x: int, along_y: int) -> None:
    for i, (x, y) in enumerate(np.random.default_rng(0).uniform(-0.4, 0.4, (12, 2))):
        at = (420 + 60 * along_x * x, 300 - 60 * along_y * y)
        pair(folder, str(i), iris=at, look=(x, y, -np.sqrt(1 - x * x - y * y)), scale=0.3)


def test_irises_follow_the_gaze(tmp_path: Path):
    signed_set(tmp_path / "eyes", 1, 1)
    store = load_files(UnityEyes(tmp_path / "eyes"), tmp_path / "store", task="gaze", domain="synthetic", workers=1)
    assert len(store) == 12


@pytest.mark.parametrize(("along_x", "along_y", "axis"), [(-1, 1, "x"), (1, -1, "y")])
def test_a_set_of_opposite_sign_is_refused(tmp_path: Path, along_x: int, along_y: int, axis: str):
    signed_set(tmp_path / "eyes", along_x, along_y)
    with pytest.raises(UserError, match=f"opposite to look_vec in {axis} "):
        load_files(UnityEyes(tmp_path / "eyes"), tmp_path / "store", task="gaze", domain="synthetic", workers=1)
    assert not (tmp_path / "store").exists()


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()


def test_pairs_come_by_number(tmp_path: Path):
    touch(tmp_path / "imgs", "10.jpg", "10.json", "2.json", "2.jpg", "9.jpg", "notes.txt")
    assert [batch.items for batch in UnityEyes(tmp_path).batches()] == [("2", "9", "10")]
    assert [batch.items for batch in UnityEyes(tmp_path / "imgs", count=2).batches()] == [("2", "9")]


@pytest.mark.parametrize(
    ("count", "message"),
    [(None, "no such folder; expected <i>.jpg and <i>.json"), (None, "no eyes in"), (3, "holds 1 ")],
)
def test_missing_sets_are_named(tmp_path: Path, count: int | None, message: str):
    if "no such" not in message:
        touch(tmp_path / "eyes", *(["1.jpg", "1.json"] if count else ["notes.txt"]))
    with pytest.raises(UserError, match=message):
        UnityEyes(tmp_path / "eyes", count).batches()


def test_gaze_at_most_leaves_out_what_looks_further(tmp_path: Path):
    degree = np.pi / 180
    looks = {"1": (0.0, 0.0), "2": (19.0, 0.0), "3": (21.0, 0.0), "4": (0.0, -24.0), "5": (0.0, 26.0)}  # pitch, yaw
    for name, (pitch, yaw) in looks.items():
        up, aside = pitch * degree, yaw * degree
        pair(tmp_path, name, look=(-np.cos(up) * np.sin(aside), np.sin(up), -np.cos(up) * np.cos(aside)))
    images, labels, rejected = only(tmp_path, gaze_at_most=(20.0, 25.0))
    assert (len(images), rejected) == (3, [])
    assert labels is not None
    assert np.degrees(np.arcsin(-labels["gaze_y"])).round().tolist() == [0, 19, 0]
    with pytest.raises(UserError, match="leaves no image of it in"):
        load_files(UnityEyes(tmp_path, gaze_at_most=(0.0, -1.0)), tmp_path / "s", task="gaze", domain="synthetic")
