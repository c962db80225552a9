"""Stage load-synthesis: what each source becomes, and the contact sheet that it leaves."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.datasets.store import open_store
from benchmarks.stages import load_synthesis

Tiny = Callable[..., Params]
FOLDER = {
    "source": "folder", "path": "eyes", "subjects": None, "half": None, "head_yaw_at_most": None,
    "equalise": False, "crop": None, "rejected_at_most": 0.3,
}  # fmt: skip


@pytest.fixture
def pictures(workspace: Path) -> Path:
    """Four grey eyes of two subjects; the third file is broken."""
    folder = workspace / "eyes"
    folder.mkdir()
    for i in range(4):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((35, 55), 50 * i, np.uint8))
    (folder / "2.png").write_bytes(b"no picture")
    rows = "".join(f"{i}.png,s{i % 2},0,{5 * i}\n" for i in range(4))
    (folder / "manifest.csv").write_text(f"file,subject,pitch_deg,yaw_deg\n{rows}")
    return folder


def test_files_become_stores_and_the_real_one_loses_its_labels(pictures: Path, tiny: Tiny):
    load_synthesis.run(tiny({"data.gaze.real": FOLDER}), "gaze", "real")
    real, labelled = (open_store(Path("stores/gaze") / name, "gaze") for name in ("real", "real_labelled"))
    assert real.images[:, 0, 0].tolist() == labelled.images[:, 0, 0].tolist() == [0, 50, 150]
    with pytest.raises(UserError, match="no labels"):
        real.gaze()
    assert np.degrees(np.arctan2(-labelled.gaze()[:, 0], -labelled.gaze()[:, 2])) == pytest.approx([0, 5, 15], abs=1e-3)
    assert real.info["summary"]["rejected_first"][0][0] == "2.png"


def test_a_contact_sheet_shows_the_store(pictures: Path, tiny: Tiny):
    load_synthesis.run(tiny({"data.gaze.test": FOLDER}), "gaze", "test")
    picture = cv2.imread("runs/load-synthesis/gaze-test/contact_sheet.png", cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape == (8 * 35, 16 * 55)
    assert picture[0, ::55].tolist() == [0, 50, 150] + [0] * 13


def test_too_many_broken_files_stop_the_stage_by_name(pictures: Path, tiny: Tiny):
    with pytest.raises(UserError, match=r"1 of 4 images rejected \(25.0%; at most 10.0% may be\): 2.png"):
        load_synthesis.run(tiny({"data.gaze.test": FOLDER | {"rejected_at_most": 0.1}}), "gaze", "test")


def test_depth_is_shown_as_the_network_sees_it():
    depth = np.zeros((3, 32, 32), np.uint16)
    depth[:, 8:24, 8:24] = 700
    sheet = load_synthesis.contact_sheet(depth)
    assert sheet.shape == (8 * 32, 16 * 32)
    assert sheet[0, 0] == 255
    assert sheet[16, 16] < 200
