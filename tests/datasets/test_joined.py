"""Two folders as one set: all images, labels where there are any, each part checked on its own."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from benchmarks.core.errors import UserError
from benchmarks.datasets.folder import Folder
from benchmarks.datasets.joined import Joined
from benchmarks.datasets.loading import load_files
from benchmarks.datasets.store import open_store
from benchmarks.stages.load_synthesis import separate_labels


@pytest.fixture
def joined(tmp_path: Path) -> Joined:
    """Three labelled pictures of grey 100 and two unlabelled ones of grey 200."""
    labelled, bare = tmp_path / "labelled", tmp_path / "bare"
    for folder, count, grey in ((labelled, 3, 100), (bare, 2, 200)):
        folder.mkdir()
        for i in range(count):
            cv2.imwrite(str(folder / f"{i}.png"), np.full((35, 55), grey + i, np.uint8))
    rows = "".join(f"{i}.png,s{i},{10 * i},0\n" for i in range(3))
    (labelled / "manifest.csv").write_text(f"file,subject,pitch_deg,yaw_deg\n{rows}")
    return Joined((Folder(labelled), Folder(bare)))


def test_parts_follow_one_another(tmp_path: Path, joined: Joined):
    store = load_files(joined, tmp_path / "store", task="gaze", domain="real", workers=1)
    assert store.images[:, 0, 0].tolist() == [100, 101, 102, 200, 201]
    assert store.labels["part"].tolist() == [0, 0, 0, 1, 1]
    assert store.labels["person"].tolist()[:3] == ["s0", "s1", "s2"]
    assert store.labels["gaze_y"].to_numpy()[:3] == pytest.approx(-np.sin(np.radians([0, 10, 20])))
    assert np.isnan(store.labels["gaze_y"].to_numpy()[3:]).all()


def test_all_train_the_refiner_and_the_labelled_ones_the_supervised_row(tmp_path: Path, joined: Joined):
    store = load_files(joined, tmp_path / "real_labelled", task="gaze", domain="real", workers=1)
    separate_labels(store, tmp_path / "real", supervised=True)
    unlabelled, labelled = open_store(tmp_path / "real", "gaze"), open_store(tmp_path / "real_labelled", "gaze")
    assert len(unlabelled) == 5
    with pytest.raises(UserError, match="no labels"):
        unlabelled.gaze()
    assert labelled.images[:, 0, 0].tolist() == [100, 101, 102]
    assert np.isfinite(labelled.gaze()).all()


def test_real_images_without_any_label_are_refused(tmp_path: Path, joined: Joined):
    bare = load_files(joined.parts[1], tmp_path / "real_labelled", task="gaze", domain="real", workers=1)
    with pytest.raises(UserError, match=r"the supervised condition.*supervised\.gaze: \[\]"):
        separate_labels(bare, tmp_path / "real", supervised=True)


def test_real_images_without_any_label_train_the_refiner_where_no_row_is_supervised(tmp_path: Path, joined: Joined):
    bare = load_files(joined.parts[1], tmp_path / "real_labelled", task="gaze", domain="real", workers=1)
    separate_labels(bare, tmp_path / "real", supervised=False)
    unlabelled, persons = open_store(tmp_path / "real", "gaze"), open_store(tmp_path / "real_labelled", "gaze")
    assert np.array_equal(unlabelled.images, persons.images)
    assert len(persons.labels) == len(persons)
    with pytest.raises(UserError, match="lack the column"):
        persons.gaze()


@dataclass(frozen=True)
class Suspicious(Folder):
    def check(self, images: np.ndarray, labels: pd.DataFrame | None) -> None:
        raise UserError(f"saw {images[:, 0, 0].tolist()}")


def test_each_part_is_checked_on_its_own_images(joined: Joined, tmp_path: Path):
    suspicious = Joined((joined.parts[0], Suspicious(joined.parts[1].path)))
    with pytest.raises(UserError, match=r"saw \[200, 201\]"):
        load_files(suspicious, tmp_path / "store", task="gaze", domain="real", workers=1)
