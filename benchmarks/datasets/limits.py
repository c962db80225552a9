"""What a file of a data set may ask for: none leaves its folder, and none fills the memory before it is refused."""

import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from benchmarks.datasets.loading import Broken

PICTURE_BYTES = 2**28
PIXELS = 2**26  # 64 megapixels; UnityEyes' largest renders have 2
UNPACKED_BYTES = 2**32  # of a MATLAB file; NYU's joint_data.mat unpacks to 0.4 GB
COMPRESSED = 15  # the type of a compressed element in MATLAB's format 5, whose elements begin at byte 128


def inside(folder: Path, name: str) -> Path:
    """The file that a manifest names, also by a link, in its folder. Raises Broken for one anywhere else."""
    if "\0" in name:
        raise Broken("its name holds a null byte")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise Broken("leads out of its folder; give a path inside it")
    file = folder / name
    try:
        stays = file.resolve().is_relative_to(folder.resolve())
    except OSError as error:  # a name too long, a ring of links
        raise Broken(f"unreadable ({error.strerror})") from None
    if not stays:
        raise Broken("a link out of its folder; put the file itself there")
    return file


def read(file: str | Path, most: int = PICTURE_BYTES) -> bytes:
    """Raises Broken for a larger file, OSError as `open` does."""
    with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 (a Path takes longer than the reading)
        size = os.fstat(opened.fileno()).st_size
        if size > most:
            raise Broken(f"{size / 2**20:.0f} MB; at most {most / 2**20:.0f} are read")
        return opened.readall()


def decode(content: bytes, flags: int) -> tuple[np.ndarray | None, int]:
    """The picture, None where it is none, and its height as the header tells. Raises Broken for too many pixels."""
    try:
        width, height = Image.open(io.BytesIO(content)).size
    except Image.DecompressionBombError:
        raise Broken(f"more than the {PIXELS / 2**20:.0f} megapixels that are decoded") from None
    except Exception:  # of damaged headers Pillow raises what its parsers stumble on
        return None, 0
    if width * height > PIXELS:
        raise Broken(f"{width} x {height} pixels; at most {PIXELS / 2**20:.0f} megapixels are decoded")
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags), height
    except cv2.error:
        return None, height


def check_unpacked(file: Path) -> None:
    """Raises Broken where the compressed parts of a MATLAB file unpack to more than `UNPACKED_BYTES`."""
    unpacked = 0
    with file.open("rb") as opened:
        head = opened.read(128)
        order = "big" if head[126:128] == b"MI" else "little"
        while len(tag := opened.read(8)) == 8:
            kind, size = int.from_bytes(tag[:4], order), int.from_bytes(tag[4:], order)
            end = opened.tell() + size
            if kind == COMPRESSED:
                for amount in _inflated(opened, size):
                    unpacked += amount
                    if unpacked > UNPACKED_BYTES:
                        raise Broken(f"unpacks to over {UNPACKED_BYTES / 2**30:.0f} GB")
            opened.seek(end)


def _inflated(opened: BinaryIO, size: int) -> Iterator[int]:
    """Bytes that each step of unpacking gives, a megabyte at most at a time; what is damaged is left to the reader."""
    inflater = zlib.decompressobj()
    while size > 0 and (packed := opened.read(min(size, 2**16))):
        size -= len(packed)
        try:
            while packed:
                yield len(inflater.decompress(packed, 2**20))
                packed = inflater.unconsumed_tail
        except zlib.error:
            return
