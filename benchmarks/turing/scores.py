"""Table 1 and the tests of section 3.1 on it: from a confusion table, published or ours, to what it shows."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluation.significance import ALPHA, binomial, tost_binomial, wilson
from benchmarks.turing.session import LABELS, TRIALS, read

MARGIN = 0.05  # of accuracy: within it of one half counts as no better than chance
Confusion = Mapping[str, Mapping[str, int]]  # truth -> selected_real, selected_synthetic, as in published.json


def against_chance(correct: int, trials: int, margin: float = MARGIN) -> dict[str, Any]:
    """Accuracy with Wilson's interval and exact p; trials count as independent, which those of one person are not.

    p_one_sided is the paper's: that guessing would be right as often. tost_p is that accuracy is `margin` or more
    from one half: a small one shows equivalence to guessing, which a large p_one_sided does not.
    """
    low, high = wilson(correct, trials)
    return {
        "correct": correct,
        "trials": trials,
        "accuracy": correct / trials,
        "low": low,
        "high": high,
        "p_one_sided": binomial(correct, trials, side="greater"),
        "p_two_sided": binomial(correct, trials),
        "margin": margin,
        "tost_p": tost_binomial(correct, trials, margin),
    }


def judge(confusion: Confusion, margin: float = MARGIN) -> dict[str, Any]:
    """`against_chance` of a confusion table, and the response bias: how often "real" was chosen, whatever was shown."""
    columns = [f"selected_{label}" for label in LABELS]
    counts = {truth: {column: confusion[truth][column] for column in columns} for truth in LABELS}
    trials = sum(sum(row.values()) for row in counts.values())
    correct = sum(counts[truth][column] for truth, column in zip(LABELS, columns, strict=True))
    chose_real = sum(row["selected_real"] for row in counts.values())
    low, high = wilson(chose_real, trials)
    bias = {"chose_real": chose_real, "share": chose_real / trials, "low": low, "high": high}
    return {
        "confusion": counts,
        **against_chance(correct, trials, margin),
        "bias": {**bias, "p_two_sided": binomial(chose_real, trials)},
    }


def summarise(paths: Iterable[Path], margin: float = MARGIN) -> dict[str, dict[str, Any]]:
    """Session files -> for `refined` and `synthetic`, where begun, what all finished sessions show together.

    Each has raters (name -> correct, trials, accuracy), unfinished (name -> answers given: not counted, or stopping
    early would choose the result) and image_sets (how many different pairs of stores were shown). Where anyone has
    finished it has standin, the keys of `judge`, and, from two persons on, between_raters: a 95 % t interval of mean
    accuracy that takes persons and not answers as the sample. Raises UserError for a damaged file.
    """
    sessions = [(header, rows) for header, rows in map(read, sorted(paths)) if header is not None]
    summaries = {}
    for kind in TRIALS:
        begun = [(header, rows) for header, rows in sessions if header["kind"] == kind]
        finished = [(header, rows) for header, rows in begun if len(rows) == header["trials"]]
        if not begun:
            continue
        summary = summaries[kind] = {
            "raters": {header["rater"]: _score(rows) for header, rows in finished},
            "unfinished": {header["rater"]: len(rows) for header, rows in begun if len(rows) < header["trials"]},
            "image_sets": len({tuple(header["stores"].values()) for header, _ in finished}),
        }
        if finished:
            answers = [(row["truth"], row["chosen"]) for _, rows in finished for row in rows]
            summary |= {"standin": any(header["standin"] for header, _ in finished)}
            summary |= judge(_confusion(answers), margin)
        if len(finished) > 1:
            summary["between_raters"] = _between([score["accuracy"] for score in summary["raters"].values()])
    return summaries


def finding(judged: Mapping[str, Any]) -> str:
    """One sentence: better or worse than guessing, as good as guessing within the margin, or neither shown."""
    points = f"{100 * judged['margin']:g} points"
    better, worse = judged["p_one_sided"] < ALPHA, judged["accuracy"] < 0.5 and judged["p_two_sided"] < ALPHA
    alike = judged["tost_p"] < ALPHA
    if better or worse:
        told = f"That is {'better' if better else 'worse'} than guessing"
        return f"{told}, though within {points} of it." if alike else f"{told}."
    if alike:
        return f"That is as good as guessing, within {points}."
    return f"That does not show whether one can tell: it is not beyond guessing, nor shown to be within {points} of it."


def lines(judged: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Name -> number and, for some, 95 % interval, as read by people."""
    told = {
        "Right": (f"{judged['correct']} of {judged['trials']}", ""),
        "Accuracy": _share(judged["accuracy"], judged),
        "p, one-sided": (_p(judged["p_one_sided"]), ""),
        "p, two-sided": (_p(judged["p_two_sided"]), ""),
        f"p, equivalence within {100 * judged['margin']:g} points": (_p(judged["tost_p"]), ""),
    }
    if bias := judged.get("bias"):
        told["Chose “real”, right or wrong"] = _share(bias["share"], bias)
        told["p that “real” is chosen half the time"] = (_p(bias["p_two_sided"]), "")
    if between := judged.get("between_raters"):
        told["Mean accuracy, raters as the sample"] = _share(between["mean"], between)
    return told


def _share(share: float, interval: Mapping[str, Any]) -> tuple[str, str]:
    return f"{100 * share:.1f} %", f"[{100 * interval['low']:.1f}, {100 * interval['high']:.1f}]"


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"


def _confusion(answers: Iterable[tuple[str, str]]) -> Confusion:
    answers = list(answers)
    return {truth: {f"selected_{label}": answers.count((truth, label)) for label in LABELS} for truth in LABELS}


def _score(rows: list[dict[str, Any]]) -> dict[str, Any]:
    correct = sum(row["truth"] == row["chosen"] for row in rows)
    return {"correct": correct, "trials": len(rows), "accuracy": correct / len(rows)}


def _between(accuracies: list[float]) -> dict[str, float]:
    from scipy.stats import t

    mean, persons = float(np.mean(accuracies)), len(accuracies)
    half = float(t.ppf(0.975, persons - 1) * np.std(accuracies, ddof=1) / np.sqrt(persons))
    return {"mean": mean, "low": max(0.0, mean - half), "high": min(1.0, mean + half)}
