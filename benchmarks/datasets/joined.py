"""Several sources as one: what section 3 calls the real set may lie in more than one place."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.datasets.loading import Batch, Loaded, Source
from benchmarks.datasets.store import GAZE


@dataclass(frozen=True)
class Joined:
    """One part after the other, all of one shape and type.

    Labels are those that parts may have in common: person, gaze (NaN where a part has none), and `part`, its number.
    """

    parts: tuple[Source, ...]

    @property
    def path(self) -> Path:
        return self.parts[0].path

    @property
    def shape(self) -> tuple[int, ...]:
        return self.parts[0].shape

    @property
    def dtype(self) -> str:
        return self.parts[0].dtype

    def batches(self) -> list[Batch]:
        """Each part's, marked with the part's number."""
        tagged = [[Batch(name, (i, items)) for name, items in part.batches()] for i, part in enumerate(self.parts)]
        return list(chain(*tagged))

    def load(self, batch: Batch) -> Loaded:
        part, items = batch.items
        images, labels, rejected = self.parts[part].load(Batch(batch.name, items))
        labels = pd.DataFrame(index=range(len(images))) if labels is None else labels
        return Loaded(images, labels.reindex(columns=["person", *GAZE]).assign(part=part), rejected)

    def check(self, images: np.ndarray, labels: pd.DataFrame | None) -> None:
        """Each part's own check, on its images."""
        assert labels is not None
        for i, part in enumerate(self.parts):
            own = np.flatnonzero(labels["part"] == i)
            if len(own):
                mine = labels.take(own).dropna(axis="columns", how="all")
                part.check(images[own], mine.reset_index(drop=True))
