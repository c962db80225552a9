"""Every stage on tiny stores: determinism, what each may read, resumption after a kill."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.datasets import store as stores
from benchmarks.datasets.store import open_store
from benchmarks.evaluation.tasks import GAZE
from benchmarks.measures import realism
from benchmarks.stages import evaluate, refine, train_gaze, train_simgan
from benchmarks.training import loop
from benchmarks.training.instances import run_all
from benchmarks.training.tensors import load_weights, save_weights, to_network, to_pixels
from estimators.fit import Fit
from estimators.gaze_cnn import GazeCNN
from simgan.networks import Refiner
from tests.conftest import write_yaml
from tests.stages.killed import kill_training

Tiny = Callable[..., Params]
REFINER = Path("models/simgan/gaze/0.safetensors")
CONDITIONS = GAZE.conditions


def train_all(params: Params) -> None:
    for seed in params.seeds:
        train_simgan.run(params, "gaze", seed)
        refine.run(params, "gaze", seed)
    for condition in CONDITIONS:
        for seed in params.seeds_of("gaze", condition):
            for fold in range(params.supervised.folds) if condition == "real" else [None]:
                train_gaze.run(params, condition, seed, fold)


def weights_of(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in bytes_of(folder).items() if name.endswith(".safetensors")}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*")) if path.is_file()}


def test_pixels_survive_the_way_to_the_network_and_back():
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    tensor = to_network(images, torch.device("cpu"))
    assert (tensor.min(), tensor.max()) == (-1, 1)
    assert np.array_equal(to_pixels(tensor, images), images)


def test_same_parameters_same_bytes_and_another_seed_others(workspace: Path, tiny: Tiny):
    params = tiny()
    train_simgan.run(params, "gaze", 0)
    first = REFINER.read_bytes()
    REFINER.unlink()
    shutil.rmtree(".checkpoints")
    train_simgan.run(params, "gaze", 0)
    train_simgan.run(params, "gaze", 1)
    assert REFINER.read_bytes() == first
    assert Path("models/simgan/gaze/1.safetensors").read_bytes() != first


DECIDES = {  # a key of simgan.gaze -> another value; log_every and sample_every decide nothing
    "features": 5, "blocks": 2, "kernel": 5, "padding": "zeros", "discriminator": "global", "discriminator_width": 0.2,
    "discriminator_layers": "hand",
    "lam": 0.5, "psi": "derivatives", "optimizer": "sgd", "lr": 0.01, "batch": 6, "history": 2, "k_d": 2, "k_g": 3,
    "refiner_pretraining": 4, "discriminator_pretraining": 3, "iterations": 8, "lr_drops": [[1, 1e-5]],
    "schedule": "constant",
}  # fmt: skip


def test_every_parameter_of_the_method_decides_the_refiner(workspace: Path, tiny: Tiny):
    train_simgan.run(tiny(), "gaze", 0)
    seen = {REFINER.read_bytes()}
    for key, value in DECIDES.items():
        train_simgan.run(tiny({f"simgan.gaze.{key}": value}), "gaze", 0)
        assert REFINER.read_bytes() not in seen, f"simgan.gaze.{key} changes nothing"
        seen.add(REFINER.read_bytes())
    assert set(DECIDES) | {"log_every", "sample_every", "lam_global"} == set(tiny().simgan.gaze.model_dump())


def test_refined_store_keeps_labels_and_changes_images(workspace: Path, tiny: Tiny):
    train_simgan.run(tiny(), "gaze", 0)
    refine.run(tiny(), "gaze", 0)
    synthetic, refined = (open_store(Path("stores/gaze") / name, "gaze") for name in ("synthetic", "refined/0"))
    pd.testing.assert_frame_equal(refined.labels, synthetic.labels)
    network = load_weights(REFINER, Refiner, torch.device("cpu"))
    with torch.no_grad():
        expected = network(torch.from_numpy(synthetic.images[5:6].astype(np.float32))[:, None] / 127.5 - 1)
    assert np.abs(refined.images[5] - (expected[0, 0].numpy() + 1) * 127.5).max() <= 0.51


def test_conditions_of_a_seed_start_from_the_same_weights(workspace: Path, tiny: Tiny):
    started = []

    def train(trainer: Fit, **_: Any) -> Path:
        started.append(trainer.network.state_dict())
        return Path()

    for condition in ("synthetic", "synthetic_4x", "real"):
        train_gaze.run(tiny(), condition, 0, train=train)
    assert all(torch.equal(started[0][name], other[name]) for other in started[1:] for name in started[0])


@pytest.mark.parametrize(("condition", "count"), [("synthetic", 14), ("synthetic_4x", 58), ("real", 29)])
def test_1x_is_a_quarter_of_what_is_not_held_out(workspace: Path, tiny: Tiny, condition: str, count: int):
    """64 images, 6 held out, a quarter of 58; the real row has 32, 3 held out."""
    trainers = []
    train_gaze.run(tiny(), condition, 0, train=lambda trainer, **_: trainers.append(trainer) or Path())
    assert trainers[0].count == count


def test_evaluation_has_a_row_per_image_with_the_right_error(workspace: Path, tiny: Tiny):
    params = tiny({"seeds": [0], "estimators.gaze.further_seeds": 1})
    train_all(params)
    evaluate.run(params, "gaze")
    rows = pd.read_parquet("results/gaze.parquet")
    assert len(rows) == (len(CONDITIONS) + 2) * 24
    assert set(rows.loc[rows["seed"] == 1, "condition"]) == {"synthetic", "synthetic_4x"}
    row = rows[(rows.condition == "real") & (rows.image == 7)].iloc[0]
    assert row.person == "p01" and row.seen
    test = open_store(Path("stores/gaze/test"), "gaze")
    network = load_weights(Path("models/gaze/real/fold1/0.safetensors"), GazeCNN, torch.device("cpu"))
    with torch.no_grad():
        estimated = (
            network(torch.from_numpy(test.images[7:8].astype(np.float32))[:, None] / 127.5 - 1)[0].double().numpy()
        )
    cosine = estimated @ test.gaze()[7] / np.linalg.norm(estimated)
    assert row.error_deg == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-3)


ALLOWED = {
    "train-simgan": {"synthetic", "real"},
    "refine": {"synthetic"},
    "synthetic": {"synthetic"},
    "synthetic_4x": {"synthetic"},
    "refined": {"refined/0"},
    "refined_4x": {"refined/0"},
    "photographed_4x": {"photographed"},
    "equalised_4x": {"equalised"},
    "real": {"real", "real_labelled"},
}


def test_nothing_but_the_real_row_and_the_evaluation_reads_real_labels(workspace: Path, tiny: Tiny, monkeypatch):
    """What each stage opens, recorded at the one door to the data; `real` has no labels to read."""
    opened: set[str] = set()
    original = stores.open_store

    def recorded(path: Path, task: str):
        opened.add(path.relative_to("stores/gaze").as_posix())
        return original(path, task)

    for module in (train_simgan, refine, train_gaze):
        monkeypatch.setattr(module, "open_store", recorded)
    for name, allowed in ALLOWED.items():
        opened.clear()
        if name in ("train-simgan", "refine"):
            (train_simgan if name == "train-simgan" else refine).run(tiny(), "gaze", 0)
        else:
            train_gaze.run(tiny(), name, 0, 0 if name == "real" else None)
        assert opened == allowed
    assert not (Path("stores/gaze/real") / "labels.parquet").exists()


def test_poisoned_real_labels_change_the_real_row_only(workspace: Path, tiny: Tiny):
    """Were any label of the real domain read to train, stop or select, these weights would differ."""
    params = tiny({"seeds": [0]})
    train_all(params)
    before = weights_of(Path("models"))
    for name in ("test", "real_labelled"):
        store = open_store(Path("stores/gaze") / name, "gaze")
        chunk = (np.array(store.images), store.labels.iloc[::-1].reset_index(drop=True))
        stores.write_store(store.path, [chunk], task="gaze", domain="real", count=len(store), shape=(35, 55))
    shutil.rmtree("models")
    shutil.rmtree(".checkpoints")
    train_all(params)
    after = weights_of(Path("models"))
    assert [name for name in before if before[name] != after[name]] == [
        "gaze/real/fold0/0.safetensors",
        "gaze/real/fold1/0.safetensors",
    ]


SLOW = {"simgan.gaze.iterations": 200, "estimators.gaze.max_steps": 200, "estimators.gaze.patience": 999}


@pytest.mark.parametrize(("stage", "what"), [(train_simgan, "gaze"), (train_gaze, "synthetic_4x")])
def test_killed_training_resumes_and_ends_in_the_same_bytes(workspace: Path, tiny: Tiny, capsys, stage, what: str):
    params = tiny(SLOW)
    write_yaml(workspace / "params.yaml", params.model_dump(mode="json"))
    run_all(partial(stage.run, params), [(what, 0)], params.compute)
    never_killed = weights_of(workspace / "models"), bytes_of(workspace / "runs")
    shutil.rmtree("models")
    shutil.rmtree("runs")

    kill_training(stage.__name__, what)
    assert not Path("models").exists()
    assert "resuming" not in capsys.readouterr().out

    run_all(partial(stage.run, params), [(what, 0)], params.compute)
    assert "resuming at step" in capsys.readouterr().out
    assert (weights_of(workspace / "models"), bytes_of(workspace / "runs")) == never_killed
    assert not list(Path(".checkpoints").glob("*/*")), "a finished training leaves no checkpoint"


def test_a_changed_parameter_does_not_resume_an_old_state(workspace: Path, tiny: Tiny, monkeypatch, capsys):
    class Killed(Exception):
        pass

    def kill(self, *_):
        raise Killed

    from benchmarks.core import progress

    with monkeypatch.context() as patch:
        patch.setattr(progress.Progress, "__call__", kill)
        with pytest.raises(Killed):
            train_gaze.run(tiny(), "synthetic", 0, train=partial(loop.train, checkpoint_every_s=0.0))
    assert list(Path(".checkpoints").glob("*/*/state.pt"))
    train_gaze.run(tiny({"estimators.gaze.lr": 0.01}), "synthetic", 0)
    assert "resuming" not in capsys.readouterr().out
    train_gaze.run(tiny(), "synthetic", 0)
    assert "resuming at step" in capsys.readouterr().out


def test_divergence_is_told_with_its_mend(workspace: Path, tiny: Tiny):
    params = tiny({"estimators.gaze.lr": 1e30, "estimators.gaze.optimizer": "sgd"})
    with pytest.raises(UserError, match=r"diverged: loss is \S+ at step \d+; .*lower learning rate"):
        train_gaze.run(params, "synthetic", 0)
    assert not Path("models").exists()


def test_weights_of_another_network_are_refused(workspace: Path):
    path = Path("weights.safetensors")
    save_weights(path, Refiner(features=2).state_dict(), {"features": 2})
    with pytest.raises(UserError, match=r"weights\.safetensors: not GazeCNN weights"):
        load_weights(path, GazeCNN, torch.device("cpu"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"weights\.safetensors: not Refiner weights"):
        load_weights(path, Refiner, torch.device("cpu"))
    with pytest.raises(UserError, match=r"absent: no weights here"):
        load_weights(Path("absent"), Refiner, torch.device("cpu"))


def test_label_free_criteria_by_step_are_those_of_the_refiner_then(workspace: Path, tiny: Tiny):
    train_simgan.run(tiny(), "gaze", 0)
    lines = Path("runs/train-simgan/gaze/0/metrics.jsonl").read_text().splitlines()
    logged = {
        event["step"]: event["metrics"] for event in map(json.loads, lines) if "measure/patches" in event["metrics"]
    }
    assert sorted(logged) == [0, 4, 8, 12]  # every sample_every steps and at the end
    synthetic, real = (open_store(Path("stores/gaze") / name, "gaze").images for name in ("synthetic", "real"))
    before = to_network(synthetic, torch.device("cpu"))
    with torch.no_grad():
        refined = load_weights(REFINER, Refiner, torch.device("cpu"))(before)
    expected = realism.compare(refined[:, 0].numpy(), real, before[:, 0].numpy())
    assert logged[12] == {f"measure/{name}": pytest.approx(value, rel=1e-4) for name, value in expected.items()}
