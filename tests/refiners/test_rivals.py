"""Each rival against what its paper says of it, computed another way or by hand."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks.core import config
from benchmarks.refiners import plugins
from benchmarks.refiners.contract import Domains, Unlabelled, steps
from benchmarks.refiners.rivals import augmented, dann, fourier, matching, sensor
from benchmarks.refiners.rivals.unpaired import cut, cyclegan, generators, translation
from benchmarks.training.tensors import Images
from tests.conftest import tiny_values

CPU = torch.device("cpu")
SIZE = (35, 55)


def params() -> config.Params:
    return config.check(tiny_values(), Path("params.yaml"))


def images(count: int, seed: int, low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (count, *SIZE), dtype=np.uint8)


def domains(synthetic: np.ndarray, real: np.ndarray, seed: int = 0) -> Domains:
    return Domains(Unlabelled(Images(synthetic, CPU)), Unlabelled(Images(real, CPU)), CPU, seed)


def units(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).float()[:, None] / 127.5 - 1


def pixels(found: torch.Tensor) -> np.ndarray:
    return ((found[:, 0] + 1) * 127.5).round().numpy().astype(np.uint8)


def build(kind, **own):
    return kind(kind.Settings(**own), SIZE, params().simgan.gaze)


def test_equalisation_is_opencvs():
    dark = images(3, 0, 20, 90)
    found = pixels(build(matching.HistogramEqualisation)(units(dark)))
    assert np.array_equal(found, np.stack([cv2.equalizeHist(image) for image in dark]))


def test_matching_gives_the_real_sets_histogram():
    dark, bright = images(4, 0, 20, 90), images(40, 1, 150, 250)
    method = build(matching.HistogramMatching)
    method.trainer(domains(dark, bright))
    found = pixels(method(units(dark)))
    assert np.abs(np.quantile(found, np.linspace(0, 1, 11)) - np.quantile(bright, np.linspace(0, 1, 11))).max() <= 3
    order = np.argsort(dark[0].ravel(), kind="stable")
    assert (np.diff(found[0].ravel()[order].astype(int)) >= 0).all(), "the order of grey levels is kept"


def test_matching_leaves_the_background_of_hands():
    method = build(matching.HistogramMatching, foreground_only=True)
    near = torch.zeros(1, 1, *SIZE)
    near[..., 5:20, 5:20] = torch.linspace(-1, -0.25, 225).view(15, 15)
    method.levels = torch.linspace(-0.9, -0.5, matching.LEVELS)
    found = method(near)
    assert (found[near == 0] == 0).all()
    assert -0.9 <= found[near < 0].min() < found[near < 0].max() <= -0.5


def test_fourier_swaps_the_lowest_amplitudes_and_keeps_the_phase():
    dark, bright = images(2, 0, 60, 120), images(8, 1, 140, 200)
    method = build(fourier.FourierAdaptation, beta=0.05, bank=1)
    method.trainer(domains(dark, bright))
    source = units(dark)
    found = method(source)
    before, after = (np.fft.fft2(part[0, 0].numpy().astype(np.float64)) for part in (source, found))
    low = np.zeros(SIZE, dtype=bool)
    low[np.ix_([-1, 0, 1], [-2, -1, 0, 1, 2])] = True  # 0.05 of 35 and of 55 pixels, to either side
    real = np.fft.ifftshift(method.amplitudes[0, 0].numpy())
    assert np.abs(np.abs(after)[low] - real[low]).max() < 1e-2
    assert np.abs(after - before)[~low].max() < 1e-2
    turned = np.angle(after / before)[low]
    assert np.abs(turned).max() < 1e-2


def test_patch_nce_by_hand():
    queries = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    keys = torch.tensor([[[3.0, 0.0], [1.0, 1.0]]])
    tau = 0.5
    diagonal = math.sqrt(0.5)
    first = -math.log(math.exp(1 / tau) / (math.exp(1 / tau) + math.exp(diagonal / tau)))
    second = -math.log(math.exp(diagonal / tau) / (math.exp(0) + math.exp(diagonal / tau)))
    assert cut.patch_nce(queries, keys, tau).item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_least_squares_by_hand():
    assert translation.fools(torch.tensor([1.0, 0.0])).item() == pytest.approx(0.5)
    assert translation.tells(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0])).item() == pytest.approx(1.5)


@pytest.mark.parametrize("size", [(35, 55), (64, 64), (33, 34)])
def test_the_generator_keeps_any_size(size: tuple[int, int]):
    made = generators.Generator(4, 2)(torch.zeros(2, 1, *size))
    assert made.shape == (2, 1, *size)
    assert made.abs().max() <= 1


@pytest.mark.parametrize("kind", [cyclegan.CycleGAN, cut.CUT])
def test_translators_learn_the_other_domains_brightness(kind):
    dark, bright = images(32, 0, 20, 90), images(32, 1, 150, 240)
    torch.manual_seed(0)
    longer = params().simgan.gaze.model_copy(update={"iterations": 160, "refiner_pretraining": 0, "batch": 4})
    method = kind(kind.Settings(features=4, blocks=2, lr=0.004), SIZE, longer)
    trainer = method.trainer(domains(dark, bright))
    assert trainer.total == steps(longer) // 2
    before = method(units(dark)).mean().item()
    while not trainer.done:
        trainer.advance()
    after = method.eval()(units(dark)).mean().item()
    target = units(bright).mean().item()
    assert abs(after - target) < 0.5 * abs(before - target)


def test_reversal_turns_gradients_around():
    x = torch.ones(3, requires_grad=True)
    (dann.Reversal.apply(x, 0.25) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [-0.25, -0.5, -0.75]


def test_danns_factor_rises_from_0_as_in_its_paper(monkeypatch):
    seen = []
    monkeypatch.setattr(dann.Reversal, "apply", lambda features, factor: (seen.append(factor), features)[1])
    method = dann.DANN(dann.DANN.Settings(), params().estimators.gaze)
    eyes, gaze = units(images(4, 0)), torch.tensor([[0.0, 0.0, -1.0]] * 4)
    for done in (0.0, 0.5, 1.0):
        method.loss(eyes, gaze, domains(images(8, 1), images(8, 2)), torch.Generator(), done)
    assert seen == pytest.approx([0, 2 / (1 + math.exp(-5)) - 1, 2 / (1 + math.exp(-10)) - 1])


def test_augmentation_blurs_as_opencv_and_stays_in_range():
    eyes = units(images(3, 0))
    method = augmented.Augmented(augmented.Augmented.Settings(), params().estimators.gaze)
    faulty = method.faulty(eyes, torch.Generator().manual_seed(0))
    assert faulty.shape == eyes.shape
    assert faulty.abs().max() <= 1
    blurred = augmented._blurred(eyes, torch.full((3, 1, 1, 1), 1.5))
    expected = cv2.GaussianBlur(eyes[1, 0].numpy(), (9, 9), 1.5, borderType=cv2.BORDER_REPLICATE)
    assert np.abs(blurred[1, 0].numpy() - expected).max() < 1e-5
    nothing = augmented.Augmented.Settings(contrast=0, brightness=0, blur_px=0, noise=0)
    same = augmented.Augmented(nothing, params().estimators.gaze).faulty(eyes, torch.Generator())
    assert torch.allclose(same, eyes, atol=1e-5)


@pytest.mark.parametrize(("task", "size"), [("gaze", SIZE), ("hand", (64, 64))])
def test_every_entry_of_the_presets_can_be_built(task: str, size: tuple[int, int]):
    for rival, entry in getattr(params().refiners, task).items():
        plugins.build(plugins.described(params(), task, rival, size), entry.code, rival)


def test_a_sensor_reads_beside_its_place_and_roughens_edges():
    hand = torch.zeros(1, 1, 64, 64)
    hand[..., 20:44, 20:44] = -0.5
    method = sensor.DepthSensor(sensor.DepthSensor.Settings(), (64, 64), params().simgan.gaze)
    found = method(hand)
    assert torch.equal(found, method(hand))
    assert set(found.unique().tolist()) == {-0.5, 0.0}
    changed = (found != hand)[0, 0]
    assert 0.1 < changed[[20, 43], 20:44].float().mean() < 0.4, "a pixel of the rim reads the background now and then"
    assert not changed[24:40, 24:40].any()
    assert not changed[:16].any()
    still = sensor.DepthSensor(sensor.DepthSensor.Settings(jitter_px=0), (64, 64), params().simgan.gaze)
    assert torch.equal(still(hand), hand)
