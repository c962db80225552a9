"""Wrong input: one clear line on standard error, exit status 2, nothing lost."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import __main__ as cli
from benchmarks import presets
from benchmarks.evaluation import regression
from benchmarks.stages import regress, train_simgan
from tests.conftest import eye_store, tiny_values, write_yaml

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command as the shell would -> exit status, standard error."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        code = stopped.value.code
        return (code if isinstance(code, int) else 0), capsys.readouterr().err

    return run


def one_line(status: int, message: str) -> str:
    assert status == 2
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert "Traceback" not in message
    return message


TRAIN = ("train-simgan", "--task", "gaze", "--seed", "0")


def test_a_wrong_key(workspace: Path, command: Command):
    values = tiny_values()
    values["simgan"]["gaze"]["lamda"] = 0.1
    write_yaml(workspace / "params.yaml", values)
    assert "params.yaml: simgan.gaze.lamda: unknown key; did you mean lam?" in one_line(*command(*TRAIN))


def test_a_damaged_store(workspace: Path, command: Command):
    images = workspace / "stores/gaze/synthetic/images.npy"
    images.write_bytes(images.read_bytes()[:-100])
    assert "synthetic/images.npy: damaged or truncated" in one_line(*command(*TRAIN))
    assert not (workspace / "models").exists()


def test_a_store_of_another_task(workspace: Path, command: Command):
    description = workspace / "stores/gaze/real/store.json"
    description.write_text(description.read_text().replace('"task": "gaze"', '"task": "hand"'))
    assert "a store of task 'hand', expected 'gaze'" in one_line(*command(*TRAIN))


def test_nan_labels(workspace: Path, command: Command):
    import numpy as np

    from benchmarks.datasets.store import write_store
    from tests.conftest import eye_labels

    labels = eye_labels(64, 1)
    labels.loc[5, "gaze_x"] = np.nan
    chunk = (np.zeros((64, 35, 55), np.uint8), labels)
    write_store(Path("stores/gaze/synthetic"), [chunk], task="gaze", domain="synthetic", count=64, shape=(35, 55))
    message = one_line(*command("train-gaze", "--condition", "synthetic", "--seed", "0"))
    assert "1 gaze labels are NaN or no unit vector (first: row 5)" in message


def test_too_few_images_for_a_validation_split(workspace: Path, command: Command):
    eye_store(Path("stores/gaze/synthetic"), 4, 1)
    message = one_line(*command("train-gaze", "--condition", "synthetic", "--seed", "0"))
    assert "4 images leave none for training or validation" in message


def test_no_free_disk(workspace: Path, command: Command, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "models/simgan/gaze/0.safetensors")

    monkeypatch.setattr(train_simgan, "save_weights", full)
    assert "no free disk space (models/simgan/gaze/0.safetensors)" in one_line(*command(*TRAIN))
    assert list(workspace.glob(".checkpoints/*/*/state.pt")), "the training's end is kept"


def test_an_unwritable_reports_folder(workspace: Path, command: Command, monkeypatch: pytest.MonkeyPatch):
    """A file where the folder should be: permissions do not bind every user that runs the tests."""
    Path("elsewhere").write_text("{}")
    Path("reports").write_text("")
    monkeypatch.setattr(regress, "RESULTS", Path("elsewhere"))
    monkeypatch.setattr(regress, "ACCEPTED", Path())
    Path("embedded.json").write_text("{}")
    for module in (regress.regression, regress.guards):
        monkeypatch.setattr(module, "compare", lambda *_: pd.DataFrame(columns=list(regression.COLUMNS)))
    message = one_line(*command("regress"))
    assert "reports: File exists; make it writable" in message or "reports: Not a directory" in message


def test_no_accepted_values(workspace: Path, command: Command):
    values = tiny_values() | {"preset": "mine"}
    write_yaml(workspace / "params.yaml", values)
    Path("reports").mkdir()
    Path("reports/results.json").write_text("{}")
    assert "no accepted values for preset mine" in one_line(*command("regress"))


def test_an_unknown_preset(workspace: Path, command: Command):
    assert "there are ci, columbia, embedded, gpu, paper" in one_line(*command("preset", "papr"))


def test_preset_shows_what_changes_and_writes_it(workspace: Path, command: Command, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmarks", "preset", "ci"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    assert "simgan.gaze.iterations: 7 -> " in capsys.readouterr().out
    assert Path("params.yaml").read_text() == presets.compose("ci")


@pytest.mark.parametrize("wrong", [("train-simgan", "--task", "face", "--seed", "0"), ("train-simgn",)])
def test_wrong_arguments_are_status_2_too(command: Command, wrong: tuple[str, ...]):
    status, message = command(*wrong)
    assert status == 2
    assert "Traceback" not in message


def test_help_loads_nothing_heavy():
    """So it prints within a third of a second."""
    script = "import sys; import benchmarks.__main__; print({'torch', 'mlflow', 'dvc', 'pandas'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "set()"
