"""Results of a made-up evaluation, with conditions whose order is known."""

import numpy as np
import pandas as pd

LEVELS = {"synthetic": 12.0, "synthetic_4x": 11.0, "refined": 9.0, "refined_4x": 8.0, "real": 5.0}
LEVELS |= {"photographed_4x": 7.0, "equalised_4x": 9.5}
DATA = {"test_data": "d1", "preset": "embedded", "stand_in": True}


def gaze_results(levels=LEVELS, *, seed=0, persons=6, images=30, seeds=3, person_sd=0.1, seed_sd=0.02):
    """One row per image; the error is the condition's level times factors of person, image and seed."""
    rng = np.random.default_rng(seed)
    count = persons * images
    base = np.repeat(rng.normal(1, person_sd, persons), images) * rng.gamma(4, 1 / 4, count)
    return pd.concat(
        pd.DataFrame(
            {
                "person": np.repeat([f"p{k:02d}" for k in range(persons)], images),
                "seen": True,
                "condition": condition,
                "seed": s,
                "image": np.arange(count),
                "error_deg": level * base * rng.normal(1, seed_sd) * rng.gamma(40, 1 / 40, count),
            }
        )
        for condition, level in levels.items()
        for s in range(seeds)
    ).reset_index(drop=True)
