"""Control conditions, folds by person, and the rows that gaze is judged by."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.datasets import eyes, hands
from benchmarks.datasets.store import open_store
from benchmarks.evaluation import summary
from benchmarks.evaluation.tasks import GAZE, GAZE_UNSEEN, HAND, NEGATIVE_CONTROLS, split
from benchmarks.stages import control, evaluate, report, train_gaze
from benchmarks.training.folds import fold_of, trains_on
from benchmarks.training.tensors import save_weights
from estimators.gaze_cnn import GazeCNN

Tiny = Callable[..., Params]
STORES = Path("stores/gaze")


def test_photographed_scenes_are_the_simulators_with_its_labels():
    (clean, labels), (taken, same) = next(eyes.simulator(24, 5)), next(eyes.photographed(24, 5, [3, 8]))
    pd.testing.assert_frame_equal(same, labels)
    alike = [np.corrcoef(clean[i].ravel(), taken[i].ravel())[0, 1] for i in range(24)]
    others = [np.corrcoef(clean[i].ravel(), taken[i - 1].ravel())[0, 1] for i in range(24)]
    assert np.mean(alike) > 0.7 > np.mean(others) + 0.2
    assert np.array_equal(next(eyes.photographed(8, 5, [3, 8]))[0], taken[:8])
    with pytest.raises(UserError, match="distinct numbers from 0 to 119"):
        next(eyes.photographed(8, 5, [120]))


def test_equalised_images_keep_the_synthetic_labels(workspace: Path, tiny: Tiny):
    synthetic = open_store(STORES / "synthetic", "gaze")
    control.run(tiny(), "gaze", "equalised")
    store = open_store(STORES / "equalised", "gaze")
    assert np.array_equal(store.images, np.stack([cv2.equalizeHist(np.array(image)) for image in synthetic.images]))
    pd.testing.assert_frame_equal(store.labels, synthetic.labels)


def test_photographed_needs_scenes_that_can_be_rendered(workspace: Path, tiny: Tiny):
    files = {"source": "unityeyes", "path": "eyes", "count": None, "gaze_at_most": None, "rejected_at_most": 0.1}
    with pytest.raises(UserError, match=r"controls\.gaze: photographed needs the embedded simulator and camera"):
        control.run(tiny({"data.gaze.synthetic": files}), "gaze", "photographed")


def test_photographed_hands_are_the_simulators_with_its_labels():
    """Through the sensor the same hands in the same places: their middles agree, their edges do not."""
    (clean, labels), (taken, same) = (
        next(hands.simulator(4, 5, (0, 1), 64)),
        next(hands.photographed(4, 5, (0, 1), 64, True, 64 / 224)),
    )
    pd.testing.assert_frame_equal(same, labels)
    overlap = ((clean > 0) & (taken > 0)).sum((1, 2)) / ((clean > 0) | (taken > 0)).sum((1, 2))
    assert (overlap > 0.75).all() and (overlap < 1).all()
    assert np.array_equal(next(hands.photographed(2, 5, (0, 1), 64, True, 64 / 224))[0], taken[:4])
    arm = next(hands.photographed(4, 5, (0, 1), 64, False, 64 / 224))[0]
    assert (arm > 0).sum() > (taken > 0).sum()


def test_further_seeds_are_of_synthetic_images_alone(tiny: Tiny):
    params = tiny({"seeds": [0, 3], "estimators.gaze.further_seeds": 2})
    assert params.seeds_of("gaze", "synthetic_4x") == (0, 3, 4, 5)
    assert params.seeds_of("gaze", "refined_4x") == params.seeds_of("hand", "synthetic") == (0, 3)


def test_the_negative_control_sets_a_third_of_the_seeds_against_the_others():
    """Errors of 10 degrees, and 2 more for the seeds that are set against the others."""
    seeds = {"synthetic_4x": (0, 1, 2, 3, 8, 9, 10), "refined_4x": (0, 1)}
    apart = {0: 2, 3: 2, 10: 2}
    rows = pd.DataFrame(
        [(c, s, i, 10 + apart.get(s, 0) + s / 100, f"p{i}", True) for c in seeds for s in seeds[c] for i in range(4)],
        columns=["condition", "seed", "image", "error_deg", "person", "seen"],
    )
    negative = NEGATIVE_CONTROLS["gaze"]
    found = summary.summarise(split(rows, negative), negative, np.random.default_rng(0), {}, 200)
    compared = found["comparisons"]["gaze_negative_control"]["other_seeds"]
    assert found["gaze_negative_control"]["synthetic_4x"]["mean_error_deg"]["seeds"] == pytest.approx(
        [10.01, 10.02, 10.08, 10.09]
    )
    assert compared["difference"] == pytest.approx(2 + 0.13 / 3 - 0.05, abs=1e-4)
    assert compared["verdict"] == "contradicted"  # a control that can fail
    assert split(rows.query("seed < 3"), negative).empty


def test_folds_deal_out_known_persons_and_then_the_others():
    persons = ["p05", "p00", "p09", "p03", "p07"]
    assert fold_of(persons, ["p00", "p03", "p05"], 2).tolist() == [0, 0, 1, 1, 0]
    assert trains_on(persons[:2], ["p00", "p03", "p05"], 0, 2).tolist() == [False, False]
    assert trains_on(persons, ["p00"], 0, 1).all()
    with pytest.raises(UserError, match=r"supervised\.folds: 3 needs as many persons in data\.gaze\.real, which has 2"):
        fold_of(persons, ["p00", "p03"], 3)


def test_a_fold_trains_on_other_persons_than_it_judges(workspace: Path, tiny: Tiny):
    trainers = []
    real = open_store(STORES / "real_labelled", "gaze")
    for fold, judged in enumerate(("p00", "p01")):
        train_gaze.run(tiny(), "real", 0, fold, train=lambda trainer, **_: trainers.append(trainer) or Path())
        _, gaze = trainers[-1].train(torch.arange(trainers[-1].count), torch.Generator())
        forbidden = real.gaze()[(real.labels["person"] == judged).to_numpy()]
        assert trainers[-1].count == 15  # of 16 images one is held out
        assert not any((row == forbidden).all(axis=1).any() for row in gaze.numpy())


def test_a_person_is_judged_by_the_fold_that_never_saw_it(workspace: Path, tiny: Tiny):
    """Each fold's network always answers one direction, so the rows tell which network judged them."""
    for fold in (0, 1):
        network = GazeCNN("flattening", 0.1, 8)
        for weight in network.state_dict().values():
            weight.zero_()
        network.state_dict()["fc.2.bias"][fold] = 1.0
        save_weights(
            Path(f"models/gaze/real/fold{fold}/0.safetensors"),
            network.state_dict(),
            {"fc9600": "flattening", "width": 0.1, "hidden": 8},
        )
    test = open_store(STORES / "test", "gaze")
    errors = evaluate.folded_errors(2, ["p00", "p01"], 0, test, torch.device("cpu"))
    fold_of_person = {"p00": 0, "p01": 1, "p02": 0}
    axis = np.array([fold_of_person[person] for person in test.labels["person"]])
    expected = np.degrees(np.arccos(test.gaze()[np.arange(24), axis]))
    assert errors == pytest.approx(expected, abs=1e-2)


def test_gaze_is_judged_on_persons_whom_the_refiner_saw_where_there_are_any():
    rows = pd.DataFrame({"seen": [True, False, True], "image": range(3)})
    assert report.rows_of(rows, GAZE)["image"].to_list() == [0, 2]
    assert report.rows_of(rows, GAZE_UNSEEN)["image"].to_list() == [1]
    unseen = rows.assign(seen=False)
    assert len(report.rows_of(unseen, GAZE)) == 3
    assert len(report.rows_of(unseen, GAZE_UNSEEN)) == 0
    assert len(report.rows_of(rows.drop(columns="seen"), HAND)) == 3
