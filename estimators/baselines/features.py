"""Table 3's baselines see an eye as a few grey cells, or as HOG and LBP histograms."""

import cv2
import numpy as np
from skimage.feature import hog, local_binary_pattern

BLOCKS = (4, 6)  # rows and columns: the "6x4 blocks" of Zhang et al. 2015
CODES = 59  # of LBP with 8 neighbours: 58 uniform patterns, one for all others


def equalised(images: np.ndarray) -> np.ndarray:
    """uint8 (N, h, w) -> same, each with its grey-level histogram equalised, as MPIIGaze is published."""
    return np.stack([cv2.equalizeHist(np.ascontiguousarray(eye)) for eye in images]) if len(images) else images


def cells(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """uint8 (N, h, w) -> mean intensities of a grid of equal cells, row by row: float32 (N, rows * columns)."""
    small = [cv2.resize(eye.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA) for eye in images]
    return np.reshape(small, (len(images), rows * columns))


def hog_lbp(images: np.ndarray) -> np.ndarray:
    """uint8 (N, 35, 55) -> (N, 4 * 6 * (2 * 2 * 9 + 59)): of each block, HOG of its 2x2 cells, then LBP histograms.

    HOG's blocks overlap by a cell, so 4x6 of them need 5x7 cells: 7x8 pixels each once the eye is 56 wide. LBP's blocks
    part the eye without overlap; their histograms are shares of a block's pixels. Zhang et al. leave both open.
    """
    return np.stack([np.concatenate([_hog(eye), _lbp(eye)]) for eye in images])


def _hog(eye: np.ndarray) -> np.ndarray:
    rows, columns = BLOCKS[0] + 1, BLOCKS[1] + 1
    height, width = -(-eye.shape[0] // rows), -(-eye.shape[1] // columns)
    fitted = cv2.resize(eye, (columns * width, rows * height), interpolation=cv2.INTER_LINEAR)
    return hog(fitted, orientations=9, pixels_per_cell=(height, width), cells_per_block=(2, 2))


def _lbp(eye: np.ndarray) -> np.ndarray:
    codes = local_binary_pattern(eye, P=8, R=1, method="nri_uniform").astype(int)
    row, column = (np.arange(side) * parts // side for side, parts in zip(eye.shape, BLOCKS, strict=True))
    block = row[:, None] * BLOCKS[1] + column
    count = np.bincount((block * CODES + codes).ravel(), minlength=BLOCKS[0] * BLOCKS[1] * CODES)
    return (count.reshape(-1, CODES) / np.bincount(block.ravel())[:, None]).ravel()
