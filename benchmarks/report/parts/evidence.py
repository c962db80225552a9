"""What section 3's numbers prove: the gap closed, persons, joints, differences, and the paper against itself."""

import pandas as pd

from benchmarks import paper
from benchmarks.evaluation import tasks
from benchmarks.report import figures, results
from benchmarks.report.display import Display
from benchmarks.report.figures import draw
from benchmarks.report.results import difference_label, is_fraction
from benchmarks.report.sections import Plot, Section, published_curves
from benchmarks.report.tables import Record, Table, interval, percent

VERDICT_COLORS = {"reproduced": "#009E73", "inconclusive": "#777777", "contradicted": "#AA3377"}


def gap(display: Display, comparisons: Table) -> Section:
    """The share of the domain gap closed: the number that may be compared across data sets."""
    shares = [record for record in comparisons.records if record["share_of_gap_closed"] is not None]
    missing = [record for record in comparisons.records if record["share_reason"]]
    summary = "; ".join(_share(record, display) for record in shares)
    plots = ()
    if shares:
        drawn = _to_draw(shares, ("share_of_gap_closed", "share_low", "share_high"))
        drawn["label"] = [display.styles[record["a"]].label for record in shares]
        drawn["color"] = [display.styles[record["a"]].color for record in shares]
        picture = draw(figures.gap, drawn, size=(5.2, 1.4 + 0.5 * len(drawn)))
        caption = f"{summary}. The line is the 95 % interval."
        plots = (Plot(f"{display.task.name}_gap", picture, f"{summary}.", caption),)
    labelled = display.styles["real"].label.removesuffix(", supervised")
    return Section(
        id=f"{display.task.name}-gap",
        short="Domain gap",
        title="The share of the domain gap that refining closes",
        lead=f"0 % is the {display.score} of an estimator trained on synthetic images, 100 % that of one trained on "
        f"labelled {labelled} images: of all numbers here, this one may be compared between data sets.",
        plots=plots,
        note=" ".join(f"{difference_label(display, r)}: no share, as {r['share_reason']}." for r in missing),
    )


def persons(display: Display, rows: pd.DataFrame) -> Section:
    """How unlike the test persons are: why images of one person cannot count as independent."""
    errors = _mean_errors(display, rows, list(rows["person"]))
    plots = [
        Plot(
            f"{display.task.name}_persons",
            draw(figures.persons, errors, display),
            "Mean error of every test person under every condition.",
            "A line that falls from synthetic to refined is a person whom refining helped.",
        )
    ]
    groups = f"{len(errors)} test persons" if len(errors) > 1 else "a single test person"
    if display.task.cluster != "person":
        parts = _mean_errors(display, rows, list(tasks.blocks(rows)))
        groups += f" or, in the second picture, of {len(parts)} {display.clusters}"
        plots.append(
            Plot(
                f"{display.task.name}_{display.task.cluster}s",
                draw(figures.persons, parts, display),
                f"Mean error of each of the {display.clusters} under every condition.",
                "The same for blocks of frames (person/sequence/part), which the bootstrap resamples.",
            )
        )
    return Section(
        id=f"{display.task.name}-persons",
        short="Persons",
        title="Person by person",
        lead=f"Each grey line is one of {groups} (mean over images and seeds); their spread "
        f"within a column is why {display.dependent} do not count as independent.",
        plots=plots,
    )


def joints(display: Display, rows: pd.DataFrame) -> Section:
    """Which joints are hard, and which of them refining helps."""
    means = rows.pivot_table(index="condition", values=list(display.errors), aggfunc="mean")
    joints = {results.joint_label(column): means[column] for column in display.errors}
    errors = pd.DataFrame(joints).transpose()
    return Section(
        id=f"{display.task.name}-joints",
        short="Joints",
        title="Joint by joint",
        lead="Each row is one of NYU's evaluation joints, with its mean error under each condition.",
        plots=(
            Plot(
                f"{display.task.name}_joints",
                draw(figures.joints, errors, display, size=(5.2, 5.4)),
                "Mean error of every joint under every condition.",
                "mean error over images and seeds; hollow are the conditions of fewer images. Left is better.",
            ),
        ),
        table=results.joints(display, rows),
    )


def _mean_errors(display: Display, rows: pd.DataFrame, group: list[str]) -> pd.DataFrame:
    """Mean errors over images, joints and seeds: one row a group, one column a condition."""
    means = pd.DataFrame(
        {"group": group, "condition": rows["condition"], "error": rows[list(display.errors)].mean(axis=1)}
    )
    return means.pivot_table(index="group", columns="condition", values="error", aggfunc="mean")


def significance(display: Display, comparisons: Table) -> Section:
    """The declared family of comparisons, drawn and tabled."""
    plots = []
    for fraction, name, title, axis in (
        (False, "errors", "Mean error:", f"difference in {display.unit_name}; left is better"),
        (True, "hits", "Hits:", "difference in percentage points; right is better"),
    ):
        chosen = [record for record in comparisons.records if is_fraction(display, record) == fraction]
        if not chosen:
            continue
        drawn = _to_draw(chosen, ("difference", "low", "high")) * (100 if fraction else 1)
        drawn["label"] = [difference_label(display, record).replace(" − ", "\n− ") for record in chosen]
        drawn["color"] = [VERDICT_COLORS[record["verdict"]] for record in chosen]
        plots.append(
            Plot(
                f"{display.task.name}_differences_{name}",
                draw(figures.differences, drawn, axis, size=(5.2, 1.1 + 0.55 * len(drawn))),
                "; ".join(f"{difference_label(display, record)}: {record['verdict']}" for record in chosen),
                "difference and 95 % interval; green is reproduced, grey inconclusive, purple contradicted.",
                title=title,
            )
        )
    return Section(
        id=f"{display.task.name}-tests",
        short="Tests",
        title="Which differences hold",
        lead="An interval that crosses 0 shows no difference; the table has the tests and what they can see.",
        plots=plots,
        table=comparisons,
        note=f"Interval and p: bootstrap over seeds and {display.interval_covers}, paired where both conditions have "
        "the same seeds. Holm: corrected for the whole declared family. Smallest visible: the true difference that a "
        "run like this finds four times in five. "
        f"Binomial (which condition has the lower error, one by one over the {display.observations}) and McNemar "
        "(which has the hit) are exact, and are what the paper's practice asks for; but they take "
        f"{display.dependent}, and seeds, for independent, so that their p is too small. They use the seeds that both "
        "have.",
    )


def printed_distance(display: Display) -> Section:
    """The finding about Table 2's 7 degrees, from the published numbers alone."""
    readings = paper.table2_on_figure7()
    where = " and ".join(dict.fromkeys(f"{reading.d_deg:.2f}{display.unit}" for reading in readings))
    best = next(reading for reading in readings if reading.condition == "refined_4x")
    return Section(
        id=f"{display.task.name}-distance",
        short="7° or 13°",
        title=f"{display.table} says 7 degrees; its numbers are those of 13",
        lead=f"The paper's curves take all {len(readings)} of {display.table}'s values at {where}, and none at "
        f"7{display.unit}.",
        plots=(
            Plot(
                f"{display.task.name}_printed_distance",
                draw(figures.printed_distance, published_curves(display), paper.table2(), display, size=(5.2, 4)),
                f"The published curves, with {display.table}'s values hollow at 7 degrees and filled at 13.",
                f"{display.table}'s values where the table puts them (hollow, 7{display.unit}) and where the "
                f"curves take them (filled, 13{display.unit}).",
                title="The paper against itself:",
                published=True,
            ),
        ),
        table=results.printed_distance(display),
        note=f"The axis is right: the mean error under the curve of {display.styles[best.condition].label} is "
        f"{best.mean_error_deg.estimate:.2f}{display.unit}, and Table 3 prints "
        f"{paper.table3()['cnn_refined']:g}{display.unit}. Therefore this page reports both distances.",
    )


def _to_draw(records: list[Record], keys: tuple[str, str, str]) -> pd.DataFrame:
    """The values of `keys` in columns value, low and high, as figures takes them."""
    columns = zip(("value", "low", "high"), keys, strict=True)
    return pd.DataFrame({column: [record[key] for record in records] for column, key in columns})


def _share(record: Record, display: Display) -> str:
    bounds = interval(record["share_low"], record["share_high"], 100, 0)
    return f"{display.styles[record['a']].label} {percent(record['share_of_gap_closed'], 0)} {bounds}"
