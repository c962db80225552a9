"""Between stores and networks: pixels, devices, seeds and weights."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.core.config import Compute
from benchmarks.core.errors import UserError
from benchmarks.core.files import whole
from benchmarks.datasets.hands.crops import RELIEF, millimetres, network_units, relief_offset

Network = TypeVar("Network", bound=nn.Module)
CHUNK = 4096  # images that go to a device at once


def to_network(images: np.ndarray, device: torch.device) -> Tensor:
    """uint8 grey or uint16 depth in mm (N, H, W) -> float32 (N, 1, H, W) in [-1, 1].

    Depth is taken relative to its own median (section 3.2, ledger: hand pre-processing): foreground about
    [-1, -0.25], background 0.
    """
    if images.dtype == np.uint16:
        units = network_units(images, relief_offset(images), RELIEF).clip(-1, 0)
        return torch.from_numpy(units).to(device)[:, None]
    return torch.from_numpy(np.array(images)).to(device, torch.float32)[:, None] / 127.5 - 1


def to_pixels(images: Tensor, source: np.ndarray) -> np.ndarray:
    """The inverse of `to_network`: float (N, 1, H, W) -> the type of the images (N, H, W) that it was made from."""
    if source.dtype == np.uint16:
        return millimetres(images[:, 0].cpu().numpy(), relief_offset(source), RELIEF)
    return ((images[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


class Images:
    """A store's images as networks take them: `images(indices)` -> float32 (n, 1, H, W) on the device.

    `resident`: they live on the device in their own bytes, so that no batch waits for a copy; None for a GPU where
    that takes at most half of the free memory. The values are `to_network`'s either way.
    """

    def __init__(self, images: np.ndarray, device: torch.device, resident: bool | None = None):
        self.images, self.device = images, device
        if resident is None:
            resident = device.type == "cuda" and images.nbytes <= torch.cuda.mem_get_info(device)[0] // 2
        self.resident = resident
        if resident:
            self._move()

    def __len__(self) -> int:
        return len(self.images)

    def __call__(self, chosen: Tensor) -> Tensor:
        if not self.resident:
            return to_network(self.images[chosen.numpy()], self.device)
        there = moved(chosen, self.device)
        pixels = self.pixels[there].to(torch.float32)[:, None]
        if self.offsets is None:
            return pixels / 127.5 - 1
        offsets = self.offsets[there].view(-1, 1, 1, 1)
        return torch.where(pixels > 0, (pixels - offsets) / RELIEF, 0).clip(-1, 0)

    def _move(self) -> None:
        depth = self.images.dtype == np.uint16
        dtype = torch.int16 if depth else torch.uint8  # torch indexes no uint16; depths stay below 32768 mm
        self.pixels = torch.empty(self.images.shape, dtype=dtype, device=self.device)
        offsets = []
        for start in range(0, len(self.images), CHUNK):
            chunk = np.array(self.images[start : start + CHUNK])
            self.pixels[start : start + CHUNK] = torch.from_numpy(chunk.view(np.int16) if depth else chunk)
            offsets.append(relief_offset(chunk) if depth else None)
        self.offsets = torch.tensor(np.concatenate(offsets), dtype=torch.float32, device=self.device) if depth else None


def moved(indices: Tensor, device: torch.device) -> Tensor:
    """From the host; only CUDA may be left to it, for it copies what is not pinned before it returns."""
    return indices.to(device, non_blocking=device.type == "cuda")


class RandomBatches:
    """Random mini-batches from a store's images, with replacement."""

    def __init__(self, images: np.ndarray, device: torch.device):
        self.images = Images(images, device)

    def __call__(self, count: int, generator: torch.Generator) -> Tensor:
        return self.images(torch.randint(len(self.images), (count,), generator=generator))


def choose_device(compute: Compute) -> torch.device:
    """The device of `compute.device`; also sets the number of CPU threads, on which float sums depend."""
    if compute.threads:
        torch.set_num_threads(compute.threads)
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if compute.device == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available[compute.device]:
        raise UserError(f"params.yaml: compute.device: {compute.device} is not available here; use auto or cpu")
    return torch.device(compute.device)


def place(network: Network, device: torch.device, compiled: bool = False) -> Network:
    """On the device, channels last: a quarter faster on CPUs. `compiled`: by torch.compile, at its first batches."""
    network.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if compiled:
        network.compile()
    return network


def precision(compute: Compute) -> torch.dtype:
    return getattr(torch, compute.precision)


def derive(seed: int, purpose: str) -> int:
    """A seed for one purpose, for instance (0, "train-simgan/gaze"); independent of all others."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=7).digest(), "big")


def generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator derived from the base seed and the purpose."""
    return torch.Generator().manual_seed(derive(seed, purpose))


def optimizer(name: str, network: nn.Module, lr: float) -> torch.optim.Optimizer:
    """`sgd` as printed in section 2.1, or `adam`; fused, a tenth to a fifth faster a step on CPUs."""
    return {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name](network.parameters(), lr=lr, fused=True)


def save_weights(path: Path, weights: Mapping[str, Tensor], architecture: Mapping[str, Any]) -> None:
    """Safetensors, with the constructor's arguments of the network beside the weights."""
    with whole(path) as beside:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        save_file(tensors, beside, {"architecture": json.dumps(architecture, sort_keys=True)})


def load_weights(path: Path, network: type[nn.Module], device: torch.device) -> nn.Module:
    """Rebuild a network of class `network` from `save_weights`' file, in evaluation mode. Raises UserError."""
    try:
        with safe_open(path, "pt") as file:
            built = network(**json.loads(file.metadata()["architecture"]))
            built.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{path}: no weights here; run `dvc repro` to train them") from None
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not {network.__name__} weights ({reason}); delete it and run `dvc repro`") from None
    return place(built, device).eval()
