"""Files become a store: in order, in parallel, in spite of broken files and of kills."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from benchmarks.core.errors import UserError
from benchmarks.datasets import store as stores
from benchmarks.datasets.loading import Batch, Loaded, load_files

FILES = ("store.json", "images.npy", "labels.parquet")


@dataclass(frozen=True)
class Numbers:
    """Image i is filled with i; `broken` ones are rejected. Every decoding is written to the file `path`/log."""

    path: Path
    sizes: tuple[int, ...] = (5, 3, 0, 4)
    broken: tuple[int, ...] = ()
    labelled: bool = True
    refuse: bool = False
    wait_from: int | None = None  # batches from this one on wait for the file `path`/go
    shape: tuple[int, ...] = (3, 2)
    dtype: str = "uint8"

    def batches(self) -> Sequence[Batch]:
        ends = np.cumsum(self.sizes)
        return [
            Batch(f"batch {i}", tuple(range(e - n, e))) for i, (n, e) in enumerate(zip(self.sizes, ends, strict=True))
        ]

    def load(self, batch: Batch) -> Loaded:
        number = int(batch.name.split()[1])
        while self.wait_from is not None and number >= self.wait_from and not (self.path / "go").exists():
            time.sleep(0.01)
        with (self.path / "log").open("a") as log:
            log.write(f"{number}\n")
        good = [i for i in batch.items if i not in self.broken]
        images = np.broadcast_to(np.array(good, self.dtype).reshape(-1, 1, 1), (len(good), *self.shape)).copy()
        turn = np.radians(np.array(good, float))  # image i looks i degrees up
        gaze = {"gaze_x": 0.0 * turn, "gaze_y": -np.sin(turn), "gaze_z": -np.cos(turn)}
        labels = pd.DataFrame({"person": [f"p{i % 2:02d}" for i in good]} | gaze) if self.labelled else None
        return Loaded(images, labels, [(f"{i}.png", "torn") for i in batch.items if i in self.broken])

    def check(self, images: np.ndarray, labels: pd.DataFrame | None) -> None:
        assert labels is None or np.allclose(-np.degrees(np.arcsin(labels["gaze_y"])), images[:, 0, 0])
        if self.refuse:
            raise UserError("labels contradict the images")

    def log(self) -> list[int]:
        return sorted(map(int, (self.path / "log").read_text().split()))


def load(source: Numbers, path: Path, **options) -> stores.Store:
    return load_files(source, path, **{"task": "gaze", "domain": "real", "workers": 1} | options)


def contents(path: Path) -> list[bytes]:
    return [(path / name).read_bytes() for name in FILES]


def test_images_and_labels_keep_the_order_of_the_batches(tmp_path: Path):
    store = load(Numbers(tmp_path), tmp_path / "store")
    assert store.images[:, 2, 1].tolist() == list(range(12))
    assert list(store.labels["person"]) == ["p00", "p01"] * 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "store"]


def test_summary_counts_persons_and_directions(tmp_path: Path):
    info = json.loads((load(Numbers(tmp_path), tmp_path / "store").path / "store.json").read_text())
    assert info["summary"]["images"] == 12
    assert info["summary"]["persons"] == {"p00": 6, "p01": 6}
    counts = {tuple(row[:2]): row[2] for row in info["summary"]["gaze_histogram"]["pitch_yaw_count"]}
    assert sum(counts.values()) == 12
    assert counts[10, 0] == 2  # 10 and 11 degrees; at 5 degrees rounding may fall to either side
    assert set(counts) == {(0, 0), (5, 0), (10, 0)}


def test_two_workers_write_the_same_bytes_as_one(tmp_path: Path):
    source = Numbers(tmp_path, sizes=(4,) * 9, broken=(7,))
    for workers in (1, 2):
        load(source, tmp_path / str(workers), workers=workers, rejected_at_most=0.1)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_broken_files_are_left_out_and_named(tmp_path: Path):
    store = load(Numbers(tmp_path, broken=(3, 8)), tmp_path / "store", rejected_at_most=0.2)
    assert store.images[:, 0, 0].tolist() == [0, 1, 2, 4, 5, 6, 7, 9, 10, 11]
    assert store.info["summary"]["rejected"] == 2
    assert store.info["summary"]["rejected_first"] == [["3.png", "torn"], ["8.png", "torn"]]


def test_too_many_broken_files_are_refused_and_nothing_is_kept(tmp_path: Path):
    with pytest.raises(UserError, match=r"3 of 12 images rejected \(25\.0%; at most 20\.0% may be\): 0\.png: torn; 4"):
        load(Numbers(tmp_path, broken=(0, 4, 9)), tmp_path / "store", rejected_at_most=0.2)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_a_hopeless_set_is_given_up_early(tmp_path: Path):
    source = Numbers(tmp_path, sizes=(1100, 100, 100), broken=tuple(range(1100)))
    with pytest.raises(UserError, match="1100 of 1100 images rejected"):
        load(source, tmp_path / "store")
    assert source.log() == [0]


def test_a_set_that_fails_its_check_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="contradict"):
        load(Numbers(tmp_path, refuse=True), tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_a_source_without_labels_makes_a_store_without(tmp_path: Path):
    store = load(Numbers(tmp_path, labelled=False), tmp_path / "store")
    assert len(store) == 12
    with pytest.raises(UserError, match="has no labels"):
        _ = store.labels


@pytest.mark.parametrize("bare", [0, 3])
def test_labels_of_some_images_only_are_no_store(tmp_path: Path, bare: int):
    labels = pd.DataFrame({"person": ["p00"] * 2})
    chunks = [(np.zeros((2, 3, 2), np.uint8), None if i == bare else labels) for i in range(4)]
    with pytest.raises(ValueError, match="6 labels for 8 images"):
        stores.write_store(tmp_path / "s", chunks, task="gaze", domain="real", count=8, shape=(3, 2))
    assert list(tmp_path.iterdir()) == []


def test_images_without_gaze_are_not_in_the_histogram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    decode = Numbers.load

    def some_unknown(source: Numbers, batch: Batch) -> Loaded:
        loaded = decode(source, batch)
        assert loaded.labels is not None
        loaded.labels.loc[loaded.labels["person"] == "p01", stores.GAZE] = np.nan
        return loaded

    monkeypatch.setattr(Numbers, "load", some_unknown)
    monkeypatch.setattr(Numbers, "check", lambda *_: None)
    summary = load(Numbers(tmp_path), tmp_path / "store").info["summary"]
    assert summary["images"] == 12
    assert sum(row[2] for row in summary["gaze_histogram"]["pitch_yaw_count"]) == 6


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_loading import Numbers, load
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    load(Numbers(folder, sizes=(3,) * 8, wait_from=4), folder / "store", workers=2)
"""


def test_a_killed_load_goes_on_where_it_stopped(tmp_path: Path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    here = Path(__file__).parent
    process = subprocess.Popen([sys.executable, script, tmp_path, here, here.parents[1]])
    parts = tmp_path / ".store.parts"
    deadline = time.monotonic() + 60
    while len(list(parts.glob("*/00000[0-3]"))) < 4:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
    assert not (tmp_path / "store").exists()

    (tmp_path / "go").touch()
    source = Numbers(tmp_path, sizes=(3,) * 8, wait_from=4)
    load(source, tmp_path / "store")
    assert source.log() == list(range(8))
    load(source, tmp_path / "whole")
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
    assert not parts.exists()


def test_another_source_starts_over(tmp_path: Path):
    (stale := tmp_path / ".store.parts/0123" / "000000").mkdir(parents=True)
    source = Numbers(tmp_path)
    load(source, tmp_path / "store")
    assert source.log() == [0, 1, 2, 3]
    assert not stale.exists()


def test_labels_are_streamed_and_gaze_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stores, "ROWS", 4)
    store = load(Numbers(tmp_path), tmp_path / "store")
    assert len(store.labels) == 12
    assert np.allclose(store.gaze(), store.labels[stores.GAZE], atol=1e-7)


def test_rows_are_the_images_asked_for(tmp_path: Path):
    store = load(Numbers(tmp_path), tmp_path / "store")
    wanted = np.array([11, 0, 3, 3])
    assert np.array_equal(store.rows(wanted), store.images[wanted])
