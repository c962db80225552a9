"""Tests and intervals against enumeration, scipy, the paper's own p-values and simulated truth."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_ind

from benchmarks.evaluation import significance
from benchmarks.evaluation.curves import weighted_mean, weighted_median
from benchmarks.evaluation.tasks import GAZE

STATISTICS = {name: metric.statistic for name, metric in GAZE.metrics.items()}


def test_the_visual_turing_test_of_table1():
    assert significance.binomial(517, 1000, side="greater") == pytest.approx(0.1483, abs=5e-5)
    assert significance.binomial(517, 1000) == pytest.approx(0.297, abs=5e-4)
    assert significance.binomial(162, 200) < 1e-8
    assert significance.tost_binomial(517, 1000, 0.05) == pytest.approx(0.020, abs=5e-4)
    assert significance.tost_binomial(517, 1000, 0.04) == pytest.approx(0.077, abs=5e-4)


def test_lone_images_have_wilsons_interval_but_for_the_t_of_their_number():
    hits = np.arange(4000) % 4 > 0
    found = significance.clustered_wilson(hits, np.zeros(4000), np.arange(4000))
    assert found == pytest.approx(significance.wilson(3000, 4000), abs=2e-5)


def test_copies_of_an_answer_are_one_answer():
    """Ten copies of each of 60 answers in two strata: about as much as the 60 tell."""
    rng = np.random.default_rng(0)
    answers = rng.random(60) < 0.8
    strata, clusters = np.repeat(np.arange(60) % 2, 10), np.repeat(np.arange(60), 10)
    low, high = significance.clustered_wilson(np.repeat(answers, 10), strata, clusters)
    one_each = significance.wilson(int(answers.sum()), 60)
    assert (low, high) == pytest.approx(one_each, abs=0.02)
    assert high - low > one_each[1] - one_each[0]


def test_a_clustered_interval_covers_where_the_plain_one_does_not():
    """A stratum of lone answers, one of eight persons with a rate of their own; the truth is 0.75."""
    rng = np.random.default_rng(1)
    clustered = plain = 0
    for _ in range(300):
        rates = rng.beta(3, 1, 8)
        hits = np.concatenate((rng.random(160) < 0.75, rng.random(160) < np.repeat(rates, 20)))
        strata, clusters = np.repeat([0, 1], 160), np.concatenate((np.arange(160), np.repeat(np.arange(8), 20)))
        low, high = significance.clustered_wilson(hits, strata, clusters)
        clustered += low <= 0.75 <= high
        low, high = significance.wilson(int(hits.sum()), 320)
        plain += low <= 0.75 <= high
    assert plain < 0.85 * 300 < 0.91 * 300 < clustered


def test_one_cluster_tells_nothing_and_perfect_ones_as_much_as_their_number():
    hits, persons = np.ones(40, bool), np.repeat(np.arange(8), 5)
    assert significance.clustered_wilson(hits, np.zeros(40), np.zeros(40)) == (0, 1)
    assert significance.clustered_wilson(hits, np.zeros(40), persons) == pytest.approx(significance.wilson(8, 8))
    strata = np.repeat([0, 1], 40)
    lone = np.arange(40) > 0
    beside, _ = significance.clustered_wilson(
        np.concatenate((lone, hits)), strata, np.concatenate((np.arange(40), persons))
    )
    assert beside < 0.9 < significance.wilson(79, 80)[0]


def test_persons_in_both_sets_cancel_in_one_stratum():
    """Four persons, each taken for one set whatever it is from: the share is one half whoever they are."""
    persons = np.tile(np.repeat(np.arange(4), 20), 2)
    taken_for_b = persons < 2
    of_b = np.repeat([False, True], 80)
    together = significance.clustered_wilson(taken_for_b == of_b, np.zeros(160), persons)
    apart = significance.clustered_wilson(taken_for_b == of_b, of_b, persons)
    assert together[1] - together[0] < 0.2 < 0.5 < apart[1] - apart[0]


@given(st.integers(0, 12), st.sampled_from(["greater", "less"]))
def test_binomial_is_a_sum_of_its_tail(hits, side):
    tail = range(hits, 13) if side == "greater" else range(hits + 1)
    assert significance.binomial(hits, 12, side=side) == pytest.approx(sum(comb(12, k) for k in tail) / 2**12)


def test_wilson_by_its_formula():
    z, n, f = 1.959963985, 200, 162 / 200
    middle, half = (f + z * z / 2 / n), z * np.sqrt(f * (1 - f) / n + z * z / 4 / n**2)
    expected = [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]
    assert list(significance.wilson(162, 200)) == pytest.approx(expected)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 1), (3, 3), (2, 9)])
def test_mcnemar_enumerates_the_flips_of_discordant_pairs(only_a, only_b):
    a = np.array([True] * only_a + [False] * only_b + [True, True, False])
    b = np.array([False] * only_a + [True] * only_b + [True, True, False])
    flips = [abs(2 * sum(flip) - len(flip)) for flip in itertools.product([0, 1], repeat=only_a + only_b)]
    expected = np.mean([flip >= abs(only_a - only_b) for flip in flips])
    assert significance.mcnemar(a, b) == pytest.approx(expected)


def test_sign_test_leaves_ties_out():
    a, b = np.array([1.0, 1, 1, 1, 9, 5]), np.array([2.0, 2, 2, 2, 1, 5])
    assert significance.sign_test(a, b) == pytest.approx(binomtest(4, 5).pvalue)


def test_holm_by_hand():
    """Sorted: 4 * 0.01, then 3 * 0.012 held up at 0.04, then 2 * 0.03, then 0.04 held up at 0.06."""
    p = {"c": 0.03, "a": 0.01, "d": 0.04, "b": 0.012}
    assert significance.holm(p) == pytest.approx({"c": 0.06, "a": 0.04, "d": 0.06, "b": 0.04})


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_as_the_step_down_procedure_does(p):
    adjusted = significance.holm(p)
    assert list(adjusted) == list(p)
    for level in (0.01, 0.05, 0.5):
        rejected = set()
        for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
            if (len(p) - rank) * p[name] > level:
                break
            rejected.add(name)
        assert {name for name in p if adjusted[name] <= level} == rejected


def test_tost_of_a_normal_estimate_by_table():
    """1.2 below the target, margin 2, se 0.5: z = 1.6."""
    assert significance.tost_normal(6.6, 0.5, 7.8, 2.0) == pytest.approx(0.0548, abs=5e-5)
    assert significance.tost_normal(9.0, 0.5, 7.8, 2.0) == pytest.approx(0.0548, abs=5e-5)
    assert significance.tost_normal(10.8, 0.5, 7.8, 2.0) > 0.95
    assert [significance.tost_normal(0.0, 0.0, target, 0.1) for target in (0.05, 0.2)] == [0.0, 1.0]


def test_smallest_effect_is_found_four_times_in_five():
    effect = significance.smallest_effect(1.0)
    found = np.abs(np.random.default_rng(0).normal(effect, 1, 200_000)) > 1.959964
    assert found.mean() == pytest.approx(0.80, abs=0.005)


@given(st.lists(st.floats(0, 180), min_size=1, max_size=9), st.integers(0, 2**32))
def test_weighted_statistics_are_those_of_the_resample(errors, seed):
    errors = np.array(errors)
    weights = np.random.default_rng(seed).multinomial(len(errors), np.full(len(errors), 1 / len(errors)), size=4)
    resamples = [np.repeat(errors, w) for w in weights]
    assert weighted_median(errors, weights).tolist() == pytest.approx([np.median(r) for r in resamples])
    assert weighted_mean(errors, weights).tolist() == pytest.approx([np.mean(r) for r in resamples])


def cohort(rng, seeds=3, persons=8, images=10, *, seed_sd=0.0, person_sd=0.0, image_sd=1.0):
    """errors (1, S, N) around 0 with normal effects of seeds, persons and images, and clusters (N,)."""
    clusters = np.repeat(np.arange(persons), images)
    person = np.repeat(rng.normal(0, person_sd, persons), images)
    errors = rng.normal(0, seed_sd, (seeds, 1)) + person + rng.normal(0, image_sd, (seeds, len(clusters)))
    return errors[None], clusters


def mean_interval(errors, clusters, rng):
    draws = significance.hierarchical_bootstrap(errors, clusters, {"mean": weighted_mean}, rng, 400)["mean"][:, 0]
    by_seed = errors[0].mean(axis=1)
    wide = significance.widen(draws, by_seed.mean(), [by_seed], len(np.unique(clusters)))
    return significance.interval(by_seed.mean(), wide)


@pytest.mark.parametrize("effects", [{"seed_sd": 1.0}, {"person_sd": 1.0}, {"seed_sd": 0.7, "person_sd": 1.0}])
def test_intervals_cover_the_truth_where_images_alone_do_not(effects):
    rng = np.random.default_rng(3)
    covered, naive, trials = 0, 0, 150
    for _ in range(trials):
        errors, clusters = cohort(rng, **effects)
        found = mean_interval(errors, clusters, rng)
        covered += found.low <= 0 <= found.high
        naive += abs(errors.mean()) < 1.96 * errors.std() / np.sqrt(errors.size)
    assert covered / trials >= 0.90
    assert naive / trials < 0.65


def test_intervals_cover_a_difference_of_conditions_with_unequal_seeds():
    """Four seeds that agree against twelve that do not, and persons whom the conditions suit differently."""
    rng = np.random.default_rng(4)
    covered, trials = 0, 150
    for _ in range(trials):
        few, clusters = cohort(rng, 4, seed_sd=0.2, person_sd=0.3)
        many, _ = cohort(rng, 12, seed_sd=1.2, person_sd=0.3)
        errors = [few[0], many[0]]
        draws = significance.hierarchical_bootstrap(errors, clusters, {"mean": weighted_mean}, rng, 400)["mean"]
        by_seed = [each.mean(axis=1) for each in errors]
        estimate = by_seed[0].mean() - by_seed[1].mean()
        wide = significance.widen(draws[:, 0] - draws[:, 1], estimate, by_seed, 8)
        found = significance.interval(estimate, wide)
        covered += found.low <= 0 <= found.high
    assert 0.90 <= covered / trials <= 0.99


def test_every_condition_is_resampled_alike():
    """Two conditions that differ by 1 at every image: only paired draws see that as certain."""
    errors, clusters = cohort(np.random.default_rng(0), seed_sd=1, person_sd=1)
    both = np.concatenate([errors, errors + 1])
    draws = significance.hierarchical_bootstrap(
        both, clusters, {"mean": weighted_mean, "median": weighted_median}, np.random.default_rng(1), 200
    )
    for name in ("mean", "median"):
        assert draws[name][:, 1] - draws[name][:, 0] == pytest.approx(np.ones(200))
        assert draws[name][:, 0].std() > 0.1


@pytest.mark.parametrize(("seeds", "persons"), [(3, 1), (1, 8)])
def test_variance_of_a_mean_over_few_units_is_unbiased(seeds, persons):
    """Nothing varies within a seed or person: the variance must be s^2 / n, which n of n draws miss."""
    rng = np.random.default_rng(5)
    unit = rng.normal(size=(seeds, persons))
    errors, clusters = np.repeat(unit, 4, axis=1)[None], np.repeat(np.arange(persons), 4)
    draws = significance.hierarchical_bootstrap(errors, clusters, {"mean": weighted_mean}, rng, 40_000)["mean"]
    n = max(seeds, persons)
    assert draws.var() == pytest.approx(unit.var(ddof=1) / n, rel=0.03)


def test_persons_are_drawn_whole_and_the_rest_left_out():
    """One of two persons is drawn, never a mixture; each draws its own images, 3 or 5 of them."""
    errors = np.array([0.0, 0, 0, 9, 9, 9, 9, 9])[None, None]
    clusters = np.array(["a"] * 3 + ["b"] * 5)
    draws = significance.hierarchical_bootstrap(
        errors, clusters, {"mean": weighted_mean}, np.random.default_rng(0), 300
    )["mean"]
    assert set(np.unique(draws)) == {0.0, 9.0}


def test_draws_in_chunks_are_draws(monkeypatch):
    errors, clusters = cohort(np.random.default_rng(0), person_sd=1)
    monkeypatch.setattr(significance, "CHUNK", 80 * 7)
    draws = significance.hierarchical_bootstrap(errors, clusters, STATISTICS, np.random.default_rng(1), 50)
    assert {name: values.shape for name, values in draws.items()} == dict.fromkeys(STATISTICS, (50, 1))
    assert draws["mean_error_deg"].std() > 0.1


def test_widening_is_students_for_seeds_alone_and_for_persons_alone():
    by_seed = np.array([1.0, 2.0, 3.0])
    draws = np.random.default_rng(0).normal(2.0, by_seed.std(ddof=1) / np.sqrt(3), 4000)
    draws = 2 + (draws - draws.mean()) * by_seed.std(ddof=1) / np.sqrt(3) / draws.std(ddof=1)
    wide = significance.widen(draws, 2.0, [by_seed], 8)
    assert wide - 2 == pytest.approx((draws - 2) * 4.302653 / 1.959964, rel=1e-4)
    wide = significance.widen(draws, 2.0, [np.full(3, 2.0)], 8)
    assert wide - 2 == pytest.approx((draws - 2) * 2.364624 / 1.959964, rel=1e-4)


def test_widening_of_a_difference_of_other_seeds_is_welchs():
    rng = np.random.default_rng(0)
    a, b = rng.normal(5, 1, 12), rng.normal(3, 0.4, 4)
    draws = rng.normal(size=4000)
    se = np.sqrt(a.var(ddof=1) / 12 + b.var(ddof=1) / 4)
    draws = 2 + (draws - draws.mean()) / draws.std(ddof=1) * se
    welch = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)  # pyright: ignore[reportAttributeAccessIssue]
    factor = (welch.high - welch.low) / 2 / se / 1.959964
    assert significance.widen(draws, 2.0, [a, b], 8) - 2 == pytest.approx((draws - 2) * factor, rel=1e-4)


def test_a_condition_with_more_seeds_draws_its_own():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0, 1, (4, 1)), rng.normal(0, 1, (12, 1))
    errors = [np.tile(values, 5) for values in (few, few + 1, many)]
    alike = np.zeros(5, dtype=int)
    draws = significance.hierarchical_bootstrap(errors, alike, {"mean": weighted_mean}, rng, 4000)["mean"]
    assert draws[:, 1] - draws[:, 0] == pytest.approx(1)
    assert abs(np.corrcoef(draws[:, 0], draws[:, 2])[0, 1]) < 0.05
    of_few, of_many = few.var(ddof=1) / 4, many.var(ddof=1) / 12
    assert draws.var(axis=0) == pytest.approx([of_few, of_few, of_many], rel=0.1)


def test_p_is_never_0_and_doubles_the_smaller_tail():
    assert significance.interval(1.0, np.full(999, 1.0)).p == pytest.approx(2 / 1000)
    assert significance.interval(1.0, np.r_[np.full(9, -1.0), np.full(990, 1.0)]).p == pytest.approx(20 / 1000)
    assert significance.interval(0.0, np.zeros(999)).p == 1.0


@given(st.integers(0, 2**32))
def test_intervals_bracket_their_draws_middle(seed):
    draws = np.random.default_rng(seed).normal(size=99)
    found = significance.interval(0.0, draws)
    assert draws.min() <= found.low <= np.median(draws) <= found.high <= draws.max()


def test_image_error_leaves_out_what_seeds_share():
    """Hard and easy images alike for every seed: no luck. Independent ones: sd / sqrt(N)."""
    rng = np.random.default_rng(0)
    difficulty = rng.normal(10, 3, 400)
    shared = np.stack([difficulty, difficulty + 1, difficulty - 1])
    assert significance.image_error(shared, weighted_mean, rng) == pytest.approx(0, abs=1e-9)
    own = significance.image_error(shared + rng.normal(0, 2, (3, 400)), weighted_mean, rng)
    assert own == pytest.approx(2 / 20, rel=0.12)
    assert significance.image_error(difficulty[None], weighted_mean, rng) == pytest.approx(3 / 20, rel=0.12)
