"""What section 3 measures, task by task: conditions, metrics and the one declared family of claims."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.core.config import UNREFINED
from benchmarks.evaluation.curves import weighted_joint_mean, weighted_mean, weighted_median, weighted_within, worst

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


def every(errors: np.ndarray) -> np.ndarray:
    return errors


@dataclass(frozen=True)
class Metric:
    """One number per condition and seed, of the errors (..., N, K) that `select` takes from a task's.

    `d` is the threshold of a fraction of hits, in the error's unit.
    """

    statistic: Statistic
    higher_is_better: bool
    d: float | None = None
    select: Callable[[np.ndarray], np.ndarray] = every

    def __call__(self, errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The task's errors (N,) or (N, K) under the integer weights (R, N) of R resamples -> (R,)."""
        return self.statistic(self.select(errors), weights)


def within_metric(d: float, select: Callable[[np.ndarray], np.ndarray] = every) -> Metric:
    return Metric(partial(weighted_within, d=d), higher_is_better=True, d=d, select=select)


@dataclass(frozen=True)
class Claim:
    """Condition `a` is better than `b` in `metric`.

    `supervised` closes the domain gap that the claim is about, `photographed` the part that a refiner could close.
    """

    text: str
    a: str
    b: str
    metric: str
    supervised: str | None = None
    photographed: str | None = None

    def among(self, conditions: Container[str]) -> "Claim":
        """The claim without the bounds that are not among the conditions."""
        bounds = {name: getattr(self, name) for name in ("supervised", "photographed")}
        return replace(self, **{name: bound if bound in conditions else None for name, bound in bounds.items()})


@dataclass(frozen=True)
class Task:
    """`errors` are the results' columns of errors, `identity` those that say which image it is.

    Images of one `cluster` are not independent: a column of the identity, or `block` (see `blocks`). An error of
    `optional` is NaN where it could not be measured, and then left out. Conditions of `more_seeds` may have further
    seeds beside those that all have.
    """

    name: str
    errors: tuple[str, ...]
    identity: tuple[str, ...]
    cluster: str
    conditions: tuple[str, ...]
    metrics: dict[str, Metric]
    claims: dict[str, Claim]
    optional: tuple[str, ...] = ()
    more_seeds: tuple[str, ...] = ()

    def rows(self, labels: pd.DataFrame, condition: str, seed: int, errors: np.ndarray) -> pd.DataFrame:
        """One estimator's results: errors (N,) or (N, K), the columns of `errors`, of the images of labels."""
        columns = dict(zip(self.errors, np.reshape(errors, (len(labels), len(self.errors))).T, strict=True))
        identified = labels[list(self.identity)].reset_index(drop=True)
        return identified.assign(condition=condition, seed=seed, image=range(len(labels)), **columns)

    def among(self, conditions: Sequence[str]) -> "Task":
        """The task with those of its conditions, and the claims about them: not every data set allows all."""
        known = set(conditions)
        claims = {name: claim.among(known) for name, claim in self.claims.items() if {claim.a, claim.b} <= known}
        return replace(self, conditions=tuple(c for c in self.conditions if c in known), claims=claims)


def blocks(rows: pd.DataFrame, frames: int = 400) -> pd.Series:
    """Names of the stretches of at most `frames` consecutive frames; none spans two sequences or persons.

    Within one, poses follow from one another (at NYU the error's lag-1 correlation is 0.95); a sequence that is
    shorter, such as the embedded data's, is a block of its own. Columns person, sequence, frame -> (N,), str.
    """
    start = rows.groupby(["person", "sequence"])["frame"].transform("min").to_numpy()
    part = (rows["frame"].to_numpy() - start) // frames
    places = zip(rows["person"], rows["sequence"], part, strict=True)
    return pd.Series([f"{person}/{sequence}/{k}" for person, sequence, k in places], index=rows.index)


GAZE = Task(
    name="gaze",
    errors=("error_deg",),
    identity=("person", "seen"),
    cluster="person",
    conditions=(
        "synthetic",
        "synthetic_4x",
        "refined",
        "refined_4x",
        "photographed_4x",
        "equalised_4x",
        "real",
    ),
    more_seeds=UNREFINED,
    metrics={
        "mean_error_deg": Metric(weighted_mean, higher_is_better=False),
        "median_error_deg": Metric(weighted_median, higher_is_better=False),
        "within_7deg": within_metric(7.0),
        "within_13deg": within_metric(13.0),
    },
    claims={
        "refined_mean_error": Claim(
            "refined images train a better estimator than synthetic ones (mean error)",
            "refined",
            "synthetic",
            "mean_error_deg",
            supervised="real",
        ),
        "refined_4x_mean_error": Claim(
            "refined images train a better estimator than synthetic ones, 4x (mean error)",
            "refined_4x",
            "synthetic_4x",
            "mean_error_deg",
            supervised="real",
            photographed="photographed_4x",
        ),
        "refined_within_7deg": Claim(
            "refined images train a better estimator than synthetic ones (within 7 degrees)",
            "refined",
            "synthetic",
            "within_7deg",
        ),
        "refined_4x_within_7deg": Claim(
            "refined images train a better estimator than synthetic ones, 4x (within 7 degrees)",
            "refined_4x",
            "synthetic_4x",
            "within_7deg",
        ),
        "more_synthetic_mean_error": Claim(
            "four times the synthetic images train a better estimator (mean error)",
            "synthetic_4x",
            "synthetic",
            "mean_error_deg",
        ),
        "more_refined_mean_error": Claim(
            "four times the refined images train a better estimator (mean error)",
            "refined_4x",
            "refined",
            "mean_error_deg",
        ),
        "photographed_mean_error": Claim(
            "the simulator's scenes through the stand-in's webcams train a better estimator than its renders, 4x "
            "(mean error)",
            "photographed_4x",
            "synthetic_4x",
            "mean_error_deg",
        ),
        "refined_beats_equalised_mean_error": Claim(
            "refined images train a better estimator than histogram-equalised ones, 4x (mean error)",
            "refined_4x",
            "equalised_4x",
            "mean_error_deg",
        ),
    },
)

GAZE_UNSEEN = replace(  # persons whom no training saw: stricter than the paper, whose refiner saw those it is tested on
    GAZE,
    name="gaze_unseen",
    claims={
        name: GAZE.claims[name] for name in ("refined_mean_error", "refined_4x_mean_error", "photographed_mean_error")
    },
)

JOINTS = (  # NYU's 14 evaluation joints, in the order of its indices
    "pinky_tip",
    "pinky_hinge",
    "ring_tip",
    "ring_hinge",
    "middle_tip",
    "middle_hinge",
    "index_tip",
    "index_hinge",
    "thumb_tip",
    "thumb_hinge",
    "thumb_root",
    "wrist_ulnar",
    "wrist_radial",
    "palm",
)
PIXELS = tuple(f"{joint}_px" for joint in JOINTS)  # of a crop 224 pixels wide; other crops are scaled to it
MILLIMETRES = tuple(f"{joint}_mm" for joint in JOINTS)
HEAT_MAP_PIXEL = 224 / 64  # crop pixels: section 3.2's heat maps are 64 wide


def joints_px(errors: np.ndarray) -> np.ndarray:
    """The hand's errors (..., 2 J) -> (..., J), crop pixels."""
    return errors[..., : len(JOINTS)]


def joints_mm(errors: np.ndarray) -> np.ndarray:
    """The hand's errors (..., 2 J) -> (..., J), mm."""
    return errors[..., len(JOINTS) :]


def worst_joint_px(errors: np.ndarray) -> np.ndarray:
    """The hand's errors (..., 2 J) -> (...,), crop pixels."""
    return worst(joints_px(errors))


def hand_claim(text: str, a: str, b: str, supervised: str | None = None, photographed: str | None = None) -> Claim:
    return Claim(f"{text} (joints within 5 px)", a, b, "within_5px", supervised, photographed)


HAND = Task(
    name="hand",
    errors=PIXELS + MILLIMETRES,
    optional=MILLIMETRES,
    identity=("person", "sequence", "frame"),
    cluster="block",
    conditions=("synthetic", "refined", "real", "synthetic_3x", "refined_3x", "photographed", "photographed_3x"),
    metrics={
        "within_5px": within_metric(5.0, joints_px),
        "within_5px_heatmap": within_metric(5 * HEAT_MAP_PIXEL, joints_px),
        "within_5px_worst_joint": within_metric(5.0, worst_joint_px),
        "mean_error_px": Metric(weighted_joint_mean, higher_is_better=False, select=joints_px),
        "mean_error_mm": Metric(weighted_joint_mean, higher_is_better=False, select=joints_mm),
    },
    claims={
        "refined_within_5px": hand_claim(
            "refined images train a better estimator than synthetic ones",
            "refined",
            "synthetic",
            supervised="real",
            photographed="photographed",
        ),
        "refined_3x_within_5px": hand_claim(
            "refined images train a better estimator than synthetic ones, 3x",
            "refined_3x",
            "synthetic_3x",
            supervised="real",
            photographed="photographed_3x",
        ),
        "more_synthetic_within_5px": hand_claim(
            "three times the synthetic images train a better estimator", "synthetic_3x", "synthetic"
        ),
        "more_refined_within_5px": hand_claim(
            "three times the refined images train a better estimator", "refined_3x", "refined"
        ),
        "refined_3x_beats_real_within_5px": hand_claim(
            "refined images, 3x, train a better estimator than labelled real ones, 1x", "refined_3x", "real"
        ),
        "real_beats_refined_within_5px": hand_claim(
            "labelled real images train a better estimator than as many refined ones", "real", "refined"
        ),
        "photographed_within_5px": hand_claim(
            "the simulator's scenes through the stand-in's sensor train a better estimator than its renders",
            "photographed",
            "synthetic",
        ),
        "photographed_3x_within_5px": hand_claim(
            "the simulator's scenes through the stand-in's sensor train a better estimator than its renders, 3x",
            "photographed_3x",
            "synthetic_3x",
        ),
    },
)


def negative_control(task: Task, condition: str, claim: Claim) -> Task:
    """Synthetic images against the same with other seeds: nothing to find, a verdict would be a false one."""
    again = f"{condition}_again"
    text = f"the same synthetic images train a better estimator with other seeds ({claim.text.rpartition('(')[2]}"
    return replace(
        task,
        name=f"{task.name}_negative_control",
        conditions=(condition, again),
        more_seeds=(condition,),
        claims={"other_seeds": Claim(text, again, condition, claim.metric)},
    )


NEGATIVE_CONTROLS = {
    "gaze": negative_control(GAZE, "synthetic_4x", GAZE.claims["refined_4x_mean_error"]),
    "hand": negative_control(HAND, "synthetic_3x", HAND.claims["refined_3x_within_5px"]),
}


def split(rows: pd.DataFrame, control: Task) -> pd.DataFrame:
    """Results -> those of a negative control's first condition: every third seed is the other condition.

    So gaze's two have unequal numbers of seeds, as the claims' conditions. Empty for fewer than four seeds: two on
    either side are the least that have a spread.
    """
    first, other = control.conditions
    seeds = sorted(rows.loc[rows["condition"] == first, "seed"].unique())
    parts = {other: seeds[::3], first: [seed for k, seed in enumerate(seeds) if k % 3]} if len(seeds) >= 4 else {}
    chosen = [
        rows.query(f"condition == '{first}' and seed == {seed}").assign(condition=condition, seed=number)
        for condition, part in parts.items()
        for number, seed in enumerate(part)
    ]
    return pd.concat([rows.head(0), *chosen], ignore_index=True)


def ablated(text: str, condition: str) -> Claim:
    return Claim(f"{text} (mean error)", "refined", condition, "mean_error_deg")


ABLATIONS = Task(  # section 3.3, on the gaze CNN
    name="ablations",
    errors=GAZE.errors,
    identity=GAZE.identity,
    cluster=GAZE.cluster,
    conditions=("refined", "refined_without_history", "refined_global_discriminator", "refined_neither"),
    metrics=GAZE.metrics,
    claims={
        "history": ablated("the history of refined images makes the estimator better", "refined_without_history"),
        "local_loss": ablated("a local adversarial loss makes the estimator better", "refined_global_discriminator"),
        "both": ablated("history and local loss together make the estimator better", "refined_neither"),
    },
)

EARLIER = ("svr", "alr", "random_forest", "knn", "multimodal_cnn")  # estimators.baselines, as Table 3 has them
BASELINES = tuple(f"{name}_{domain}" for name in ("mean", *EARLIER) for domain in ("synthetic", "real"))
CNNS = {"cnn_synthetic": "synthetic_4x", "cnn_refined_synthetic": "refined_4x", "cnn_real": "real"}
TABLE3 = Task(  # a method and what it is trained on; the mean of the training labels is the floor
    name="table3",
    errors=GAZE.errors,
    identity=GAZE.identity,
    cluster=GAZE.cluster,
    conditions=(*BASELINES, "synthetic_4x", "refined_4x", "real"),
    more_seeds=UNREFINED,
    metrics=GAZE.metrics,
    claims={
        f"{name}_{domain}": Claim(
            f"{name.replace('_', ' ')} trained on {domain} images is better than their mean (mean error)",
            f"{name}_{domain}",
            f"mean_{domain}",
            "mean_error_deg",
        )
        for name in EARLIER
        for domain in ("synthetic", "real")
    }
    | {
        name: Claim(
            f"the CNN trained on {condition.replace('_', ' ')} images is better than their mean label (mean error)",
            condition,
            f"mean_{name.rpartition('_')[2]}",
            "mean_error_deg",
        )
        for name, condition in CNNS.items()
    }
    | {
        f"refined_4x_{name}{suffix}": Claim(
            f"the CNN on refined images is better than {name.replace('_', ' ')} on {domain} ones (mean error)",
            "refined_4x",
            f"{name}_{domain}",
            "mean_error_deg",
        )
        for name in EARLIER
        for domain, suffix in (("synthetic", ""), ("real", "_real"))
    },
)

TASKS = {task.name: task for task in (GAZE, HAND)}
