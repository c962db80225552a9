"""Section 3's claims judged: a direction by its declared comparison, a magnitude by an equivalence test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.evaluation.significance import ALPHA, NORMAL_975, student_interval, tost_normal
from benchmarks.evaluation.tasks import Task

NOT_RUN = "not run on this data"


@dataclass(frozen=True)
class JudgedClaim:
    """A claim of the paper beside this run's number: a row of the page and of claims.json, in this order."""

    task: str  # gaze or hand
    id: str
    place: str  # where the paper says it
    quote: str  # in the paper's words
    says: str  # in ours, one sentence
    published: str  # the paper's numbers, with units
    ours: str  # this run's numbers, with units and interval; empty if not run
    test: str  # how it was judged, or why it was not run
    verdict: str  # reproduced, contradicted, inconclusive or NOT_RUN


@dataclass(frozen=True)
class DistanceDifference:
    """Distances of two sets of images from real ones, the first less the second: mean over seeds, Student's interval.

    Negative where the first set is nearer to real images; `verdict` is on that claim.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def paired(cls, distances: Sequence[float], others: Sequence[float]) -> "DistanceDifference":
        """`distances` and `others`, both (N,): one a seed, in the same order."""
        differences = np.subtract(distances, others)
        return cls(float(differences.mean()), *student_interval(differences))

    @property
    def verdict(self) -> str:
        return "reproduced" if self.high < 0 else "contradicted" if self.low > 0 else "inconclusive"

    def __str__(self) -> str:
        return f"{self.mean:+.2g} [{self.low:+.2g}, {self.high:+.2g}]"


@dataclass(frozen=True)
class ClaimJudge:
    """Judges the claims about one task's numbers."""

    task: Task
    unit: str  # of its errors
    resampled: str  # what its bootstrap draws anew, as the test is described
    margin: float  # of equivalence of errors, in `unit`
    margin_fraction: float  # of equivalence of fractions of hits

    def direction(
        self, metrics: Mapping[str, Any], name: str, place: str, quote: str, published: Sequence[float]
    ) -> JudgedClaim:
        """A declared comparison: its verdict came with the numbers. `published`: of a and b, or ()."""
        comparison = metrics["comparisons"][self.task.name][name]
        metric = comparison["metric"]
        a, b = (metrics[self.task.name][comparison[side]][metric]["value"] for side in ("a", "b"))
        scale = 100 if self._is_fraction(metric) else 1
        unit = "points" if self._is_fraction(metric) else self.unit
        low, difference, high = (scale * comparison[key] for key in ("low", "difference", "high"))
        theirs = " against ".join(self._amount(metric, value / scale, 1) for value in published)
        return JudgedClaim(
            task=self.task.name,
            id=name,
            place=place,
            quote=quote,
            says=f"{comparison['claim'][0].upper()}{comparison['claim'][1:]}",
            published=theirs,
            ours=f"{self._amount(metric, a)} against {self._amount(metric, b)}: {difference:+.2f} {unit} "
            f"[{low:+.2f}, {high:+.2f}]{_share_of_gap(comparison)}",
            test=f"bootstrap over {self._resampled(metrics)}: Holm p = {comparison['p_holm']:.2g}; "
            f"smallest effect that could be seen {scale * comparison['smallest_effect']:.2f} {unit}",
            verdict=comparison["verdict"],
        )

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
    ) -> JudgedClaim:
        """An absolute number, `published` in the metric's own unit."""
        estimate = metrics[self.task.name][condition][metric]
        verdict, test = self._equivalence(metrics, metric, estimate, published)
        return JudgedClaim(
            task=self.task.name,
            id=f"{condition}_{metric}_published",
            place=place,
            quote=quote,
            says=f"Trained on {condition.replace('_', ' ')}: {quantity}",
            published=self._amount(metric, published, 1),
            ours=f"{self._amount(metric, estimate['value'])} [{self._amount(metric, estimate['low'])}, "
            f"{self._amount(metric, estimate['high'])}]",
            test=test,
            verdict=verdict,
        )

    def not_run(self, name: str, place: str, quote: str, says: str, published: str, reason: str) -> JudgedClaim:
        """A claim that needs what this run, or this benchmark, does not have."""
        return JudgedClaim(
            task=self.task.name,
            id=name,
            place=place,
            quote=quote,
            says=says,
            published=published,
            ours="",
            test=reason,
            verdict=NOT_RUN,
        )

    def _equivalence(
        self, metrics: Mapping[str, Any], metric: str, estimate: dict[str, Any], target: float
    ) -> tuple[str, str]:
        """Verdict and test of "equals the paper". The standard error is the 95 % interval's, half over z_.975."""
        if metrics["data"][self.task.name].get("stand_in", True):
            return NOT_RUN, "measured on other images than the paper's: the numbers are not comparable"
        fraction = self._is_fraction(metric)
        margin = self.margin_fraction if fraction else self.margin
        p = tost_normal(estimate["value"], (estimate["high"] - estimate["low"]) / (2 * NORMAL_975), target, margin)
        within = f"{100 * margin:g} points" if fraction else f"{margin:g} {self.unit.removesuffix('s')}"
        test = f"TOST within {within}: p = {p:.2g}"
        if p < ALPHA:
            return "reproduced", test
        apart = estimate["low"] > target + margin or estimate["high"] < target - margin
        return "contradicted" if apart else "inconclusive", test

    def _is_fraction(self, metric: str) -> bool:
        return self.task.metrics[metric].d is not None

    def _amount(self, metric: str, value: float, digits: int = 2) -> str:
        return f"{100 * value:.1f} %" if self._is_fraction(metric) else f"{value:.{digits}f} {self.unit}"


def _share_of_gap(comparison: Mapping[str, Any]) -> str:
    share = comparison.get("share_of_gap_closed")
    if not share:
        return ""
    if share["value"] is None:
        return f"; share of the domain gap closed undefined ({share['reason']})"
    return f"; {share['value']:.0%} [{share['low']:.0%}, {share['high']:.0%}] of the domain gap closed"
