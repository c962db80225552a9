"""Outputs that appear whole or not at all, and digests of files."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Hand out a path beside `path`, renamed to `path` (file or folder) on success and removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.unfinished")
    remove(beside)
    try:
        yield beside
        remove(path)
        beside.rename(path)
    finally:
        remove(beside)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def digest(*paths: Path) -> str:
    """blake2b of the files' bytes, in the order given."""
    h = hashlib.blake2b(digest_size=16)
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                h.update(block)
    return h.hexdigest()


def instance(what: str, seed: int, variant: str = "") -> str:
    """Where one training or its images are below a stage's folder: `gaze/0`; `gaze-without_history/0` of a variant."""
    return f"{what}-{variant}/{seed}" if variant else f"{what}/{seed}"
