"""Section 3's claims as rows: a direction from its declared comparison, a magnitude as an equivalence test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.evaluation.significance import ALPHA, NORMAL_975, student_interval, tost_normal
from benchmarks.evaluation.tasks import Task

NOT_RUN = "not run on this data"

Row = dict[str, str]


@dataclass(frozen=True)
class Nearer:
    """Distances from real images (N,), one a seed, less those of other images: Student's interval, negative is nearer.

    `verdict` is on "these images are nearer".
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, distances: Sequence[float], others: Sequence[float]) -> "Nearer":
        differences = np.subtract(distances, others)
        return cls(float(differences.mean()), *student_interval(differences))

    @property
    def verdict(self) -> str:
        return "reproduced" if self.high < 0 else "contradicted" if self.low > 0 else "inconclusive"

    def __str__(self) -> str:
        return f"{self.mean:+.2g} [{self.low:+.2g}, {self.high:+.2g}]"


@dataclass(frozen=True)
class Teller:
    """Tells a task's numbers: `unit` of its errors, what the bootstrap `resampled`, margins of equivalence."""

    task: Task
    unit: str
    resampled: str
    margin: float
    margin_fraction: float

    def direction(
        self, metrics: Mapping[str, Any], name: str, place: str, quote: str, published: Sequence[float]
    ) -> Row:
        """The row of a declared comparison: its verdict came with the numbers. `published`: of a and b, or ()."""
        found = metrics["comparisons"][self.task.name][name]
        metric = found["metric"]
        a, b = (metrics[self.task.name][found[side]][metric]["value"] for side in ("a", "b"))
        scale = 100 if self._is_fraction(metric) else 1
        unit = "points" if self._is_fraction(metric) else self.unit
        low, difference, high = (scale * found[key] for key in ("low", "difference", "high"))
        theirs = " against ".join(self._amount(metric, value / scale, 1) for value in published)
        return {
            "task": self.task.name,
            "id": name,
            "place": place,
            "quote": quote,
            "says": f"{found['claim'][0].upper()}{found['claim'][1:]}",
            "published": theirs,
            "ours": f"{self._amount(metric, a)} against {self._amount(metric, b)}: {difference:+.2f} {unit} "
            f"[{low:+.2f}, {high:+.2f}]{_share(found)}",
            "test": f"bootstrap over {self._resampled(metrics)}: Holm p = {found['p_holm']:.2g}; "
            f"smallest effect that could be seen {scale * found['smallest_effect']:.2f} {unit}",
            "verdict": found["verdict"],
        }

    def _resampled(self, metrics: Mapping[str, Any]) -> str:
        """Of a single person nothing can be told about others."""
        clusters = metrics["data"][self.task.name][f"{self.task.cluster}s"]
        return self.resampled if clusters > 1 else f"seeds and images of one {self.task.cluster}, no others"

    def magnitude(
        self,
        metrics: Mapping[str, Any],
        metric: str,
        condition: str,
        place: str,
        quote: str,
        quantity: str,
        published: float,
    ) -> Row:
        """The row of an absolute number, `published` in the metric's own unit."""
        found = metrics[self.task.name][condition][metric]
        verdict, test = self._equivalence(metrics, metric, found, published)
        return {
            "task": self.task.name,
            "id": f"{condition}_{metric}_published",
            "place": place,
            "quote": quote,
            "says": f"Trained on {condition.replace('_', ' ')}: {quantity}",
            "published": self._amount(metric, published, 1),
            "ours": f"{self._amount(metric, found['value'])} [{self._amount(metric, found['low'])}, "
            f"{self._amount(metric, found['high'])}]",
            "test": test,
            "verdict": verdict,
        }

    def outside(self, name: str, place: str, quote: str, says: str, published: str, reason: str) -> Row:
        """The row of a claim that needs what this benchmark does not run."""
        return {
            "task": self.task.name,
            "id": name,
            "place": place,
            "quote": quote,
            "says": says,
            "published": published,
            "ours": "",
            "test": reason,
            "verdict": NOT_RUN,
        }

    def _equivalence(
        self, metrics: Mapping[str, Any], metric: str, found: dict[str, Any], target: float
    ) -> tuple[str, str]:
        """Verdict and test of "equals the paper". The standard error is the 95 % interval's, half over z_.975."""
        if metrics["data"][self.task.name].get("stand_in", True):
            return NOT_RUN, "measured on other images than the paper's: the numbers are not comparable"
        fraction = self._is_fraction(metric)
        margin = self.margin_fraction if fraction else self.margin
        p = tost_normal(found["value"], (found["high"] - found["low"]) / (2 * NORMAL_975), target, margin)
        within = f"{100 * margin:g} points" if fraction else f"{margin:g} {self.unit.removesuffix('s')}"
        test = f"TOST within {within}: p = {p:.2g}"
        if p < ALPHA:
            return "reproduced", test
        apart = found["low"] > target + margin or found["high"] < target - margin
        return "contradicted" if apart else "inconclusive", test

    def _is_fraction(self, metric: str) -> bool:
        return self.task.metrics[metric].d is not None

    def _amount(self, metric: str, value: float, digits: int = 2) -> str:
        return f"{100 * value:.1f} %" if self._is_fraction(metric) else f"{value:.{digits}f} {self.unit}"


def _share(found: Mapping[str, Any]) -> str:
    share = found.get("share_of_gap_closed")
    if not share:
        return ""
    if share["value"] is None:
        return f"; share of the domain gap closed undefined ({share['reason']})"
    return f"; {share['value']:.0%} [{share['low']:.0%}, {share['high']:.0%}] of the domain gap closed"
