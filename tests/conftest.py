"""A workspace of its own for each test that runs stages: tiny parameters, tiny stores, tracking off."""

import copy
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

os.environ.setdefault("OMP_NUM_THREADS", "1")  # pytest-xdist has a worker a core; read when torch is imported

from benchmarks import presets
from benchmarks.core.config import Params, check
from benchmarks.datasets import hands
from benchmarks.datasets.store import write_store

TINY = {
    "seeds": [0, 1],
    "compute": {"device": "cpu", "threads": 1},
    "simgan.gaze": {"features": 4, "blocks": 1, "discriminator_width": 0.1, "batch": 4, "history": 16, "lr": 0.001}
    | {"refiner_pretraining": 3, "discriminator_pretraining": 2, "iterations": 7, "log_every": 2, "sample_every": 4},
    "simgan.hand": {"features": 2, "blocks": 1, "discriminator_width": 0.1, "batch": 4, "history": 16, "kernel": 3}
    | {"refiner_pretraining": 2, "discriminator_pretraining": 2, "iterations": 4, "log_every": 2, "sample_every": 4},
    "estimators.hand": {"features": 8, "depth": 2, "side": 8, "batch": 4, "max_steps": 8, "validate_every": 4}
    | {"validation_images": 4, "log_every": 4},
    "estimators.gaze": {"width": 0.1, "hidden": 8, "batch": 8, "max_steps": 12, "validate_every": 4, "log_every": 4}
    | {"validation_images": 8, "further_seeds": 0},
    "evaluation": {"resamples": 100},
}


def tiny_values() -> dict[str, Any]:
    """The embedded preset's plain values, shrunk until a training takes a second."""
    values = presets.parse(presets.compose("embedded"))
    for path, change in copy.deepcopy(TINY).items():
        *parents, last = path.split(".")
        node = values
        for key in parents:
            node = node[key]
        node[last] = node[last] | change if isinstance(change, dict) else change
    return values


def write_yaml(path: Path, values: Any) -> None:
    text = io.StringIO()
    YAML().dump(values, text)
    path.write_text(text.getvalue())


def eye_labels(count: int, seed: int, persons: Sequence[str] = ("p00", "p01")) -> pd.DataFrame:
    """Random unit gazes towards the camera; persons take turns."""
    gaze = np.random.default_rng(seed).normal([0, 0, -4], 1, (count, 3))
    gaze /= np.linalg.norm(gaze, axis=1, keepdims=True)
    return pd.DataFrame(gaze, columns=["gaze_x", "gaze_y", "gaze_z"]).assign(
        person=[persons[i % len(persons)] for i in range(count)]
    )


def eye_store(
    path: Path,
    count: int,
    seed: int,
    *,
    labelled: bool = True,
    domain: str = "synthetic",
    persons: Sequence[str] = ("p00", "p01"),
) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (count, 35, 55), dtype=np.uint8)
    labels = eye_labels(count, seed, persons) if labelled else None
    summary = {"persons": dict.fromkeys(persons, count // len(persons))}
    write_store(path, [(images, labels)], task="gaze", domain=domain, count=count, shape=(35, 55), summary=summary)


def hand_store(
    path: Path,
    frames: int,
    seed: int,
    *,
    labelled: bool = True,
    views: Sequence[int] = (0, 1, 2),
    source=hands.simulator,
) -> None:
    """Rendered hands, 32x32."""
    chunks = [(images, labels if labelled else None) for images, labels in source(frames, seed, views, 32)]
    count = frames * len(views)
    write_store(path, chunks, task="hand", domain=path.name, count=count, shape=(32, 32), dtype="uint16")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with params.yaml and small random stores, made the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")
    write_yaml(tmp_path / "params.yaml", tiny_values())
    stores = tmp_path / "stores/gaze"
    eye_store(stores / "synthetic", 64, 1)
    eye_store(stores / "real", 32, 2, labelled=False, domain="real")
    eye_store(stores / "real_labelled", 32, 2, domain="real")
    eye_store(stores / "test", 24, 3, domain="test", persons=("p00", "p01", "p02"))  # nothing saw the last
    for control in ("photographed", "equalised"):
        eye_store(stores / control, 64, 1, domain=control)
    yield tmp_path


@pytest.fixture
def hand_workspace(workspace: Path) -> Path:
    """The same with small stores of rendered hands."""
    stores = workspace / "stores/hand"
    hand_store(stores / "synthetic", 16, 1)
    hand_store(stores / "photographed", 16, 1, source=hands.photographed)
    hand_store(stores / "real", 12, 2, labelled=False)
    hand_store(stores / "real_labelled", 12, 2)
    hand_store(stores / "test", 8, 3, views=(0,))
    return workspace


@pytest.fixture
def tiny() -> Callable[..., Params]:
    """Parameters of the workspace; `tiny({"simgan.gaze.lam": 0.5})` changes some."""

    def make(changes: dict[str, Any] | None = None) -> Params:
        values = tiny_values()
        for path, value in (changes or {}).items():
            *parents, last = path.split(".")
            node = values
            for key in parents:
                node = node[key]
            node[last] = value
        return check(values, Path("params.yaml"))

    return make
