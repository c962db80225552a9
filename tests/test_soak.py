"""Every kind of training, killed at 20 random moments, ends in the bytes of one never killed."""

from tests.soak import soak


def test_trainings_killed_at_random_end_in_the_same_bytes():
    resumed = soak(20)
    assert sum(resumed.values()) >= 4, f"too few of them left a state to resume from: {resumed}"
