"""The door: a method that keeps the contract passes whole; each way to break it is told in one line that names it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.core import config
from benchmarks.core.errors import UserError
from benchmarks.datasets.store import open_store
from benchmarks.refiners import check, judging, learning, plugins
from benchmarks.stages import train_simgan
from tests.conftest import tiny_values, write_yaml

METHODS = Path(__file__).parent / "methods.py"


def where(name: str) -> str:
    return f"tests.refiners.methods:{name}"


def with_rivals(**rivals: str) -> config.Params:
    """params.yaml with those alone, by class name."""
    values = tiny_values()
    values["refiners"] = {"gaze": {key: {"class": where(c), "code": str(METHODS)} for key, c in rivals.items()}}
    values["refiners"]["hand"] = {}
    write_yaml(Path("params.yaml"), values)
    return config.load()


@pytest.mark.parametrize("name", ["Brighter", "Constant"])
def test_a_method_that_keeps_the_contract_passes(workspace: Path, capsys, name: str):
    check.run(where(name), "", "{}")
    assert "keeps the contract" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Smaller", "a refiner keeps the shape"),
        ("NotFinite", "gave NaN or infinity"),
        ("TooBright", "images lie in [-1, 1]"),
        ("Chancy", "the same images refined twice differ"),
        ("Forgetful", "state_dict must hold all that changes"),
        ("Unseeded", "the same seed gave other weights"),
        ("ReadsLabels", "reads labels"),
        ("OpensLabels", "reads labels"),
        ("Crashes", "ZeroDivisionError: division by zero (methods.py, line"),
        ("Unsaved", "keep them in the state_dict"),
        ("NoMethod", "no Refiner and no Estimator"),
        ("Absent", "has no Absent"),
    ],
)
def test_each_breach_is_told_in_one_line_that_names_it(workspace: Path, name: str, told: str):
    with pytest.raises(UserError) as error:
        check.run(where(name), "", "{}")
    assert where(name) in str(error.value)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_labels_can_be_read_again_afterwards(workspace: Path):
    with pytest.raises(UserError, match="reads labels"):
        check.run(where("ReadsLabels"), "", "{}")
    assert len(open_store(Path("stores/gaze/synthetic"), "gaze").gaze()) == 64


def test_parameters_of_its_own_are_checked_by_its_own_model(workspace: Path):
    with pytest.raises(UserError, match=r"by: Input should be a valid number"):
        check.run(where("Brighter"), "", '{"by": "much"}')
    with pytest.raises(UserError, match=r"bi: Extra inputs are not permitted"):
        check.run(where("Brighter"), "", '{"bi": 0.2}')


@pytest.mark.parametrize("name", ["simgan", "Mine", "my-own"])
def test_names_that_the_results_have_are_taken(workspace: Path, name: str):
    with pytest.raises(UserError, match="lower-case letters"):
        with_rivals(**{name: "Brighter"})


def test_a_file_outside_needs_no_installation(workspace: Path):
    Path("elsewhere").mkdir()
    Path("elsewhere/my_refiner_apart.py").write_text(METHODS.read_text())
    check.run("my_refiner_apart:Brighter", "elsewhere/my_refiner_apart.py", "{}")


def test_a_rival_runs_to_its_errors_and_measures(workspace: Path):
    params = with_rivals(mine="Brighter", adapted="Constant")
    for name in ("mine", "adapted"):
        learning.train_all(params, "gaze", name)
        judging.judge_all(params, "gaze", name)
        rows = pd.read_parquet(f"rivals/results/gaze/{name}/errors.parquet")
        assert set(rows["condition"]) == {name}
        assert sorted(rows["seed"].unique()) == [0, 1]
        assert len(rows) == 2 * 24
    measured = json.loads(Path("rivals/results/gaze/mine/measures/0.json").read_text())
    assert 0 <= measured["two_sample"]["refined"]["accuracy"] <= 1
    refiner = plugins.restored(Path("rivals/models/gaze/mine/refiner/0.safetensors"), "", "mine", torch.device("cpu"))
    (shift,) = refiner.parameters()
    synthetic = open_store(Path("stores/gaze/synthetic"), "gaze").images[:4].astype(float)
    refined = open_store(Path("rivals/stores/gaze/mine/0"), "gaze").images[:4]
    expected = (synthetic + 127.5 * shift.item()).clip(0, 255)
    assert np.abs(refined - expected).max() <= 0.5001


def test_a_breach_in_the_middle_loses_no_other_result(workspace: Path):
    params = with_rivals(mine="Brighter", broken="Crashes", reads="ReadsLabels", small="Smaller")
    learning.train_all(params, "gaze", "mine")
    judging.judge_all(params, "gaze", "mine")
    before = Path("rivals/results/gaze/mine/errors.parquet").read_bytes()
    for name, told in (("broken", "refiners.gaze.broken: ZeroDivisionError"), ("reads", "refiners.gaze.reads: reads")):
        with pytest.raises(UserError, match=told):
            learning.train_all(params, "gaze", name)
    learning.train_all(params, "gaze", "small")
    with pytest.raises(UserError, match=r"refiners\.gaze\.small: gave .* keeps the shape"):
        judging.judge_all(params, "gaze", "small")
    assert Path("rivals/results/gaze/mine/errors.parquet").read_bytes() == before


def test_simgan_through_the_door_is_simgan(workspace: Path):
    """The same weights as the stage train-simgan gives, to the last bit."""
    values = tiny_values()
    code = "benchmarks/refiners/rivals/variants.py"
    root = Path(__file__).parents[2]
    same = {"class": "benchmarks.refiners.rivals.variants:SimGAN", "code": str(root / code)}
    values["refiners"] = {"gaze": {"same": same}, "hand": {}}
    write_yaml(Path("params.yaml"), values)
    params = config.load()
    learning.learn(params, "gaze", "same", 0)
    train_simgan.run(params, "gaze", 0)
    key = "refiners.gaze.same"
    found = plugins.restored(Path("rivals/models/gaze/same/refiner/0.safetensors"), "", key, torch.device("cpu"))
    from safetensors.torch import load_file

    expected = load_file("models/simgan/gaze/0.safetensors")
    ours = {name.removeprefix("refiner."): tensor for name, tensor in found.state_dict().items()}
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)
