"""`bench`: the suite's steps are the plain ones, only faster; rates and shares by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks import presets
from benchmarks.bench import run
from benchmarks.bench.sides import Timed
from benchmarks.bench.workloads import Work
from benchmarks.core import config


def steps() -> list[Work]:
    """Of both tasks, at the `ci` preset's sizes."""
    params = config.check(presets.parse(presets.compose("ci")), Path("ci"))
    compute = params.compute.model_copy(update={"device": "cpu"})
    groups = run._gaze(params, compute, None), run._hand(params, compute, slow=False), run._hourglass(params, compute)
    works = [work for group in groups for work in group]
    return [work for work in works if work.plain]


@pytest.mark.parametrize("work", steps(), ids=lambda work: work.name.partition(":")[0])
def test_the_suites_steps_are_the_plain_ones(work: Work):
    for _ in range(3):
        same(work.ours, work.plain, 1e-3)  # Adam enlarges differences of the last bits


@pytest.mark.parametrize("work", steps(), ids=lambda work: work.name.partition(":")[0])
def test_bfloat16_gives_them_to_its_precision(work: Work):
    for _ in range(3):
        same(work.fast, work.plain, 2e-2)


def same(one: Callable[[], object] | None, other: Callable[[], object] | None, rtol: float) -> None:
    """What they give, a loss or images, in float32."""
    assert one is not None and other is not None
    a, b = (torch.as_tensor(each()) for each in (one, other))
    assert a.dtype == torch.float32
    torch.testing.assert_close(a, b, rtol=rtol, atol=rtol / 100 if a.ndim == 0 else rtol)


def test_operations_are_counted():
    assert all(work.operations() > 0 for work in steps())


def test_rates_and_shares_by_hand():
    def timed(ours: list[float], plain: list[float], images: int = 0, flops: float = 0, bytes: float = 0) -> Timed:
        work = Timed("x", images, flops, bytes)
        work.seconds = {"ours": ours, "plain": plain, "fast": []}
        return work

    limits = timed([2.0, 1.0, 1.0], [], flops=100e9), timed([0.5], [], flops=100e9), timed([0.5], [], bytes=10e9)
    step = timed([2.0, 2.0, 4.0], [3.0, 4.0, 4.0], images=8, flops=50e9)
    row = run._row(step, *limits)
    assert (row["images_per_s"], row["gflop_per_s"], row["share_of_limit"], row["times_plain"]) == (4, 25, 0.25, 1.5)
    step.seconds["fast"] = [1.0, 2.0, 1.0]
    row = run._row(step, *limits)
    assert (row["fast_images_per_s"], row["fast_share_of_limit"], row["fast_times_plain"]) == (8, 0.25, 3)
    assert run._row(timed([1.0], [], bytes=5e9), *limits)["share_of_limit"] == 0.25


def test_the_page_and_its_json_say_the_same(tmp_path: Path):
    page = run.run(config.load(), ["ci"], tmp_path / "bench", threads=1, rounds=1)
    rows = json.loads((tmp_path / "bench/bench.json").read_text())["rows"]
    assert (tmp_path / "bench/README.md").read_text() == page
    assert all(f"| {row['what']} |" in page for row in rows)
    assert {row["of"] for row in rows} == {"ci, gaze", "ci, hand", "ci, hourglass", "data"}
