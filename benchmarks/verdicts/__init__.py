"""Section 3's claims, each beside this run's number and a verdict; and where the paper contradicts itself.

A direction has a verdict on any data. A magnitude speaks of the paper's own data sets: on a stand-in it is not
judged, and on the paper's data it is an equivalence test (TOST) with a stated margin.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.verdicts import gaze, hand
from benchmarks.verdicts.contradictions import contradictions
from benchmarks.verdicts.rows import NOT_RUN, Row

__all__ = ["NOT_RUN", "Row", "claims", "contradictions"]


def claims(
    metrics: dict[str, Any],
    measured: Mapping[str, Sequence[Any]] | None = None,
    colour: Mapping[str, Any] | None = None,
) -> list[Row]:
    """The claims of the tasks in results.json's dict, each task's declared comparisons first.

    `measured`: by task what stage measure found, one a seed; and by condition that of section 3.3's variants.
    `colour`: what benchmarks/figure6 found.

    Every row has the keys task, id, place, quote, says, published, ours, test and verdict: reproduced,
    contradicted, inconclusive, or "not run on this data" with the reason in `test`.
    """
    rows = gaze.claims(metrics, measured or {}, colour or {}) if gaze.TASK.name in metrics else []
    return rows + (hand.claims(metrics, measured or {}) if hand.TASK.name in metrics else [])
