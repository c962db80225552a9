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

    def mix(self, refined: Tensor, generator: torch.Generator) -> Tensor:
        """The refined half of D's mini-batch: b current images (b, C, H, W) -> b/2 of them and b/2 from the buffer.

        While the buffer holds fewer than b/2 the whole batch is current.
        """
        half = len(refined) // 2
        if half == 0 or len(self) < half:
            return refined
        chosen = torch.randperm(len(self), generator=generator)[:half]
        return torch.cat((refined[: len(refined) - half], self.images[chosen].to(refined.device)))

    def update(self, refined: Tensor, generator: torch.Generator) -> None:
        """After each D step: store b/2 of the b newly generated images (b, C, H, W), in random places once full."""
        new = refined[: len(refined) // 2].detach().cpu()
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
