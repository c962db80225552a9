"""The contract, tried on a method of one's own: a few small images, seconds."""

import io
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.core import config
from benchmarks.core.errors import UserError
from benchmarks.datasets import eyes
from benchmarks.refiners import plugins
from benchmarks.refiners.contract import Domains, Estimator, Method, Refiner, Unlabelled
from benchmarks.training.loop import Trainer
from benchmarks.training.tensors import Images, generator, place, save_weights

IMAGES, SIZE = 64, (35, 55)
TIMED = 256
SHORT = {"refiner_pretraining": 3, "discriminator_pretraining": 2, "iterations": 4, "batch": 4, "history": 16}


def run(where: str, code: str, settings: str) -> None:
    """Prints a line a rule that holds. Raises UserError for the first that does not."""
    try:
        values = json.loads(settings)
    except json.JSONDecodeError as error:
        raise UserError(f"--settings: not JSON ({error})") from None
    if ":" not in where:
        raise UserError(f"{where}: not a class; give MODULE:CLASS, as my_module:MyRefiner")
    params = config.load()
    kind = plugins.find(where, code)
    own = plugins.settings_of(kind, values, where).model_dump()
    print(f"{where}: {'an estimator' if issubclass(kind, Estimator) else 'a refiner'}; parameters {json.dumps(own)}")
    description: dict[str, Any] = {"where": where, "settings": own}
    if issubclass(kind, Estimator):
        description["cnn"] = params.estimators.gaze.model_dump()
    else:
        description |= {"size": SIZE, "simgan": params.simgan.gaze.model_dump() | SHORT}
    synthetic, gaze = _rendered(eyes.simulator(IMAGES, 1))
    real, _ = _rendered(eyes.camera(IMAGES, 2, (0, 1)))
    cpu = torch.device("cpu")
    domains = Domains(Unlabelled(Images(synthetic, cpu)), Unlabelled(Images(real, cpu)), cpu, 0)
    with plugins.labels_locked(where):
        if issubclass(kind, Estimator):
            _estimator(description, code, domains, gaze)
        else:
            _refiner(description, code, domains)
    print(f"{where}: keeps the contract")


def _refiner(description: dict[str, Any], code: str, domains: Domains) -> None:
    where = description["where"]
    started = time.monotonic()
    first, steps = _learned(description, code, domains)
    print(f"  learns: {steps} steps in {time.monotonic() - started:.1f} s; reads no labels")
    again, _ = _learned(description, code, domains)
    _same(first, again, f"{where}: not deterministic: the same seed gave other weights; draw from domains.random")
    print("  the same seed gives the same weights")
    if steps:
        halted, _ = _learned(description, code, domains, halt=steps // 2)
        _same(first, halted, f"{where}: resumed at half, it ends elsewhere; state_dict must hold all that changes")
        print("  killed at half and resumed, it gives the same weights")
    images = domains.synthetic.images(torch.arange(IMAGES))
    refined = plugins.refined(first, images, where)
    if not torch.equal(refined, plugins.refined(first, images, where)):
        raise UserError(f"{where}: not deterministic: the same images refined twice differ")
    print(f"  keeps shape and range: {refined.min():.2f} to {refined.max():.2f}; the same images give the same")
    back = _restored(first, description, code)
    assert isinstance(back, Refiner)
    if not torch.equal(refined, plugins.refined(back, images, where)):
        raise UserError(f"{where}: other images after its weights were saved and loaded; keep them in the state_dict")
    print("  its weights save and load")
    many = images.repeat(TIMED // IMAGES, 1, 1, 1)
    started = time.monotonic()
    plugins.refined(first, many, where)
    print(f"  refines 1,000 images in {(time.monotonic() - started) * 1000 / TIMED:.1f} s here")


def _learned(description: dict[str, Any], code: str, domains: Domains, halt: int | None = None) -> tuple[Refiner, int]:
    """A refiner after its training and how many steps it took; `halt`: saved there and resumed by another."""
    where = description["where"]

    def begin() -> tuple[Refiner, Trainer | None]:
        refiner = place(plugins.build(description, code, where), domains.device)
        assert isinstance(refiner, Refiner)
        with plugins.blamed(where):
            return refiner, refiner.trainer(domains)

    refiner, trainer = begin()
    if trainer is None:
        return refiner.eval(), 0
    with plugins.blamed(where):
        while not trainer.done:
            if trainer.step == halt:
                file = io.BytesIO()
                torch.save(trainer.state_dict(), file)
                file.seek(0)
                refiner, trainer = begin()
                assert trainer is not None
                trainer.load_state_dict(torch.load(file, weights_only=True))
                halt = None
            before = trainer.step
            losses = trainer.advance()
            if not all(np.isfinite(float(value)) for value in losses.values()):
                raise UserError(f"{where}: a loss is not finite at step {before}: {losses}")
            if any(np.shape(value) for value in losses.values()):
                raise UserError(f"{where}: a loss is no single number at step {before}: {losses}")
            if trainer.step <= before:
                raise UserError(f"{where}: advance() did not count its step")
    return refiner.eval(), trainer.step


def _estimator(description: dict[str, Any], code: str, domains: Domains, gaze: torch.Tensor) -> None:
    where = description["where"]
    estimators = []
    for _ in range(2):
        estimator = place(plugins.build(description, code, where), domains.device)
        assert isinstance(estimator, Estimator)
        optimizer, random = torch.optim.SGD(estimator.parameters(), lr=1e-3), generator(0, "check")
        for step in range(3):
            with plugins.blamed(where):
                loss = estimator.loss(domains.synthetic.images(torch.arange(16)), gaze[:16], domains, random, step / 3)
            if loss.shape != () or not loss.isfinite():
                raise UserError(f"{where}: loss gave {loss}; it must be one finite number")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        estimators.append(estimator.eval())
    print("  learns; reads no labels of the real domain")
    _same(
        estimators[0],
        estimators[1],
        f"{where}: not deterministic: the same seed gave other weights; draw from `random`",
    )
    print("  the same seed gives the same weights")
    images = domains.synthetic.images(torch.arange(IMAGES))
    with plugins.blamed(where), torch.no_grad():
        found = estimators[0](images)
    if tuple(found.shape) != (IMAGES, 3) or not found.isfinite().all():
        raise UserError(f"{where}: gave {tuple(found.shape)} for {IMAGES} eyes, or NaN; gaze is ({IMAGES}, 3)")
    back = _restored(estimators[0], description, code)
    with torch.no_grad():
        if not torch.equal(found, back(images)):
            raise UserError(f"{where}: other answers after its weights were saved and loaded")
    print("  gives a gaze for each eye; its weights save and load")


def _same(a: Method, b: Method, message: str) -> None:
    ours, theirs = a.state_dict(), b.state_dict()
    if ours.keys() != theirs.keys() or not all(torch.equal(ours[name], theirs[name]) for name in ours):
        raise UserError(message)


def _restored(method: Method, description: dict[str, Any], code: str) -> Method:
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        save_weights(weights, method.state_dict(), description)
        return plugins.restored(weights, code, description["where"], torch.device("cpu"))


def _rendered(chunks: Any) -> tuple[np.ndarray, torch.Tensor]:
    images, labels = zip(*chunks, strict=True)
    gaze = np.concatenate([table[["gaze_x", "gaze_y", "gaze_z"]].to_numpy(np.float32) for table in labels])
    return np.concatenate(images), torch.from_numpy(gaze)
