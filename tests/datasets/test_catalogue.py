"""What is missing on disk is said at once, all of it, with where to get it."""

from pathlib import Path

import pytest

from benchmarks import presets
from benchmarks.core import config
from benchmarks.core.errors import UserError
from benchmarks.datasets import catalogue


def params(name: str) -> config.Params:
    return config.check(presets.parse(presets.compose(name)), Path("params.yaml"))


def test_embedded_data_need_no_data_set():
    assert list(catalogue.on_disk(params("embedded"))) == []
    catalogue.require(params("embedded"))


def test_all_that_is_missing_is_named_with_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        catalogue.require(params("paper"))
    for name in ("unityeyes", "mpiigaze", "nyu"):
        assert f"data/{name}" in str(error.value)
        assert catalogue.CATALOGUE[name].where in str(error.value)
    for key in ("data.gaze.synthetic", "data.gaze.real", "data.gaze.test", "data.hand.real"):
        assert key in str(error.value)


@pytest.mark.parametrize("layout", ["imgs/1.json", "1.json"])
def test_unityeyes_may_lie_in_imgs_or_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str):
    monkeypatch.chdir(tmp_path)
    file = Path("data/unityeyes") / layout
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    with pytest.raises(UserError) as error:
        catalogue.require(params("paper"))
    assert "unityeyes" not in str(error.value)
    assert "MPIIGaze" in str(error.value)
