"""A folder of one's own pictures loads to hand-computed values, and each damaged row is rejected by name."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from benchmarks.core.errors import UserError
from benchmarks.datasets.folder import Folder
from benchmarks.datasets.loading import Loaded

COLUMBIA = Path(__file__).parents[3] / "shared" / "data" / "eyes" / "columbia"
GAZE = ["gaze_x", "gaze_y", "gaze_z"]


def picture(seed: int, height: int = 35, width: int = 55) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def save(path: Path, image: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return image


def manifest(root: Path, *lines: str) -> None:
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")


def load_all(source: Folder) -> Loaded:
    parts = [source.load(batch) for batch in source.batches()]
    labels = pd.concat([part.labels for part in parts if part.labels is not None], ignore_index=True)
    return Loaded(np.concatenate([part.images for part in parts]), labels, [r for part in parts for r in part.rejected])


def labels_of(loaded: Loaded) -> pd.DataFrame:
    assert loaded.labels is not None
    return loaded.labels


def test_without_a_manifest_every_picture_is_taken_in_order_of_name(tmp_path: Path):
    eyes = {name: save(tmp_path / name, picture(seed)) for seed, name in enumerate(["b.png", "a.png", "c.PNG"])}
    (tmp_path / "notes.txt").write_text("not a picture")
    loaded = load_all(Folder(tmp_path))
    assert np.array_equal(loaded.images, [eyes["a.png"], eyes["b.png"], eyes["c.PNG"]])
    assert labels_of(loaded).to_dict("list") == {"person": ["unknown"] * 3}


def test_angles_become_vectors_and_mirrored_pictures_keep_their_labels(tmp_path: Path):
    eyes = [save(tmp_path / "images" / f"{number}.png", picture(number)) for number in range(2)]
    manifest(
        tmp_path,
        "file,subject,pitch_deg,yaw_deg,head_yaw_deg,mirror,remark",
        "0.png,0001,30,0,-15,0,x",
        "1.png,0002,0,90,15,1,y",
    )
    loaded = load_all(Folder(tmp_path))
    assert np.array_equal(loaded.images, [eyes[0], eyes[1][:, ::-1]])
    labels = labels_of(loaded)
    assert list(labels["person"]) == ["0001", "0002"]
    assert np.allclose(labels[GAZE], [[0, -0.5, -np.sqrt(0.75)], [-1, 0, 0]], atol=1e-12)
    assert list(labels["head_yaw_deg"]) == [-15, 15]
    assert list(labels.columns) == ["person", "head_yaw_deg", *GAZE]
    assert list(labels_of(load_all(Folder(tmp_path, labelled=False))).columns) == ["person"]


def test_subjects_pick_rows(tmp_path: Path):
    for number in range(3):
        save(tmp_path / f"{number}.png", picture(number))
    manifest(tmp_path, "file,subject", "0.png,0001", "1.png,0002", "2.png,0001")
    loaded = load_all(Folder(tmp_path, subjects=("0001",)))
    assert list(labels_of(loaded)["person"]) == ["0001", "0001"]
    assert np.array_equal(loaded.images[1], picture(2))
    with pytest.raises(UserError, match="no image of subject '1'; it has 0001, 0002"):
        Folder(tmp_path, subjects=("1",)).batches()


def test_halves_part_the_files_whatever_else_is_picked(tmp_path: Path):
    for number in range(40):
        save(tmp_path / f"{number}.png", picture(number))
    manifest(tmp_path, "file,subject", *(f"{number}.png,s{number % 2}" for number in range(40)))
    files = {
        (half, subjects): {
            dict(item)["file"] for batch in Folder(tmp_path, subjects, half=half).batches() for item in batch.items
        }
        for half in ("first", "second")
        for subjects in (None, ("s0",))
    }
    assert files["first", None].isdisjoint(files["second", None])
    assert len(files["first", None] | files["second", None]) == 40
    assert files["first", ("s0",)] < files["first", None]
    assert 10 < len(files["first", None]) < 30


def test_both_eyes_of_a_photograph_are_in_one_half(tmp_path: Path):
    for number in range(20):
        for eye in "LR":
            save(tmp_path / f"{number}_{eye}.png", picture(number))
    files = [dict(item)["file"] for batch in Folder(tmp_path, half="first").batches() for item in batch.items]
    assert 0 < len(files) < 40
    assert {file.replace("_L", "_R") for file in files} == {file for file in files if "_R" in file}


def test_heads_that_are_turned_too_far_are_left_out(tmp_path: Path):
    for number in range(3):
        save(tmp_path / f"{number}.png", picture(number))
    manifest(tmp_path, "file,pitch_deg,yaw_deg,head_yaw_deg", "0.png,0,0,-30", "1.png,0,0,-15", "2.png,0,0,x")
    loaded = load_all(Folder(tmp_path, head_yaw_at_most=15.0))
    assert np.array_equal(loaded.images, [picture(1)])
    assert loaded.rejected == [("2.png", "head_yaw_deg is 'x', not a number")]
    manifest(tmp_path, "file,pitch_deg,yaw_deg", "0.png,0,0")
    with pytest.raises(UserError, match="lacks head_yaw_deg, by which head_yaw_at_most picks"):
        Folder(tmp_path, head_yaw_at_most=15.0).batches()


def test_other_shapes_are_cut_centrally_then_shrunk_by_area(tmp_path: Path):
    tall = save(tmp_path / "a.png", picture(0, 90, 55))
    wide = save(tmp_path / "b.png", picture(1, 35, 91))
    double = save(tmp_path / "c.png", picture(2, 70, 110))
    images = load_all(Folder(tmp_path)).images
    assert np.array_equal(images[0], tall[27:62])
    assert np.array_equal(images[1], wide[:, 18:73])
    blocks = double.reshape(35, 2, 55, 2).mean((1, 3))
    assert np.abs(images[2] - blocks).max() <= 0.5


def test_box_is_of_the_file_and_crop_of_what_is_left_after_the_flip(tmp_path: Path):
    eye = save(tmp_path / "a.png", picture(0, 80, 120))
    manifest(tmp_path, "file,mirror,crop_x,crop_y,crop_w,crop_h", "a.png,1,5,3,110,70")
    flipped = eye[3:73, 5:115][:, ::-1]
    images = load_all(Folder(tmp_path, crop=(0.5, 0.5, 0.5, 0.5))).images
    assert np.array_equal(images[0], flipped[35:, 55:])
    with pytest.raises(UserError, match=r"crop \(0.5, 0.5, 0.6, 0.5\) is not inside"):
        Folder(tmp_path, crop=(0.5, 0.5, 0.6, 0.5)).batches()


def test_colour_is_rgb_and_grey_is_its_luma(tmp_path: Path):
    bgr = np.zeros((35, 55, 3), np.uint8)
    bgr[..., 2] = 200
    save(tmp_path / "a.png", bgr)
    source = Folder(tmp_path, colour=True)
    images = load_all(source).images
    assert images.shape == (1, *source.shape) and (images == [200, 0, 0]).all()
    assert np.abs(load_all(Folder(tmp_path)).images - 0.299 * 200).max() <= 1


def test_equalised_histograms_are_flat(tmp_path: Path):
    dull = (picture(0) // 4 + 60).astype(np.uint8)
    save(tmp_path / "a.png", dull)
    found = np.sort(load_all(Folder(tmp_path, equalise=True)).images.ravel())
    assert np.abs(found - np.linspace(0, 255, found.size)).max() < 8
    colour = load_all(Folder(tmp_path, equalise=True, colour=True)).images
    assert np.abs(np.sort(colour[..., 0].ravel()) - np.linspace(0, 255, found.size)).max() < 8


ROW = "1.png,0001,5,-5,0,0,0,55,35"
HEADER = "file,subject,pitch_deg,yaw_deg,mirror,crop_x,crop_y,crop_w,crop_h"


@pytest.mark.parametrize(
    ("row", "name", "reason"),
    [
        ("9.png,0001,5,-5,0,0,0,55,35", "9.png", "no such file"),
        (",0001,5,-5,0,0,0,55,35", "", "unreadable (Is a directory)"),
        ("1.png,0001,,-5,0,0,0,55,35", "1.png", "pitch_deg is empty"),
        ("1.png,0001,5,nan,0,0,0,55,35", "1.png", "yaw_deg is nan"),
        ("1.png,0001,5,inf,0,0,0,55,35", "1.png", "yaw_deg is inf"),
        ("1.png,0001,left,-5,0,0,0,55,35", "1.png", "pitch_deg is 'left', not a number"),
        ("1.png,0001,5,-90.5,0,0,0,55,35", "1.png", "yaw_deg is -90.5, outside [-90, 90] degrees"),
        ("1.png,0001,5,-5,yes,0,0,55,35", "1.png", "mirror is 'yes', not 0 or 1"),
        ("1.png,0001,5,-5,,0,0,55,35", "1.png", "mirror is '', not 0 or 1"),
        ("1.png,0001,5,-5,0,1,0,55,35", "1.png", "crop 1 0 55 35 is not inside the image, 55 x 35"),
        ("1.png,0001,5,-5,0,0,-1,55,35", "1.png", "crop 0 -1 55 35 is not inside the image, 55 x 35"),
        ("1.png,0001,5,-5,0,0,0,0,35", "1.png", "crop 0 0 0 35 is not inside the image, 55 x 35"),
        ("1.png,0001,5,-5,0,0,0,0.3,35", "1.png", "crop holds no pixel"),
        ("1.png,0001,5,-5,0,0,0,x,35", "1.png", "crop_w is 'x', not a number"),
        ("1.png,0001,5", "1.png", "yaw_deg is empty"),
    ],
)
def test_a_damaged_row_is_rejected_by_name(tmp_path: Path, row: str, name: str, reason: str):
    for number in range(2):
        save(tmp_path / f"{number}.png", picture(number))
    manifest(tmp_path, HEADER, "0.png,0001,5,-5,0,0,0,55,35", row)
    loaded = load_all(Folder(tmp_path))
    assert loaded.rejected == [(name, reason)]
    assert len(loaded.images) == len(labels_of(loaded)) == 1


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbled(path: Path) -> None:
    path.write_bytes(b"no picture" * 50 + path.read_bytes()[-20:])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("ending", [".png", ".jpg"])
@pytest.mark.parametrize(
    ("damage", "reason"), [(cut_short, "truncated"), (garbled, "not an image"), (emptied, "truncated")]
)
def test_a_damaged_file_is_rejected_by_name(tmp_path: Path, ending: str, damage: Any, reason: str):
    for name in "ab":
        save(tmp_path / f"{name}{ending}", picture(0))
    damage(tmp_path / f"b{ending}")
    loaded = load_all(Folder(tmp_path))
    assert loaded.rejected == [(f"b{ending}", reason)]
    assert len(loaded.images) == 1


def test_a_batch_of_broken_rows_has_an_empty_table_of_the_same_columns(tmp_path: Path):
    save(tmp_path / "0.png", picture(0))
    manifest(tmp_path, HEADER, "0.png,0001,5,-5,0,0,0,55,35")
    whole = labels_of(load_all(Folder(tmp_path)))
    manifest(tmp_path, HEADER, "9.png,0001,x,-5,0,0,0,55,35")
    broken = load_all(Folder(tmp_path))
    assert broken.images.shape == (0, 35, 55)
    assert labels_of(broken).dtypes.to_dict() == whole.dtypes.to_dict()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,subject", "0.png,1"], "lacks the column `file`; it has name, subject"),
        (["file,subject", "0.png,1", "0.png,2"], r"names 0\.png twice"),
        (["file,pitch_deg", "0.png,1"], "has pitch_deg and lacks yaw_deg"),
        (["file,crop_x,crop_y,crop_w", "0.png,0,0,9"], "has crop_x and lacks crop_h"),
        (["file"], "no images"),
    ],
)
def test_a_bad_manifest_is_refused(tmp_path: Path, lines: list[str], message: str):
    save(tmp_path / "0.png", picture(0))
    manifest(tmp_path, *lines)
    with pytest.raises(UserError, match=message):
        Folder(tmp_path).batches()


def test_what_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"eyes: no such folder"):
        Folder(tmp_path / "eyes").batches()
    with pytest.raises(UserError, match=r"no images; expected \.jpg or \.png"):
        Folder(tmp_path).batches()
    (tmp_path / "manifest.csv").write_bytes(b"file\n\xff\xfe\x00.png\n")
    with pytest.raises(UserError, match="not a table of comma-separated values"):
        Folder(tmp_path).batches()


@pytest.mark.skipif(not COLUMBIA.is_dir(), reason="needs Columbia Gaze (../shared), not ours to commit")
def test_columbia_loads_by_its_manifest_and_its_eyes_follow_their_labels():
    source = Folder(COLUMBIA, subjects=("0018", "0025"), equalise=True)
    loaded = load_all(source)
    labels = labels_of(loaded)
    rows = pd.read_csv(COLUMBIA / "manifest.csv", dtype={"subject": str})
    rows = rows[rows["subject"].isin(["0018", "0025"])]
    assert loaded.rejected == [] and len(loaded.images) == len(rows)
    pitch, yaw = np.radians(rows["pitch_deg"]), np.radians(rows["yaw_deg"])
    assert np.allclose(labels["gaze_y"], -np.sin(pitch)) and np.allclose(labels["gaze_x"], -np.cos(pitch) * np.sin(yaw))
    source.check(loaded.images, labels)
    with pytest.raises(UserError, match="irises move against the labels"):
        source.check(loaded.images[:, :, ::-1], labels)
