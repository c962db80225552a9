"""A structured-light depth sensor: the stand-in for the Kinects behind section 3.2's real images.

Disparity is quantised to 1/8 px at baseline 75 mm and focal length 580 px, so a step is z^2 / (f b) / 8 and noise grows
with z^2 (Khoshelham & Elberink 2012); noise grows again with the surface's slant, and edges wander by about a pixel
(Nguyen, Izadi & Lovell 2012); the projector, to the sensor's left, leaves shadows without depth at the right of things.
The paper names the ragged edges as the main difference between real and synthetic hands.

The rest is matched to one real NYU frame and the render fitted to it (a hand 700 mm away), by observing that render
with 12 seeds and measuring both alike:

                                                     real    stand-in   render
    outline off itself smoothed (6 px), sd, px       0.61      0.62      0.36
    the same, level edges only                       0.46      0.59      0.22
    its autocorrelation at 2, 4 and 6 px       0.51, 0.10, -0.13   0.50, 0.08, -0.13
    off quadrics in 9x9 px, median sd, mm            0.53      0.53      0.08
    pixels lost inside the hand's outline           0.11 %    0.09 %       0
    pixels of the render without depth               3.1 %     2.5 %       0   (the real: misfit too)

Shadows on another raw frame end a median of 4.7 px before geometry has them end.
"""

import cv2
import numpy as np

FOCAL, BASELINE, STEP = 580.0, 75.0, 1 / 8  # px, mm, px
DISPARITY_NOISE, DISPARITY_BLUR = 0.020, 0.9  # px
JITTER = ((0.50, 0.35), (1.00, 0.60))  # px: sd of what moves along u and v, in short and long bumps
JITTER_BLUR = (1.5, 4.0)  # px: their length
FILLED = 4.7  # px of a shadow, at its end, that the matching window bridges
SLANT = 0.1  # mm at 1 m: Nguyen's factor of angle^2 / (90 deg - angle)^2
HOLE, HOLE_SLANT = 4.0, 2.8  # sds of a field above which a pixel is lost: facing the sensor; less at a grazing slant


def observe(depth: np.ndarray, rng: np.random.Generator, detail: float = 1.0) -> np.ndarray:
    """Depth (H, W) in mm, inf for none, at the sensor's pixels -> what it reports, float mm, 0 where it has nothing.

    `detail` is the sensor's resolution relative to the Kinect's 640x480: shadows keep their width in mm, jitter its
    width in pixels.
    """
    seen = np.where(shadow(depth, detail), np.inf, depth)
    slant = _slant(seen, detail)
    lost = _field(rng, depth.shape, JITTER_BLUR[0]) > HOLE - HOLE_SLANT * np.clip((slant - 50) / 30, 0, 1)
    seen[lost] = np.inf
    seen, slant = _wander([seen, slant], rng)
    angle = np.radians(np.minimum(slant, 80))
    metres = seen / 1000
    blur = SLANT / np.sqrt(metres) * angle**2 / (np.pi / 2 - angle) ** 2
    disparity = FOCAL * BASELINE / seen
    noise = DISPARITY_NOISE + blur * disparity**2 / (FOCAL * BASELINE)
    disparity += np.where(seen < np.inf, noise, 0) * _field(rng, depth.shape, DISPARITY_BLUR)
    disparity = np.rint(disparity / STEP) * STEP
    known = (seen < np.inf) & (disparity > 0)
    return np.where(known, FOCAL * BASELINE / np.where(known, disparity, 1), 0)


def shadow(depth: np.ndarray, detail: float = 1.0) -> np.ndarray:
    """Where something nearer, to the left, hides the surface from the projector; depth (H, W), mm -> bool."""
    projected = np.arange(depth.shape[1]) + FOCAL * detail * BASELINE / depth
    return (projected < np.maximum.accumulate(projected, axis=1) - FILLED * detail) & (depth < np.inf)


def _slant(depth: np.ndarray, detail: float) -> np.ndarray:
    """Degrees between the surface's normal and the ray, 0 where a neighbour has no depth."""
    known = np.where(depth < np.inf, depth, np.nan)
    rise = np.hypot(*np.gradient(known)) * FOCAL * detail / known
    return np.nan_to_num(np.degrees(np.arctan(rise)))


def _wander(images: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """The images as seen through one displacement field, nearest pixel: edges turn ragged, depths do not mix."""
    height, width = images[0].shape
    du, dv = np.zeros((2, height, width))
    for (along_u, along_v), blur in zip(JITTER, JITTER_BLUR, strict=True):
        du += along_u * _field(rng, (height, width), blur)
        dv += along_v * _field(rng, (height, width), blur)
    rows = np.clip(np.rint(np.arange(height)[:, None] + dv), 0, height - 1).astype(int)
    columns = np.clip(np.rint(np.arange(width) + du), 0, width - 1).astype(int)
    return [image[rows, columns] for image in images]


def _field(rng: np.random.Generator, shape: tuple[int, ...], blur: float) -> np.ndarray:
    """White noise blurred by a Gaussian of `blur` pixels, scaled back to unit variance."""
    white = rng.standard_normal(shape, dtype=np.float32)
    half = int(np.ceil(3 * blur))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / blur) ** 2)
    kernel /= np.sqrt((kernel**2).sum())
    return cv2.sepFilter2D(white, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT)
