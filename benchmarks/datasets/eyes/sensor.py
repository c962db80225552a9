"""A webcam, from light to an equalised crop as MPIIGaze, section 3's real set, is published.

Exposure, defocus, motion, sampling at the webcam's own size of the eye, shot and read noise, gamma,
sharpening, JPEG, resampling to the normalised 60x36 image, histogram equalisation, crop to 55x35.

Chosen by physics and by comparing 3,000 images of all persons with 129 published MPIIGaze crops, never by an
estimator's score (real | stand-in):
  log10 power in rings that end at 0.06, 0.1, 0.15, 0.2, 0.27, 0.35, 0.45, 0.71 cycles a pixel
    0.79 -0.31 -0.83 -1.32 -1.76 -2.34 -2.95 -3.62 | 0.86 -0.23 -0.79 -1.34 -1.84 -2.52 -3.02 -3.47
  median over images of the mean deviation in 5x5 windows 24.0 | 24.8, of the mean Sobel gradient 16.7 | 17.2,
    of the noise by a Laplacian (Immerkaer 1996) 2.7 | 2.0
  mean grey in rows 0, 6, 12, 18, 24, 30: 149 130 78 90 140 174 | 149 126 75 85 144 173
  mean images, both averaged with their mirror images: correlation 0.966, rms difference 11 grey levels
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from benchmarks.datasets.eyes import geometry as geo
from benchmarks.datasets.eyes.renderer import Frame
from benchmarks.datasets.eyes.scenes import PERSON_KEY, ROUND

FRAME = Frame(height=36, width=60, left=-2, top=0)  # MPIIGaze's image round the 55x35 crop
GAMMA = np.float32(1 / 2.2)


class Laptop(NamedTuple):
    """A person's own webcam."""

    scale: float  # its pixels for each of the normalised image's
    electrons: float  # a pixel holds at full scale: sets the shot noise
    read_noise: float  # electrons
    sharpening: float  # unsharp mask in its firmware
    quality: int  # of its JPEG


class Exposure(NamedTuple):
    """What differs from one photograph to the next."""

    level: float  # mean of the image, 0 to 1 linear
    nearness: float  # factor on the webcam's scale
    defocus: float  # radius of the blur disc, pixels of the normalised image
    motion: float  # length of the smear, same pixels
    motion_angle: float  # degrees


def laptop(person: int) -> Laptop:
    """The webcam of a person, the same for every seed; noise levels spread evenly over the persons."""
    rng = np.random.default_rng([PERSON_KEY, person, 1])
    rank = (4 * person % ROUND + rng.uniform()) / ROUND
    return Laptop(
        scale=rng.uniform(0.75, 1.1),
        electrons=float(np.exp(np.log(2000) + rank * np.log(15))),
        read_noise=rng.uniform(3, 12),
        sharpening=rng.uniform(0, 0.6),
        quality=int(rng.integers(75, 97)),
    )


def expose(rng: np.random.Generator) -> Exposure:
    """Draws an exposure: in dim light the level falls and the shutter stays open longer."""
    dim = rng.beta(1.2, 2.2)
    return Exposure(
        level=0.35 * (1 - 0.75 * dim),
        nearness=rng.uniform(0.9, 1.1),
        defocus=rng.uniform(0.6, 1.5),
        motion=max(rng.normal(0, 0.8 + dim), 0.0),
        motion_angle=rng.uniform(0, 180),
    )


def photograph(radiance: np.ndarray, webcam: Laptop, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """Linear radiance, float32 (36, 60), to the equalised crop, uint8 (35, 55)."""
    photo = _compressed(_exposed(radiance, webcam, exposure, rng), webcam, cv2.IMREAD_GRAYSCALE)
    return _cropped(cv2.equalizeHist(cv2.resize(photo, (FRAME.width, FRAME.height), interpolation=cv2.INTER_LINEAR)))


def photograph_colour(radiance: np.ndarray, webcam: Laptop, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """Linear radiance, float32 (36, 60, 3), to the crop, uint8 (35, 55, 3), not equalised."""
    photo = _compressed(_exposed(radiance, webcam, exposure, rng), webcam, cv2.IMREAD_COLOR)
    return _cropped(cv2.resize(photo, (FRAME.width, FRAME.height), interpolation=cv2.INTER_LINEAR))


def _exposed(radiance: np.ndarray, webcam: Laptop, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """What the webcam sees, uint8 at its own size, grey or in colour."""
    light = radiance * (exposure.level / max(float(radiance.mean()), 1e-6))
    light = cv2.filter2D(light, -1, blur_kernel(exposure), borderType=cv2.BORDER_REFLECT_101)
    scale = webcam.scale * exposure.nearness
    native = (round(FRAME.width * scale), round(FRAME.height * scale))
    light = cv2.resize(light, native, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    electrons = np.maximum(light, 0) * webcam.electrons
    noise = np.sqrt(electrons + webcam.read_noise**2) * rng.standard_normal(light.shape, np.float32)
    tone = np.clip((electrons + noise) / webcam.electrons, 0, 1) ** GAMMA
    tone += webcam.sharpening * (tone - cv2.GaussianBlur(tone, (0, 0), 1.0))
    return np.clip(255 * tone + 0.5, 0, 255).astype(np.uint8)


def _compressed(photo: np.ndarray, webcam: Laptop, mode: int) -> np.ndarray:
    """Grey, or RGB, which OpenCV wants and gives the other way round."""
    swapped = photo[..., ::-1] if photo.ndim == 3 else photo
    _, code = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, webcam.quality])
    decoded = np.asarray(cv2.imdecode(code, mode))
    return decoded[..., ::-1] if photo.ndim == 3 else decoded


def _cropped(photo: np.ndarray) -> np.ndarray:
    row, column = -FRAME.top, -FRAME.left
    return photo[row : row + geo.HEIGHT, column : column + geo.WIDTH]


def blur_kernel(exposure: Exposure) -> np.ndarray:
    """Defocus disc smeared along the motion, float32 (9, 9) of sum 1, antialiased."""
    reach = np.arange(-4, 5, dtype=np.float32)
    x, y = np.meshgrid(reach, reach)
    turn = np.radians(exposure.motion_angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    past = np.hypot(np.maximum(np.abs(along) - exposure.motion / 2, 0), across)
    kernel = np.clip(exposure.defocus + 0.5 - past, 0, 1).astype(np.float32)
    return kernel / kernel.sum()
