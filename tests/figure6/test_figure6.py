"""Figure 6's colour eyes, its two refiners on tiny stores, and the numbers that it tells."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.datasets import eyes
from benchmarks.datasets.eyes import colour
from benchmarks.datasets.folder import Folder
from benchmarks.datasets.joined import Joined
from benchmarks.datasets.mpiigaze import MPIIGaze
from benchmarks.figure6 import experiment, page
from benchmarks.figure6.experiment import coloured, palette, to_network, to_pixels
from tests.test_structure import ROOT, reached, relative

Tiny = Callable[..., Params]


def test_without_tints_every_channel_is_the_grey_eye(monkeypatch: pytest.MonkeyPatch):
    for name in ("SKIN", "BROWN", "BLUE", "SCLERA"):
        monkeypatch.setattr(colour, name, np.ones(3, np.float32))
    images, _ = next(colour.simulator(8, 5))
    grey, _ = next(eyes.simulator(8, 5))
    assert images.shape == (8, 35, 55, 3)
    assert all(np.array_equal(images[..., channel], grey) for channel in range(3))


def test_skin_is_redder_than_blue_and_the_rooms_light_warmer_than_the_simulators():
    clean, _ = next(colour.simulator(40, 5))
    filmed, _ = next(colour.camera(40, 6, [0, 3, 5]))
    assert filmed.shape == (40, 35, 55, 3) and filmed.dtype == np.uint8
    for images in (clean, filmed):
        red, green, blue = images.reshape(-1, 3).mean(0)
        assert red > green > blue
    again, _ = next(colour.camera(40, 6, [0, 3, 5]))
    assert np.array_equal(filmed, again)


def test_pixels_survive_the_way_to_the_network_and_back():
    images = np.arange(2 * 16 * 8 * 3, dtype=np.uint32).astype(np.uint8).reshape(2, 16, 8, 3)
    tensor = to_network(images, torch.device("cpu"))
    assert tensor.shape == (2, 3, 16, 8)
    assert np.array_equal(to_pixels(tensor), images)


def test_a_palettes_distance_is_that_of_a_shift_along_every_line():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 200, (20, 35, 55, 3), np.uint8)
    assert palette(images, images) == 0
    shift = np.array([30, 10, 0], np.uint8)
    lines = np.random.default_rng(0).normal(size=(3, 64))
    expected = np.abs((shift / 1.0) @ (lines / np.linalg.norm(lines, axis=0))).mean()
    assert palette(images + shift, images) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("channel_mean", "verdict"),
    [((5.0, 5.1, 5.2), "reproduced"), ((5, 20, 35), "inconclusive"), ((30.0, 30.1, 30.2), "contradicted")],
)
def test_the_verdict_is_that_of_the_difference_over_seeds(channel_mean, verdict):
    found = {
        "identity": [{"palette_refined": value} for value in (20.0, 20.2, 19.8)],
        "channel_mean": [{"palette_refined": value} for value in channel_mean],
    }
    assert page.judged(found)[0] == verdict


def test_sources_in_colour_are_read_in_colour_and_grey_ones_refused():
    folder = Folder(Path("x"), None)
    joined = coloured(Joined((folder, folder)))
    assert isinstance(joined, Joined)
    assert all(isinstance(part, Folder) and part.colour for part in joined.parts)
    with pytest.raises(UserError, match="MPIIGaze has grey images only"):
        coloured(MPIIGaze(Path("x")))


def test_the_whole_experiment_on_a_few_images(workspace: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(experiment, "IMAGES", 40)
    params = tiny({"seeds": [0, 1]})
    for domain in ("synthetic", "real"):
        experiment.load(params, domain)
    for psi in page.LABELS:
        for seed in params.seeds:
            experiment.refine(params, psi, seed)
    before = np.load("figure6/identity/0.npy")
    shutil.rmtree(".checkpoints")
    experiment.refine(params, "identity", 0)
    assert np.array_equal(np.load("figure6/identity/0.npy"), before)
    assert before.shape == (40, 35, 55, 3)
    assert not np.array_equal(before, np.load("figure6/channel_mean/0.npy"))
    page.write(params)
    told = json.loads(Path("results/figure6.json").read_text())
    assert {psi: len(seeds) for psi, seeds in told["seeds"].items()} == {"identity": 2, "channel_mean": 2}
    assert f"**{told['verdict']}**" in Path("reports/figure6/README.md").read_text()
    assert Path("reports/figure6/figure6.png").stat().st_size > 1000


def test_deps_cover_every_file_that_the_experiment_reaches():
    stages = YAML(typ="safe", pure=True).load((ROOT / "benchmarks/figure6/dvc.yaml").read_text())["stages"]
    ignored = ("benchmarks/tracking", "benchmarks/figure6/page.py")
    needed = {relative(path) for path in reached(ROOT / "benchmarks/figure6/experiment.py")}
    files = {file for file in needed if not file.startswith(ignored) and (ROOT / file).read_text().strip()}
    missing = [
        file
        for file in sorted(files)
        if not any((file + "/").startswith(f"{dep}/") for dep in stages["figure6-train"]["deps"])
    ]
    assert missing == []
