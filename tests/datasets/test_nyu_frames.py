"""NYU's frames: hand-computed crops, folders in the true layout, damage, and the real files where they are at hand."""

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import scipy.io

from benchmarks.core.errors import UserError
from benchmarks.datasets import hands
from benchmarks.datasets.hands import crops
from benchmarks.datasets.hands.skeleton import NYU_JOINTS
from benchmarks.datasets.loading import Loaded, Source
from benchmarks.datasets.nyu_frames import NYU, crop_depth, read_depth

REAL = Path(__file__).parents[3] / "shared/data/hands"
needs_real_files = pytest.mark.skipif(not REAL.is_dir(), reason="needs NYU's files (../shared), not ours to commit")
JOINTS = list(NYU_JOINTS.values())
FRAMES, SIZE = 3, 64
EMPTY = 2001  # what the Kinect's frames have where it saw nothing


def write_depth(path: Path, depth: np.ndarray) -> None:
    """uint16 mm, packed as NYU packs it: red nothing, green the high byte, blue the low one."""
    packed = np.stack([depth % 256, depth // 256, np.zeros_like(depth)], axis=-1).astype(np.uint8)  # OpenCV's order
    assert cv2.imwrite(str(path), packed, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def write_joints(folder: Path, uvd: np.ndarray, xyz: np.ndarray) -> None:
    """The 14 joints (3, N, 14, 3) among NYU's 36, compressed as its file is."""
    whole = np.full((2, 3, uvd.shape[1], 36, 3), 7.0)
    whole[:, :, :, JOINTS] = uvd, xyz
    names = np.array([f"joint {i}" for i in range(36)], object)
    values = {"joint_names": names, "joint_uvd": whole[0], "joint_xyz": whole[1]}
    scipy.io.savemat(folder / "joint_data.mat", values, do_compression=True)


def to_frame(crop: np.ndarray, palm: np.ndarray, background: int) -> np.ndarray:
    """A square crop (size, size) around a palm (u, v, mm) put back into a frame of 480x640."""
    size = len(crop)
    pixels = np.stack(np.meshgrid(np.arange(640), np.arange(480)), axis=-1).reshape(1, -1, 2)
    column, row = np.rint(crops.frame_to_crop(pixels, palm[None], size)[0]).astype(int).T
    inside = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < size)
    depth = np.where(inside, crop[row.clip(0, size - 1), column.clip(0, size - 1)], 0).reshape(480, 640)
    return np.where(depth > 0, depth, background).astype(np.uint16)


def joint_columns(labels: pd.DataFrame, axes: str) -> np.ndarray:
    """(N, 14, axes)."""
    names = [f"{joint}_{axis}" for joint in hands.JOINTS for axis in axes]
    return labels[names].to_numpy().reshape(len(labels), 14, len(axes))


@pytest.fixture(scope="module")
def rendered() -> tuple[np.ndarray, pd.DataFrame]:
    """Fine crops of embedded hands and, at the size that is loaded, their labels."""
    images, _ = next(hands.simulator(FRAMES, 4, (0, 1, 2), 7 * SIZE))
    return images, next(hands.simulator(FRAMES, 4, (0, 1, 2), SIZE))[1]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, rendered: tuple[np.ndarray, pd.DataFrame]) -> Path:
    """Embedded hands in NYU's layout; the Kinect's frames show bars beside the hand, and all 5 mm further away."""
    images, labels = rendered
    folder = tmp_path_factory.mktemp("nyu") / "test"
    folder.mkdir()
    for image, palm, frame, view in zip(
        images, labels[["crop_u", "crop_v", "crop_d"]].to_numpy(), labels["frame"], labels["view"], strict=True
    ):
        name = f"depth_{view + 1}_{frame + 1:07d}.png"
        write_depth(folder / f"synth{name}", to_frame(image, palm, 0))
        real = to_frame(np.where(image > 0, image + 5, 0), palm, EMPTY)
        bars = (real == EMPTY) & (np.arange(640) % 64 < 20)
        write_depth(folder / name, np.where(bars, int(palm[2]) + 5, real))
    xyz = joint_columns(labels, "xyd").reshape(FRAMES, 3, 14, 3).swapaxes(0, 1)
    write_joints(folder, crops.project(xyz), xyz)
    return folder.parent


@pytest.fixture
def nyu(tmp_path: Path, written: Path) -> NYU:
    shutil.copytree(written, tmp_path / "nyu")
    return NYU(tmp_path / "nyu", "test", "synthetic", (0, 1, 2), SIZE, masked=True, count=None)


def load(source: Source) -> Loaded:
    parts = [source.load(batch) for batch in source.batches()]
    rejected = [damage for part in parts for damage in part.rejected]
    labels = pd.concat([part.labels for part in parts if part.labels is not None], ignore_index=True)
    return Loaded(np.concatenate([part.images for part in parts]), labels, rejected)


def test_depth_is_green_and_blue(tmp_path: Path):
    image = np.zeros((480, 640, 3), np.uint8)
    image[3, 5] = (0x10, 0x03, 0xFF)  # blue, green, red
    cv2.imwrite(str(tmp_path / "depth.png"), image)
    depth = read_depth(tmp_path / "depth.png")
    assert depth.shape == (480, 640) and depth.dtype == np.uint16
    assert depth[3, 5] == 3 * 256 + 16 and depth.sum() == depth[3, 5]


def test_crop_pixels_are_the_nearest_of_the_frame_and_zero_outside():
    ramp = 440 + np.add.outer(np.zeros(480, int), np.arange(640) % 290).astype(np.uint16)  # all within the cube
    palm = np.array([320.0, 240.0, crops.FX])  # 300 mm are 300 px here, two a crop pixel
    np.testing.assert_array_equal(crop_depth(ramp, palm, 150)[40], 440 + (171 + 2 * np.arange(150)) % 290)
    down = 440 + np.add.outer(np.arange(480) % 290, np.zeros(640, int)).astype(np.uint16)
    rows = crop_depth(down, palm, 150)[[0, 37, 148, 149], 0]  # of the frame 91.243, 165.123, 386.760, 388.757
    np.testing.assert_array_equal(rows, [440 + 91, 440 + 165, 440 + 387 - 290, 440 + 389 - 290])
    left = crop_depth(ramp, np.array([20.0, 240.0, crops.FX]), 150)  # column i is the frame's 2 i - 129
    np.testing.assert_array_equal(left[:, :65], 0)
    np.testing.assert_array_equal(left[40, 65:], 440 + np.arange(1, 171, 2))
    top = crop_depth(ramp.max() - ramp + 440, np.array([320.0, 0.0, crops.FX]), 150)
    assert not top[:75].any() and top[75:].all()
    cube = np.full((480, 640), 737, np.uint16)
    cube[:, 300:320], cube[:, 320:] = 739, 438  # 150 mm behind the palm is 738.03, before it 438.03
    assert np.unique(crop_depth(cube, palm, 150)).tolist() == [0, 737]
    assert np.unique(crop_depth(cube, palm - [0, 0, 1], 150)).tolist() == [0, 438, 737]


def test_edges_are_not_blended():
    step = np.where(np.arange(640) < 320, 600, 700) * np.ones((480, 1), int)
    crop = crop_depth(step.astype(np.uint16), np.array([320.0, 240.0, 650.0]), 64)
    assert np.unique(crop).tolist() == [600, 700]


def test_labels_are_those_of_the_embedded_hands(nyu: NYU, rendered: tuple[np.ndarray, pd.DataFrame]):
    images, labels, rejected = load(nyu)
    expected = rendered[1].assign(frame=rendered[1].frame + 1, person="p00", sequence=0)
    assert rejected == [] and labels is not None
    pd.testing.assert_frame_equal(labels, expected, check_column_type=True, atol=1e-3, rtol=1e-6)
    assert images.dtype == nyu.dtype and images.shape == (9, *nyu.shape)
    nyu.check(images, labels)


def test_crops_are_those_of_the_embedded_hands(nyu: NYU):
    images = load(nyu).images
    drawn = next(hands.simulator(FRAMES, 4, (0, 1, 2), SIZE))[0]
    both = (images > 0) & (drawn > 0)
    assert both.sum() > 0.95 * ((images > 0) | (drawn > 0)).sum()
    assert np.mean(np.abs(images[both].astype(int) - drawn[both]) <= 4) > 0.95


def test_masked_frames_keep_what_the_render_covers(nyu: NYU):
    render = load(nyu).images
    masked = load(replace(nyu, kind="real")).images
    everything = load(replace(nyu, kind="real", masked=False)).images
    np.testing.assert_array_equal(masked, np.where(render > 0, everything, 0))
    np.testing.assert_array_equal(masked[masked > 0], render[masked > 0] + 5)
    assert ((everything > 0).sum((1, 2)) > (render > 0).sum((1, 2))).all()


def test_views_and_count_select_without_change(nyu: NYU):
    every, every_labels, _ = load(nyu)
    assert every_labels is not None
    side, side_labels, _ = load(replace(nyu, views=(2,), count=2))
    assert side_labels is not None
    np.testing.assert_array_equal(side, every[2:6:3])
    pd.testing.assert_frame_equal(side_labels, every_labels.iloc[[2, 5]].reset_index(drop=True))
    with pytest.raises(UserError, match="3 frames, 4 are asked for"):
        replace(nyu, count=4).batches()


def test_persons_of_test_and_train(nyu: NYU):
    kept = np.array([1, 2440, 2441, 8252])
    joints = np.ones((4, 14, 6), np.float32)
    for split, persons in (("test", ["p00", "p00", "p01", "p01"]), ("train", ["p00"] * 4)):
        labels = replace(nyu, split=split)._labels(kept, np.zeros(4, np.int64), joints)
        assert labels.person.tolist() == persons


def test_source_and_batches_survive_the_way_to_a_worker(nyu: NYU):
    images, labels, _ = load(nyu)
    assert labels is not None
    source, batches = pickle.loads(pickle.dumps((nyu, nyu.batches())))
    assert source == nyu and len(batches) == 1
    again = source.load(batches[0])
    np.testing.assert_array_equal(again.images, images)
    pd.testing.assert_frame_equal(again.labels, labels)


def test_batches_follow_one_another(nyu: NYU):
    """Three frames again and again: a batch that begins in their midst must still find their joints."""
    names = [file.name for file in nyu.folder.glob("synth*")]
    values = scipy.io.loadmat(nyu.folder / "joint_data.mat")
    for copy in range(1, 40):
        for name in names:
            stem, number = name[:13], int(name[13:20])
            (nyu.folder / f"{stem}{number + FRAMES * copy:07d}.png").symlink_to(nyu.folder / name)
    repeated = {key: np.tile(values[key], (1, 40, 1, 1)) for key in ("joint_uvd", "joint_xyz")}
    scipy.io.savemat(nyu.folder / "joint_data.mat", repeated)
    source = replace(nyu, views=(0,), size=16)
    images, labels, rejected = load(source)
    assert labels is not None and rejected == [] and len(source.batches()) == 2
    assert labels.frame.tolist() == list(range(1, 121))
    np.testing.assert_array_equal(images, np.tile(images[:3], (40, 1, 1)))
    assert len(np.unique(images[:3], axis=0)) == 3
    assert labels.crop_u.tolist() == labels.crop_u[:3].tolist() * 40
    assert load(replace(source, count=70)).images.shape == (70, 16, 16)


def rewrite(change: Callable[[np.ndarray], None]) -> Callable[[Path], None]:
    """Damage of joint_data.mat: `change` gets joint_uvd (3, N, 36, 3)."""

    def damage(folder: Path) -> None:
        values = scipy.io.loadmat(folder / "joint_data.mat")
        change(values["joint_uvd"])
        scipy.io.savemat(folder / "joint_data.mat", {key: values[key] for key in ("joint_uvd", "joint_xyz")})

    return damage


def assign(joint: int, axis: int, value: float) -> Callable[[Path], None]:
    def change(uvd: np.ndarray) -> None:
        uvd[1, 1, joint, axis] = value

    return rewrite(change)


def shorten(folder: Path) -> None:
    values = scipy.io.loadmat(folder / "joint_data.mat")
    cut = {key: values[key][:, :1] for key in ("joint_uvd", "joint_xyz")}
    scipy.io.savemat(folder / "joint_data.mat", cut)


def cut(file: Path, keep: float) -> None:
    file.write_bytes(file.read_bytes()[: int(keep * file.stat().st_size)])


NAME = "depth_2_0000002.png"
DAMAGE = {  # name: (what is done to the folder, the reason given)
    "missing": (lambda folder: (folder / NAME).unlink(), "No such file"),
    "truncated": (lambda folder: cut(folder / NAME, 0.5), "truncated"),
    "almost whole": (lambda folder: cut(folder / NAME, 0.999), "truncated"),
    "empty": (lambda folder: cut(folder / NAME, 0), "no PNG"),
    "text": (lambda folder: (folder / NAME).write_text("<html>404"), "no PNG"),
    "small": (lambda folder: cv2.imwrite(str(folder / NAME), np.zeros((240, 320, 3), np.uint8)), "uint8 240 x 320 x 3"),
    "grey": (lambda folder: cv2.imwrite(str(folder / NAME), np.zeros((480, 640), np.uint8)), "uint8 480 x 640 instead"),
    "alpha": (lambda folder: cv2.imwrite(str(folder / NAME), np.zeros((480, 640, 4), np.uint8)), "480 x 640 x 4"),
    "16 bit": (lambda folder: cv2.imwrite(str(folder / NAME), np.zeros((480, 640, 3), np.uint16)), "uint16"),
    "nothing seen": (lambda folder: write_depth(folder / NAME, np.full((480, 640), EMPTY)), "nothing within the cube"),
    "NaN": (assign(NYU_JOINTS["ring_tip"], 0, np.nan), "NaN"),
    "no depth": (assign(NYU_JOINTS["palm"], 2, 0), "joint 32 has the depth 0"),
    "left of the frame": (assign(NYU_JOINTS["palm"], 0, -3), "joint 32 at (-3, "),
    "below the frame": (assign(NYU_JOINTS["palm"], 1, 480), ", 480) lies outside the frame"),
}


@pytest.mark.parametrize("damage, reason", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_rejected_by_name(nyu: NYU, damage: Callable[[Path], object], reason: str):
    source = replace(nyu, kind="real", masked=False)
    whole = load(source).images
    damage(nyu.folder)
    images, labels, rejected = load(source)
    assert labels is not None
    assert [name for name, _ in rejected] == [NAME] and reason in rejected[0][1]
    np.testing.assert_array_equal(images, np.delete(whole, 4, axis=0))
    assert list(zip(labels.frame, labels.view, strict=True)) == [
        pair for pair in np.ndindex(4, 3) if pair[0] and pair != (2, 1)
    ]


def test_masked_frames_need_their_render(nyu: NYU):
    (nyu.folder / f"synth{NAME}").unlink()
    assert [name for name, _ in load(replace(nyu, kind="real")).rejected] == [f"synth{NAME}"]
    assert load(replace(nyu, kind="real", masked=False)).rejected == []


def test_frames_without_joints_are_rejected(nyu: NYU):
    shorten(nyu.folder)
    images, labels, rejected = load(nyu)
    assert len(images) == 3 and len(rejected) == 6 and labels is not None and labels.frame.tolist() == [1] * 3
    assert rejected[0] == ("synthdepth_1_0000002.png", "joint_data.mat ends before this frame")


def test_a_batch_without_a_whole_image_is_empty(nyu: NYU):
    for file in nyu.folder.glob("synth*"):
        file.write_bytes(b"")
    whole = nyu.load(nyu.batches()[0])
    assert whole.images.shape == (0, *nyu.shape) and whole.labels is not None and len(whole.rejected) == 9
    assert list(whole.labels) == list(next(hands.simulator(1, 0))[1])


FATAL = {
    "no folder": (lambda folder: folder.rename(folder.with_name("tests")), "no such folder; expected NYU's train and"),
    "no images": (lambda folder: [file.unlink() for file in folder.glob("*.png")], "no synthdepth_1_0000001.png"),
    "no joints": (lambda folder: (folder / "joint_data.mat").unlink(), "joint_data.mat: no such file"),
    "joints cut": (lambda folder: cut(folder / "joint_data.mat", 0.5), "joint_data.mat: not a readable MATLAB file"),
    "joints text": (lambda folder: (folder / "joint_data.mat").write_text("a" * 999), "not a readable MATLAB file"),
    "key": (lambda folder: scipy.io.savemat(folder / "joint_data.mat", {"x": 1}), "joint_uvd is missing"),
    "frames": (
        lambda folder: scipy.io.savemat(
            folder / "joint_data.mat", {"joint_uvd": np.zeros((3, 3, 36, 3)), "joint_xyz": np.zeros((3, 2, 36, 3))}
        ),
        "joint_uvd has 3 frames and joint_xyz 2",
    ),
    "shape": (
        lambda folder: scipy.io.savemat(folder / "joint_data.mat", {"joint_uvd": np.zeros((3, 2, 14, 3))}),
        r"joint_uvd is of shape \(3, 2, 14, 3\) instead of \(3, frames, 36, 3\)",
    ),
}


@pytest.mark.parametrize("damage, message", FATAL.values(), ids=FATAL)
def test_what_is_missing_is_named(nyu: NYU, damage: Callable[[Path], object], message: str):
    damage(nyu.folder)
    with pytest.raises(UserError, match=message):
        nyu.batches()


def test_check_refuses_mirrored_shuffled_and_upside_down_labels(nyu: NYU):
    images, labels, _ = load(nyu)
    assert labels is not None
    mirrored = [image[:, ::-1] for image in images]
    with pytest.raises(UserError, match="of the joints lie on the hand"):
        nyu.check(np.array(mirrored), labels)
    with pytest.raises(UserError, match="of the joints lie on the hand"):
        nyu.check(np.roll(images, 3, axis=0), labels)
    flipped = labels.assign(**{f"{joint}_y": -labels[f"{joint}_y"] for joint in hands.JOINTS})
    with pytest.raises(UserError, match="joint_xyz and joint_uvd are"):
        nyu.check(images, flipped)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """(14, 3): u, v, mm of the first test frame."""
    with (REAL / "nyu_predictions/groundtruth.txt").open() as lines:
        return np.array(next(lines).split(), float).reshape(14, 3)


def one_frame(folder: Path, uvd: np.ndarray, size: int) -> NYU:
    """The real first test frame with joints (14, 3)."""
    (folder / "test").mkdir()
    (folder / "test/depth_1_0000001.png").symlink_to(REAL / "nyu_frames/depth_1_0000001.png")
    every = np.broadcast_to(uvd, (3, 1, 14, 3))
    write_joints(folder / "test", every, crops.unproject(every))
    return NYU(folder, "test", "real", (0,), size, masked=False, count=1)


@needs_real_files
def test_real_frame(tmp_path: Path, truth: np.ndarray):
    depth = read_depth(REAL / "nyu_frames/depth_1_0000001.png")
    assert (depth.min(), depth.max()) == (731, EMPTY)
    assert depth[269, 210] == 754  # the palm's pixel: skin 24 mm before joint 32, which is at 778.3 mm
    source = one_frame(tmp_path, truth, 224)
    images, labels, rejected = load(source)
    assert rejected == [] and labels is not None
    source.check(images, labels)
    column, row = np.rint(joint_columns(labels, "uv")[0]).astype(int).T
    skin = truth[:, 2] - images[0, row, column]
    assert (skin > 0).all() and (skin < 35).all()  # all 14 joints lie under the surface, none in the background
    pitch = 300 / 224 / truth[13, 2] * crops.FX  # frame pixels a crop pixel
    square = depth[round(truth[13, 1] - 112 * pitch) :, round(truth[13, 0] - 112 * pitch) :]
    square = square[: round(224 * pitch), : round(224 * pitch)]
    assert (images > 0).sum() == pytest.approx((np.abs(square - truth[13, 2]) < 150).sum() / pitch**2, rel=0.01)


@needs_real_files
def test_real_crop_of_128_pixels_agrees_with_one_that_the_field_made(tmp_path: Path, truth: np.ndarray):
    """That crop is of a cube of 300 mm, 255 at its back and beyond, around the hand's centre instead of joint 32."""
    theirs = cv2.imread(str(REAL / "nyu_frames/test_crop_0.png"), cv2.IMREAD_GRAYSCALE)
    assert theirs is not None
    centre = truth[13] + [-7.5, 16.5, 5.3]
    uvd = np.concatenate([truth[:13], centre[None]])
    ours = load(one_frame(tmp_path, uvd, 128)).images[0].astype(float)
    both = (ours > 0) & (theirs < 255)
    assert both.sum() > 0.95 * ((ours > 0) | (theirs < 255)).sum()
    grey = (ours - (centre[2] - 150)) * 255 / 300
    assert np.median(np.abs(grey - theirs)[both]) < 1
    assert np.corrcoef(grey[both], theirs[both])[0, 1] > 0.99


@needs_real_files
def test_real_pair_is_aligned_and_masked(tmp_path: Path):
    pair = np.load(REAL / "nyu_pair/pair.npz")
    (tmp_path / "train").mkdir()
    write_depth(tmp_path / "train/depth_1_0000001.png", pair["real_mm"])
    write_depth(tmp_path / "train/synthdepth_1_0000001.png", np.rint(pair["synthetic_mm"]).astype(int))
    rows, columns = np.nonzero(pair["synthetic_mm"])
    palm = np.array([columns.mean(), rows.mean(), pair["synthetic_mm"][rows, columns].mean()])
    uvd = np.broadcast_to(palm, (3, 1, 14, 3))
    write_joints(tmp_path / "train", uvd, crops.unproject(uvd))
    real = NYU(tmp_path, "train", "real", (0,), 96, masked=True, count=None)
    masked, unmasked = load(real).images[0], load(replace(real, masked=False)).images[0]
    render = load(replace(real, kind="synthetic")).images[0]
    apart = np.abs(masked.astype(int) - render)[masked > 0]
    assert (masked > 0).sum() > 0.9 * (render > 0).sum() and np.median(apart) < 10
    assert not masked[render == 0].any() and (unmasked > 0).sum() > 1.02 * (masked > 0).sum()
