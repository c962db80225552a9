"""Figure 8's hands, told in numbers: what refining does to a hand's outline, without a label.

Edges are where real depth images differ most from renders (section 3.2); an outline that shrinks or leans moves the
joints that labels put there.
"""

from dataclasses import dataclass

import numpy as np

SMOOTH = 2.0  # pixels of a crop 64 wide: sd of the blur whose half level is the smoothed outline


@dataclass(frozen=True)
class Outline:
    """Means over images: `ragged` 1 is a smooth outline; `holes` and `specks` are shares of the hand's pixels."""

    ragged: float  # length of the outline over that of the smoothed hand
    holes: float  # background that the hand encloses
    specks: float  # what is apart from the largest piece


@dataclass(frozen=True)
class Moved:
    """What refining moved, means over images, in pixels of the crop: right and down are positive."""

    right: float  # of the hand's centroid
    down: float
    distance: float
    area: float  # refined over synthetic, less 1
    overlap: float  # intersection over union


def outline(images: np.ndarray) -> Outline:
    """Depth images (N, H, W), 0 for background; those without a hand are left out."""
    import cv2

    hands = (np.asarray(images) > 0).astype(np.uint8)
    sigma = SMOOTH * images.shape[2] / 64
    ragged, holes, specks = [], [], []
    for hand in hands[hands.any((1, 2))]:
        area = int(hand.sum())
        smoothed = (cv2.GaussianBlur(hand.astype(np.float32), (0, 0), sigma) > 0.5).astype(np.uint8)
        ragged.append(_length(hand) / max(1, _length(smoothed)))
        filled = np.zeros_like(hand)
        cv2.drawContours(filled, cv2.findContours(hand, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], -1, 1, cv2.FILLED)
        holes.append(int(filled.sum()) / area - 1)
        pieces = cv2.connectedComponentsWithStats(hand, connectivity=8)[2][1:, cv2.CC_STAT_AREA]
        specks.append(1 - int(pieces.max()) / area)
    return Outline(*(float(np.mean(values)) if values else float("nan") for values in (ragged, holes, specks)))


def moved(synthetic: np.ndarray, refined: np.ndarray) -> Moved:
    """Depth images (N, H, W) of the same N scenes, 0 for background; pairs without a hand in either are left out."""
    before, after = synthetic > 0, refined > 0
    both = before.any((1, 2)) & after.any((1, 2))
    before, after = before[both], after[both]
    shift = _centroids(after) - _centroids(before)
    area = after.sum((1, 2)) / before.sum((1, 2)) - 1
    overlap = (before & after).sum((1, 2)) / (before | after).sum((1, 2))
    values = (shift[:, 0], shift[:, 1], np.linalg.norm(shift, axis=1), area, overlap)
    return Moved(*(float(np.mean(value)) if both.any() else float("nan") for value in values))


def _length(hand: np.ndarray) -> int:
    """Pixel sides between hand and background."""
    padded = np.pad(hand, 1)
    return int((padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum())


def _centroids(hands: np.ndarray) -> np.ndarray:
    """(N, H, W), bool -> (N, 2): column and row."""
    rows, columns = np.mgrid[: hands.shape[1], : hands.shape[2]]
    area = hands.sum((1, 2))
    return np.stack([(hands * columns).sum((1, 2)) / area, (hands * rows).sum((1, 2)) / area], axis=1)
