"""A trained refiner on pictures of one's own: what people do with section 2's R once they have it."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.core.errors import UserError
from benchmarks.core.files import instance
from benchmarks.datasets.folder import Folder
from benchmarks.training.tensors import load_weights, to_network, to_pixels
from simgan.networks import Refiner

BATCH = 64


def refine_folder(source: Path, out: Path, seed: int) -> None:
    """Every picture of an eye in `source`, cut and shrunk to 35x55 grey, refined, as a PNG of the same stem in `out`.

    Raises UserError where there is no picture or no refiner; pictures that cannot be read are named and left out.
    """
    if source.resolve() == out.resolve():
        raise UserError(f"--out {out}: the folder of the pictures themselves; give another")
    cpu = torch.device("cpu")
    refiner = load_weights(Path("models/simgan") / f"{instance('gaze', seed)}.safetensors", Refiner, cpu)
    folder = Folder(source, labelled=False)
    written = 0
    out.mkdir(parents=True, exist_ok=True)
    for batch in folder.batches():
        images, _, rejected = folder.load(batch)
        broken = dict(rejected)
        names = [name for name in (dict(item)["file"] for item in batch.items) if name not in broken]
        for name, reason in rejected:
            print(f"{source / name}: left out: {reason}", flush=True)
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            with torch.no_grad():
                refined = to_pixels(refiner(to_network(part, cpu)), part)
            for name, image in zip(names[start:], refined, strict=False):
                _save(image, out / f"{Path(name).stem}.png")
        written += len(images)
    print(f"refine-folder: {written} images in {out}", flush=True)


def _save(image: np.ndarray, path: Path) -> None:
    Image.fromarray(image).save(path)
