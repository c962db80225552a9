"""Stage measure on tiny stores: what is unchanged measures so, what is real too; no label of the real domain counts."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.core.config import Params
from benchmarks.datasets import eyes
from benchmarks.datasets.store import open_store, write_store
from benchmarks.measures import two_sample
from benchmarks.stages import measure

Tiny = Callable[..., Params]


@pytest.fixture
def stores(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rendered eyes: the same as synthetic and as refined, other persons' as real; a classifier of a few steps."""
    monkeypatch.setattr(two_sample, "two_sample", partial(two_sample.two_sample, steps=5))
    folder = workspace / "stores/gaze"
    simulated, filmed = next(eyes.simulator(120, 5)), next(eyes.camera(120, 6, [0, 1, 2, 3]))
    for name, (images, labels) in {
        "synthetic": simulated,
        "refined/0": simulated,
        "real": (filmed[0], None),
        "real_labelled": filmed,
    }.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        store(folder / name, images, labels)
    return folder


def store(path: Path, images: np.ndarray, labels: pd.DataFrame | None) -> None:
    write_store(path, [(images, labels)], task="gaze", domain=path.name, count=len(images), shape=(35, 55))


def measured(params: Params) -> dict:
    measure.run(params, "gaze", 0)
    return json.loads(Path("results/measures/gaze/0.json").read_text())


def test_an_unchanged_image_keeps_its_edges_and_its_iris(stores: Path, tiny: Tiny):
    found = measured(tiny())
    assert found["realism"]["refined"] == found["realism"]["synthetic"]
    assert found["realism"]["refined"]["edges"] == pytest.approx(1)
    assert found["preservation"]["shift_mean"] == 0
    assert found["realism"]["real"]["grey_levels"] < found["realism"]["synthetic"]["grey_levels"]


def test_images_that_are_real_measure_as_real(stores: Path, tiny: Tiny):
    synthetic, real = open_store(stores / "synthetic", "gaze"), open_store(stores / "real", "gaze")
    images, labels = np.array(real.images), synthetic.labels
    store(stores / "refined/0", images, labels)
    found = measured(tiny())
    assert found["realism"]["refined"]["grey_levels"] == pytest.approx(0, abs=1e-6)
    assert found["realism"]["refined"]["mean_image"] == pytest.approx(0, abs=1e-3)
    assert found["artefacts"]["refined"]["speckle"] == pytest.approx(1)


def test_the_classifiers_interval_has_persons_as_the_sample(stores: Path, tiny: Tiny):
    found = measured(tiny())["two_sample"]["refined"]
    assert found["clustered_high"] - found["clustered_low"] > found["high"] - found["low"]
    labelled = open_store(stores / "real_labelled", "gaze")
    store(stores / "real_labelled", np.array(labelled.images), labelled.labels.assign(person="p00"))
    alone = measured(tiny())["two_sample"]["refined"]
    assert (alone["clustered_low"], alone["clustered_high"]) == (0, 1)


def test_gaze_labels_of_the_real_domain_change_nothing(stores: Path, tiny: Tiny):
    before = measured(tiny())
    labelled = open_store(stores / "real_labelled", "gaze")
    turned = labelled.labels.assign(gaze_x=-labelled.labels["gaze_x"])
    store(stores / "real_labelled", np.array(labelled.images), turned)
    assert measured(tiny()) == before
