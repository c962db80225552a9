"""What is tried: faults, each a patch that starts with a sentence about it, and reruns of the healthy pipeline."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.core.errors import UserError


@dataclass(frozen=True)
class Experiment:
    """`patch` is applied to the code; `seeds_from` moves the preset's seeds; `params` are other values by their key."""

    name: str
    kind: Literal["fault", "healthy"]
    text: str
    patch: Path | None = None
    seeds_from: int | None = None
    params: dict[str, Any] = field(default_factory=dict)


BASELINE = Experiment("baseline", "healthy", "The pipeline as it is, on this machine.")
RERUNS = (
    Experiment("seeds_100", "healthy", "Other seeds, from 100.", seeds_from=100),
    Experiment("seeds_200", "healthy", "Other seeds, from 200.", seeds_from=200),
    Experiment("threads_2", "healthy", "Two threads a training: other last bits.", params={"compute.threads": 2}),
)


def faults(folder: Path) -> list[Experiment]:
    """The patches of a folder by name. UserError where there are none, or one says nothing of what it breaks."""
    found = []
    for patch in sorted(folder.glob("*.patch")):
        first = patch.read_text(encoding="utf-8").partition("\n")[0]
        if not first.startswith("# "):
            raise UserError(f"{patch}: the first line must say what is wrong, as in '# R is the identity.'")
        found.append(Experiment(patch.stem, "fault", first.removeprefix("# ").strip(), patch=patch))
    if not found:
        raise UserError(f"{folder}: no patches here")
    return found
