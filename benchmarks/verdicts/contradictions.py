"""Section 3 against itself: what the paper's published numbers say about one another, all of it computed here."""

import numpy as np

from benchmarks import paper
from benchmarks.evaluation.significance import binomial, tost_binomial, wilson
from benchmarks.verdicts.rows import Row

HOURGLASS_STEM = (2, 2)  # strides of its convolution and pooling (Newell et al. 2016, section 3.1)


def contradictions() -> list[Row]:
    """What the published numbers say about one another: id, title, finding, all computed here."""
    readings = paper.table2_on_figure7()
    crossings = [reading.d_deg for reading in readings]
    at_7 = ", ".join(f"{reading.percent_at_7deg:.1f}" for reading in readings)
    printed = ", ".join(f"{reading.printed_percent:.1f}" for reading in readings)
    best = next(reading for reading in readings if reading.condition == "refined_4x").mean_error_deg
    synthetic = next(reading for reading in readings if reading.condition == "synthetic_4x").mean_error_deg
    table3 = paper.table3()
    return [
        {
            "id": "table2_distance",
            "title": "Table 2 reads Figure 7 at 13 degrees, not at the 7 it names",
            "finding": f"Figure 7's curves take Table 2's values ({printed} %) at {np.mean(crossings):.2f} "
            f"degrees, all four within {np.ptp(crossings):.2f}; at 7 degrees they read {at_7} %. The axis is "
            f"right: the refined 4x curve has a mean of {best.estimate:.1f} degrees (between {best.low:.2f} "
            f"and {best.high:.2f}, as the figure is cut at 24.6), Table 3's {table3['cnn_refined']:.1f}.",
        },
        {
            "id": "table3_synthetic",
            "title": "Table 3's synthetic CNN is better than any synthetic curve of Figure 7",
            "finding": f"Table 3 gives {table3['cnn_synthetic']:.1f} degrees. The better synthetic curve, "
            f"4x, has a mean of at least {synthetic.estimate:.2f}, with every error beyond the figure's end "
            f"put just there. Only a staircase between its points could bring it to {synthetic.low:.2f}, and "
            "rounding would have to do the rest.",
        },
        _visual_turing_test(),
        *_hand(),
        *_networks(),
        _improvements(),
    ]


def _visual_turing_test() -> Row:
    table1 = paper.published()["table1"]
    correct, trials = table1["correct"], table1["trials"]
    low, high = wilson(correct, trials)
    called_synthetic = sum(table1[truth]["selected_synthetic"] for truth in ("real", "synthetic"))
    return {
        "id": "visual_turing_test",
        "title": "The visual Turing test's p is one-sided, and not rejecting proves no equality",
        "finding": f"{correct} of {trials} right is {correct / trials:.1%} [{low:.1%}, {high:.1%}]: exact p = "
        f"{binomial(correct, trials, side='greater'):.3f} one-sided, {binomial(correct, trials):.3f} "
        "two-sided. That it is chance within 5 points is shown (TOST p = "
        f"{tost_binomial(correct, trials, 0.05):.3f}), within 4 it is not (p = "
        f'{tost_binomial(correct, trials, 0.04):.3f}). Subjects answered "synthetic" {called_synthetic} '
        f"times. All of this counts {trials} trials of {table1['subjects']} subjects as independent.",
    }


def _hand() -> list[Row]:
    table4 = paper.table4()
    curves = {name: paper.published_curve("figure9", name) for name in table4}
    d = paper.published()["table4"]["d_pixels"]
    apart = max(abs(curves[name].at(d) - printed) for name, printed in table4.items())
    x = curves["synthetic"].x
    lattice = paper.whole_pixel_distances(x[-1])
    expected = np.diff(np.searchsorted(lattice, x, side="right")) > 0
    agree = min(int(np.sum(paper.rises(curve) == expected)) for curve in curves.values())
    network = paper.published()["networks"]["hand"]
    scale = network["input_px"] / network["heat_map_px"]
    return [
        {
            "id": "table4_distance",
            "title": f"Table 4 and Figure 9 agree at {d} pixels",
            "finding": f"Figure 9's {len(curves)} curves read Table 4's values at d = {d}, within {apart:.2f} points.",
        },
        {
            "id": "figure9_whole_pixels",
            "title": "Figure 9 measures distances between whole pixels, as heat maps have them",
            "finding": f"Each curve is a staircase. Between {x[0]:g} and {x[-1]:g} pixels it rises in the "
            f"{expected.sum()} steps of 0.1 that hold a distance between points with whole coordinates (1, √2, 2, √5 "
            f"and so on) and in no other: {agree} of {len(expected)} steps agree on every curve. Estimates and truth "
            "were therefore rounded to the same grid. Maxima of heat maps are such points; if those are what was "
            f"compared, {d} pixels are {d * scale:g} of the {network['input_px']}-pixel crop. This page reports both "
            "readings.",
        },
    ]


def _networks() -> list[Row]:
    networks = paper.published()["networks"]
    says = networks["gaze"]["discriminator_says"]
    listed = {
        task: sum(kind == "max-pool" for kind, *_ in paper.discriminator_layers(task)) for task in ("gaze", "hand")
    }
    steps = networks["hand"]["refiner_pretraining_steps"]
    size, heat_map = networks["hand"]["input_px"], networks["hand"]["heat_map_px"]
    stride = int(np.prod(HOURGLASS_STEM))
    seen = {task: paper.receptive_field([layer[1:] for layer in paper.discriminator_layers(task)]) for task in listed}
    refiner = {task: paper.receptive_field(paper.refiner_layers(task)) for task in listed}
    first_only = paper.receptive_field(paper.refiner_layers("hand", kernel=networks["gaze"]["refiner"]["kernel"]))
    return [
        {
            "id": "max_pooling",
            "title": f"The discriminator has {says['max-pool']} max-pooling layers and lists {listed['gaze']}",
            "finding": f"Section 3.1 says {says['conv']} convolution and {says['max-pool']} max-pooling layers, and "
            f"lists {listed['gaze']} max-pooling layer; section 3.2's list for the hand has {listed['hand']} too.",
        },
        {
            "id": "hand_pretraining",
            "title": "The hand refiner is pretrained for two different numbers of steps",
            "finding": f"{' and '.join(f'{count} in {place}' for place, count in steps.items())}.",
        },
        {
            "id": "heat_map_size",
            "title": f"The usual hourglass makes no {heat_map}x{heat_map} heat maps of {size}x{size} images",
            "finding": f"Its stem divides by {stride}, which gives {size // stride}x{size // stride}; "
            f"{heat_map}x{heat_map} needs images of {heat_map * stride} pixels or another stem.",
        },
        {
            "id": "receptive_fields",
            "title": "R's and D's receptive fields are similar for gaze and not for the hand",
            "finding": f"Gaze: {refiner['gaze']} pixels for R and {seen['gaze']} for D. Hand: {refiner['hand']} for R "
            f"with all filters 7x7, or {first_only} with only the first, and {seen['hand']} for D.",
        },
    ]


def _improvements() -> Row:
    table3, table4 = paper.table3(), paper.table4()
    refined, synthetic, knn = (table3[name] for name in ("cnn_refined", "cnn_synthetic", "knn_unityeyes"))
    more, once = (table4[name] - table4["real"] for name in ("refined_3x", "refined"))
    return {
        "id": "improvements",
        "title": "Both headline improvements compare unlike things",
        "finding": f"Gaze: the relative {1 - refined / knn:.0%} is from kNN ({knn:.1f}) to the refined CNN "
        f"({refined:.1f}); from the synthetic CNN ({synthetic:.1f}) it is {1 - refined / synthetic:.1%}. Hand: the "
        f"{more:.1f} points over real images are of three times as many refined ones; of as many it is {once:+.1f}.",
    }
