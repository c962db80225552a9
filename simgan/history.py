"""Section 2.3: updating the discriminator using a history of refined images."""

from typing import Any

import torch
from torch import Tensor


class History:
    """Buffer of refined images generated at any time during training (Figure 4).

    It starts empty, fills up to `capacity` (the paper's B, not given there), and from then on new images replace
    random old ones. It lives on `device`, or in host memory where it would take over half of a GPU's free memory.
    Host memory grants room for all at once and takes it as they come.
    """

    def __init__(self, capacity: int, device: torch.device | None = None):
        self.capacity, self.device = capacity, device
        self.room = torch.empty(0)
        self.held = 0

    def __len__(self) -> int:
        return self.held

    @property
    def images(self) -> Tensor:
        """Those held (N, C, H, W)."""
        return self.room[: self.held]

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` random images (count, C, H, W), none twice; (0,) while fewer are held."""
        if len(self) < count:
            return self.images[:0]
        return self.images[self._random(count, generator)]

    def update(self, new: Tensor, generator: torch.Generator) -> None:
        """After each D step: store b/2 newly refined images (n, C, H, W), in random places once full."""
        new = new.detach()
        free = min(self.capacity - len(self), len(new))
        self._fill(new[:free])
        replacing = new[free:][: self.capacity]
        if len(replacing):
            self.images[self._random(len(replacing), generator)] = replacing.to(self.room.device)

    def _random(self, count: int, generator: torch.Generator) -> Tensor:
        """So many of the images held, none twice."""
        places = torch.randperm(len(self), generator=generator)[:count]
        return places.to(self.room.device, non_blocking=self.room.device.type == "cuda")

    def _fill(self, new: Tensor) -> None:
        if not len(new):
            return
        if not self.held:
            self.room = new.new_empty((self.capacity, *new.shape[1:]), device=self._home(self.capacity * new[0].nbytes))
        self.room[self.held : self.held + len(new)] = new
        self.held += len(new)

    def _home(self, size: int) -> torch.device:
        device = self.device or torch.device("cpu")
        if device.type == "cuda" and size > torch.cuda.mem_get_info(device)[0] // 2:
            return torch.device("cpu")
        return device

    def state_dict(self) -> dict[str, Any]:
        return {"images": self.images.to("cpu", copy=True)}  # a view would save all the room

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.held = 0
        self._fill(state["images"])
