"""Section 3 against itself: what the paper's published numbers say about one another, all of it computed here."""

from dataclasses import dataclass

import numpy as np

from benchmarks import paper
from benchmarks.evaluation.significance import ALPHA
from benchmarks.turing.scores import MARGIN, judge

ROUNDING = 0.051  # of numbers printed with one decimal, and of their difference's last bit
NARROWER = 0.04  # of accuracy, beside the visual Turing test's margin
HOURGLASS_STEM = (2, 2)  # strides of its convolution and pooling (Newell et al. 2016, section 3.1)


@dataclass(frozen=True)
class Contradiction:
    """Two published numbers or statements held against one another, whether they agree or not; in claims.json."""

    id: str
    title: str  # what was found, in a line
    finding: str  # the numbers behind it


def contradictions() -> list[Contradiction]:
    """What the published numbers say about one another, all computed here."""
    return [
        _table2_distance(),
        _table3_synthetic(),
        _visual_turing_test(),
        *_hand(),
        *_networks(),
        _improvements(),
    ]


def _table2_distance() -> Contradiction:
    readings = paper.table2_on_figure7()
    crossings = [reading.d_deg for reading in readings]
    printed_d = paper.published()["table2"]["d_degrees_as_printed"]
    at_d = {
        reading.condition: paper.published_curve("figure7", reading.condition).at(printed_d) for reading in readings
    }
    agree = all(abs(at_d[reading.condition] - reading.printed_percent) < ROUNDING for reading in readings)
    read = (
        f"at {np.mean(crossings):.0f} degrees, not at the {printed_d}" if not agree else f"at the {printed_d} degrees"
    )
    printed = ", ".join(f"{reading.printed_percent:.1f}" for reading in readings)
    best = next(reading for reading in readings if reading.condition == "refined_4x").mean_error_deg
    printed_mean = paper.table3()["cnn_refined"]
    right = "right" if abs(best.estimate - printed_mean) < ROUNDING else "in doubt"
    return Contradiction(
        id="table2_distance",
        title=f"Table 2 reads Figure 7 {read} it names",
        finding=f"Figure 7's curves take Table 2's values ({printed} %) at {np.mean(crossings):.2f} degrees, the "
        f"{len(crossings)} of them within {np.ptp(crossings):.2f}; at {printed_d} degrees they read "
        f"{', '.join(f'{percent:.1f}' for percent in at_d.values())} %. The axis is {right}: the refined 4x curve has "
        f"a mean of {best.estimate:.1f} degrees (between {best.low:.2f} and {best.high:.2f}, as the figure is cut at "
        f"24.6), Table 3's {printed_mean:.1f}.",
    )


def _table3_synthetic() -> Contradiction:
    printed = paper.table3()["cnn_synthetic"]
    curves = {name: paper.published_curve("figure7", name).mean_bounds() for name in ("synthetic", "synthetic_4x")}
    name, better = min(curves.items(), key=lambda curve: curve[1].estimate)
    below = printed < better.estimate
    why = "A mean beyond it is possible, as the figure is cut."
    if below and printed < better.low:
        rest = "would have to do" if better.low - printed < ROUNDING else "could not even do"
        why = f"Only a staircase between its points could bring it to {better.low:.2f}, and rounding {rest} the rest."
    elif below:
        why = f"A staircase between its points could bring it to {better.low:.2f}."
    return Contradiction(
        id="table3_synthetic",
        title=f"Table 3's synthetic CNN is {'' if below else 'not '}better than any synthetic curve of Figure 7",
        finding=f"Table 3 gives {printed:.1f} degrees. The better synthetic curve, {_short(name)}, has a mean of at "
        f"least {better.estimate:.2f}, with every error beyond the figure's end put just there. {why}",
    )


def _short(condition: str) -> str:
    return "4x" if condition.endswith("_4x") else "1x"


def _visual_turing_test() -> Contradiction:
    table1 = paper.published()["table1"]
    test = judge(table1)
    equal = {margin: judge(table1, margin)["tost_p"] for margin in (MARGIN, NARROWER)}
    called_synthetic = test["trials"] - test["bias"]["chose_real"]
    sides = {"one-sided": test["p_one_sided"], "two-sided": test["p_two_sided"]}
    side = next((side for side, p in sides.items() if round(p, 3) == table1["p"]), "neither one- nor two-sided")
    beyond_chance = test["p_one_sided"] < ALPHA
    lesson = "its answers are beyond chance" if beyond_chance else "not rejecting proves no equality"
    shown = [
        f"within {100 * margin:g} points {'is shown' if p < ALPHA else 'is not shown'} (TOST p = {p:.3f})"
        for margin, p in equal.items()
    ]
    return Contradiction(
        id="visual_turing_test",
        title=f"The visual Turing test's p is {side}, and {lesson}",
        finding=f"{test['correct']} of {test['trials']} right is {test['accuracy']:.1%} [{test['low']:.1%}, "
        f"{test['high']:.1%}]: exact p = {test['p_one_sided']:.3f} one-sided, {test['p_two_sided']:.3f} two-sided. "
        f"That subjects tell them apart is {'shown' if beyond_chance else 'not shown'}; that it is chance {shown[0]}, "
        f'{shown[1]}. Subjects answered "synthetic" {called_synthetic} times. All of this counts {test["trials"]} '
        f"trials of {table1['subjects']} subjects as independent.",
    )


def _hand() -> list[Contradiction]:
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
    differing = len(expected) - agree
    return [
        Contradiction(
            id="table4_distance",
            title=f"Table 4 and Figure 9 {'agree' if apart < ROUNDING else 'disagree'} at {d} pixels",
            finding=f"Figure 9's {len(curves)} curves read Table 4's values at d = {d}, within {apart:.2f} points.",
        ),
        Contradiction(
            id="figure9_whole_pixels",
            title="Figure 9 measures distances between whole pixels, as heat maps have them"
            if not differing
            else "Figure 9's distances are not all between whole pixels",
            finding=f"Between {x[0]:g} and {x[-1]:g} pixels {expected.sum()} steps of 0.1 hold a distance between "
            f"points with whole coordinates (1, √2, 2, √5 and so on). The curves rise in these and in "
            f"{'no other' if not differing else 'others, or not in all'}: {agree} of {len(expected)} steps agree on "
            "every curve. If estimates and truth were rounded to the same grid, this is what one sees. Maxima of heat "
            f"maps are such points; if those are what was compared, {d} pixels are {d * scale:g} of the "
            f"{network['input_px']}-pixel crop. This page reports both readings.",
        ),
    ]


def _networks() -> list[Contradiction]:
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
    similar = {"gaze": _similar(seen["gaze"], refiner["gaze"])}
    similar["hand"] = _similar(seen["hand"], refiner["hand"], first_only)
    updates = {task: networks[task]["refiner_updates"] for task in listed}
    twice, k_g = updates["gaze"]["twice"], updates["gaze"]["K_g"]
    return [
        Contradiction(
            id="k_g",
            title=f"The gaze refiner is updated {twice} times for each update of D, "
            + (f"or {k_g}" if twice != k_g else "in words and as K_g"),
            finding=f'For each update of D, section 3.1 updates R "twice" and sets K_g to {k_g}, '
            f"{f'{k_g / twice:g} times as many' if twice != k_g else 'the same'}. Section 3.2, for the hand, says "
            f'"twice" and {updates["hand"]["K_g"]}.',
        ),
        Contradiction(
            id="max_pooling",
            title=f"The discriminator has {says['max-pool']} max-pooling layers and lists {listed['gaze']}",
            finding=f"Section 3.1 says {says['conv']} convolution and {says['max-pool']} max-pooling layers, and "
            f"lists {listed['gaze']} max-pooling layer; section 3.2's list for the hand has {listed['hand']}.",
        ),
        Contradiction(
            id="hand_pretraining",
            title="The hand refiner is pretrained for "
            + ("two different numbers" if len(set(steps.values())) > 1 else "one number")
            + " of steps",
            finding=f"{' and '.join(f'{count} in {place}' for place, count in steps.items())}.",
        ),
        Contradiction(
            id="heat_map_size",
            title=f"The usual hourglass makes {'' if size == heat_map * stride else 'no '}{heat_map}x{heat_map} "
            f"heat maps of {size}x{size} images",
            finding=f"Its stem divides by {stride}, which gives {size // stride}x{size // stride}; "
            f"{heat_map}x{heat_map} needs images of {heat_map * stride} pixels or another stem.",
        ),
        Contradiction(
            id="receptive_fields",
            title=f"R's and D's receptive fields are {similar['gaze']} for gaze and {similar['hand']} for the hand",
            finding=f"Gaze: {refiner['gaze']} pixels for R and {seen['gaze']} for D. Hand: {refiner['hand']} for R "
            f"with all filters 7x7, or {first_only} with only the first, and {seen['hand']} for D.",
        ),
    ]


def _similar(discriminator: int, *refiner: int) -> str:
    """Whether any reading of R's field is within a quarter of the larger of the two."""
    near = any(min(field, discriminator) >= 0.75 * max(field, discriminator) for field in refiner)
    return "similar" if near else "not"


def _improvements() -> Contradiction:
    table3, table4 = paper.table3(), paper.table4()
    refined, synthetic, knn = (table3[name] for name in ("cnn_refined", "cnn_synthetic", "knn_unityeyes"))
    more, once = (table4[name] - table4["real"] for name in ("refined_3x", "refined"))
    return Contradiction(
        id="improvements",
        title="Both headline improvements compare unlike things",
        finding=f"Gaze: the relative {1 - refined / knn:.0%} is from kNN ({knn:.1f}) to the refined CNN "
        f"({refined:.1f}); from the synthetic CNN ({synthetic:.1f}) it is {1 - refined / synthetic:.1%}. Hand: the "
        f"{more:.1f} points over real images are of three times as many refined ones; of as many it is {once:+.1f}.",
    )
