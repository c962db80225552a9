"""Section 3.2's depth images as pictures."""

import numpy as np

SPAN_MM = 160.0  # of the colours, about an image's median: a hand in its crop is 100 to 200 mm deep
DARKEST, LIGHTEST = 0.0, 0.85  # of viridis: all of it stands out from the white background


def coloured(images: np.ndarray) -> np.ndarray:
    """Depth (N, H, W), uint16 mm, 0 background -> RGB uint8 (N, H, W, 3): near is light, far dark, background white."""
    from matplotlib import colormaps

    pictures = np.full((*images.shape, 3), 255, np.uint8)
    for i, depth in enumerate(images):
        hand = depth > 0
        if hand.any():
            nearness = 0.5 - (depth[hand] - np.median(depth[hand])) / SPAN_MM
            shades = DARKEST + (LIGHTEST - DARKEST) * np.clip(nearness, 0, 1)
            pictures[i, hand] = colormaps["viridis"](shades, bytes=True)[:, :3]
    return pictures
