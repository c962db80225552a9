"""Section 2.1, equations 1 to 4, and the feature transforms psi.

Units ("canonical", docs/ledger.md): every loss is the mean over the images of the batch of a **sum** over patches or
pixels, with images in [-1, 1]. The paper writes sums over the batch too; a mean leaves lambda the same and the learning
rate independent of the batch size.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

REAL, REFINED = 0, 1  # targets under equation 2: "0 for every y_j, and 1 for every refined x_i"

Psi = Callable[[Tensor], Tensor]


def patch_cross_entropy(logits: Tensor, target: int) -> Tensor:
    """Section 2.2: logits (N, 2, h, w) -> (N,), the cross-entropy summed over the h x w local patches."""
    targets = torch.full_like(logits[:, 0], target, dtype=torch.long)
    return F.cross_entropy(logits, targets, reduction="none").sum((1, 2))


def discriminator_loss(refined_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Eq. 2: -log D(refined) - log(1 - D(real)), where D is the probability of being refined."""
    return patch_cross_entropy(refined_logits, REFINED).mean() + patch_cross_entropy(real_logits, REAL).mean()


def realism_loss(refined_logits: Tensor) -> Tensor:
    """Eq. 3: -log(1 - D(R(x))): small when D takes the refined image for real."""
    return patch_cross_entropy(refined_logits, REAL).mean()


def self_regularization(refined: Tensor, synthetic: Tensor, psi: Psi) -> Tensor:
    """Second term of eq. 4: ||psi(R(x)) - psi(x)||_1, summed over the features of an image.

    Section 2.1's inline formula leaves psi off the synthetic image; equation 4 has it on both, as here.
    """
    return (psi(refined) - psi(synthetic)).abs().flatten(1).sum(1).mean()


def refiner_loss(refined_logits: Tensor, refined: Tensor, synthetic: Tensor, lam: float, psi: Psi) -> Tensor:
    """Eq. 4 (eq. 1 with eq. 3): realism + lambda * self-regularization."""
    return realism_loss(refined_logits) + lam * self_regularization(refined, synthetic, psi)


def identity(image: Tensor) -> Tensor:
    """psi of all quantitative experiments: (N, C, H, W) -> the same."""
    return image


def channel_mean(image: Tensor) -> Tensor:
    """psi of Figure 6, colour: (N, C, H, W) -> (N, 1, H, W)."""
    return image.mean(1, keepdim=True)


def derivatives(image: Tensor) -> Tensor:
    """Image derivatives: (N, C, H, W) -> (N, 2 C, H - 1, W - 1), forward differences along x, then along y."""
    along_x = image[:, :, :-1, 1:] - image[:, :, :-1, :-1]
    along_y = image[:, :, 1:, :-1] - image[:, :, :-1, :-1]
    return torch.cat((along_x, along_y), 1)


def convolutional(image: Tensor) -> Tensor:
    """A fixed convolutional feature: (N, C, H, W) -> (N, 8, H, W), rectified responses of a Gabor bank.

    7x7 filters of zero mean and unit l1 norm at wavelengths 4 and 6 px and four orientations, on the channels' mean.
    The paper names "a learned transformation such as a CNN" without giving one; a bank needs no download.
    """
    bank = _gabor_bank().to(image)
    return torch.relu(F.conv2d(channel_mean(image), bank, padding="same"))


def _gabor_bank(size: int = 7) -> Tensor:
    """(8, 1, size, size)."""
    r = torch.arange(size) - size // 2
    y, x = torch.meshgrid(r, r, indexing="ij")
    filters = []
    for wavelength in (4.0, 6.0):
        for quarter in range(4):
            angle = math.pi * quarter / 4
            u = x * math.cos(angle) + y * math.sin(angle)
            gabor = torch.exp(-(x**2 + y**2) / (2 * (wavelength / 2) ** 2)) * torch.cos(2 * math.pi * u / wavelength)
            gabor = gabor - gabor.mean()
            filters.append(gabor / gabor.abs().sum())
    return torch.stack(filters)[:, None]


PSI: dict[str, Psi] = {
    "identity": identity,
    "channel_mean": channel_mean,
    "derivatives": derivatives,
    "convolutional": convolutional,
}
