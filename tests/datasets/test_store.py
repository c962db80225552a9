"""Stores round-trip, and every damage is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.core.errors import UserError
from benchmarks.datasets.store import open_store, unit_gaze, write_store
from tests.conftest import eye_labels, eye_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    eye_store(tmp_path / "store", 20, 0)
    return tmp_path / "store"


def test_round_trip_in_chunks(tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 256, (10, 35, 55), dtype=np.uint8)
    labels = eye_labels(10, 0)
    chunks = [(images[a:b], labels.iloc[a:b]) for a, b in [(0, 4), (4, 10)]]
    write_store(tmp_path / "s", chunks, task="gaze", domain="synthetic", count=10, shape=(35, 55))
    store = open_store(tmp_path / "s", "gaze")
    assert np.array_equal(store.images, images)
    pd.testing.assert_frame_equal(store.labels, labels)
    assert np.allclose(store.gaze(), labels[["gaze_x", "gaze_y", "gaze_z"]], atol=1e-7)
    assert not store.images.flags.writeable


def test_same_content_same_bytes(tmp_path: Path):
    for name in ("a", "b"):
        eye_store(tmp_path / name, 8, 5)
    for file in ("images.npy", "labels.parquet", "store.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def flip_a_byte(path: Path) -> None:
    content = bytearray((path / "images.npy").read_bytes())
    content[-7] ^= 1
    (path / "images.npy").write_bytes(content)


def truncate(path: Path) -> None:
    content = (path / "images.npy").read_bytes()
    (path / "images.npy").write_bytes(content[: len(content) // 2])


def another_count(path: Path) -> None:
    info = json.loads((path / "store.json").read_text())
    (path / "store.json").write_text(json.dumps(info | {"count": 19}))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (flip_a_byte, r"images\.npy: damaged or truncated"),
        (truncate, r"images\.npy: damaged or truncated"),
        (another_count, r"store\.json says uint8 \(19, 35, 55\)"),
        (lambda path: (path / "labels.parquet").write_bytes(b"no parquet"), r"labels\.parquet: damaged"),
        (lambda path: (path / "labels.parquet").unlink(), r"labels\.parquet: missing"),
        (lambda path: (path / "images.npy").unlink(), r"images\.npy: missing"),
        (lambda path: (path / "store.json").write_text("{"), r"store\.json: not a store description"),
        (lambda path: (path / "store.json").unlink(), r"no store here"),
        (shutil.rmtree, r"no store here"),
    ],
)
def test_damage_is_named(path: Path, damage, named: str):
    damage(path)
    with pytest.raises(UserError, match=named):
        open_store(path, "gaze")


def test_a_store_of_another_task_is_refused(path: Path):
    with pytest.raises(UserError, match="a store of task 'gaze', expected 'hand'"):
        open_store(path, "hand")


def test_labels_of_an_unlabelled_store_are_refused(tmp_path: Path):
    eye_store(tmp_path / "real", 4, 0, labelled=False, domain="real")
    with pytest.raises(UserError, match="has no labels"):
        _ = open_store(tmp_path / "real", "gaze").labels


@pytest.mark.parametrize(
    ("row", "value"), [(3, [np.nan, 0, -1]), (0, [0, 0, -1.1]), (7, [0, 0, 0])], ids=["NaN", "long", "zero"]
)
def test_gaze_that_is_no_unit_vector_is_named_by_row(row: int, value: list[float]):
    labels = eye_labels(9, 0)
    labels.loc[row, ["gaze_x", "gaze_y", "gaze_z"]] = value
    with pytest.raises(UserError, match=rf"1 gaze labels are NaN or no unit vector \(first: row {row}\)"):
        unit_gaze(labels, Path("store"))


def test_a_wrong_number_of_images_leaves_nothing_behind(tmp_path: Path):
    chunk = (np.zeros((3, 35, 55), np.uint8), eye_labels(3, 0))
    for count in (2, 4):
        with pytest.raises(UserError, match="images"):
            write_store(tmp_path / "s", [chunk], task="gaze", domain="synthetic", count=count, shape=(35, 55))
    assert list(tmp_path.iterdir()) == []
