"""Section 3.3's artefacts (Figures 10 and 11), measured: what refined images have and real ones have less of.

Without labels, images as in `realism`. Each number compares a set of refined images with a set of real ones; two sets
of real images give the level that chance and persons explain.
"""

import numpy as np

from benchmarks.measures.realism import grey

END = 2.0  # grey levels from black or white that count as saturated
RARE = 0.001  # share of real pixels that stand out from their neighbours
PERIODS = (2, 4)  # pixels; what D's first strides step over, and checkerboards


def artefacts(refined: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Refined (N, H, W) against real images (M, H, W), uint8 or float in [-1, 1] -> every measure by its name.

    saturated: share of pixels within 2 grey levels of black or white, less that of real images; 0 is as real.
    grid_2, grid_4: dB that power at periods of 2 and 4 px has more than in real images (`grid`); 0 is as real.
    speckle: how many times as many pixels stand out from their neighbours as in real images (`speckle`); 1 is as real.
    rim: contrast across the image's border over that inside it, less that of real images; 0 is as real.
    Above the real level is worse for all; below it is no artefact. Raises ValueError for sizes that differ.
    """
    if refined.shape[1:] != real.shape[1:]:
        raise ValueError(f"refined images {refined.shape[1:]} and real images {real.shape[1:]} differ in size")
    refined, real = grey(refined), grey(real)
    return {
        "saturated": _saturated(refined) - _saturated(real),
        **{f"grid_{period}": grid(refined, real, period) for period in PERIODS},
        "speckle": speckle(refined, real),
        "rim": _rim(refined) - _rim(real),
    }


def grid(refined: np.ndarray, real: np.ndarray, period: int) -> float:
    """Excess power at a period in pixels, dB: of rows or of columns, whichever has more; grey levels (N, H, W).

    The difference of both sets' log power at that frequency less the median of this difference over all frequencies,
    so that more contrast throughout is no grid.
    """
    excess = []
    for axis in (1, 2):
        difference = _power(refined, axis) - _power(real, axis)  # (frequencies,), the last is Nyquist's
        at = 2 * (len(difference) - 1) // period
        excess.append(difference[at] - np.median(difference[1:]))
    return float(max(excess))


def speckle(refined: np.ndarray, real: np.ndarray) -> float:
    """Ratio of shares of outlying pixels; grey levels (N, H, W).

    A pixel outlies when it is farther from the median of its 3x3 neighbourhood than all but 1 in 1,000 real pixels
    are (at least a grey level).
    """
    deviations = _from_median(real)
    level = max(1.0, float(np.quantile(deviations, 1 - RARE)))
    return float((_from_median(refined) > level).mean() / max((deviations > level).mean(), 1 / deviations.size))


def _saturated(images: np.ndarray) -> float:
    return float(((images <= END) | (images >= 255 - END)).mean())


def _power(images: np.ndarray, axis: int) -> np.ndarray:
    """dB by frequency along the axis (1 or 2), over lengths that 4 divides: its periods fall on whole bins."""
    length = images.shape[axis] // 4 * 4
    lines = np.moveaxis(images, axis, -1)[..., :length]
    window = np.hanning(length + 2)[1:-1].astype(np.float32)
    power = np.abs(np.fft.rfft((lines - lines.mean(-1, keepdims=True)) * window)) ** 2
    return 10 * np.log10(power.mean((0, 1)) / (window**2).sum() + 1 / 12)


def _from_median(images: np.ndarray) -> np.ndarray:
    import cv2

    return np.stack([np.abs(image - cv2.medianBlur(image, 3)) for image in images])


def _rim(images: np.ndarray) -> float:
    """Mean step over two pixels, inwards from the border's, over the same of all pairs of pixels inside."""
    inward = [
        images[:, 2] - images[:, 0],
        images[:, -3] - images[:, -1],
        images[..., 2] - images[..., 0],
        images[..., -3] - images[..., -1],
    ]
    inner = images[:, 2:-2, 2:-2]
    along = [inner[:, 2:] - inner[:, :-2], inner[..., 2:] - inner[..., :-2]]
    border, inside = (np.mean([np.abs(step).mean() for step in steps]) for steps in (inward, along))
    return float(border / max(inside, 1e-6))
