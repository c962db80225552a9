"""CycleGAN (Zhu, Park, Isola and Efros, ICCV 2017): mappings both ways that undo each other."""

import itertools

import torch

from benchmarks.refiners import contract
from benchmarks.refiners.rivals.unpaired.generators import Generator, patch_discriminator
from benchmarks.refiners.rivals.unpaired.translation import Training, Translator, adam, descend, falls, fools, tells
from simgan.history import History


class CycleGAN(Translator):
    """Least-squares losses, cycle weight 10, a pool of 50 images a discriminator, Adam at 0.0002 (sections 3.3, 4).

    The identity loss, the paper's for paintings, is off.
    """

    class Settings(Translator.Settings):
        cycle: float = 10.0

    def trainer(self, domains: contract.Domains) -> "Cycle":
        return Cycle(self, domains)


class Cycle(Training):
    def __init__(self, refiner: CycleGAN, domains: contract.Domains):
        super().__init__(refiner, domains, "cyclegan")
        settings = self.settings
        self.there = refiner.generator.to(domains.device)
        self.back = Generator(settings.features, settings.blocks).to(domains.device)
        self.judges = {
            domain: patch_discriminator(settings.features).to(domains.device) for domain in ("real", "synthetic")
        }
        self.of_generators = adam(self.there, self.back, lr=settings.lr)
        self.of_judges = adam(*self.judges.values(), lr=settings.lr)
        self.pools = {"real": History(50), "synthetic": History(50)}
        self.parts |= {"there": self.there, "back": self.back, "of_generators": self.of_generators}
        self.parts |= {f"judge_{name}": judge for name, judge in self.judges.items()} | {"of_judges": self.of_judges}
        self.parts |= {f"pool_{name}": pool for name, pool in self.pools.items()}

    def advance(self) -> dict[str, float]:
        falls([self.of_generators, self.of_judges], self.settings.lr, self.step / self.total)
        synthetic, real = self.domains.synthetic(self.batch, self.random), self.domains.real(self.batch, self.random)
        parameters = list(itertools.chain(*(judge.parameters() for judge in self.judges.values())))
        for parameter in parameters:
            parameter.requires_grad_(False)
        fake = {"real": self.there(synthetic), "synthetic": self.back(real)}
        adversarial = fools(self.judges["real"](fake["real"])) + fools(self.judges["synthetic"](fake["synthetic"]))
        cycle = (self.back(fake["real"]) - synthetic).abs().mean() + (self.there(fake["synthetic"]) - real).abs().mean()
        descend(self.of_generators, adversarial + self.settings.cycle * cycle)
        for parameter in parameters:
            parameter.requires_grad_(True)
        loss = torch.zeros(())
        for name, true in (("real", real), ("synthetic", synthetic)):
            new = fake[name].detach()
            old = self.pools[name].sample(self.batch // 2, self.random).to(new)
            shown = torch.cat((new[: self.batch - len(old)], old)) if len(old) else new
            loss = loss + tells(self.judges[name](true), self.judges[name](shown))
            self.pools[name].update(new[: self.batch // 2], self.random)
        descend(self.of_judges, loss)
        self.step += 1
        return {"adversarial": adversarial.item(), "cycle": cycle.item(), "discriminators": loss.item()}
