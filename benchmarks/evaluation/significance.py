"""Section 3's significance statements: exact tests as the paper makes them, and intervals that hold.

Images of one person, and frames of one sequence, resemble one another, so the exact tests, which count every image
as independent, are optimistic; the bootstrap resamples seeds, persons or blocks of frames, and images.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.evaluation.tasks import Statistic

LEVEL, ALPHA = 0.95, 0.05
NORMAL_975 = 1.959964  # half the width of a 95 % interval in standard errors
CHUNK = 4_000_000  # resampled images held in memory at once


def binomial(hits: int, trials: int, null: float = 0.5, side: Literal["greater", "less", "both"] = "both") -> float:
    """Exact p of `hits` of `trials` when each has probability `null` (Table 1: 517 of 1000)."""
    from scipy.stats import binomtest

    return float(binomtest(hits, trials, null, alternative="two-sided" if side == "both" else side).pvalue)


def wilson(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a fraction."""
    from scipy.stats import binomtest

    interval = binomtest(hits, trials).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def clustered_wilson(
    hits: np.ndarray, strata: np.ndarray, clusters: np.ndarray, level: float = LEVEL
) -> tuple[float, float]:
    """Wilson's interval of the share of hits (N,) where those of a cluster, such as a person, resemble one another.

    With the effective number of trials of a stratified cluster sample, and Student's t for few clusters (Korn and
    Graubard 1998, Survey Methodology 24). Strata and clusters (N,) are names; from 0 to 1 where a stratum has one
    cluster, of which nothing can be told.
    """
    from scipy.stats import norm, t

    z = norm.ppf((1 + level) / 2)
    count, parts, expected = len(hits), [], 0.0  # variance of the share by stratum, with its degrees of freedom
    for stratum in np.unique(strata):
        inside = strata == stratum
        _, of = np.unique(clusters[inside], return_inverse=True)
        number = int(of.max()) + 1
        if number == 1:
            return 0.0, 1.0
        weight, mean = inside.sum() / count, float(np.mean(hits[inside]))
        if mean in (0, 1):  # alike, clusters tell as much as their number; of a variance so assumed, no t
            mean = (mean * number + z**2 / 2) / (number + z**2)
            parts.append((mean * (1 - mean) / number * weight**2, np.inf))
        else:
            sums = np.bincount(of, hits[inside] - mean)
            parts.append((number / (number - 1) * float(np.sum(sums**2)) / count**2, number - 1))
        expected += weight * mean
    variance = sum(part for part, _ in parts)
    trials = count
    if variance > 0:
        estimated = sum(part**2 / free for part, free in parts)
        narrowing = z / t.ppf((1 + level) / 2, variance**2 / estimated) if estimated else 1.0
        trials = min(count, expected * (1 - expected) / variance * narrowing**2)
    share = float(np.mean(hits))
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * (share * (1 - share) / trials + z**2 / (4 * trials**2)) ** 0.5
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def sign_test(a: np.ndarray, b: np.ndarray) -> float:
    """Exact two-sided binomial p that of paired a (N,) and b (N,) each is lower as often; no ties."""
    lower, higher = int(np.sum(a < b)), int(np.sum(a > b))
    return binomial(lower, lower + higher) if lower + higher else 1.0


def mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    """Exact two-sided McNemar p of paired hits a (N,) and b (N,), bool: the sign test on discordant pairs."""
    return sign_test(np.asarray(a, dtype=int), np.asarray(b, dtype=int))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjusted p of one declared family; keys and their order are kept."""
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p}


def tost_binomial(hits: int, trials: int, margin: float, null: float = 0.5) -> float:
    """Exact p that a fraction is not within `margin` of `null`: a small p shows equivalence."""
    return max(
        binomial(hits, trials, null - margin, side="greater"),
        binomial(hits, trials, null + margin, side="less"),
    )


def tost_normal(estimate: float, se: float, target: float, margin: float) -> float:
    """p that an estimate with standard error `se` is not within `margin` of `target`."""
    from scipy.stats import norm

    room = margin - abs(estimate - target)
    if se == 0:  # no test image of any seed differs, as when none is a hit
        return 0.0 if room > 0 else 1.0
    return float(norm.sf(room / se))


def smallest_effect(se: float, level: float = LEVEL, power: float = 0.80) -> float:
    """The effect that a two-sided test at `level` finds with `power`: (z_.975 + z_.80) * se."""
    from scipy.stats import norm

    return float(norm.ppf((1 + level) / 2) + norm.ppf(power)) * se


@dataclass(frozen=True)
class Interval:
    """A bootstrapped number; `p` is two-sided against 0."""

    estimate: float
    low: float
    high: float
    p: float
    se: float


def widen(draws: np.ndarray, estimate: float, by_seed: Sequence[np.ndarray], clusters: int) -> np.ndarray:
    """Spread draws (R,) about the estimate as Student's t asks of so few seeds and clusters.

    by_seed are the values (S,), one a seed, whose mean the estimate is; two of them, each with seeds of its own, where
    it is the difference of their means. The factor is t / z at the 97.5th percentile. Its degrees of freedom are
    Satterthwaite's for the parts of the draws' variance: those of the means over seeds (S - 1 each) and the rest,
    which is the clusters' (clusters - 1).
    """
    from scipy.stats import norm, t

    total = float(np.var(draws, ddof=1))
    several = [each for each in by_seed if len(each) > 1]
    if total == 0 or not (several or clusters > 1):
        return draws
    parts = [(float(np.var(each, ddof=1)) / len(each), len(each) - 1) for each in several]
    from_seeds = sum(part for part, _ in parts)
    if clusters == 1 and from_seeds == 0:
        parts, from_seeds = [(1.0, free) for _, free in parts], float(len(parts))
    if clusters == 1 or from_seeds > total:
        parts, from_seeds = [(part * total / from_seeds, free) for part, free in parts], total
    parts.append((total - from_seeds, clusters - 1))
    freedom = total**2 / sum(part**2 / free for part, free in parts if part > 0)
    return estimate + (draws - estimate) * (t.ppf(0.975, freedom) / norm.ppf(0.975))


def student_interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Student's interval of the mean of values (N,), such as one a seed; infinite for a single one."""
    from scipy.stats import t

    if len(values) < 2:
        return -np.inf, np.inf
    half = float(t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def interval(estimate: float, draws: np.ndarray, level: float = LEVEL) -> Interval:
    """Percentile interval, standard error and two-sided p against 0 of widened bootstrap draws (R,).

    Percentile rather than BCa: BCa's acceleration would be jackknifed from three seeds and eight persons,
    which is noise. p doubles the smaller tail, with one added to both counts (Davison and Hinkley 1997, eq.
    4.11), so that it is never 0.

    What it covers: other seeds, and other persons like these, as far as a few of each can tell. In
    simulations with normal effects, 3 seeds and 8 persons, nominal 95 % intervals covered 92 % (all spread
    between seeds) to 98 % (all between persons).
    """
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    rarer = min(int(np.sum(draws <= 0)), int(np.sum(draws >= 0)))
    return Interval(
        estimate=float(estimate),
        low=float(low),
        high=float(high),
        p=min(1.0, 2 * (rarer + 1) / (len(draws) + 1)),
        se=float(np.std(draws, ddof=1)),
    )


def hierarchical_bootstrap(
    errors: Sequence[np.ndarray] | np.ndarray,
    clusters: np.ndarray,
    statistics: Mapping[str, Statistic],
    generator: np.random.Generator,
    resamples: int = 2000,
) -> dict[str, np.ndarray]:
    """Resample seeds, then clusters, then images; statistic name -> draws (R, C) for C conditions.

    errors: of each condition (S, N) or, with K errors an image, (S, N, K): the same N images, of clusters (N,), under
    every condition and seed. A draw is the mean over the drawn seeds of each seed's statistic over the drawn images.
    One resample serves all statistics and seeds, and all conditions that have as many seeds, which are the same ones:
    differences of their columns are paired, and the clusters' luck, which all seeds share, is not averaged away (seeds
    and clusters are crossed, not nested: Owen 2007, the pigeonhole bootstrap). A condition with more seeds draws its
    own; what it shares with the others, such as a seed's first weights, is then left out, which errs to the wide.

    Of n seeds or clusters n - 1 are drawn, which makes the variance of a mean unbiased; drawing n would lose
    a third of it at three seeds (Rao and Wu 1988). With a single one there is nothing to draw from: it is
    kept, and the interval then says nothing about others.
    """
    draws = {name: np.empty((resamples, len(errors))) for name in statistics}
    start = 0
    for weights in _image_weights(clusters, generator, resamples):
        stop = start + len(weights)
        seed_weights = {seeds: _drawn(generator, seeds, len(weights)) for seeds in sorted({*map(len, errors)})}
        for name, statistic in statistics.items():
            for c, condition in enumerate(errors):
                by_seed = np.stack([statistic(seed, weights) for seed in condition], axis=1)  # (R, S)
                draws[name][start:stop, c] = np.average(by_seed, axis=1, weights=seed_weights[len(condition)])
        start = stop
    return draws


def image_error(
    errors: np.ndarray, statistic: Statistic, generator: np.random.Generator, resamples: int = 400
) -> float:
    """How far single images' luck moves one seed's statistic on these very images; errors (S, N) or (S, N, K).

    The standard error under resampled images, less what all seeds share: on the same test images their
    difficulty is no luck. One seed has nothing to share, so its whole standard error counts.
    """
    one_cluster = np.zeros(errors.shape[1], dtype=int)
    draws = np.concatenate(
        [
            np.stack([statistic(seed, weights) for seed in errors], axis=1)
            for weights in _image_weights(one_cluster, generator, resamples)
        ]
    )
    draws = draws - draws.mean(axis=0)
    if len(errors) > 1:
        draws = draws - draws.mean(axis=1, keepdims=True)
    return float(np.sqrt((draws**2).sum() / (resamples - 1) / max(1, len(errors) - 1)))


def _image_weights(clusters: np.ndarray, generator: np.random.Generator, resamples: int) -> Iterator[np.ndarray]:
    """How often each image is drawn, in chunks (R, N): an image's cluster first, then the image within it."""
    members = [np.flatnonzero(clusters == cluster) for cluster in np.unique(clusters)]
    chunk = max(1, CHUNK // len(clusters))
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        times = _drawn(generator, len(members), rows)
        weights = np.empty((rows, len(clusters)))
        for k, images in enumerate(members):
            size = len(images)
            weights[:, images] = generator.multinomial(times[:, k] * size, np.full(size, 1 / size))
        yield weights


def _drawn(generator: np.random.Generator, units: int, resamples: int) -> np.ndarray:
    """How often each unit is drawn when units - 1 are drawn with replacement -> (R, units), int."""
    return generator.multinomial(max(1, units - 1), np.full(units, 1 / units), size=resamples)
