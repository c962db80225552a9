"""Table 3: the earlier estimators beside the CNN, each on synthetic and on labelled real images."""

from collections.abc import Mapping
from typing import Any

from benchmarks import paper
from benchmarks.evaluation.tasks import EARLIER
from benchmarks.report.sections import Section
from benchmarks.report.tables import MISSING, Column, Record, Table, interval, number

METHODS = {  # the stem of the conditions; name; row of the paper's Table 3 on synthetic, on labelled real images
    "mean": ("Mean of the training labels", None, None),
    "svr": ("Support vector regression", None, "svr"),
    "alr": ("Adaptive linear regression", None, "alr"),
    "random_forest": ("Random forest", None, "random_forest"),
    "knn": ("kNN", "knn_unityeyes", "knn_ut_multiview"),
    "multimodal_cnn": ("Small multimodal CNN", None, "cnn_ut_multiview"),
    "cnn": ("This paper's CNN, 4×", "cnn_synthetic", None),
    "cnn_refined": ("The same, on refined images", "cnn_refined", None),
}
GROUP = "This run"
BEATS = {"reproduced": "yes", "contradicted": "no, worse", "inconclusive": "inconclusive"}
THEIRS = "The paper, on other data"
OURS = {"cnn": ("synthetic_4x", "real"), "cnn_refined": ("refined_4x", None)}


def section(by_condition: Mapping[str, Any], comparisons: Mapping[str, Any], images: int) -> Section:
    """Of Table 3's task. `by_condition`: condition -> metric -> value, low, high; `comparisons`: its declared
    differences; `images`: the most that an earlier method learns from."""
    published = paper.table3()
    records = []
    for stem, (label, on_synthetic, on_real) in METHODS.items():
        record: dict[str, Any] = {"method": label}
        conditions = OURS.get(stem, (f"{stem}_synthetic", f"{stem}_real"))
        for side, condition in zip(("synthetic", "real"), conditions, strict=True):
            estimate = by_condition.get(condition or "", {}).get("mean_error_deg", {})
            record |= {f"{side}_{key}": estimate.get(key) for key in ("value", "low", "high")}
            record[f"{side}_verdict"] = comparisons.get(f"{stem}_{side}", {}).get("verdict")
        record |= {
            "published_synthetic": published.get(on_synthetic or ""),
            "published_real": published.get(on_real or ""),
        }
        records.append(record)
    rivals = [comparisons[key]["verdict"] for name in EARLIER if (key := f"refined_4x_{name}") in comparisons]
    return Section(
        id="gaze-table3",
        short="Table 3",
        title="Table 3: the earlier estimators, and the mean as their floor",
        lead="Mean gaze error on the test images of methods from before the paper and of its CNN, trained on synthetic "
        "images and, as their own papers do, on labelled real ones of other persons.",
        table=Table(
            name="gaze_table3",
            caption="Table 3: mean error in degrees with 95 % intervals over seeds and persons.",
            records=records,
            columns=[
                Column("Method", lambda r: r["method"], numeric=False),
                Column(
                    "On synthetic", lambda r: _value(r, "synthetic"), lambda r: _bounds(r, "synthetic"), group=GROUP
                ),
                Column("Beats the mean?", lambda r: _beats(r, "synthetic"), numeric=False, group=GROUP),
                Column("On labelled real", lambda r: _value(r, "real"), lambda r: _bounds(r, "real"), group=GROUP),
                Column("Beats the mean?", lambda r: _beats(r, "real"), numeric=False, group=GROUP),
                Column("On synthetic", lambda r: _paper(r, "synthetic"), group=THEIRS, published=True),
                Column("On labelled real", lambda r: _paper(r, "real"), group=THEIRS, published=True),
            ],
        ),
        note=f"Earlier methods learn from at most {images} images each (params.yaml, estimators.baselines.images), the "
        "CNN from all; their recipes are those of the works cited, from docstrings in estimators/baselines. The paper "
        "quotes theirs trained on UT Multi-view. Against the five on synthetic images the CNN on refined ones is: "
        f"{', '.join(rivals) or 'not compared'}. Verdicts come from paired differences, Holm over this table's family.",
    )


def _value(record: Record, side: str) -> str:
    value = record[f"{side}_value"]
    return MISSING if value is None else number(value, "°", 2)


def _bounds(record: Record, side: str) -> str:
    return "" if record[f"{side}_value"] is None else interval(record[f"{side}_low"], record[f"{side}_high"], 1, 2)


def _paper(record: Record, side: str) -> str:
    value = record[f"published_{side}"]
    return MISSING if value is None else number(value, "°")


def _beats(record: Record, side: str) -> str:
    return BEATS.get(record[f"{side}_verdict"], MISSING)
