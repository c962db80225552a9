"""params.yaml strictly: every fault by its path, with the mend."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import presets
from benchmarks.core import config
from benchmarks.core.errors import UserError
from tests.conftest import tiny_values, write_yaml


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("simgan.gaze.lamda", 0.1, "simgan.gaze.lamda: unknown key; did you mean lam?"),
        ("data.gaze.real.cont", 3, "data.gaze.real.cont: unknown key; did you mean count?"),
        ("simgn", {}, "simgn: unknown key; did you mean simgan?"),
        ("simgan.gaze.lam", "1e-3", "simgan.gaze.lam: must be of type number, got '1e-3'"),
        ("simgan.gaze.lam", -0.1, "simgan.gaze.lam: must be greater than or equal to 0, got -0.1"),
        ("simgan.gaze.lam", float("nan"), "simgan.gaze.lam: must be a finite number, got nan"),
        ("simgan.gaze.k_g", 2.5, "simgan.gaze.k_g: must be of type integer, got 2.5"),
        ("simgan.gaze.psi", "identify", "simgan.gaze.psi: must be 'identity', "),
        ("data.gaze.test.source", "camra", "data.gaze.test.source: must be one of 'simulator', 'camera', "),
        ("data.gaze.test.persons", [7, 120], "data.gaze.test.persons.1: must be less than or equal to 119, got 120"),
        ("seeds", [0, "one"], "seeds.1: must be of type integer, got 'one'"),
        ("estimators.gaze.validation_share", 1, "estimators.gaze.validation_share: must be less than 1, got 1"),
    ],
)
def test_a_fault_is_named_with_its_path(tmp_path: Path, path: str, value: Any, expected: str):
    values = tiny_values()
    *parents, last = path.split(".")
    node = values
    for key in parents:
        node = node[key]
    node[last] = value
    write_yaml(tmp_path / "params.yaml", values)
    with pytest.raises(UserError) as error:
        config.load(tmp_path / "params.yaml")
    message = str(error.value)
    assert expected in message
    assert "params.yaml" in message
    assert "\n" not in message


def test_test_images_are_in_no_training(tiny: Callable[..., config.Params]):
    """Persons may be in both sets, as in the paper's protocol."""
    real, test = "data.gaze.real", "data.gaze.test"
    with pytest.raises(UserError) as error:
        tiny({f"{real}.persons": [0, 7], f"{test}.persons": [7, 8], f"{test}.seed": 2})
    assert str(error.value) == (
        "params.yaml: data.gaze.real and data.gaze.test share images of the same persons; a test image is in no "
        "training: give seed another value in one of them"
    )
    tiny({f"{real}.persons": [0, 7], f"{test}.persons": [7, 8], f"{test}.seed": 3})
    tiny({f"{real}.persons": [0, 7], f"{test}.persons": [8, 9], f"{test}.seed": 2})
    files = {"source": "mpiigaze", "path": "eyes", "rejected_at_most": 0.1, "subset": "all", "fit": "crop"}
    with pytest.raises(UserError, match=r"give days another value in one of them \(odd in one, even in the other\)"):
        tiny({real: files | {"persons": [0, 1], "days": "odd"}, test: files | {"persons": None, "days": "all"}})
    tiny({real: files | {"persons": [0, 1], "days": "odd"}, test: files | {"persons": None, "days": "even"}})
    tiny({real: files | {"persons": [0, 1], "days": "all"}, test: files | {"persons": [2], "days": "all"}})


def test_a_missing_key_is_named(tmp_path: Path):
    values = tiny_values()
    del values["simgan"]["gaze"]["history"]
    write_yaml(tmp_path / "params.yaml", values)
    with pytest.raises(UserError, match=r"simgan\.gaze\.history: missing; add it"):
        config.load(tmp_path / "params.yaml")


def test_broken_yaml_and_an_absent_file(tmp_path: Path):
    (tmp_path / "params.yaml").write_text("simgan: [1, 2")
    with pytest.raises(UserError, match=r"params\.yaml: not valid YAML"):
        config.load(tmp_path / "params.yaml")
    with pytest.raises(UserError, match=r"absent\.yaml: no such file"):
        config.load(tmp_path / "absent.yaml")


def test_1e_3_is_a_number_as_it_is_for_dvc(tmp_path: Path):
    values = tiny_values()
    write_yaml(tmp_path / "params.yaml", values)
    text = (tmp_path / "params.yaml").read_text().replace("lam: 0.2", "lam: 1e-3")
    (tmp_path / "params.yaml").write_text(text)
    assert config.load(tmp_path / "params.yaml").simgan.gaze.lam == 0.001


def test_parameters_are_frozen(tiny):
    with pytest.raises(ValueError, match="frozen"):
        tiny().simgan.gaze.lam = 3.0


@pytest.mark.parametrize("name", presets.names())
def test_presets_compose_and_are_what_they_are_called(name: str):
    params = config.check(presets.parse(presets.compose(name)), Path(name))
    assert params.preset == name


def test_the_paper_preset_has_the_papers_sizes():
    params = config.check(presets.parse(presets.compose("paper")), Path("paper"))
    simgan, cnn = params.simgan.gaze, params.estimators.gaze
    assert (simgan.features, simgan.blocks, simgan.kernel, simgan.discriminator_width) == (64, 4, 3, 1.0)
    assert (simgan.refiner_pretraining, simgan.discriminator_pretraining, simgan.k_d) == (1000, 200, 1)
    assert (simgan.batch, cnn.batch, cnn.lr, cnn.optimizer) == (512, 512, 0.001, "sgd")
    assert (cnn.fc9600, cnn.width, cnn.hidden, cnn.share_1x) == ("layer", 1.0, 1000, 0.25)
    synthetic = params.data.gaze.synthetic
    assert isinstance(synthetic, config.UnityEyesFiles)
    assert synthetic.count == 1_200_000


def test_the_active_parameters_are_the_embedded_preset():
    root = Path(__file__).parents[1]
    assert (root / "params.yaml").read_text() == presets.compose("embedded")


def test_changed_values_say_what_the_paper_has():
    text = presets.compose("embedded")
    changed = next(line for line in text.splitlines() if line.strip().startswith("iterations:"))
    assert "paper: 10000" in changed


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(UserError, match="there are ci, columbia, embedded, gpu, paper"):
        presets.compose("papr")


def test_a_preset_that_extends_another_has_its_values_and_changes_some():
    embedded, real = (presets.parse(presets.compose(name)) for name in ("embedded", "real-eyes"))
    assert real["simgan"] == embedded["simgan"]
    assert real["data"]["hand"] == embedded["data"]["hand"]
    assert real["data"]["gaze"]["test"]["source"] == "folder"
    assert {real["data"]["gaze"][domain]["half"] for domain in ("real", "test")} == {"first", "second"}


def test_a_folder_may_be_in_both_sets_by_halves_or_by_subjects():
    values = presets.parse(presets.compose("real-eyes"))
    real, test = (values["data"]["gaze"][domain] for domain in ("real", "test"))
    test["half"] = "first"
    with pytest.raises(UserError, match=r"half another value in one of them \(first in one, second in the other\)"):
        config.check(values, Path("params.yaml"))
    test["path"] = f"data/../{real['path']}"
    with pytest.raises(UserError, match="share images"):
        config.check(values, Path("params.yaml"))
    real["subjects"], test["subjects"] = ["p01"], ["p00"]
    assert config.check(values, Path("params.yaml"))
    test["subjects"] = ["p00", "p01"]
    values["data"]["gaze"]["real"] = {"source": "several", "parts": [real]}
    with pytest.raises(UserError, match="share images of the same persons"):
        config.check(values, Path("params.yaml"))
