"""Section 2.3: updating the discriminator using a history of refined images."""

from typing import Any

import torch
from torch import Tensor


class History:
    """Buffer of refined images generated at any time during training (Figure 4).

    It starts empty, fills up to `capacity` (the paper's B, not given there), and from then on new images replace
    random old ones. It lives in host memory whatever the device of the networks.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.images = torch.empty(0)

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` random images (count, C, H, W), none twice; (0,) while fewer are held."""
        if len(self) < count:
            return self.images[:0]
        return self.images[torch.randperm(len(self), generator=generator)[:count]]

    def update(self, new: Tensor, generator: torch.Generator) -> None:
        """After each D step: store b/2 newly refined images (n, C, H, W), in random places once full."""
        new = new.detach().cpu()
        free = min(self.capacity - len(self), len(new))
        if free:
            self.images = torch.cat((self.images, new[:free])) if len(self) else new[:free].clone()
        replacing = new[free:][: self.capacity]
        if len(replacing):
            self.images[torch.randperm(len(self), generator=generator)[: len(replacing)]] = replacing

    def state_dict(self) -> dict[str, Any]:
        return {"images": self.images}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.images = state["images"]
