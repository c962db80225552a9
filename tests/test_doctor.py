"""The doctor names what is missing, counts what there is, and its costs grow as the work does."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks import doctor, presets
from benchmarks.core import config
from benchmarks.core.config import Params


def preset(name: str) -> Params:
    return config.check(presets.parse(presets.compose(name)), Path("params.yaml"))


def test_missing_data_sets_are_named_with_their_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    text = "\n".join(doctor._disk(preset("paper")))
    assert "MPIIGaze (Zhang et al. 2015), real eyes of section 3.1: MISSING in data/mpiigaze" in text
    assert "https://www.mpi-inf.mpg.de/mpiigaze; licence: CC BY-NC-SA 4.0" in text


def test_images_are_counted_as_asked_or_as_the_data_set_is_known():
    paper, embedded = preset("paper"), preset("embedded")
    assert doctor.images(paper, "gaze", "synthetic") == 1_200_000
    assert doctor.images(paper, "hand", "real") == 3 * 72_757
    assert doctor.images(paper, "hand", "test") == 8_252
    assert doctor.images(embedded, "hand", "synthetic") == 3 * 1200


def test_twice_the_iterations_take_longer(tiny: Callable[..., Params]):
    def seconds(iterations: int) -> float:
        params = tiny({"simgan.gaze.iterations": iterations})
        return doctor.simgan_seconds(params, "gaze", (35, 55), torch.device("cpu"))

    assert seconds(4000) > 10 * seconds(40)


def test_the_whole_report_on_small_sizes(tiny: Callable[..., Params]):
    text = doctor.report(tiny())
    assert "no data set is needed" in text
    assert "In all at most about" in text
    assert "Disk: about" in text


@pytest.mark.parametrize(
    ("seconds", "expected"), [(90, "90 s"), (600, "10 min"), (36_000, "10 h"), (1_000_000, "12 days")]
)
def test_durations_read_well(seconds: float, expected: str):
    assert doctor.duration(seconds) == expected
