"""Section 3.1's realism without labels: how far refined images are, as a set, from unlabelled real ones.

Five distances between two sets (0 for equal sets, lower is better) and one correlation with the synthetic originals
(1 when every edge is kept, higher is better). No number of them is a verdict on its own: `real_against_real` gives
the level at which real persons differ from one another, and the synthetic images' distances are the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from math import comb

import numpy as np

GREY_BINS = 64
RING = 1 / 32  # cycles a pixel
PATCH = 7  # pixels
DIRECTIONS = 64
REACH = 512  # grey levels; projections beyond it count as this far
SPLITS = 100  # of real persons into halves, at most
CHUNK = 250  # images at a time


def grey(images: np.ndarray) -> np.ndarray:
    """uint8 or network units in [-1, 1], (N, H, W) -> float32 in [0, 255]; depth in mm belongs in network units first.

    Raises ValueError for another shape, another type, or values out of range.
    """
    if images.ndim != 3 or not len(images):
        raise ValueError(f"expected images (N, H, W), got shape {images.shape}")
    if images.dtype == np.uint8:
        return images.astype(np.float32)
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"expected uint8 or float images, got {images.dtype}")
    if not (np.abs(images) <= 1).all():
        raise ValueError("expected float images in [-1, 1]")
    return (images.astype(np.float32) + 1) * np.float32(127.5)


@dataclass(frozen=True)
class Summary:
    """All that the distances need of a set of images, as sums over it: the union of two sets is the sum of two."""

    count: np.ndarray  # ()
    levels: np.ndarray  # (64,) pixels by grey level
    sums: np.ndarray  # (H, W) of grey levels
    squares: np.ndarray  # (H, W) of their squares
    decibels: np.ndarray  # (rings,) of the log power spectrum
    projections: np.ndarray  # (64, 1024) patches by their projection on each direction, in grey levels

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def summarise(images: np.ndarray) -> Summary:
    """Images (N, H, W), as `grey` takes them, at least 7x7."""
    total = _summary(grey(images[:CHUNK]))
    for start in range(CHUNK, len(images), CHUNK):
        total = total + _summary(grey(images[start : start + CHUNK]))
    return total


def spectrum(a: Summary, b: Summary) -> float:
    """Difference of radially averaged log power spectra, in dB; lower is better.

    Of each image, mean removed and Hann-windowed, 10 log10 of the power averaged over rings of 1/32 cycles a pixel,
    then the mean over images; the rms difference over the rings. Blur and missing sensor noise show here.
    """
    return _rms(a.decibels / a.count - b.decibels / b.count)


def grey_levels(a: Summary, b: Summary) -> float:
    """Total-variation distance of grey-level histograms, 1/2 sum |p - q| over 64 bins: 0 to 1, lower is better."""
    return float(np.abs(a.levels / a.levels.sum() - b.levels / b.levels.sum()).sum() / 2)


def mean_image(a: Summary, b: Summary) -> float:
    """Rms difference of the sets' mean images, in grey levels; lower is better."""
    return _rms(a.sums / a.count - b.sums / b.count)


def deviation_image(a: Summary, b: Summary) -> float:
    """Rms difference of the images of each pixel's standard deviation, in grey levels; lower is better.

    A refiner that answers with one face for all has less spread than real images.
    """
    return _rms(_deviation(a) - _deviation(b))


def patches(a: Summary, b: Summary) -> float:
    """Sliced Wasserstein distance of 7x7 patches without their means, in grey levels; lower is better.

    The mean over 64 directions v (unit vectors of sum 0, the same for every call) of the integral of |F - G|, where
    F and G distribute <v, patch>, here in bins of one grey level (Rabin et al. 2011). Texture and edges show here.
    """
    cdf = [np.cumsum(s.projections / s.projections.sum(1, keepdims=True), axis=1) for s in (a, b)]
    return float(np.abs(cdf[0] - cdf[1]).sum(1).mean())


DISTANCES = (spectrum, grey_levels, mean_image, deviation_image, patches)


def distances(a: Summary, b: Summary) -> dict[str, float]:
    """Every distance by its name."""
    return {measure.__name__: measure(a, b) for measure in DISTANCES}


def edges(refined: np.ndarray, synthetic: np.ndarray) -> float:
    """Correlation of Sobel gradient magnitudes of each refined image with its original, mean over images.

    1 when all edges are kept, 0 when they are unrelated or there are none; higher is better. Content preservation,
    to be read beside the distances: the identity has 1 and gains no realism.
    """
    correlations = []
    for start in range(0, len(refined), CHUNK):
        a, b = (_gradients(grey(images[start : start + CHUNK])) for images in (refined, synthetic))
        norms = np.sqrt((a**2).sum(1) * (b**2).sum(1))
        correlations.append((a * b).sum(1) / np.where(norms > 0, norms, 1))
    return float(np.concatenate(correlations).mean())


def compare(refined: np.ndarray, real: np.ndarray | Summary, synthetic: np.ndarray) -> dict[str, float]:
    """All criteria by name: refined images (N, H, W) against real ones (M, H, W) and their N originals.

    A `Summary` of the real images saves time where several sets are compared with them. Raises ValueError where the
    images' sizes differ, or the numbers of refined and synthetic images.
    """
    reference = real if isinstance(real, Summary) else summarise(real)
    if refined.shape != synthetic.shape or refined.shape[1:] != reference.sums.shape:
        raise ValueError(f"refined {refined.shape}, synthetic {synthetic.shape} and real images differ in shape")
    return distances(summarise(refined), reference) | {"edges": edges(refined, synthetic)}


def real_against_real(real: np.ndarray, persons: Sequence[str] | np.ndarray) -> dict[str, np.ndarray]:
    """The distances between two halves of the real images, whole persons in each: name -> values, one a split.

    Every split of n persons into n // 2 and the rest, or 100 spread evenly over them. As few persons as a half holds
    differ more than the whole set would from as many new persons. Raises ValueError for fewer than two persons.
    """
    persons = np.asarray(persons)
    summaries = [summarise(real[persons == person]) for person in np.unique(persons)]
    n = len(summaries)
    if n < 2:
        raise ValueError("the level of real against real needs two persons or more")
    splits = comb(n, n // 2)
    found = []
    for rank in range(0, splits, -(-splits // SPLITS)):
        chosen = combination(n, n // 2, rank)
        rest = [i for i in range(n) if i not in chosen]
        found.append(distances(_total(summaries, chosen), _total(summaries, rest)))
    return {name: np.array([split[name] for split in found]) for name in found[0]}


def combination(n: int, k: int, rank: int) -> tuple[int, ...]:
    """The `rank`-th of `itertools.combinations(range(n), k)`, without a walk through those before it."""
    chosen: list[int] = []
    for i in range(n):
        with_i = comb(n - i - 1, k - len(chosen) - 1) if len(chosen) < k else 0  # combinations that go on with i
        if rank < with_i:
            chosen.append(i)
        else:
            rank -= with_i
    return tuple(chosen)


def _summary(images: np.ndarray) -> Summary:
    return Summary(
        count=np.array(len(images)),
        levels=np.bincount((images * (GREY_BINS / 256)).astype(np.intp).ravel(), minlength=GREY_BINS),
        sums=images.sum(0, dtype=np.float64),
        squares=(images.astype(np.float64) ** 2).sum(0),
        decibels=_decibels(images).sum(0, dtype=np.float64),
        projections=_projections(images),
    )


def _total(summaries: Sequence[Summary], chosen: Sequence[int]) -> Summary:
    total = summaries[chosen[0]]
    for i in chosen[1:]:
        total = total + summaries[i]
    return total


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt((difference**2).mean()))


def _deviation(s: Summary) -> np.ndarray:
    return np.sqrt(np.maximum(s.squares / s.count - (s.sums / s.count) ** 2, 0))


def _decibels(images: np.ndarray) -> np.ndarray:
    """(N, H, W) -> (N, rings). The floor under the logarithm is the noise of rounding to grey levels, 1/12."""
    height, width = images.shape[1:]
    window = (np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]).astype(np.float32)
    centred = images - images.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(centred * window)) ** 2 / (window**2).sum()
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = (radius / RING).astype(np.intp).ravel()
    ring[0] = -1  # the mean grey level has its own measures
    members = (ring[:, None] == np.unique(ring[1:])).astype(np.float32)
    rings = power.reshape(len(images), -1).astype(np.float32) @ (members / members.sum(0))
    return 10 * np.log10(rings + 1 / 12)


def _projections(images: np.ndarray) -> np.ndarray:
    """(N, H, W) -> (64, 1024), histograms over patches every few pixels, an odd stride: no grid of a power of two."""
    stride = max(5, min(images.shape[1:]) // 12 | 1)
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))  # type: ignore[call-overload]
    chosen = windows[:, ::stride, ::stride].reshape(-1, PATCH**2)
    values = chosen @ _directions().T  # (patches, 64)
    bins = np.clip(np.rint(values) + REACH, 0, 2 * REACH - 1).astype(np.intp)
    flat = bins + np.arange(DIRECTIONS) * (2 * REACH)
    return np.bincount(flat.ravel(), minlength=DIRECTIONS * 2 * REACH).reshape(DIRECTIONS, 2 * REACH)


@cache
def _directions() -> np.ndarray:
    """(64, 49). Part of the measure's definition and no chance of a run's: always the same."""
    v = np.random.default_rng(0).normal(size=(DIRECTIONS, PATCH**2))
    v -= v.mean(1, keepdims=True)
    return (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)


def _gradients(images: np.ndarray) -> np.ndarray:
    """(N, H, W) -> (N, H * W), Sobel gradient magnitudes less their mean over the image."""
    from scipy.ndimage import sobel

    magnitude = np.hypot(sobel(images, axis=1), sobel(images, axis=2)).reshape(len(images), -1)
    return magnitude - magnitude.mean(1, keepdims=True)
