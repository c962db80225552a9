"""CUT (Park, Efros, Zhang and Zhu, ECCV 2020): one way; a patch of the output must resemble its input patch."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from benchmarks.refiners import contract
from benchmarks.refiners.rivals.unpaired.generators import patch_discriminator
from benchmarks.refiners.rivals.unpaired.translation import Training, Translator, adam, descend, falls, fools, tells


class CUT(Translator):
    """PatchNCE over the encoder's five depths, of synthetic and of real images; least-squares GAN, Adam at 0.0002."""

    class Settings(Translator.Settings):
        nce: float = 1.0
        temperature: float = 0.07
        patches: Annotated[int, Field(gt=1)] = 256
        projection: Annotated[int, Field(gt=0)] = 64

    def trainer(self, domains: contract.Domains) -> "Contrast":
        return Contrast(self, domains)


class Contrast(Training):
    def __init__(self, refiner: CUT, domains: contract.Domains):
        super().__init__(refiner, domains, "cut")
        settings = self.settings
        self.generator = refiner.generator.to(domains.device)
        self.judge = patch_discriminator(settings.features).to(domains.device)
        k = settings.features
        self.heads = nn.ModuleList(_head(width, settings.projection) for width in (1, k, 2 * k, 4 * k, 4 * k))
        self.heads.to(domains.device)
        self.of_generator = adam(self.generator, self.heads, lr=settings.lr)
        self.of_judge = adam(self.judge, lr=settings.lr)
        self.parts |= {"generator": self.generator, "judge": self.judge, "heads": self.heads}
        self.parts |= {"of_generator": self.of_generator, "of_judge": self.of_judge}

    def advance(self) -> dict[str, float]:
        falls([self.of_generator, self.of_judge], self.settings.lr, self.step / self.total)
        synthetic, real = self.domains.synthetic(self.batch, self.random), self.domains.real(self.batch, self.random)
        made = self.generator(torch.cat((synthetic, real)))
        refined, same = made.split(self.batch)
        descend(self.of_judge, loss := tells(self.judge(real), self.judge(refined.detach())))
        self.judge.requires_grad_(False)
        adversarial = fools(self.judge(refined))
        contrast = 0.5 * (self.contrast(synthetic, refined) + self.contrast(real, same))
        descend(self.of_generator, adversarial + self.settings.nce * contrast)
        self.judge.requires_grad_(True)
        self.step += 1
        return {"adversarial": adversarial.item(), "contrast": contrast.item(), "discriminator": loss.item()}

    def contrast(self, before: Tensor, after: Tensor) -> Tensor:
        """PatchNCE: each output patch must find its input patch among the others of its image; mean over depths."""
        total = torch.zeros(())
        keys, queries = self.generator.encode(before), self.generator.encode(after)
        for head, key, query in zip(self.heads, keys, queries, strict=True):
            count = min(self.settings.patches, key[0, 0].numel())
            chosen = torch.randperm(key[0, 0].numel(), generator=self.random)[:count].to(key.device)
            of_keys, of_queries = (head(part.flatten(2)[..., chosen].transpose(1, 2)) for part in (key, query))
            total = total + patch_nce(of_queries, of_keys.detach(), self.settings.temperature)
        return total / len(self.heads)


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding key i for query i; (n, patches, d) each."""
    logits = normalize(queries, dim=2) @ normalize(keys, dim=2).transpose(1, 2) / temperature
    own = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
    return cross_entropy(logits.flatten(0, 1), own.flatten())


def _head(width: int, projection: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, projection), nn.ReLU(), nn.Linear(projection, projection))
