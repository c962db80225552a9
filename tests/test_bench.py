"""`bench`: the suite's steps are the plain ones, only faster; rates and shares by hand."""

import json
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
    works = [*run._gaze(params, compute, None), *run._hand(params, compute, slow=False)]
    return [work for work in works if work.plain]


@pytest.mark.parametrize("work", steps(), ids=lambda work: work.name.partition(":")[0])
def test_the_suites_steps_are_the_plain_ones(work: Work):
    assert work.plain is not None and work.flops > 0
    for _ in range(3):
        torch.testing.assert_close(
            work.ours(), work.plain(), rtol=1e-3, atol=1e-5
        )  # Adam enlarges differences of the last bits


def test_rates_and_shares_by_hand():
    def timed(ours: list[float], plain: list[float], images: int = 0, flops: float = 0, bytes: float = 0) -> Timed:
        work = Timed("x", images, flops, bytes)
        work.seconds = {"ours": ours, "plain": plain}
        return work

    product, copy = timed([2.0, 1.0, 1.0], [], flops=100e9), timed([0.5], [], bytes=10e9)
    row = run._row(timed([2.0, 2.0, 4.0], [3.0, 4.0, 4.0], images=8, flops=50e9), product, copy)
    assert (row["images_per_s"], row["gflop_per_s"], row["share_of_limit"], row["times_plain"]) == (4, 25, 0.25, 1.5)
    assert run._row(timed([1.0], [], bytes=5e9), product, copy)["share_of_limit"] == 0.25


def test_the_page_and_its_json_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, "ROUNDS", 1)
    page = run.run(config.load(), ["ci"], tmp_path / "bench", threads=1)
    rows = json.loads((tmp_path / "bench/bench.json").read_text())["rows"]
    assert (tmp_path / "bench/README.md").read_text() == page
    assert all(f"| {row['what']} |" in page for row in rows)
    assert {row["of"] for row in rows} == {"ci, gaze", "ci, hand", "data"}
