"""A folder of pictures through a refiner: each as the stage refine would have it, broken ones named."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks import apply
from benchmarks.core.errors import UserError
from benchmarks.training.tensors import save_weights, to_network, to_pixels
from simgan.networks import Refiner


@pytest.fixture
def refiner(workspace: Path) -> Refiner:
    torch.manual_seed(0)
    network = Refiner(features=4, blocks=1)
    save_weights(Path("models/simgan/gaze/0.safetensors"), network.state_dict(), {"features": 4, "blocks": 1})
    return network


def test_each_picture_is_refined_under_its_name(refiner: Refiner, capsys):
    eyes = np.random.default_rng(0).integers(0, 256, (3, 35, 55), dtype=np.uint8)
    Path("mine").mkdir()
    for name, eye in zip("abc", eyes, strict=True):
        cv2.imwrite(f"mine/{name}.png", eye)
    Path("mine/b2.jpg").write_bytes(b"no picture")
    apply.refine_folder(Path("mine"), Path("refined"), 0)
    with torch.no_grad():
        expected = to_pixels(refiner(to_network(eyes, torch.device("cpu"))), eyes)
    for name, image in zip("abc", expected, strict=True):
        found = cv2.imread(f"refined/{name}.png", cv2.IMREAD_GRAYSCALE)
        assert found is not None
        assert np.abs(found.astype(int) - image).max() <= 1
    assert sorted(path.name for path in Path("refined").iterdir()) == ["a.png", "b.png", "c.png"]
    told = capsys.readouterr().out
    assert "mine/b2.jpg: left out: truncated" in told
    assert "3 images in refined" in told


def test_what_is_missing_is_named(refiner: Refiner):
    with pytest.raises(UserError, match="no such folder"):
        apply.refine_folder(Path("nowhere"), Path("refined"), 0)
    Path("mine").mkdir()
    with pytest.raises(UserError, match="no weights here"):
        apply.refine_folder(Path("mine"), Path("refined"), 7)
    with pytest.raises(UserError, match="the pictures themselves"):
        apply.refine_folder(Path("mine"), Path("mine"), 0)
