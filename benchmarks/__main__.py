"""The commands of the suite: one a stage of dvc.yaml, and those that a person types. `python -m benchmarks --help`."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchmarks.core import config, workers
from benchmarks.core.errors import UserError

# Before torch is imported: threads that wait spin a little and then give their core away. Spinning long, as is the
# default, makes two trainings on one machine crawl; not at all makes one slow.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
# For the workers: glibc keeps freed memory instead of asking for pages anew at each step; a tenth faster a step.
KEEP = {"MALLOC_MMAP_THRESHOLD_": 1 << 30, "MALLOC_TRIM_THRESHOLD_": 1 << 34, "MALLOC_TOP_PAD_": 1 << 26}
for name, size in KEEP.items():
    os.environ.setdefault(name, str(size))

# Commands whose work is done by processes side by side; torch imports _dynamo where it makes an optimiser.
TRAINING = ("train-simgan", "train-gaze", "train-hand")
TORCHRUN = "WORLD_SIZE" in os.environ  # several processes train together
SIDE_BY_SIDE = (*TRAINING, "load-synthesis", "control", "refine", "measure", "evaluate", "baselines", "report")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

Task = Annotated[Literal["gaze", "hand"], typer.Option(help="Which task.")]
Seed = Annotated[int | None, typer.Option(help="Only this one of the seeds in params.yaml.")]
Variant = Annotated[config.Variant | None, typer.Option(help="Section 3.3: the method without a part of it.")]
TrainedOn = typer.Option(help="Training data; may be given again for others.")


# typer takes lists of enumerations, not of literals
GazeCondition = StrEnum(
    "GazeCondition",
    "synthetic synthetic_4x refined refined_4x photographed_4x equalised_4x real "
    "refined_without_history refined_global_discriminator refined_neither",
)
HandCondition = StrEnum("HandCondition", "synthetic refined real synthetic_3x refined_3x photographed photographed_3x")


@app.command()
def load_synthesis(
    task: Task, domain: Annotated[Literal["synthetic", "real", "test"], typer.Option(help="Which store.")]
) -> None:
    """Stage: turn a data source into a store."""
    from benchmarks.stages import load_synthesis

    _stage(load_synthesis.run, task, domain)


@app.command()
def control(task: Task, name: Annotated[config.Control, typer.Argument(help="Which control.")]) -> None:
    """Stage: the images of a control condition."""
    from benchmarks.stages import control

    _stage(control.run, task, name)


@app.command()
def train_simgan(task: Task, seed: Seed = None, variant: Variant = None) -> None:
    """Stage: Algorithm 1; writes the refiner."""
    from benchmarks.stages import train_simgan

    _run_all(train_simgan.run, [(task, variant or "")], seed)


@app.command()
def refine(task: Task, seed: Seed = None, variant: Variant = None) -> None:
    """Stage: refine the synthetic store."""
    from benchmarks.stages import refine

    _run_all(refine.run, [(task, variant or "")], seed)


@app.command()
def measure(task: Task, seed: Seed = None, variant: Variant = None) -> None:
    """Stage: what refining did to the images: realism, artefacts, preserved ground truth."""
    from benchmarks.stages import measure

    _run_all(measure.run, [(task, variant or "")], seed)


@app.command()
def train_gaze(condition: Annotated[list[GazeCondition], TrainedOn], seed: Seed = None) -> None:
    """Stage: train gaze CNNs."""
    from benchmarks.stages import train_gaze

    folds = range(config.load().supervised.folds)
    whats = [(each, fold) for each in condition for fold in (folds if each == "real" else [None])]
    _run_all(train_gaze.run, whats, seed, lambda params, each: params.seeds_of("gaze", each))


@app.command()
def train_hand(condition: Annotated[list[HandCondition], TrainedOn], seed: Seed = None) -> None:
    """Stage: train stacked hourglasses."""
    from benchmarks.stages import train_hand

    _run_all(train_hand.run, [(each,) for each in condition], seed)


@app.command()
def baselines() -> None:
    """Stage: Table 3's earlier estimators, trained on synthetic and on labelled real images, a row an image."""
    from benchmarks.stages import baselines

    _stage(baselines.run)


@app.command()
def evaluate(task: Task) -> None:
    """Stage: every estimator on the test store, a row an image."""
    from benchmarks.stages import evaluate

    _stage(evaluate.run, task)


@app.command()
def score_nyu(
    predictions: Annotated[Path, typer.Argument(help="A line a frame: 14 joints x (u px, v px, depth mm).")],
    truth: Annotated[Path, typer.Option(help="The ground truth, in the same format.")],
) -> None:
    """Score any prediction file on NYU's test frames as Figure 9 and the literature do."""
    from benchmarks import nyu

    print(nyu.score(predictions, truth))


@app.command()
def figure6_load(domain: Annotated[Literal["synthetic", "real"], typer.Option(help="Which store.")]) -> None:
    """Figure 6: colour eyes (see benchmarks/figure6/dvc.yaml)."""
    from benchmarks.figure6 import experiment

    _stage(experiment.load, domain)


@app.command()
def figure6_train(
    psi: Annotated[Literal["identity", "channel_mean"], typer.Option(help="Feature space of equation 3.")],
    seed: Seed = None,
) -> None:
    """Figure 6: refiners of colour eyes."""
    from benchmarks.figure6 import experiment

    _run_all(experiment.refine, [(psi,)], seed)


@app.command()
def figure6_report() -> None:
    """Figure 6: reports/figure6."""
    from benchmarks.figure6 import page

    _stage(page.write)


@app.command()
def refine_folder(
    pictures: Annotated[Path, typer.Argument(help="A folder of jpg or png files of eyes.")],
    out: Annotated[Path, typer.Option(help="Where the refined ones go.")],
    seed: Annotated[int, typer.Option(help="Which of the refiners.")] = 0,
) -> None:
    """Refine pictures of your own with a refiner that `dvc repro` trained."""
    from benchmarks import apply

    apply.refine_folder(pictures, out, seed)


Rival = Annotated[str, typer.Argument(help="A name under refiners.TASK in params.yaml.")]


@app.command()
def train_refiner(name: Rival, task: Task) -> None:
    """A rival of SimGAN: its refiners (see benchmarks/refiners/dvc.yaml and docs/refiners.md)."""
    from benchmarks.refiners import learning

    _stage(learning.train_all, task, name)


@app.command()
def judge_refiner(name: Rival, task: Task) -> None:
    """A rival of SimGAN: its images, measured, and its estimators, trained and tested."""
    from benchmarks.refiners import judging

    _stage(judging.judge_all, task, name)


@app.command()
def board() -> None:
    """All rivals beside SimGAN: reports/refiners."""
    from benchmarks.refiners import board

    board.write(config.load())


@app.command()
def check_refiner(
    where: Annotated[str, typer.Argument(metavar="MODULE:CLASS", help="Your class, importable from here.")],
    code: Annotated[str, typer.Option(help="Its file or folder, where it is not importable.")] = "",
    settings: Annotated[str, typer.Option(help="Its parameters, as JSON.")] = "{}",
) -> None:
    """Hold a refiner or estimator of your own to the contract, on a few small images."""
    from benchmarks.refiners import check

    check.run(where, code, settings)


@app.command()
def report(
    task: Annotated[Literal["gaze", "hand"] | None, typer.Option(help="Only this task.")] = None,
    out: Annotated[Path, typer.Option(help="Where to.")] = Path("reports"),
    pictures: Annotated[bool, typer.Option(help="With images of the data.")] = True,
) -> None:
    """Stage: results.json, tables, figures and the page."""
    from benchmarks.stages import report

    _stage(report.run, [task] if task else ["gaze", "hand"], out, pictures)


@app.command()
def regress(
    accept: Annotated[str, typer.Option(help="Accept the present metrics; give the reason.")] = "",
    summary: Annotated[Path | None, typer.Option(help="Append the table, as Markdown, to this file.")] = None,
    check: Annotated[bool, typer.Option(help="Exit with status 1 on a regression.")] = True,
) -> None:
    """Compare reports/results.json with the accepted values of the active preset."""
    from benchmarks.stages import regress

    if regress.run(config.load(), accept, summary, check) and check:
        raise SystemExit(1)


@app.command()
def sensitivity(
    only: Annotated[list[str] | None, typer.Option(help="Only this experiment; may be given again.")] = None,
    name: Annotated[str, typer.Option("--preset", help="Whose sizes and accepted values.")] = "ci",
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("reports/sensitivity"),
) -> None:
    """Plant faults in a copy of the last commit, one at a time, and see whether the gate closes; goes on if stopped."""
    from benchmarks import sensitivity

    sensitivity.run(name, only or [], out)


@app.command()
def preset(name: Annotated[str, typer.Argument(help="embedded, ci, real-eyes, columbia, gpu or paper.")] = "") -> None:
    """Make a preset the active params.yaml and show what changes; without a name, list the presets."""
    from benchmarks import presets

    if not name:
        print("\n".join(presets.names()))
        return
    path = Path("params.yaml")
    text = presets.compose(name)
    before = config.read_yaml(path) if path.exists() else {}
    lines = presets.changes(before, presets.parse(text))
    path.write_text(text)
    print("\n".join(lines) or f"params.yaml is preset {name} already")


@app.command()
def doctor() -> None:
    """What is on disk, what is missing and where to get it, and what a run of the active preset would cost here."""
    from benchmarks import doctor

    print(doctor.report(config.load()))


@app.command()
def matrix(
    engine: Annotated[Literal["dask"], typer.Option(help="Which cluster engine.")] = "dask",
    address: Annotated[str, typer.Option(help="The scheduler's, tcp://HOST:8786; without it, processes here.")] = "",
) -> None:
    """What `dvc repro` would run, as tasks of a cluster whose nodes share this folder (docs/scale.md)."""
    from benchmarks import matrix

    matrix.run(config.load(), address)


@app.command()
def bench(
    sizes: Annotated[
        list[str] | None, typer.Option(help="A preset's; may be given again. Default: embedded, paper.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of the CPU; by default as params.yaml has it.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Readings of each thing; fewer of what takes seconds.")] = 15,
    out: Annotated[Path | None, typer.Option(help="Where the page goes; reports/bench/cpu or gpu.")] = None,
) -> None:
    """How fast this machine trains, refines, renders and reads, against its own limits; minutes."""
    from benchmarks.bench import run

    print(run.run(config.load(), sizes or ["embedded", "paper"], out, threads, rounds))


@app.command()
def turing(
    rater: Annotated[str, typer.Option(help="Whose page to open: a-z, 0-9, - and _; others can give theirs.")] = "",
    synthetic_control: Annotated[
        bool, typer.Option("--synthetic-control", help="Synthetic against real, 10 + 10.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port on the loopback address; 0 for a free one.")] = 5001,
    seed: Annotated[int, typer.Option(help="Which images are shown, and in which order.")] = 0,
) -> None:
    """Show people real and refined images, and ask which is which (Table 1)."""
    from benchmarks.turing.server import serve

    standin = isinstance(config.load().data.gaze.real, config.Camera)
    serve("synthetic" if synthetic_control else "refined", rater=rater, port=port, seed=seed, standin=standin)


@app.command()
def sync() -> None:
    """Send to MLflow the runs and events that it lacks."""
    from benchmarks import tracking

    for results in Path("runs").glob("train-*/**/run.json"):
        tracking.ended(str(results.parent.relative_to("runs")))  # those that DVC brought here
    sent = tracking.sync(tracking.DIARY, Path(".checkpoints"))
    print(f"sync: {', '.join(f'{number} {what}' for what, number in vars(sent).items())}")


@app.command()
def times(since: Annotated[float | None, typer.Option(help="Seconds since 1970: when the run began.")] = None) -> None:
    """Where the minutes of `dvc repro` went, by stage."""
    from benchmarks.tracking import times

    print(times.table(since))


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on the loopback address.")] = 5000) -> None:
    """Open MLflow where the comparison is."""
    from benchmarks import tracking

    tracking.serve_ui(port)


def _stage(piece: Callable[..., Any], *arguments: Any) -> None:
    """A stage's work, timed."""
    from benchmarks.tracking.times import WORK, spent

    with spent(WORK):
        piece(config.load(), *arguments)


def _run_all(
    piece: Callable[..., Path | None],
    whats: Sequence[tuple[Any, ...]],
    seed: int | None,
    seeds_of: Callable[[config.Params, str], Sequence[int]] = lambda params, _: params.seeds,
) -> None:
    """One instance for each seed and each of `whats`: task or condition, and what `piece` takes after the seed."""
    from benchmarks.tracking.times import WORK, spent

    if TORCHRUN:
        from benchmarks.distributed import run_all
    else:
        from benchmarks.training.instances import run_all
    params = config.load()
    instances = []
    for what, *more in whats:
        known = seeds_of(params, str(what))
        if seed is not None and seed not in known:
            raise UserError(f"--seed {seed}: not one of {what}'s seeds in params.yaml, {list(known)}; add it there")
        instances += [(str(what), each, *more) for each in known if seed in (None, each)]
    with spent(WORK):
        run_all(partial(piece, params), instances, params.compute)


def main() -> None:
    """Run a command; what the user can mend is one line on standard error and exit status 2."""
    try:
        if sys.argv[1:2] and sys.argv[1] in SIDE_BY_SIDE and not {"--help", "--seed"} & {*sys.argv} and not TORCHRUN:
            stage = "benchmarks.stages." + sys.argv[1].replace("-", "_")
            workers.import_ahead(stage, *(["torch._dynamo"] if sys.argv[1] in TRAINING else []))
        app()
    except UserError as error:
        _stop(str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _stop(f"no free disk space ({error.filename or 'writing an output'}); free some and run the command again")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            _stop(f"{error.filename}: {error.strerror}; make it writable and run the command again")
        raise


def _stop(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
