"""Scores of prediction files: hand-computed ones, the literature's, and files that are damaged."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import nyu
from benchmarks.core.errors import UserError

DATA = Path(__file__).parents[1] / "../shared/data/hands/nyu_predictions"
LITERATURE = {  # mean error in mm that the four papers' comparisons print
    "CVWW15_NYU_Prior": 20.750,
    "IJCAI16_NYU_DeepModel": 17.036,
    "NEUCOM18_NYU_Pose_REN": 11.811,
    "CVPR18_NYU_V2V_PoseNet": 8.419,
}


def write(path: Path, joints: np.ndarray) -> Path:
    path.write_text("".join(" ".join(str(float(v)) for v in frame.ravel()) + "\n" for frame in joints))
    return path


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Two frames: all joints at the principal point, 588.03 mm away, where a pixel to the right is 1 mm."""
    return write(tmp_path / "truth.txt", np.broadcast_to([320.0, 240.0, 588.03], (2, 14, 3)))


def moved(truth: Path, name: str, change: dict[tuple[int, int], tuple[float, float, float]]) -> Path:
    joints = nyu.read(truth)
    for place, by in change.items():
        joints[place] += by
    return write(truth.with_name(name), joints)


def test_one_moved_joint_by_hand(truth: Path) -> None:
    """3 px right is 3 mm; 4 mm farther on the axis is 4 mm and no pixel; 58.707 px up is 58.803 mm."""
    file = moved(truth, "p.txt", {(0, 0): (3, 0, 0), (0, 5): (0, 0, 4), (1, 13): (0, -58.707, 0)})
    errors = nyu.measure(file, truth)
    expected_px, expected_mm = np.zeros((2, 14)), np.zeros((2, 14))
    expected_px[0, 0] = expected_mm[0, 0] = 3
    expected_mm[0, 5] = 4
    expected_px[1, 13], expected_mm[1, 13] = 58.707, 58.803
    assert errors.px == pytest.approx(expected_px)
    assert errors.mm == pytest.approx(expected_mm)


def test_fractions_are_of_joints_and_of_images_whose_worst_joint_is_within(truth: Path) -> None:
    file = moved(truth, "p.txt", {(0, 0): (5, 0, 0), (1, 1): (7, 0, 0), (1, 2): (0, 0, 30)})
    told = nyu.score(file, truth, distances=(5, 10, 20))
    rows = {line[:17].strip(): line[17:].split() for line in told.splitlines() if line.startswith("  ")}
    assert rows["joints, px"] == ["96.4%", "100.0%", "100.0%"]  # 27 of 28
    assert rows["worst joint, px"] == ["50.0%", "100.0%", "100.0%"]
    assert rows["joints, mm"] == ["92.9%", "96.4%", "96.4%"]  # 26 and 27 of 28
    assert rows["worst joint, mm"] == ["50.0%", "50.0%", "50.0%"]
    assert f"mean error {(5 + 7 + 30) / 28:.3f} mm, {12 / 28:.3f} px" in told
    assert "person" not in told


def test_persons_are_parted_after_frame_2440(tmp_path: Path) -> None:
    joints = np.broadcast_to([320.0, 240.0, 588.03], (2442, 14, 3)).copy()
    truth = write(tmp_path / "truth.txt", joints)
    joints[2440:] += [6, 0, 0]
    told = nyu.score(write(tmp_path / "p.txt", joints), truth)
    assert "first person (2440)\n  mean error 0.000 mm" in told
    assert "second person (2)\n  mean error 6.000 mm" in told


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda lines: [lines[0], " ".join(lines[1].split()[:-1])], "line 2: 41 columns; expected 42"),
        (lambda lines: [lines[0] + " 1.0", lines[1]], "line 1: 43 columns"),
        (lambda lines: [lines[0].replace("320.0", "nan", 1), lines[1]], "line 1: column 1 is nan"),
        (lambda lines: [lines[0], lines[1].replace("588.03", "inf", 1)], "line 2: column 3 is inf"),
        (lambda lines: [lines[0], lines[1].replace("240.0", "x", 1)], "line 2: could not convert"),
        (lambda lines: lines[:1], "has 1 frames and .*truth.txt 2"),
        (lambda lines: [lines[0], "", lines[1]], "line 2: 0 columns"),
        (lambda lines: [], "is empty"),
    ],
)
def test_damaged_files_are_told_by_line(truth: Path, spoil, message: str) -> None:
    file = truth.with_name("p.txt")
    file.write_text("".join(line + "\n" for line in spoil(truth.read_text().splitlines())))
    with pytest.raises(UserError, match=f"p.txt.*{message}") as error:
        nyu.score(file, truth)
    assert "\n" not in str(error.value)


def test_an_absent_or_binary_file_is_named(truth: Path) -> None:
    with pytest.raises(UserError, match=r"none\.txt does not exist"):
        nyu.score(truth.with_name("none.txt"), truth)
    binary = truth.with_name("b.txt")
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"b\.txt cannot be read as text"):
        nyu.score(truth, binary)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs published predictions (../shared), not ours to commit")
def test_published_predictions_score_as_in_the_literature() -> None:
    for name, millimetres in LITERATURE.items():
        errors = nyu.measure(DATA / f"{name}.txt", DATA / "groundtruth.txt")
        assert errors.mm.shape == (8252, 14)
        assert errors.mm.mean() == pytest.approx(millimetres, abs=0.001)
