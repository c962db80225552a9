"""One training loop for every network: it knows no algorithm, only steps, events, checkpoints and outputs."""

import hashlib
import json
import math
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks import tracking
from benchmarks.core.config import Compute
from benchmarks.core.errors import UserError
from benchmarks.core.files import digest, instance, remove, whole
from benchmarks.core.progress import Progress
from benchmarks.datasets.store import Store
from benchmarks.training import checkpoints
from benchmarks.training.tensors import choose_device

CHECKPOINTS = Path(".checkpoints")
ROOT = Path(__file__).parents[2]
Losses = Mapping[str, Tensor | float]  # of a step; tensors () lie on the device until `train` reads them
Train = Callable[..., Path]  # what a stage trains with: `train`, or that of several processes


class Trainer(Protocol):
    """What `simgan.algorithm1.SimGAN` and `estimators.fit.Fit` have in common."""

    @property
    def step(self) -> int: ...
    @property
    def done(self) -> bool: ...
    def advance(self) -> Losses: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def train(
    trainer: Trainer,
    *,
    experiment: str,
    stage: str,
    task: str,
    condition: str,
    seed: int,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Store],
    compute: Compute,
    steps: int,
    images_per_step: int,
    log_every: int,
    save_outputs: Callable[[], None],
    sample: Callable[[], np.ndarray] | None = None,
    criteria: Callable[[], Mapping[str, float]] | None = None,
    sample_every: int = 0,
    checkpoint_every_s: float = 30.0,
) -> Path:
    """Run `trainer` to its end, or on from its last checkpoint; save its outputs and publish its events.

    All of them go to the diary, what a rerun repeats to runs/.

    Gives its checkpoint folder, for the caller to remove once no output can be lost any more.

    `experiment` is MLflow's, in which people compare the run with others. `condition` may name a part of one, as
    `real/fold0` does.

    Losses stay on the device for `log_every` steps, or until a checkpoint is due, so that no step waits for it.

    `sample` gives an image and `criteria` give metrics at the start, every `sample_every` steps and at the end.
    The checkpoint folder is keyed by a digest of everything that decides the result, so that a changed parameter,
    input or code never resumes an old state. Raises UserError when the training diverges.
    """
    name = instance(task, seed, condition)
    device = choose_device(compute)
    identity = {
        "stage": stage,
        "instance": name,
        "settings": dict(settings),
        "inputs": {key: store.digest for key, store in inputs.items()},
        "device": str(device),
        "threads": torch.get_num_threads(),
        "precision": compute.precision,
        "compiled": compute.compiled,
        "code": digest(*_deciding(stage)),
    }
    key = hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=8).hexdigest()
    folder = CHECKPOINTS / stage / f"{name.replace('/', '-')}-{key}"
    checkpoint = folder / "state.pt"
    window: dict[str, list[float]] = {}
    unread: list[tuple[int, Losses]] = []
    state = checkpoints.newest(checkpoint)
    resumed = state is not None
    if state is not None:
        trainer.load_state_dict(state["trainer"])
        window = state["window"]
        del state  # frees its copies
        print(f"{stage} {name}: resuming at step {trainer.step} from {checkpoint}", flush=True)
    else:
        remove(folder)
        folder.mkdir(parents=True)

    def save() -> None:
        checkpoints.save({"trainer": trainer.state_dict(), "window": window}, checkpoint)

    kind, _, fold = condition.partition("/")
    folds = {"fold": fold} if fold else {}
    run_name = f"{stage} {condition} seed {seed}" if condition else f"{stage} seed {seed}"

    def look(run: tracking.Run) -> None:
        if sample:
            run.image(trainer.step, "samples", sample())
        if criteria:
            run.log(trainer.step, criteria())

    with (
        tracking.run(
            folder / "events",
            experiment=experiment,
            name=run_name,
            params=tracking.flatten(settings) | {"task": task, "condition": kind, "seed": seed} | folds,
            tags={"stage": stage, "task": task, "condition": kind, "seed": str(seed), "env.device": str(device)},
            inputs={key: (store.digest, len(store)) for key, store in inputs.items()},
            resume_step=trainer.step if resumed else None,
        ) as run,
        checkpoints.stop_asked() as stop,
    ):
        started = saved = time.monotonic()
        counted = trainer.step
        progress = Progress(f"{stage} {name}", steps)
        if not resumed:
            look(run)
        while not trainer.done:
            try:
                unread.append((trainer.step, trainer.advance()))
                logs = trainer.step % log_every == 0 or trainer.done
                looks = bool(sample_every) and (trainer.step % sample_every == 0 or trainer.done)
                if logs or looks:
                    _read(unread, window)
                if logs:
                    means = {f"train/{metric}": sum(values) / len(values) for metric, values in window.items()}
                    if "train/validation_loss" in means:
                        means["val/loss"] = means.pop("train/validation_loss")
                    window.clear()
                    now = time.monotonic()
                    rate = (trainer.step - counted) * images_per_step / max(now - started, 1e-9)
                    started, counted = now, trainer.step
                    run.log(trainer.step, means | {f"train/{tracking.SPEED}": rate})
                    progress(trainer.step, means)
                if looks:
                    look(run)
                stopping = bool(stop)
                if stopping or time.monotonic() - saved > checkpoint_every_s:
                    _read(unread, window)
                    save()
                    saved = time.monotonic()
            except FloatingPointError as error:
                kept = f"the last good state is {checkpoint}" if checkpoint.is_file() else "no checkpoint was due yet"
                raise UserError(
                    f"{stage} {name}: diverged: {error}; {kept}; a lower learning rate (lr) is the usual mend"
                ) from None
            if stopping:
                print(f"{stage} {name}: stopped at step {trainer.step}, saved; start it again to go on", flush=True)
                raise KeyboardInterrupt if stop[0] == signal.SIGINT else SystemExit(128 + stop[0])
        progress.close()
        run.final({"train/steps": float(trainer.step)})
    save()  # a full disk below loses no training
    save_outputs()
    ended = tracking.RunFolder(folder / "events")
    with whole(tracking.DIARY / stage / name) as diary:
        shutil.copytree(ended.path, diary)
    with whole(Path("runs") / stage / name) as results:
        ended.copy_results(results)
    return folder


def _read(unread: list[tuple[int, Losses]], window: dict[str, list[float]]) -> None:
    """From the device to `window`, in one go. Raises FloatingPointError for the first that is not finite."""
    tensors = [loss for _, losses in unread for loss in losses.values() if isinstance(loss, Tensor)]
    there = iter(torch.stack(tensors).tolist() if tensors else [])
    for step, losses in unread:
        for name, loss in losses.items():
            value = next(there) if isinstance(loss, Tensor) else loss
            if not math.isfinite(value):
                raise FloatingPointError(f"{name} is {value} at step {step}")
            window.setdefault(name, []).append(value)
    unread.clear()


def _deciding(stage: str) -> list[Path]:
    """The files whose code decides what is learned."""
    stages, packages = ROOT / "benchmarks/stages", ("simgan", "estimators", "benchmarks/training")
    return sorted(
        [
            *stages.glob(f"{stage.replace('-', '_')}.py"),
            *(file for package in packages for file in (ROOT / package).rglob("*.py")),
        ]
    )
