"""Timing, interleaved, and the page: reports/bench/cpu, reports/bench/gpu."""

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import presets
from benchmarks.bench import workloads
from benchmarks.bench.sides import Kind, Sides, Timed, sides
from benchmarks.bench.workloads import Work
from benchmarks.core import config
from benchmarks.core.files import whole
from benchmarks.core.progress import Progress
from benchmarks.training.tensors import choose_device

FEWEST, LONG_S = 3, 20.0  # rounds; seconds of one kind after which these must do
HANDS = 16  # crops a step at most: of 512 one activation of R takes 6 GB
Group = Callable[[], Iterator[Work]]


def run(params: config.Params, sizes: list[str], out: Path | None, threads: int | None, rounds: int) -> str:
    """Times everything in turn, round after round, writes `out` after each group, gives the page."""
    compute = params.compute.model_copy(update={"threads": threads} if threads else {})
    device = choose_device(compute)
    out = out or Path("reports/bench") / ("gpu" if device.type == "cuda" else device.type)
    machine = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "fast": " and `compiled: true`, convolutions of the others in TF32" if device.type == "cuda" else "",
    }
    rows: list[dict[str, Any]] = []
    page = ""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, sides() as both:
        for name, group in _groups(params, sizes, compute, Path(folder)).items():
            works = both.build(group)
            _time(works, both, name, rounds)
            for number, work in enumerate(works):
                work.products = both.products(number)
            named = {work.name: work for work in reversed(works)}  # on a GPU two limits are one
            rows += [{"of": name} | _row(work, *works[:3]) for work in reversed(named.values())]
            content = {"machine": machine, "rounds": min(row["rounds"] for row in rows), "rows": rows}
            page = _page(content)
            with whole(out) as beside:
                beside.mkdir(parents=True)
                (beside / "bench.json").write_text(json.dumps(content, indent=1) + "\n")
                (beside / "README.md").write_text(page)
    return page


def _groups(params: config.Params, sizes: list[str], compute: config.Compute, folder: Path) -> dict[str, Group]:
    """What is timed together: a preset's networks, at its batches or those that this device can take."""
    found: dict[str, Group] = {}
    for name in sizes:
        of = config.check(presets.parse(presets.compose(name)), Path(name))
        slow = name == "paper" and choose_device(compute).type == "cpu"
        for batch in (32, 128) if slow else (None,):
            found[f"{name}, gaze" + (f", batch {batch}" if batch else "")] = partial(_gaze, of, compute, batch)
        found[f"{name}, hand"] = partial(_hand, of, compute, slow)
        found[f"{name}, hourglass"] = partial(_hourglass, of, compute)
    return found | {"data": partial(_data, params, compute, folder)}


def _gaze(params: config.Params, compute: config.Compute, batch: int | None) -> Iterator[Work]:
    device = choose_device(compute)
    yield from workloads.limits(device)
    yield from workloads.simgan("gaze", params.simgan.gaze, workloads.EYE, device, batch)
    yield workloads.gaze_cnn(params.estimators.gaze, device, batch)


def _hand(params: config.Params, compute: config.Compute, slow: bool) -> Iterator[Work]:
    """`slow`: two crops a step, of 64 pixels: a step of the paper's takes a CPU core a minute."""
    device = choose_device(compute)
    size, batch = params.data.hand.size, 2 if slow else min(params.simgan.hand.batch, HANDS)
    side = min(size, 64) if slow else size
    yield from workloads.limits(device)
    yield from workloads.simgan("hand", params.simgan.hand, (side, side), device, batch)


def _hourglass(params: config.Params, compute: config.Compute) -> Iterator[Work]:
    """In smaller batches torch has one thread do 1x1 convolutions in a slower way."""
    device = choose_device(compute)
    settings = params.estimators.hand
    yield from workloads.limits(device)
    yield workloads.hourglass(settings, params.data.hand.size, device, min(settings.batch, HANDS))


def _data(params: config.Params, compute: config.Compute, folder: Path) -> Iterator[Work]:
    yield from workloads.limits(choose_device(compute))
    yield from workloads.rendering(params.data.hand.size)
    yield workloads.reading(folder / str(os.getpid()))


def _time(works: list[Timed], both: Sides, name: str, rounds: int) -> None:
    """Round after round through all, so that whatever slows the machine slows all of them alike."""
    progress = Progress(f"bench {name}", rounds, "round")
    for count in range(rounds + 1):
        for number, work in enumerate(works):
            for kind, seconds in work.seconds.items():
                if len(seconds) >= FEWEST and sum(seconds) > LONG_S:
                    continue
                spent = both.seconds(kind, number)
                if count and spent is not None:  # the first round warms up
                    seconds.append(spent)
        progress(count)
    progress.close()


def _row(work: Timed, arithmetic: Timed, narrow: Timed, memory: Timed) -> dict[str, Any]:
    """`arithmetic`, `narrow` and `memory` are the limits: of `ours`, of `fast` and of reading."""
    ours, peak = _median(work, "ours"), arithmetic.flops / _median(arithmetic, "ours")
    bandwidth = memory.bytes / _median(memory, "ours")
    row = {
        "what": work.name,
        "rounds": len(work.seconds["ours"]),
        "images_per_s": work.images / ours if work.images else None,
        "gflop_per_s": work.flops / ours / 1e9 if work.flops else None,
        "gbyte_per_s": work.bytes / ours / 1e9 if work.bytes else None,
        "share_of_limit": work.flops / ours / peak
        if work.flops
        else work.bytes / ours / bandwidth
        if work.bytes
        else None,
        "products": work.products,
        "times_plain": _times_plain(work, "ours"),
    }
    if not work.seconds["fast"]:
        return row
    fast = _median(work, "fast")
    return row | {
        "fast_images_per_s": work.images / fast,
        "fast_share_of_limit": work.flops / fast / (narrow.flops / _median(narrow, "ours")),
        "fast_times_plain": _times_plain(work, "fast"),
    }


def _times_plain(work: Timed, kind: Kind) -> float | None:
    """Median of the rounds' ratios."""
    pairs = [(plain, own) for plain, own in zip(work.seconds["plain"], work.seconds[kind], strict=False)]
    return float(np.median([plain / own for plain, own in pairs])) if pairs else None


def _median(work: Timed, kind: Kind) -> float:
    return float(np.median(work.seconds[kind]))


def _page(content: dict[str, Any]) -> str:
    machine = content["machine"]
    lines = [
        "# How fast",
        "",
        f"{machine['device']}, {machine['threads']} thread{'s' * (machine['threads'] > 1)}, torch {machine['torch']}; "
        f"medians of {content['rounds']} rounds or more, all in turn.",
        "*Of the limit*: of this machine's matrix product (its copy, for reading), measured in the same rounds.",
        "*In products*: the share of the time that convolutions and matrix products take, by torch's profiler; the",
        "rest is padding, activations, losses, the optimiser and Python. D's step refines all of its images; in a",
        "training half of them come from the history.",
        "*Times plain*: against the same step as one would first write it in eager torch (benchmarks/bench/plain.py),",
        "on the same images, in float32, median of the rounds' ratios. Each side has a process of its own: the plain",
        "one's memory allocator is as the system sets it, the suite's keeps freed memory (benchmarks/__main__.py).",
        f"*Fast*: with params.yaml's `compute.precision: bfloat16`{machine['fast']}; its limit is a product in",
        "bfloat16.",
        "",
        "| | Images/s | GFLOP/s | GB/s | Of the limit | In products | Times plain | Fast: images/s | Of its limit "
        "| Times plain |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in content["rows"]:
        cells = (
            _rate(row["images_per_s"]),
            _shown(row["gflop_per_s"], "{:,.0f}"),
            _shown(row["gbyte_per_s"], "{:.1f}"),
            _shown(row["share_of_limit"], "{:.0%}"),
            _shown(row["products"], "{:.0%}"),
            _shown(row["times_plain"], "{:.2f}"),
            _rate(row.get("fast_images_per_s")),
            _shown(row.get("fast_share_of_limit"), "{:.0%}"),
            _shown(row.get("fast_times_plain"), "{:.2f}"),
        )
        lines.append(f"| {row['what']} | {' | '.join(cells)} |")
    lines += ["", "`python -m benchmarks bench` writes this page and bench.json.", ""]
    return "\n".join(lines)


def _rate(images: float | None) -> str:
    return _shown(images, "{:,.0f}" if (images or 0) >= 100 else "{:.1f}")


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _processor() -> str:
    try:
        names = [
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
