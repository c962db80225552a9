"""Files that lie: names that lead out of their folder, sizes that would fill the memory, and whatever fuzzing finds."""

import io
import json
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from benchmarks.core.errors import UserError
from benchmarks.datasets import limits
from benchmarks.datasets.folder import Folder
from benchmarks.datasets.loading import Broken
from benchmarks.datasets.mpiigaze import MPIIGaze
from benchmarks.datasets.nyu_frames import NYU, read_joints
from benchmarks.datasets.unityeyes import UnityEyes, describe

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LOOSE = settings(FUZZ, max_examples=60)


def png(width: int, height: int) -> bytes:
    """A whole PNG whose header announces that size."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def rejected(folder: Path, *names: str) -> list[str]:
    """Why a manifest's rows were left out."""
    (folder / "manifest.csv").write_text("file\n" + "\n".join(names) + "\n")
    source = Folder(folder)
    return [reason for batch in source.batches() for _, reason in source.load(batch).rejected]


@pytest.fixture
def eyes(tmp_path: Path) -> Path:
    """A folder of one picture, beside another that is none of its own."""
    folder = tmp_path / "eyes"
    folder.mkdir()
    for place in (folder / "in.png", tmp_path / "out.png"):
        cv2.imwrite(str(place), np.full((35, 55), 100, np.uint8))
    return folder


def test_a_manifest_cannot_name_what_lies_outside(eyes: Path):
    (eyes / "link.png").symlink_to("../out.png")
    (eyes / "around.png").symlink_to("in.png")
    (eyes / "images").symlink_to("..")
    outside = ["../out.png", str(eyes.parent / "out.png"), "a/../../out.png"]
    assert rejected(eyes, *outside) == ["leads out of its folder; give a path inside it"] * 3
    assert rejected(eyes, "link.png") == ["a link out of its folder; put the file itself there"]
    assert rejected(eyes, "in.png", "around.png") == []
    assert rejected(eyes, "in\0.png") == ["its name holds a null byte"]


def test_pictures_of_absurd_size_are_refused_by_their_header(eyes: Path, monkeypatch: pytest.MonkeyPatch):
    (eyes / "wide.png").write_bytes(png(9000, 8000))
    (eyes / "huge.png").write_bytes(png(10**6, 10**6))
    assert rejected(eyes, "wide.png") == ["9000 x 8000 pixels; at most 64 megapixels are decoded"]
    assert rejected(eyes, "huge.png") == ["more than the 64 megapixels that are decoded"]
    monkeypatch.setattr(limits, "PICTURE_BYTES", 10)
    monkeypatch.setattr(limits.read, "__defaults__", (10,))
    assert rejected(eyes, "in.png") == ["0 MB; at most 0 are read"]


def test_a_matlab_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "joint_data.mat"
    values = {"joint_uvd": np.zeros((3, 4, 36, 3)), "joint_xyz": np.zeros((3, 4, 36, 3))}
    savemat(file, values, do_compression=True)
    assert read_joints(file).shape == (3, 4, 14, 6)
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 2**13)
    with pytest.raises(UserError, match=r"joint_data\.mat: unpacks to over"):
        read_joints(file)


def test_a_list_cannot_name_another_folders_day(tmp_path: Path):
    (tmp_path / "Data/Normalized/p00").mkdir(parents=True)
    lists = tmp_path / "Evaluation Subset" / "sample list for eye image"
    lists.mkdir(parents=True)
    (lists / "p00.txt").write_text("../0001.jpg left\n")
    with pytest.raises(UserError, match=r"p00\.txt, line 1"):
        MPIIGaze(tmp_path, subset="evaluation").batches()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("(1, 2, 3)"),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=60,
)
KEYS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("interior_margin_2d", "iris_2d", "caruncle_2d", "head_pose"), JSON)
    | {"eye_details": st.fixed_dictionaries({}, optional={"look_vec": JSON}) | JSON},
)


def unity(points: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, object]]:
    """The right keys and counts, with vectors of any kind."""
    return st.fixed_dictionaries(
        {"interior_margin_2d": st.lists(points, min_size=16, max_size=16)}
        | {"iris_2d": st.lists(points, min_size=32, max_size=32)}
        | {"caruncle_2d": st.lists(points, min_size=7, max_size=7)}
        | {"head_pose": points, "eye_details": st.fixed_dictionaries({"look_vec": points})}
    )


VECTORS = st.sampled_from(
    ["(1, 2, 3)", "(0, 0, -1, 0)", "()", "1e999, 0, 0", f"({'9' * 400}, 0, 0)", "[" * 9, "NaN, 1, 1", '"a", {}, []', ""]
)


@FUZZ
@given(content=st.binary(max_size=300) | (KEYS | JSON | unity(VECTORS)).map(lambda value: json.dumps(value).encode()))
def test_no_json_breaks_unityeyes(tmp_path: Path, content: bytes):
    (tmp_path / "1.json").write_bytes(content)
    with suppress(Broken):
        assert np.isfinite(describe(tmp_path, "1.json")).all()


def test_nested_json_is_refused(tmp_path: Path):
    (tmp_path / "1.json").write_text("[" * 200_000)
    with pytest.raises(Broken):
        describe(tmp_path, "1.json")


@LOOSE
@given(content=st.binary(max_size=300), ending=st.sampled_from([b"", b"\xff\xd9"]))
def test_no_jpeg_breaks_unityeyes(tmp_path: Path, content: bytes, ending: bytes):
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8" + content + ending)
    with pytest.raises(Broken):
        UnityEyes(tmp_path)._decode(tmp_path, "1.jpg", 1)


CELLS = st.text(max_size=6) | st.sampled_from(["in.png", "../out.png", "nan", "1e400", "-91", "30", "1", '"', "a\0b"])
HEADER = ["file", "subject", "pitch_deg", "yaw_deg", "head_pitch_deg", "head_yaw_deg", "mirror"]
BOXES = ["crop_x", "crop_y", "crop_w", "crop_h"]


@FUZZ
@given(
    header=st.sampled_from([HEADER, [*HEADER, *BOXES], HEADER[:1], HEADER[:3]]) | st.lists(CELLS, max_size=4),
    rows=st.lists(st.lists(CELLS, max_size=12), max_size=5),
    raw=st.none() | st.binary(max_size=200),
)
def test_no_manifest_breaks_a_folder(tmp_path: Path, header: list[str], rows: list[list[str]], raw: bytes | None):
    cv2.imwrite(str(tmp_path / "in.png"), np.full((35, 55), 100, np.uint8))
    text = io.StringIO()
    text.writelines(",".join(row) + "\n" for row in [header, *rows])
    content = text.getvalue().encode("utf-8", "surrogatepass") if raw is None else raw
    (tmp_path / "manifest.csv").write_bytes(content)
    source = Folder(tmp_path)
    try:
        loaded = [source.load(batch) for batch in source.batches()]
    except UserError as error:
        assert str(tmp_path) in str(error)
    else:
        assert all(len(part.images) == len(part.labels) for part in loaded if part.labels is not None)


def mat(folder: Path) -> bytes:
    """A day of MPIIGaze as a file, compressed."""
    side = {"image": np.zeros((2, 36, 60), np.uint8), "gaze": np.zeros((2, 3)), "pose": np.zeros((2, 3))}
    names = np.array(["0001.jpg", "0002.jpg"], object)
    savemat(folder / "whole.mat", {"data": {"left": side, "right": side}, "filenames": names}, do_compression=True)
    return (folder / "whole.mat").read_bytes()


@LOOSE
@given(data=st.data())
def test_no_mat_breaks_mpiigaze_and_nyu(tmp_path: Path, data: st.DataObject):
    """Damage at any place, whole files cut off, and noise."""
    content = bytearray(mat(tmp_path))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6), "places"):
        content[place] = data.draw(st.integers(0, 255), "byte")
    content = content[: data.draw(st.integers(0, len(content)), "length")]
    day = tmp_path / "Data/Normalized/p00/day01.mat"
    day.parent.mkdir(parents=True, exist_ok=True)
    day.write_bytes(bytes(content))
    source = MPIIGaze(tmp_path)
    for batch in source.batches():
        loaded = source.load(batch)
        assert len(loaded.images) or loaded.rejected
    nyu = tmp_path / "train"
    nyu.mkdir(exist_ok=True)
    (nyu / "joint_data.mat").write_bytes(bytes(content))
    (nyu / "depth_1_0000001.png").write_bytes(b"")
    with pytest.raises(UserError, match="joint_data"):
        NYU(tmp_path, "train", "real", (0,), 64, False, None).batches()
