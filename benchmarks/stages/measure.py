"""Stage measure: what refining did to the images themselves (sections 3.1 and 3.3), without a label of the real domain.

Of the real domain's persons it reads the names, to tell how much real persons differ from one another.
"""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import tracking
from benchmarks.core.config import Params
from benchmarks.core.files import instance, whole
from benchmarks.datasets.store import Store, open_store
from benchmarks.evaluation.tasks import blocks
from benchmarks.measures import artefacts, outline, preservation, realism, two_sample
from benchmarks.training.tensors import choose_device, generator, to_network

CLASSES = {"real": 1, "synthetic": 0}
IMAGES = 1000  # of each kind, at most: the measures have long settled
EXAMPLES = 2  # images that show in MLflow what a refiner takes


def run(params: Params, task: str, seed: int, variant: str = "") -> None:
    name = instance(task, seed, variant)
    choose_device(params.compute)  # sets the threads, on which the last bits of sums depend
    stores = Path("stores") / task
    synthetic, refined = (
        open_store(stores / "synthetic", task),
        open_store(stores / instance("refined", seed, variant), task),
    )
    real, persons = open_store(stores / "real", task), open_store(stores / "real_labelled", task)
    measured = compared(task, seed, synthetic, refined, real, persons)
    with whole(Path("results/measures") / f"{name}.json") as file:
        file.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
    tracking.add(f"train-simgan/{name}", {f"measure/{key}": value for key, value in flat(measured).items()})
    if seed == params.seeds[0]:
        weights = Path("models/simgan") / f"{name}.safetensors"
        tracking.add_model(f"train-simgan/{name}", "refiner", weights, synthetic.images[:EXAMPLES])
    print(f"measure {name}: results/measures/{name}.json", flush=True)


def compared(task: str, seed: int, synthetic: Store, refined: Store, real: Store, persons: Store) -> dict[str, Any]:
    """All measures of one seed's refined images; of `persons`, the labelled real store, it reads the names alone."""
    shown = sample(len(synthetic), seed, f"measure/{task}/synthetic")
    before, after = units(synthetic, shown), units(refined, shown)
    target = units(real, sample(len(real), seed, f"measure/{task}/real"))

    reference = realism.summarise(target)
    known = sample(len(persons), seed, f"measure/{task}/persons")
    who = persons.labels
    groups = np.asarray(blocks(who) if task == "hand" else who["person"])[known]
    seen = units(persons, known)
    parted = groups if len(set(groups)) > 1 else None  # persons of the test are in no training
    null = realism.real_against_real(seen, groups) if parted is not None else {}
    measured: dict[str, Any] = {
        "realism": {
            "synthetic": realism.compare(before, reference, before),
            "refined": realism.compare(after, reference, before),
            "real": {name: float(np.mean(values)) for name, values in null.items()},
        },
        "artefacts": {
            "synthetic": artefacts.artefacts(before, target),
            "refined": artefacts.artefacts(after, target),
        },
        "two_sample": {
            "synthetic": judged(before, seen, None, parted, seed, f"{task}/synthetic"),
            "refined": judged(after, seen, None, parted, seed, f"{task}/refined"),
            "real": judged(seen[::2], seen[1::2], *_halves(parted), seed, f"{task}/real"),
        },
    }
    if task == "hand":
        before, after = synthetic.images[shown], refined.images[shown]
        sides = {"synthetic": before, "refined": after, "real": persons.images[known]}
        measured["outline"] = {side: asdict(outline.outline(images)) for side, images in sides.items()}
        measured["moved"] = asdict(outline.moved(before, after))
    if "iris_00_x" in synthetic.labels:
        kept = preservation.preservation(
            synthetic.images[shown], refined.images[shown], synthetic.labels.iloc[shown].reset_index(drop=True)
        )
        measured["preservation"] = {f.name: getattr(kept, f.name) for f in fields(kept) if f.name != "shifts"}
    return measured


def sample(count: int, seed: int, name: str) -> np.ndarray:
    """At most `IMAGES` indices in order."""
    return torch.randperm(count, generator=generator(seed, name))[:IMAGES].sort().values.numpy()


def units(store: Store, chosen: np.ndarray) -> np.ndarray:
    """float32 (n, H, W) in [-1, 1], as the networks see them."""
    return to_network(store.images[chosen], torch.device("cpu"))[:, 0].numpy()


def _halves(groups: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Of every second image; None where a half has a single group, which cannot be parted."""
    if groups is None or min(len(set(groups[::2])), len(set(groups[1::2]))) < 2:
        return None, None
    return groups[::2], groups[1::2]


def judged(
    a: np.ndarray, b: np.ndarray, groups_a: two_sample.Groups, groups_b: two_sample.Groups, seed: int, name: str
) -> dict[str, Any]:
    """A classifier in the place of Table 1's people: `a` counts as synthetic, `b` as real; the table as published.json
    has people's.
    """
    found = two_sample.two_sample(a, b, groups_a, groups_b, generator(seed, f"measure/{name}"))
    answers = {
        truth: {f"selected_{label}": int(found.confusion[row, column]) for label, column in CLASSES.items()}
        for truth, row in CLASSES.items()
    }
    if groups_b is None:  # of one real person nothing can be told about others
        found = replace(found, clustered_low=0.0, clustered_high=1.0)
    told = "accuracy", "low", "high", "clustered_low", "clustered_high", "p", "hits", "trials"
    return {key: getattr(found, key) for key in told} | {"confusion": answers}


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, float]:
    pairs: dict[str, float] = {}
    for key, value in nested.items():
        pairs |= flat(value, f"{prefix}{key}/") if isinstance(value, dict) else {f"{prefix}{key}": float(value)}
    return pairs
