"""Equations 1 to 4 by hand, the sign convention of equation 2, and psi."""

import math

import pytest
import torch

from simgan import losses
from simgan.losses import (
    PSI,
    REAL,
    REFINED,
    channel_mean,
    convolutional,
    derivatives,
    discriminator_loss,
    identity,
    patch_cross_entropy,
    realism_loss,
    refiner_loss,
    self_regularization,
)


def logits_for(probability_of_refined: float, n: int = 1, h: int = 1, w: int = 1) -> torch.Tensor:
    logit = math.log(probability_of_refined / (1 - probability_of_refined))
    return torch.tensor([0.0, logit]).reshape(1, 2, 1, 1).expand(n, 2, h, w).clone()


def test_targets_follow_equation_2():
    assert (REAL, REFINED) == (0, 1)


def test_discriminator_loss_is_equation_2():
    """-log D(refined) - log(1 - D(real)), D the probability of being refined; sums over patches, mean over images."""
    refined, real = logits_for(0.9, n=4, h=2, w=3), logits_for(0.2, n=4, h=2, w=3)
    expected = -6 * math.log(0.9) - 6 * math.log(0.8)
    assert discriminator_loss(refined, real).item() == pytest.approx(expected, rel=1e-5)


def test_realism_loss_is_equation_3():
    """-log(1 - D(R(x))): falls as D takes the refined image for real."""
    assert realism_loss(logits_for(0.9, h=2)).item() == pytest.approx(-2 * math.log(0.1), rel=1e-5)
    assert realism_loss(logits_for(0.1)) < realism_loss(logits_for(0.9))


def test_the_players_oppose_each_other():
    """The refined term of D's loss and R's loss pull D's output for refined images in opposite directions."""
    logits = logits_for(0.6).requires_grad_()
    (for_d,) = torch.autograd.grad(patch_cross_entropy(logits, REFINED).sum(), logits)
    (for_r,) = torch.autograd.grad(realism_loss(logits), logits)
    assert (for_d * for_r).sum() < 0


def test_patches_are_summed_not_averaged():
    one, many = logits_for(0.7), logits_for(0.7, h=9, w=14)
    assert patch_cross_entropy(many, REAL).item() == pytest.approx(
        126 * patch_cross_entropy(one, REAL).item(), rel=1e-5
    )


def test_self_regularization_is_a_sum_over_pixels():
    synthetic = torch.zeros(5, 1, 35, 55)
    refined = synthetic + 0.01
    assert self_regularization(refined, synthetic, identity).item() == pytest.approx(35 * 55 * 0.01, rel=1e-4)


def test_refiner_loss_is_equation_4():
    """By hand: two 1x2 images; lambda multiplies a sum over pixels, not a mean."""
    synthetic = torch.tensor([[[[0.0, 0.5]]], [[[1.0, -1.0]]]])
    refined = torch.tensor([[[[0.25, 0.5]]], [[[0.0, -0.5]]]])
    logits = torch.cat((logits_for(0.5), logits_for(0.75)))
    realism = (-math.log(0.5) - math.log(0.25)) / 2
    regularization = (0.25 + 1.5) / 2
    loss = refiner_loss(logits, refined, synthetic, lam=0.3, psi=identity)
    assert loss.item() == pytest.approx(realism + 0.3 * regularization, rel=1e-5)


def test_psi_applies_to_both_images():
    image = torch.rand(2, 3, 8, 8)
    for psi in PSI.values():
        assert self_regularization(image, image, psi).item() == 0


def test_channel_mean_ignores_a_change_of_hue():
    image = torch.rand(1, 3, 4, 4)
    hue = torch.tensor([0.1, -0.2, 0.1]).reshape(1, 3, 1, 1)
    assert torch.allclose(channel_mean(image + hue), channel_mean(image), atol=1e-6)
    assert channel_mean(image).shape == (1, 1, 4, 4)


def test_derivatives_of_a_ramp():
    x = torch.arange(5.0).expand(1, 1, 4, 5)
    found = derivatives(3 * x)
    assert found.shape == (1, 2, 3, 4)
    assert (found[:, 0] == 3).all()
    assert (found[:, 1] == 0).all()


def test_convolutional_features_see_edges_and_not_brightness():
    flat, edge = torch.full((1, 1, 21, 21), 0.7), torch.zeros(1, 1, 21, 21)
    edge[..., 10:] = 1
    inner = slice(6, 15)
    assert convolutional(flat)[..., inner, inner].abs().max() < 1e-6
    assert convolutional(edge)[..., inner, inner].max() > 0.1
    assert torch.equal(convolutional(edge), convolutional(edge.clone()))  # fixed, not drawn anew


def test_every_psi_is_differentiable():
    for psi in losses.PSI.values():
        image = torch.rand(1, 1, 9, 9, requires_grad=True)
        psi(image).square().sum().backward()
        assert image.grad is not None and image.grad.abs().sum() > 0
