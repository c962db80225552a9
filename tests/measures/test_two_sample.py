"""The classifier two-sample test: calibrated at no difference, certain at a large one, blind to persons."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from benchmarks.measures.two_sample import split, two_sample

SHAPE = (12, 16)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, seed: int, mean: float = 128) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 30, (count, *SHAPE)).clip(0, 255).astype(np.uint8)


def test_it_is_calibrated_where_nothing_differs():
    runs = [
        two_sample(noise(80, 2 * seed), noise(80, 2 * seed + 1), None, None, seeded(seed), steps=15)
        for seed in range(24)
    ]
    hits, trials = sum(run.hits for run in runs), sum(run.trials for run in runs)
    assert binomtest(hits, trials).pvalue > 0.01
    p = np.array([run.p for run in runs])
    assert (p < 0.05).sum() <= 5  # 1 expected; more than 5 of 24 has probability 0.001
    assert (p > 0.5).sum() >= 5


def test_sets_that_differ_are_told_apart():
    found = two_sample(noise(100, 1), noise(100, 2, mean=150), None, None, seeded(0), steps=60)
    assert found.accuracy > 0.97
    assert found.p < 1e-20


def person_images(persons: int, each: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Every person has a pattern of his own, and nothing else tells images apart."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(128, 40, (persons, *SHAPE))
    who = np.repeat(np.arange(persons), each)
    images = patterns[who] + rng.normal(0, 10, (len(who), *SHAPE))
    return images.clip(0, 255).astype(np.uint8), [f"{seed}-{k}" for k in who]


def test_persons_learned_by_heart_do_not_count():
    (a, persons_a), (b, persons_b) = person_images(12, 16, 1), person_images(12, 16, 2)
    leaking = [two_sample(a, b, None, None, seeded(seed), steps=40).accuracy for seed in range(2)]
    holding = [two_sample(a, b, persons_a, persons_b, seeded(seed), steps=40).accuracy for seed in range(2)]
    assert np.mean(leaking) > 0.9
    assert np.mean(holding) < 0.7


@pytest.mark.parametrize("seed", range(20))
def test_the_split_keeps_persons_whole_and_sides_even(seed: int):
    rng = np.random.default_rng(seed)
    a = np.array([f"p{k}" for k in rng.permutation(np.repeat(np.arange(5), 7))])
    b = np.array([f"p{k}" for k in rng.permutation(np.repeat(np.arange(3, 9), 4))])  # p3 and p4 are in both
    (train_a, train_b), (test_a, test_b) = split(a, b, seeded(seed))
    assert not (set(a[train_a]) | set(b[train_b])) & (set(a[test_a]) | set(b[test_b]))
    assert len(train_a) == len(train_b) == len(set(train_a)) >= 8
    assert len(test_a) == len(test_b) == len(set(test_b)) >= 8


def test_lone_images_are_halved_and_the_rest_follows_the_persons():
    alone, persons = np.array([f"image {k}" for k in range(100)]), np.repeat(["p0", "p1", "p2", "p3"], 25)
    (train_a, train_b), (test_a, test_b) = split(alone, persons, seeded(0))
    assert [len(side) for side in (train_a, train_b, test_a, test_b)] == [50, 50, 50, 50]
    assert not set(train_a) & set(test_a)
    assert not set(persons[train_b]) & set(persons[test_b])


def test_the_numbers_belong_together():
    a, b = noise(60, 3), noise(90, 4, mean=134)
    persons = [f"p{k % 6}" for k in range(90)]
    found = two_sample(a, b, None, persons, seeded(1), steps=30)
    assert found.hits == found.correct.sum() == found.confusion.trace()
    assert found.trials == len(found.correct) == found.confusion.sum() == 60
    assert found.confusion.sum(1).tolist() == [30, 30] == [(~found.of_b).sum(), found.of_b.sum()]
    assert found.accuracy == found.hits / found.trials
    assert found.p == pytest.approx(binomtest(found.hits, found.trials, alternative="greater").pvalue)
    assert found.low < found.accuracy < found.high
    assert [persons[i] for i in found.images[found.of_b]] == found.groups[found.of_b].tolist()


def test_the_same_seed_gives_the_same_answers_whatever_torch_drew_before():
    a, b = noise(60, 5), noise(60, 6, mean=134)
    runs = []
    for before in (1, 2):
        torch.manual_seed(before)
        runs.append(two_sample(a, b, None, None, seeded(3), steps=20))
    np.testing.assert_array_equal(runs[0].correct, runs[1].correct)
    np.testing.assert_array_equal(runs[0].images, runs[1].images)


def test_what_cannot_be_split_is_refused():
    a, b = noise(10, 7), noise(10, 8)
    with pytest.raises(ValueError, match="two groups"):
        two_sample(a, b, None, ["p0"] * 10, seeded(0))
    with pytest.raises(ValueError, match="9 groups for 10 images"):
        two_sample(a, b, ["p0"] * 9, None, seeded(0))
    with pytest.raises(ValueError, match="size"):
        two_sample(a, b[:, 1:], None, None, seeded(0))
