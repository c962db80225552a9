"""Results of a made-up evaluation of hands, with conditions whose order is known."""

import numpy as np
import pandas as pd

from benchmarks.evaluation.tasks import JOINTS

LEVELS = {"synthetic": 9.0, "refined": 7.0, "real": 4.0, "synthetic_3x": 8.0, "refined_3x": 6.0}
LEVELS |= {"photographed": 6.0, "photographed_3x": 5.0}
DATA = {"test_data": "h1", "preset": "embedded", "stand_in": True}
MM_PER_PX = 300 / 224


def hand_results(levels=LEVELS, *, seed=0, sequences=6, frames=20, seeds=3, seed_sd=0.02):
    """One row per image; a joint's error is the level times factors of sequence, joint, image and seed.

    Sequences belong to two persons by turns; one joint in fifty has no depth.
    """
    rng = np.random.default_rng(seed)
    count, joints = sequences * frames, len(JOINTS)
    sequence = np.repeat(np.arange(sequences), frames)
    base = rng.normal(1, 0.1, sequences)[sequence][:, None] * rng.gamma(3, 1 / 3, (count, joints))
    identity = {
        "person": [f"p{s % 2:02d}" for s in sequence],
        "sequence": sequence,
        "frame": np.arange(count),
        "image": np.arange(count),
    }
    tables = []
    for condition, level in levels.items():
        for s in range(seeds):
            px = level * base * rng.normal(1, seed_sd) * rng.gamma(40, 1 / 40, (count, joints))
            mm = np.where(rng.random(px.shape) < 0.02, np.nan, px * MM_PER_PX)
            errors = {f"{joint}_px": px[:, j] for j, joint in enumerate(JOINTS)}
            errors |= {f"{joint}_mm": mm[:, j] for j, joint in enumerate(JOINTS)}
            tables.append(pd.DataFrame({**identity, "condition": condition, "seed": s, **errors}))
    return pd.concat(tables, ignore_index=True)
