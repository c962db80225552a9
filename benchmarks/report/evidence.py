"""What section 3's numbers prove: the gap closed, persons, joints, differences, and the paper against itself."""

import pandas as pd

from benchmarks import paper
from benchmarks.evaluation import tasks
from benchmarks.report import figures, results
from benchmarks.report.figures import draw
from benchmarks.report.results import difference_label, is_fraction
from benchmarks.report.sections import Plot, Section, published
from benchmarks.report.tables import Record, Table, interval, percent
from benchmarks.report.view import View

VERDICT_COLORS = {"reproduced": "#009E73", "inconclusive": "#777777", "contradicted": "#AA3377"}


def gap(view: View, comparisons: Table) -> Section:
    """The share of the domain gap closed: the number that may be compared across data sets."""
    shares = [record for record in comparisons.records if record["share_of_gap_closed"] is not None]
    missing = [record for record in comparisons.records if record["share_reason"]]
    told = "; ".join(_share(record, view) for record in shares)
    plots = ()
    if shares:
        drawn = _drawn(shares, ("share_of_gap_closed", "share_low", "share_high"))
        drawn["label"] = [view.looks[record["a"]].label for record in shares]
        drawn["color"] = [view.looks[record["a"]].color for record in shares]
        picture = draw(figures.gap, drawn, size=(5.2, 1.4 + 0.5 * len(drawn)))
        plots = (Plot(f"{view.task.name}_gap", picture, f"{told}.", f"{told}. The line is the 95 % interval."),)
    labelled = view.looks["real"].label.removesuffix(", supervised")
    return Section(
        id=f"{view.task.name}-gap",
        short="Domain gap",
        title="The share of the domain gap that refining closes",
        lead=f"0 % is the {view.scored} of an estimator trained on synthetic images, 100 % that of one trained on "
        f"labelled {labelled} images: of all numbers here, this one may be compared between data sets.",
        plots=plots,
        note=" ".join(f"{difference_label(view, r)}: no share, as {r['share_reason']}." for r in missing),
    )


def persons(view: View, rows: pd.DataFrame) -> Section:
    """How unlike the test persons are: why images of one person cannot count as independent."""
    errors = _by_group(view, rows, list(rows["person"]))
    plots = [
        Plot(
            f"{view.task.name}_persons",
            draw(figures.persons, errors, view),
            "Mean error of every test person under every condition.",
            "A line that falls from synthetic to refined is a person whom refining helped.",
        )
    ]
    kinds = f"{len(errors)} test persons" if len(errors) > 1 else "a single test person"
    if view.task.cluster != "person":
        parts = _by_group(view, rows, list(tasks.blocks(rows)))
        kinds += f" or, in the second picture, of {len(parts)} {view.resampled}"
        plots.append(
            Plot(
                f"{view.task.name}_{view.task.cluster}s",
                draw(figures.persons, parts, view),
                f"Mean error of each of the {view.resampled} under every condition.",
                "The same for blocks of frames (person/sequence/part), which the bootstrap resamples.",
            )
        )
    return Section(
        id=f"{view.task.name}-persons",
        short="Persons",
        title="Person by person",
        lead=f"Each grey line is one of {kinds} (mean over images and seeds); their spread "
        f"within a column is why {view.alike} do not count as independent.",
        plots=plots,
    )


def joints(view: View, rows: pd.DataFrame) -> Section:
    """Which joints are hard, and which of them refining helps."""
    measured = rows.pivot_table(index="condition", values=list(view.errors), aggfunc="mean")
    joints = {results.joint_label(column): measured[column] for column in view.errors}
    errors = pd.DataFrame(joints).transpose()
    return Section(
        id=f"{view.task.name}-joints",
        short="Joints",
        title="Joint by joint",
        lead="Each row is one of NYU's evaluation joints, with its mean error under each condition.",
        plots=(
            Plot(
                f"{view.task.name}_joints",
                draw(figures.joints, errors, view, size=(5.2, 5.4)),
                "Mean error of every joint under every condition.",
                "mean error over images and seeds; hollow are the conditions of fewer images. Left is better.",
            ),
        ),
        table=results.joints(view, rows),
    )


def _by_group(view: View, rows: pd.DataFrame, group: list[str]) -> pd.DataFrame:
    """Mean errors over images, things counted and seeds: one row a group, one column a condition."""
    means = pd.DataFrame(
        {"group": group, "condition": rows["condition"], "error": rows[list(view.errors)].mean(axis=1)}
    )
    return means.pivot_table(index="group", columns="condition", values="error", aggfunc="mean")


def significance(view: View, comparisons: Table) -> Section:
    """The declared family of comparisons, drawn and tabled."""
    plots = []
    for fraction, name, title, axis in (
        (False, "errors", "Mean error:", f"difference in {view.unit_name}; left is better"),
        (True, "hits", "Hits:", "difference in percentage points; right is better"),
    ):
        chosen = [record for record in comparisons.records if is_fraction(view, record) == fraction]
        if not chosen:
            continue
        drawn = _drawn(chosen, ("difference", "low", "high")) * (100 if fraction else 1)
        drawn["label"] = [difference_label(view, record).replace(" − ", "\n− ") for record in chosen]
        drawn["color"] = [VERDICT_COLORS[record["verdict"]] for record in chosen]
        plots.append(
            Plot(
                f"{view.task.name}_differences_{name}",
                draw(figures.differences, drawn, axis, size=(5.2, 1.1 + 0.55 * len(drawn))),
                "; ".join(f"{difference_label(view, record)}: {record['verdict']}" for record in chosen),
                "difference and 95 % interval; green is reproduced, grey inconclusive, purple contradicted.",
                title=title,
            )
        )
    return Section(
        id=f"{view.task.name}-tests",
        short="Tests",
        title="Which differences hold",
        lead="An interval that crosses 0 shows no difference; the table has the tests and what they can see.",
        plots=plots,
        table=comparisons,
        note=f"Interval and p: bootstrap over seeds and {view.covered}, paired where both conditions have the same "
        "seeds. Holm: corrected for the whole "
        "declared family. Smallest visible: the true difference that a run like this finds four times in "
        f"five. Binomial (which condition has the lower error, one by one over the {view.counted}) and McNemar (which "
        "has the hit) are exact, and are what the paper's practice asks for; but they take "
        f"{view.alike}, and seeds, for independent, so that their p is too small. They use the seeds that both have.",
    )


def printed_distance(view: View) -> Section:
    """The finding about Table 2's 7 degrees, from the published numbers alone."""
    readings = paper.table2_on_figure7()
    where = " and ".join(dict.fromkeys(f"{reading.d_deg:.2f}{view.unit}" for reading in readings))
    best = next(reading for reading in readings if reading.condition == "refined_4x")
    return Section(
        id=f"{view.task.name}-distance",
        short="7° or 13°",
        title=f"{view.table} says 7 degrees; its numbers are those of 13",
        lead=f"The paper's curves take all {len(readings)} of {view.table}'s values at {where}, and none at "
        f"7{view.unit}.",
        plots=(
            Plot(
                f"{view.task.name}_printed_distance",
                draw(figures.printed_distance, published(view), paper.table2(), view, size=(5.2, 4)),
                f"The published curves, with {view.table}'s values hollow at 7 degrees and filled at 13.",
                f"{view.table}'s values where the table puts them (hollow, 7{view.unit}) and where the "
                f"curves take them (filled, 13{view.unit}).",
                title="The paper against itself:",
                published=True,
            ),
        ),
        table=results.readings(view),
        note=f"The axis is right: the mean error under the curve of {view.looks[best.condition].label} is "
        f"{best.mean_error_deg.estimate:.2f}{view.unit}, and Table 3 prints "
        f"{paper.table3()['cnn_refined']:g}{view.unit}. Therefore this page reports both distances.",
    )


def _drawn(records: list[Record], keys: tuple[str, str, str]) -> pd.DataFrame:
    columns = zip(("value", "low", "high"), keys, strict=True)
    return pd.DataFrame({column: [record[key] for record in records] for column, key in columns})


def _share(record: Record, view: View) -> str:
    bounds = interval(record["share_low"], record["share_high"], 100, 0)
    return f"{view.looks[record['a']].label} {percent(record['share_of_gap_closed'], 0)} {bounds}"
