"""Section 3's claims, each beside this run's number and a verdict; and where the paper contradicts itself.

A direction has a verdict on any data. A magnitude speaks of the paper's own data sets: on a stand-in it is not
judged, and on the paper's data it is an equivalence test (TOST) with a stated margin.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.verdicts import gaze, hand
from benchmarks.verdicts.contradictions import Contradiction, contradictions
from benchmarks.verdicts.judging import NOT_RUN, JudgedClaim

__all__ = ["NOT_RUN", "Contradiction", "JudgedClaim", "claims", "contradictions"]


def claims(
    metrics: dict[str, Any],
    measures: Mapping[str, Sequence[Any]] | None = None,
    figure6: Mapping[str, Any] | None = None,
) -> list[JudgedClaim]:
    """The claims of the tasks in results.json's dict, each task's declared comparisons first.

    `measures`: by task what stage measure found, one a seed; and by condition that of section 3.3's variants.
    `figure6`: what benchmarks/figure6 found.
    """
    judged = gaze.claims(metrics, measures or {}, figure6 or {}) if gaze.TASK.name in metrics else []
    return judged + (hand.claims(metrics, measures or {}) if hand.TASK.name in metrics else [])
