"""The hand's metrics, blocks and results against hand-computed values and the data's own joints."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.datasets.hands import JOINTS
from benchmarks.evaluation.tasks import GAZE, HAND, TASKS, blocks
from tests.gaze_results import gaze_results
from tests.hand_results import hand_results

COUNT = len(JOINTS)


def image(px: dict[int, float], mm: dict[int, float]) -> np.ndarray:
    """Errors of one image: 1 px and 2 mm, but for the joints given."""
    errors = np.r_[np.ones(COUNT), np.full(COUNT, 2.0)]
    errors[list(px)] = list(px.values())
    errors[[COUNT + joint for joint in mm]] = list(mm.values())
    return errors


THREE = np.stack([image({0: 5.0}, {}), image({0: 5.1, 1: 17.5}, {3: np.nan, 4: 8.0}), image({2: 17.6}, {})])


@pytest.mark.parametrize(
    ("metric", "once", "second_twice"),
    [
        ("within_5px", 39 / 42, 51 / 56),
        ("within_5px_heatmap", 41 / 42, 55 / 56),
        ("within_5px_worst_joint", 1 / 3, 1 / 4),
        ("mean_error_px", (18 + 34.6 + 30.6) / 42, (18 + 2 * 34.6 + 30.6) / 56),
        ("mean_error_mm", (28 + 32 + 28) / 41, (28 + 2 * 32 + 28) / 54),
    ],
)
def test_metrics_of_three_images_by_hand(metric: str, once: float, second_twice: float) -> None:
    found = HAND.metrics[metric](THREE, np.array([[1, 1, 1], [1, 2, 1]]))
    assert found == pytest.approx([once, second_twice])


def test_columns_are_the_datas_joints_in_their_order() -> None:
    assert HAND.errors == tuple(f"{joint}_{unit}" for unit in ("px", "mm") for joint in JOINTS)


def test_a_block_is_400_frames_of_one_sequence_and_one_person() -> None:
    frames = pd.DataFrame({"person": ["a"] * 900 + ["b"] * 10, "sequence": 0, "frame": range(100, 1010)})
    found = blocks(frames)
    assert found.value_counts().to_dict() == {"a/0/0": 400, "a/0/1": 400, "a/0/2": 100, "b/0/0": 10}
    assert found.iloc[[399, 400]].tolist() == ["a/0/0", "a/0/1"]
    short = frames.assign(sequence=np.arange(910) // 64)
    assert blocks(short).groupby(short["sequence"]).nunique().tolist() == [1] * 14 + [2]  # the last changes persons


def test_rows_hold_errors_under_their_names() -> None:
    labels = pd.DataFrame({"person": "p01", "sequence": 3, "frame": [7, 8, 9], "palm_u": 0.0}, index=[5, 6, 7])
    rows = HAND.rows(pd.DataFrame(labels), "refined", 2, THREE)
    assert list(rows.columns) == ["person", "sequence", "frame", "condition", "seed", "image", *HAND.errors]
    assert rows[list(HAND.errors)].to_numpy() == pytest.approx(THREE, nan_ok=True)
    assert rows["image"].tolist() == [0, 1, 2] and rows["frame"].tolist() == [7, 8, 9]
    eyes = GAZE.rows(labels.assign(seen=True), "real", 0, np.array([1.0, 2.0, 3.0]))
    assert list(eyes.columns) == list(gaze_results().columns)
    assert eyes["error_deg"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_claims_name_what_the_task_has(task) -> None:
    for claim in task.claims.values():
        assert {claim.a, claim.b, claim.supervised or claim.a} <= set(task.conditions)
        assert claim.metric in task.metrics


def test_invented_results_are_results() -> None:
    assert set(hand_results().columns) == {*HAND.identity, "condition", "seed", "image", *HAND.errors}
