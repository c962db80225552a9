"""Section 3.3's ablations and Table 3's earlier methods as stages; a run without labelled real images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.core.config import VARIANTS, Params
from benchmarks.datasets.store import open_store, write_store
from benchmarks.evaluation.tasks import ABLATIONS, BASELINES, GAZE
from benchmarks.stages import baselines, evaluate, measure, refine, train_gaze, train_simgan
from benchmarks.training.tensors import derive
from estimators.baselines import fit
from estimators.errors import angular_error_deg

Tiny = Callable[..., Params]


def test_variants_take_away_what_their_names_say(tiny: Tiny):
    whole = tiny().simgan.gaze
    assert (whole.varied("without_history").history, whole.varied("without_history").discriminator) == (0, "local")
    assert whole.varied("global_discriminator").history == whole.history
    assert (whole.varied("neither").history, whole.varied("neither").discriminator) == (0, "global")
    assert tuple(f"refined_{name}" for name in VARIANTS) == ABLATIONS.conditions[1:]


def test_a_variant_is_the_method_with_the_parameter_changed(workspace: Path, tiny: Tiny):
    train_simgan.run(tiny({"simgan.gaze.history": 0}), "gaze", 0)
    train_simgan.run(tiny(), "gaze", 0, "without_history")
    files = [Path("models/simgan") / name for name in ("gaze/0", "gaze-without_history/0")]
    plain, varied = (file.with_suffix(".safetensors").read_bytes() for file in files)
    assert plain == varied


def test_an_ablation_goes_all_the_way_to_its_error(workspace: Path, tiny: Tiny, monkeypatch):
    params = tiny({"seeds": [0], "ablations": ["global_discriminator"], "supervised.gaze": [], "controls.gaze": []})
    train_simgan.run(params, "gaze", 0)
    train_simgan.run(params, "gaze", 0, "global_discriminator")
    for variant in ("", "global_discriminator"):
        refine.run(params, "gaze", 0, variant)
    names = "refined/0", "refined-global_discriminator/0"
    refined = [open_store(Path("stores/gaze") / name, "gaze") for name in names]
    assert not np.array_equal(refined[0].images, refined[1].images)
    monkeypatch.setattr(measure, "IMAGES", 24)
    measure.run(params, "gaze", 0, "global_discriminator")
    assert Path("results/measures/gaze-global_discriminator/0.json").exists()
    for condition in (*GAZE.conditions[:4], "refined_global_discriminator"):
        train_gaze.run(params, condition, 0)
    evaluate.run(params, "gaze")
    found = pd.read_parquet("results/gaze.parquet")["condition"].unique().tolist()
    assert found == ["synthetic", "synthetic_4x", "refined", "refined_4x", "refined_global_discriminator"]


def test_an_ablated_condition_trains_on_a_quarter_of_its_own_images(workspace: Path, tiny: Tiny):
    params = tiny()
    train_simgan.run(params, "gaze", 0, "neither")
    refine.run(params, "gaze", 0, "neither")
    trainers = []
    train_gaze.run(params, "refined_neither", 0, train=lambda trainer, **_: trainers.append(trainer) or Path())
    assert trainers[0].count == 14
    assert train_gaze.training_set("refined_neither", 0).path == Path("stores/gaze/refined-neither/0")


def test_baselines_have_a_row_per_test_image_with_the_right_error(workspace: Path, tiny: Tiny, monkeypatch):
    methods = baselines.baselines.BASELINES
    monkeypatch.setattr(baselines.baselines, "BASELINES", {name: methods[name] for name in ("mean", "svr")})
    baselines.run(tiny({"seeds": [0], "compute.threads": 2, "supervised.folds": 1}))
    rows = pd.read_parquet("results/baselines.parquet")
    assert set(rows["condition"]) == set(BASELINES[:4])
    assert len(rows) == 4 * 24
    train, test = (open_store(Path("stores/gaze") / name, "gaze") for name in ("real_labelled", "test"))
    mean = fit("mean", train.images, None, train.gaze(), np.random.default_rng(0)).predict(np.array(test.images), None)
    expected = angular_error_deg(torch.from_numpy(mean), torch.from_numpy(test.gaze())).numpy()
    assert rows.query("condition == 'mean_real'")["error_deg"].to_numpy() == pytest.approx(expected)
    assert len(list(Path("diary/baselines").iterdir())) == 4


def test_images_and_steps_of_a_baseline_are_parameters(workspace: Path, tiny: Tiny):
    params = tiny({"estimators.baselines.images": 20, "estimators.baselines.cnn_steps": 2})
    baselines.opened.cache_clear()  # of another test's folder
    errors = baselines.errors_of("multimodal_cnn", "real", 0, params.estimators.baselines, folds=1)
    train, test = (open_store(Path("stores/gaze") / name, "gaze") for name in ("real_labelled", "test"))
    random = np.random.default_rng(derive(0, "baselines/multimodal_cnn_real"))
    learnt = fit("multimodal_cnn", train.images, None, train.gaze(), random, at_most=20, steps=2)
    estimate = torch.from_numpy(learnt.predict(test.images, None))
    assert errors == pytest.approx(angular_error_deg(estimate, torch.from_numpy(test.gaze())).numpy())


def test_without_labelled_real_images_there_is_no_supervised_baseline(workspace: Path, tiny: Tiny, monkeypatch):
    monkeypatch.setattr(baselines.baselines, "BASELINES", {"mean": baselines.baselines.BASELINES["mean"]})
    baselines.run(tiny({"seeds": [0], "supervised.gaze": []}))
    assert set(pd.read_parquet("results/baselines.parquet")["condition"]) == {"mean_synthetic"}


def test_head_poses_are_used_only_where_every_image_has_one(workspace: Path):
    plain = open_store(Path("stores/gaze/test"), "gaze")
    assert np.isnan(baselines.poses(plain)).all()
    labels = plain.labels.assign(head_pitch_deg=1.0, head_yaw_deg=np.arange(24.0))
    write_store(plain.path, [(np.array(plain.images), labels)], task="gaze", domain="test", count=24, shape=(35, 55))
    assert baselines.poses(open_store(plain.path, "gaze"))[5].tolist() == [1, 5]
