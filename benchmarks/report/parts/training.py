"""Algorithm 1 and the estimator's training by step: what the losses of a run looked like."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.report import figures
from benchmarks.report.data import SampleGrids
from benchmarks.report.display import Display
from benchmarks.report.figures import draw
from benchmarks.report.sections import Plot, Section, TileFigure, png

FAILED = 3  # times the median of the same images' trainings


@dataclass(frozen=True)
class Loss:
    axis: str
    caption: str


REFINER = {
    "train/realism": Loss(
        "realism loss (R)",
        "How far D is from taking refined images for real: falls where the refiner gains.",
    ),
    "train/self_regularization": Loss(
        "self-regularization (R)",
        "How far refined images have moved from the synthetic ones: what keeps their labels true.",
    ),
    "train/discriminator": Loss(
        "discriminator loss (D)",
        "Cross-entropy of D over real and refined patches: near zero it has won, and high it guesses.",
    ),
    "train/discriminator_accuracy": Loss(
        "discriminator accuracy (D)",
        "Share of patches that D places rightly: at one half it guesses, at 1 the refiner deceives nobody.",
    ),
}
CRITERIA = {
    "measure/patches": Loss(
        "7x7 patches, distance",
        "How far small patches of refined images are from those of unlabelled real ones: 0 for equal sets.",
    ),
    "measure/spectrum": Loss(
        "power spectrum, dB",
        "Difference in detail and noise from unlabelled real images, at all scales: 0 for equal sets.",
    ),
    "measure/edges": Loss(
        "edges kept, correlation",
        "Of refined images' edges with their synthetic originals': 1 keeps every one, and so what labels rest on.",
    ),
}
ESTIMATOR = {
    "train/loss": Loss("training loss", "On the images that the estimator learns from."),
    "val/loss": Loss(
        "validation loss",
        "On held-out images of the same kind: what training stops by, never the labels of test images.",
    ),
}


def failed(display: Display, losses: pd.DataFrame) -> str:
    """What to say of estimators whose validation loss ended over `FAILED` times their condition's median; else ""."""
    events = losses[(losses["stage"] == display.estimator_stage) & (losses["metric"] == "val/loss")]
    ended = events.loc[events["step"] == events.groupby(["condition", "seed", "fold"])["step"].transform("max")]
    usual = ended.groupby("condition")["value"].transform("median")
    found = [
        f"{display.styles[condition].label}, seed {seed} (validation loss {value:.3f}, usual {median:.3f})"
        for condition, seed, value, median in zip(ended["condition"], ended["seed"], ended["value"], usual, strict=True)
        if value > FAILED * median
    ]
    if not found:
        return ""
    return (
        f"{len(found)} of these estimators did not learn, and count in every number below: {'; '.join(found)}. "
        "A lower learning rate is the usual mend."
    )


def refiner(display: Display, losses: pd.DataFrame) -> Section:
    """Losses of Algorithm 1 and label-free criteria, a line a seed."""
    events = losses[losses["stage"] == "train-simgan"].assign(condition="")
    plots = [
        Plot(
            f"{display.task.name}_simgan_{metric.split('/')[1]}",
            draw(figures.losses, events[events["metric"] == metric], loss.axis, size=(5.2, 3.1)),
            f"{loss.axis} by step, a line a seed.",
            loss.caption,
        )
        for metric, loss in (REFINER | CRITERIA).items()
        if metric in set(events["metric"])
    ]
    return Section(
        id=f"{display.task.name}-refiner",
        short="SimGAN's losses",
        title="How the refiner and the discriminator trained",
        lead="One line a seed, by step: first the refiner alone, then the discriminator alone, then both by turns, "
        "of which neither should run away from the other. The last three, without any label, say what came of it.",
        plots=plots,
    )


def convergence(display: Display, grids: SampleGrids) -> Section:
    """Figure 16. Synthetic and real images are the same in each of `grids`."""
    steps = sorted(grids)
    synthetic, _, real = np.split(grids[steps[0]], 3)
    sheet = np.concatenate([synthetic, *(np.split(grids[step], 3)[1] for step in steps), real])
    return Section(
        id=f"{display.task.name}-convergence",
        short="Convergence",
        title="Refined images while the refiner trained",
        lead="The first row is synthetic; the next are the same images refined after "
        f"{', '.join(map(str, steps))} steps (pretraining included); the last is real (the paper's Figure 16). How D "
        "fares is drawn below.",
        gallery=(
            TileFigure(
                "One seed; from above: synthetic, refined step by step, real.",
                ("refined images by training step",),
                [(png(sheet),)],
                sheet.shape[1],
                sheet.shape[0],
            ),
        ),
    )


def estimator(display: Display, losses: pd.DataFrame) -> Section:
    """Losses of the estimator, a line a run in its condition's colour."""
    events = losses[losses["stage"] == display.estimator_stage]
    plots = []
    for metric, loss in ESTIMATOR.items():
        chosen = events.query("metric == @metric")
        if not len(chosen):
            continue
        styles = {name: style for name, style in display.styles.items() if name in set(chosen["condition"])}
        plots.append(
            Plot(
                f"{display.task.name}_estimator_{metric.replace('/', '_')}",
                draw(figures.losses, chosen, loss.axis, styles, size=(5.2, 3.4)),
                f"{loss.axis} by step, a line a run, coloured by condition.",
                loss.caption,
            )
        )
    return Section(
        id=f"{display.task.name}-estimator",
        short="Estimator's losses",
        title="How the estimator trained",
        lead="One line a run, in the colour of the images it learned from: a low loss on synthetic images "
        "says nothing yet about real ones.",
        plots=plots,
    )
