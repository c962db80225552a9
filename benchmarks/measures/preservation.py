"""Section 3.1, "Preserving ground truth": how far the eye's centre moves between synthetic and refined images.

The paper's people fitted ellipses to 100 pupils by hand: 1.1 ± 0.8 px at eye width 55. Here a fit to the limbus, the
iris's outer edge, stands for them: both circles share their centre, and at this size the pupil (radius 4 px) drowns
in a dark iris in most refined images while the limbus stays visible on both sides. Both images are of synthetic
birth, so the search may begin from the simulator's labels. It reaches 2 px: a centre farther off mostly fails, so the
share of failures belongs beside the mean.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.core.errors import UserError

RAYS = 64
REACH = 0.45  # search within 1 - REACH to 1 + REACH iris radii from the labelled centre
STEP = 0.04  # iris radii
SPAN = 2  # steps to either side over which an edge's height is taken
HEIGHT = 6.0  # grey levels that an edge must rise
TOLERANCES = (0.3, 0.25, 0.2, 0.15, 0.1, 0.1, 0.1)  # iris radii from the fitted outline, round by round
SIDE = 4  # edges needed on the left and on the right of the iris
AGREEING = 0.75  # share of the visible rays whose edges must lie on one outline
BLUR = 0.6  # pixels
CHUNK = 250  # images at a time


@dataclass(frozen=True)
class Preservation:
    """Pixels, over the images in which both fits succeed; `shift` is the paper's number."""

    shifts: np.ndarray  # (N,) distance of the two fitted centres, NaN where a fit fails
    shift_mean: float
    shift_sd: float
    fit_error_mean: float  # of the fit in synthetic images, against the simulator's exact centres
    fit_error_sd: float
    failed_synthetic: float  # share of the images
    failed_refined: float


def preservation(synthetic: np.ndarray, refined: np.ndarray, labels: pd.DataFrame) -> Preservation:
    """uint8 synthetic and refined images (N, H, W) of the same N rows of labels.

    Raises UserError where the labels lack iris or lid points or the centre, or when no image can be fitted in both.
    """
    iris, lids, exact = points(labels, "iris"), points(labels, "lid"), points(labels, "pupil", single=True)[:, 0]
    before, after = fit_centres(synthetic, iris, lids), fit_centres(refined, iris, lids)
    shifts, errors = np.linalg.norm(after - before, axis=1), np.linalg.norm(before - exact, axis=1)
    both = np.isfinite(shifts)
    if not both.any():
        raise UserError("preservation: no iris could be fitted in both a synthetic image and its refined one")
    return Preservation(
        shifts=shifts,
        shift_mean=float(shifts[both].mean()),
        shift_sd=float(shifts[both].std(ddof=1)) if both.sum() > 1 else float("nan"),
        fit_error_mean=float(errors[both].mean()),
        fit_error_sd=float(errors[both].std(ddof=1)) if both.sum() > 1 else float("nan"),
        failed_synthetic=float(np.isnan(before[:, 0]).mean()),
        failed_refined=float(np.isnan(after[:, 0]).mean()),
    )


def points(labels: pd.DataFrame, name: str, single: bool = False) -> np.ndarray:
    """Landmarks `name`_00_x, `name`_00_y and on -> (N, K, 2) of (column, row); `single`: `name`_x and `name`_y."""
    found = [name] if single else []
    while not single and f"{name}_{len(found):02d}_x" in labels:
        found.append(f"{name}_{len(found):02d}")
    columns = [f"{point}_{axis}" for point in found or [f"{name}_00"] for axis in "xy"]
    missing = [column for column in columns if column not in labels]
    if missing:
        raise UserError(f"preservation: labels lack the column {missing[0]}; it needs a simulator that gives landmarks")
    return labels[columns].to_numpy(np.float64).reshape(len(labels), -1, 2)


def fit_centres(images: np.ndarray, iris: np.ndarray, lids: np.ndarray) -> np.ndarray:
    """Iris centres (N, 2), column and row, in images (N, H, W); NaN where the fit fails.

    iris (N, K, 2) holds K points evenly around the labelled limbus, lids (N, M, 2) the outline of the open eye. Along
    rays from the centre the steepest rise from dark to bright inside the lids is an edge; the ellipse of the label's
    shape, with free centre and size, is fitted to the edges by least squares, outliers left out round by round. (All
    five parameters of an ellipse, as in OpenCV's fitEllipse, are not determined by the two arcs that lids leave.)
    """
    chunks = [slice(start, start + CHUNK) for start in range(0, len(images), CHUNK)]
    return np.concatenate([_fit(images[chunk], iris[chunk], lids[chunk]) for chunk in chunks])


def _fit(images: np.ndarray, iris: np.ndarray, lids: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(images.astype(np.float32), (0, BLUR, BLUR))
    opening = _opening(lids, images.shape[1:])
    angle = 2 * np.pi * np.arange(iris.shape[1]) / iris.shape[1]
    origin = iris.mean(1)
    axes = 2 / iris.shape[1] * np.einsum("nkd,ka->nda", iris, np.stack([np.cos(angle), np.sin(angle)], -1))

    def pixels(unit: np.ndarray) -> np.ndarray:
        """(N or 1, K, 2) in the frame where the labelled limbus is the unit circle -> (N, K, 2) pixels."""
        return origin[:, None] + unit @ axes.transpose(0, 2, 1)

    angle = 2 * np.pi * np.arange(RAYS) / RAYS
    ray = np.stack([np.cos(angle), np.sin(angle)], -1)
    leaning = axes[:, 0] @ ray.T / np.linalg.norm(axes[:, 0], axis=-1, keepdims=True)  # -1 left, 1 right
    radii = np.arange(1 - REACH, 1 + REACH + STEP / 2, STEP)
    along = pixels((ray[:, None] * radii[:, None]).reshape(1, -1, 2)).reshape(len(images), RAYS, -1, 2)
    at, height = _steepest(_sample(smooth, along), radii)
    edges = ray * at[..., None]  # (N, RAYS, 2)
    visible = _inside(opening, pixels(ray[None]))
    usable = (height > HEIGHT) & _inside(opening, pixels(edges))
    centre, radius, kept = _circle(edges, usable)
    good = (
        ((kept & (leaning < -0.3)).sum(1) >= SIDE)
        & ((kept & (leaning > 0.3)).sum(1) >= SIDE)
        & (kept.sum(1) >= AGREEING * visible.sum(1))
        & (np.abs(radius - 1) < 0.25)
        & (np.linalg.norm(centre, axis=1) < 1)
    )
    return np.where(good[:, None], pixels(centre[:, None])[:, 0], np.nan)


def _opening(lids: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """(N, H, W), bool: pixels inside the lids' outline and the image, a pixel's width away from both."""
    import cv2

    masks = np.zeros((len(lids), *size), np.uint8)
    for mask, outline in zip(masks, np.rint(lids * 16).astype(np.int32), strict=True):
        cv2.fillPoly(mask, [outline], 1, shift=4)
        mask[[0, -1]] = mask[:, [0, -1]] = 0
        mask[:] = cv2.erode(mask, np.ones((3, 3), np.uint8))
    return masks.astype(bool)


def _inside(opening: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(N, K, 2) pixels -> (N, K)."""
    height, width = opening.shape[1:]
    x, y = np.rint(at).astype(np.intp).transpose(2, 0, 1)
    return opening[np.arange(len(at))[:, None], y.clip(0, height - 1), x.clip(0, width - 1)]


def _sample(images: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Bilinear values (N, R, K) at pixels (N, R, K, 2); the border goes on outside."""
    height, width = images.shape[1:]
    x, y = at[..., 0].clip(0, width - 1.001), at[..., 1].clip(0, height - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    x, y = x - left, y - top
    n = np.arange(len(images))[:, None, None]
    upper = images[n, top, left] * (1 - x) + images[n, top, left + 1] * x
    lower = images[n, top + 1, left] * (1 - x) + images[n, top + 1, left + 1] * x
    return upper * (1 - y) + lower * y


def _steepest(profiles: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Profiles (N, R, K) -> radius (N, R) of the steepest rise, by a parabola between steps, and its height.

    A maximum at either end of the search is no edge: its height is 0.
    """
    rise = profiles[..., 2 * SPAN :] - profiles[..., : -2 * SPAN]
    best = rise.argmax(-1)
    inner = best.clip(1, rise.shape[-1] - 2)
    before, peak, after = (np.take_along_axis(rise, inner[..., None] + k, -1)[..., 0] for k in (-1, 0, 1))
    bend = before - 2 * peak + after
    offset = np.where(bend < 0, (before - after) / np.where(bend < 0, 2 * bend, 1), 0)
    return radii[SPAN + inner] + STEP * offset.clip(-0.5, 0.5), np.where(best == inner, peak, 0)


def _circle(edges: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges (N, RAYS, 2) -> centre (N, 2) and radius (N,) of the trimmed fit, and the edges kept (N, RAYS)."""
    kept = usable
    centre, radius = _least_squares(edges, kept)
    for tolerance in TOLERANCES:
        distance = np.abs(np.linalg.norm(edges - centre[:, None], axis=-1) - radius[:, None])
        kept = usable & (distance < tolerance)
        centre, radius = _least_squares(edges, kept)
    return centre, radius, kept


def _least_squares(edges: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The algebraic circle through 2 x c + (r^2 - c^2) = x^2 (Kåsa 1976); without edges the labelled limbus."""
    design = np.concatenate([2 * edges, np.ones((*edges.shape[:2], 1))], -1)
    weighted = (design * kept[..., None]).transpose(0, 2, 1)
    whiff = 1e-6  # of the labelled limbus, so that too few edges are solvable too
    normal = weighted @ design + whiff * np.eye(3)
    right = weighted @ (edges**2).sum(-1)[..., None] + whiff * np.array([[0.0], [0.0], [1.0]])
    solution = np.linalg.solve(normal, right)[..., 0]
    centre = solution[:, :2]
    return centre, np.sqrt(np.maximum(solution[:, 2] + (centre**2).sum(1), 0))
