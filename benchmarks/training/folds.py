"""Cross-validation by person: no CNN is judged on a person whose labelled images it trained on."""

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.core.errors import UserError
from benchmarks.datasets.store import Store


def persons_of(real: Store) -> list[str]:
    """The persons whose images the real set has, as its store.json names them."""
    return sorted(real.info.get("summary", {}).get("persons", ()))


def fold_of(persons: ArrayLike, known: list[str], folds: int) -> np.ndarray:
    """Names (N,) -> (N,) int, the fold that judges each. `known` persons are dealt out in turn, then all others.

    Raises UserError where there are fewer known persons than folds.
    """
    if len(known) < folds:
        raise UserError(
            f"params.yaml: supervised.folds: {folds} needs as many persons in data.gaze.real, which has {len(known)}; "
            "1 trains one CNN on all of them"
        )
    names = np.asarray(persons).tolist()
    others = sorted(set(names) - set(known))
    place = {person: k % folds for group in (known, others) for k, person in enumerate(group)}
    return np.array([place[name] for name in names])


def trains_on(persons: ArrayLike, known: list[str], fold: int, folds: int) -> np.ndarray:
    """Which images (N,), bool, the CNN of `fold` trains on: those of the other folds' persons; all for one fold."""
    if folds == 1:
        return np.ones(len(np.asarray(persons)), bool)
    return fold_of(persons, known, folds) != fold
