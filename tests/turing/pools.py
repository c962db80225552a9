"""Small stores of noise in the places where the visual Turing test looks for its images."""

from pathlib import Path

import numpy as np

from benchmarks.datasets.store import write_store
from benchmarks.turing.session import Kind, Pool, Session, open_pool


def write_images(folder: Path, images: np.ndarray) -> None:
    """A store of uint8 images (N, H, W)."""
    write_store(folder, [(images, None)], task="gaze", domain="real", count=len(images), shape=images.shape[1:])


def noise(seed: int, count: int = 64, shape: tuple[int, ...] = (35, 55)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_stores(folder: Path) -> Path:
    for seed, name in enumerate(("real", "refined/0", "refined/1", "synthetic")):
        write_images(folder / "gaze" / name, noise(seed))
    return folder


def make_pool(folder: Path, kind: Kind = "refined", seed: int = 0) -> Pool:
    """A pool of 64 images of noise a label."""
    stores = folder / "stores"
    return open_pool(stores if stores.exists() else write_stores(stores), kind, seed, standin=True)


def play(session: Session, stop: int, wrong: frozenset[int] = frozenset()) -> None:
    """Answer up to trial `stop`, rightly but for the trials in `wrong`."""
    other = {"real": "synthetic", "synthetic": "real"}
    for position in range(session.position, stop):
        truth = session.plan.trials[position].label
        session.answer(position, other[truth] if position in wrong else truth)
