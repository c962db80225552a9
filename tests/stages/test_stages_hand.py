"""The hand's stages on tiny stores: depth in and out, views, what each may read, errors by hand, resumption."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.core.config import Params
from benchmarks.datasets import store as stores
from benchmarks.datasets.hands.crops import crop_to_mm
from benchmarks.datasets.store import open_store
from benchmarks.evaluation.tasks import HAND, JOINTS
from benchmarks.stages import evaluate, refine, train_hand, train_simgan
from benchmarks.training.instances import run_all
from benchmarks.training.tensors import load_weights, to_network, to_pixels
from estimators.hourglass import Hourglass
from tests.conftest import write_yaml
from tests.stages.killed import kill_training

Tiny = Callable[..., Params]


def train_all(params: Params) -> None:
    train_simgan.run(params, "hand", 0)
    refine.run(params, "hand", 0)
    for condition in HAND.conditions:
        train_hand.run(params, condition, 0)


def weights() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in sorted(Path("models").rglob("*.safetensors"))}


def test_depth_survives_the_way_to_the_network_and_back(hand_workspace: Path):
    images = open_store(Path("stores/hand/synthetic"), "hand").images[:6]
    units = to_network(images, torch.device("cpu"))
    assert (units[:, 0].numpy()[images == 0] == 0).all()
    assert units.min() >= -1
    assert units[:, 0].numpy()[images > 0].max() < -0.125
    assert np.array_equal(to_pixels(units, images), images)


def test_nothing_but_the_real_row_reads_real_labels(hand_workspace: Path, tiny: Tiny, monkeypatch):
    opened: set[str] = set()
    original = stores.open_store

    def recorded(path: Path, task: str):
        opened.add(path.relative_to("stores/hand").as_posix())
        return original(path, task)

    for module in (train_simgan, refine, train_hand):
        monkeypatch.setattr(module, "open_store", recorded)
    train_simgan.run(tiny(), "hand", 0)
    assert opened == {"synthetic", "real"}
    opened.clear()
    refine.run(tiny(), "hand", 0)
    assert opened == {"synthetic"}
    for condition in HAND.conditions:
        opened.clear()
        train_hand.run(tiny(), condition, 0)
        expected = {"real": "real_labelled", "refined": "refined/0", "synthetic": "synthetic"} | {
            "photographed": "photographed"
        }
        assert opened == {expected[condition.split("_")[0]]}


@pytest.mark.parametrize(("condition", "count"), [("synthetic", 15), ("synthetic_3x", 44), ("real", 11)])
def test_3x_is_all_views_and_1x_the_frontal_one(hand_workspace: Path, tiny: Tiny, condition, count):
    """16 frames in 3 views: 16 or 48 images, a tenth, 1 or 4, held out; 12 real frames, 1 held out."""
    trainers = []
    train_hand.run(tiny(), condition, 0, train=lambda trainer, **_: trainers.append(trainer) or Path())
    assert trainers[0].count == count


def test_errors_are_distances_in_224_crop_pixels_and_mm(hand_workspace: Path, tiny: Tiny):
    train_hand.run(tiny(), "real", 0)
    test = open_store(Path("stores/hand/test"), "hand")
    path = Path("models/hand/real/0.safetensors")
    errors = evaluate.hand_errors(path, test, torch.device("cpu"))
    network = load_weights(path, Hourglass, torch.device("cpu"))
    with torch.no_grad():
        maps = network(to_network(test.images[:1], torch.device("cpu")))[0, -1]
    j = 5
    row, column = divmod(int(maps[j].argmax()), maps.shape[-1])
    label = test.labels.iloc[0]
    u, v = (column + 0.5) * 4 - 0.5, (row + 0.5) * 4 - 0.5  # heat maps of 8 for crops of 32
    coarse = np.hypot(u - label[f"{JOINTS[j]}_u"], v - label[f"{JOINTS[j]}_v"])
    assert errors[0, j] == pytest.approx(coarse * 7, abs=7 * 4 * 0.75)  # sub-pixel decoding moves it by half a cell
    assert errors.shape == (8, 28)


def test_millimetres_read_the_depth_at_the_estimate(hand_workspace: Path, monkeypatch):
    """An estimate at the truth is off by the joint's depth below the surface alone; one on background by NaN."""
    test = open_store(Path("stores/hand/test"), "hand")
    uv = np.stack([test.labels[[f"{joint}_{axis}" for joint in JOINTS]].to_numpy() for axis in "uv"], axis=2)
    uv[0, 0] = (0.0, 0.0)
    monkeypatch.setattr(evaluate, "load_weights", lambda *_: None)
    monkeypatch.setattr(evaluate.hourglass, "estimate", lambda *_: torch.from_numpy(uv))
    errors = evaluate.hand_errors(Path("none"), test, torch.device("cpu"))
    assert np.isnan(errors[0, 14])
    assert errors[1:, :14].max() == pytest.approx(0, abs=1e-6)
    row, column = (int(np.rint(test.labels[f"palm_{axis}"][3])) for axis in "vu")
    depth = float(test.images[3, row, column])
    crop = test.labels[["crop_u", "crop_v", "crop_d"]].to_numpy()[3:4]
    point = crop_to_mm(np.array([[[*uv[3, 13], depth]]]), crop, 32)[0, 0]
    truth = test.labels[["palm_x", "palm_y", "palm_d"]].to_numpy()[3]
    assert errors[3, 27] == pytest.approx(float(np.linalg.norm(point - truth)), abs=1e-6)


def test_evaluation_has_a_row_per_image(hand_workspace: Path, tiny: Tiny):
    params = tiny({"seeds": [0]})
    train_all(params)
    evaluate.run(params, "hand")
    rows = pd.read_parquet("results/hand.parquet")
    assert len(rows) == len(HAND.conditions) * 8
    assert set(HAND.errors) < set(rows.columns)


def test_poisoned_real_labels_change_the_real_row_only(hand_workspace: Path, tiny: Tiny):
    params = tiny()
    train_all(params)
    before = weights()
    for name in ("test", "real_labelled"):
        store = open_store(Path("stores/hand") / name, "hand")
        labels = store.labels.copy()
        labels[[f"{joint}_u" for joint in JOINTS]] = labels[[f"{joint}_v" for joint in JOINTS]].to_numpy()
        chunk = (np.array(store.images), labels)
        shape = store.images.shape[1:]
        stores.write_store(
            store.path, [chunk], task="hand", domain="real", count=len(store), shape=shape, dtype="uint16"
        )
    shutil.rmtree(".checkpoints")
    train_all(params)
    after = weights()
    assert [name for name in before if before[name] != after[name]] == ["models/hand/real/0.safetensors"]


def test_killed_training_resumes_and_ends_in_the_same_bytes(hand_workspace: Path, tiny: Tiny, capsys):
    params = tiny({"estimators.hand.max_steps": 60, "estimators.hand.patience": 99})
    write_yaml(hand_workspace / "params.yaml", params.model_dump(mode="json"))
    run_all(partial(train_hand.run, params), [("synthetic_3x", 0)], params.compute)
    never_killed = weights()
    shutil.rmtree("models")
    kill_training(train_hand.__name__, "synthetic_3x")
    assert "resuming" not in capsys.readouterr().out
    run_all(partial(train_hand.run, params), [("synthetic_3x", 0)], params.compute)
    assert "resuming at step" in capsys.readouterr().out
    assert weights() == never_killed
