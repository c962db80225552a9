"""Input of the report, invented: gaze alone, or both tasks."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd

from benchmarks import verdicts
from benchmarks.evaluation import summary, tasks
from benchmarks.report.data import DataDescription, Domain, ReportData, RunDescription, TaskData
from benchmarks.report.parts.measures import ROWS
from tests import hand_results

MEANS = {"synthetic": 11.0, "synthetic_4x": 10.6, "refined": 8.6, "refined_4x": 8.0, "real": 5.5}
MEANS |= {"photographed_4x": 7.0, "equalised_4x": 9.5}
SEEDS, PERSONS, IMAGES = (0, 1, 2), 8, 100


def invented_rows(rng: np.random.Generator) -> pd.DataFrame:
    """Errors with a person's, a seed's and an image's own difficulty."""
    person = np.repeat(np.arange(PERSONS), IMAGES)
    hard = rng.normal(0, 0.2, PERSONS)[person] + rng.normal(0, 0.4, len(person))
    frames = []
    for condition, mean in MEANS.items():
        for seed in SEEDS:
            spread = rng.normal(0, 0.01) + rng.normal(0, 0.3, len(person)) + rng.normal(0, 0.04, PERSONS)[person]
            frames.append(
                pd.DataFrame(
                    {
                        "person": [f"p{p:02d}" for p in person],
                        "seen": True,
                        "condition": condition,
                        "seed": seed,
                        "image": np.arange(len(person)),
                        "error_deg": mean * np.exp(hard + spread - 0.15),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def invented_losses(rng: np.random.Generator, means: dict[str, float], stage: str) -> pd.DataFrame:
    records = []
    for seed in SEEDS:
        for step in range(0, 1000, 10):
            wave = np.exp(-step / 300)
            for metric, level in (
                ("train/realism", 60 + 40 * wave),
                ("train/self_regularization", 90 * (1 - wave) + 20),
                ("train/discriminator", 55 + 20 * wave),
                ("train/discriminator_accuracy", 0.6 + 0.3 * wave),
                ("measure/patches", 3 - 2 * wave),
                ("measure/spectrum", 4 - 3 * wave),
                ("measure/edges", 1 - 0.2 * wave),
            ):
                records.append(("train-simgan", "", seed, step, metric, level * rng.normal(1, 0.05)))
        for condition, mean in means.items():
            for epoch in range(20 + 3 * seed):
                for metric, level in (("train/loss", 0.01), ("val/loss", 0.014)):
                    value = mean * level * (0.3 + np.exp(-epoch / 5)) * rng.normal(1, 0.04)
                    records.append((stage, condition, seed, 50 * epoch, metric, value))
    columns = ["stage", "condition", "seed", "step", "metric", "value"]
    return pd.DataFrame(records, columns=columns).assign(fold="")


def invented_measures(rng: np.random.Generator) -> list[dict]:
    """One a seed, as stage measure writes them."""

    def all_of(group: str) -> dict[str, float]:
        return {
            key: float(value) for (g, key, *_), value in zip(ROWS, rng.random(len(ROWS)), strict=True) if g == group
        }

    def answers() -> dict[str, dict[str, int]]:
        chosen = {truth: int(rng.integers(251)) for truth in ("real", "synthetic")}
        return {truth: {"selected_real": n, "selected_synthetic": 250 - n} for truth, n in chosen.items()}

    clustered = {"clustered_low": 0.25, "clustered_high": 0.75}
    kept = {"shift_mean": 0.25, "shift_sd": 0.125, "fit_error_mean": 0.1, "failed_refined": 0.05}
    sides = {"realism": ("synthetic", "refined", "real"), "artefacts": ("synthetic", "refined")}
    return [
        {group: {side: all_of(group) for side in of} for group, of in sides.items()}
        | {
            "two_sample": {
                side: all_of("two_sample") | clustered | {"confusion": answers()} for side in sides["realism"]
            }
        }
        | {"preservation": kept}
        for _ in SEEDS
    ]


def invented_domains(rng: np.random.Generator, gaze: bool) -> list[Domain]:
    """As stage report gathers them."""
    return [
        Domain(
            name=name,
            images=40,
            persons={"p00": 30, "p01": 10},
            rejected=2,
            rejected_first=[("3.jpg", "truncated <image>"), ("4.jpg", "empty file")],
            gaze=rng.normal(0, 15, (40, 2)) if gaze else None,
            contact_sheet=None,
        )
        for name in ("synthetic", "real, unlabelled", "test")
    ]


def invented(standin: bool = True) -> ReportData:
    rng = np.random.default_rng(7)
    rows = invented_rows(rng)
    metrics = summary.summarise(rows, tasks.GAZE, rng, data={"stand_in": standin}, resamples=400)
    eyes = {name: rng.integers(0, 256, (16, 35, 55), np.uint8) for name in ("synthetic", "refined", "real")}
    gaze = TaskData(
        rows=rows,
        losses=invented_losses(rng, MEANS, "train-gaze"),
        measures=invented_measures(rng),
        domains=invented_domains(rng, gaze=True),
        description=DataDescription(
            label="embedded stand-in",
            standin=standin,
            synthetic="rendered eyes",
            real="a rendered camera stand-in",
            sources={"test": {"seed": 3}},
            images={"synthetic": 4000, "train": 2000, "test": 2000},
            digests={"test": "ab" * 32},
        ),
        samples=eyes,
    )
    return ReportData(
        metrics=metrics,
        tasks={"gaze": gaze},
        claims=verdicts.claims(metrics),
        contradictions=verdicts.contradictions(),
        run=RunDescription(
            preset="embedded",
            seeds=SEEDS,
            devices=["cpu"],
            parameters={"simgan": {"gaze": {"lam": 0.1, "steps": 1000}}},
            selection="lambda by the label-free criterion <1>.",
        ),
    )


def invented_depth(rng: np.random.Generator, ragged: float) -> np.ndarray:
    """Slanted ellipses of 700 to 800 mm, uint16 (14, 48, 48), with edges that waver by `ragged` pixels."""
    row, column = np.mgrid[:48, :48] - 23.5
    edge = 1 + ragged / 15 * rng.normal(size=(14, 48, 48))
    inside = (row / 20) ** 2 + (column / 13) ** 2 < edge
    return np.where(inside, 750 + row + 2 * rng.random((14, 48, 48)), 0).astype(np.uint16)


def invented_both() -> ReportData:
    rng = np.random.default_rng(3)
    given = invented()
    rows = hand_results.hand_results()
    summarised = summary.summarise(rows, tasks.HAND, rng, hand_results.DATA, resamples=400)
    metrics = summary.merge(given.metrics, summarised)
    depths = {"synthetic": 0.0, "refined": 1.5, "real": 2.0}
    hand = TaskData(
        rows=rows,
        losses=invented_losses(rng, hand_results.LEVELS, "train-hand"),
        samples={name: invented_depth(rng, by) for name, by in depths.items()},
        measures=[{k: v for k, v in seed.items() if k != "preservation"} for seed in invented_measures(rng)],
        domains=invented_domains(rng, gaze=False),
        description=DataDescription(
            label="embedded stand-in",
            standin=True,
            synthetic="rendered hands",
            real="hands seen by a simulated Kinect",
            sources={},
            images={"test": 120},
            digests={},
            masked=True,
        ),
    )
    gaze = replace(given.tasks["gaze"], losses=given.tasks["gaze"].losses.head(0))
    return replace(given, metrics=metrics, tasks={"gaze": gaze, "hand": hand}, claims=verdicts.claims(metrics))


class Page(HTMLParser):
    """What a reader's browser finds: attributes by tag, in order; fails on a tag that is not closed in its place."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.found if attribute in attrs]
