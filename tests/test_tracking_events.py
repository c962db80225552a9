"""Run folders of section 3's experiments, without MLflow: what is on disk whatever happens."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import tracking
from benchmarks.core.errors import UserError
from benchmarks.tracking.destination import shown, tracking_uri
from benchmarks.tracking.events import is_alive, this_process


@pytest.fixture(autouse=True)
def _tracking_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")


def _lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_each_event_is_on_disk_when_the_call_returns(tmp_path: Path) -> None:
    grid = np.arange(12, dtype=np.uint8).reshape(3, 4)
    with tracking.run(tmp_path / "r", experiment="gaze", name="real seed 1", params={"k": 2}) as run:
        run.log(3, {"train/loss": 0.5})
        assert [(line["step"], line["metrics"]) for line in _lines(tmp_path / "r")] == [(3, {"train/loss": 0.5})]
        run.image(3, "samples", grid)
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "r/images/samples_000003.png")), grid)
        run.final({"test/mean_error_deg": 7.1})
        assert (_lines(tmp_path / "r")[-1]["step"], _lines(tmp_path / "r")[-1]["final"]) == (0, True)
        assert tracking.RunFolder(tmp_path / "r").record().status == "RUNNING"
    record = tracking.RunFolder(tmp_path / "r").record()
    assert (record.experiment, record.name, record.params) == ("gaze", "real seed 1", {"k": "2"})
    assert record.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("diverged"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(143), "KILLED"),
        (SystemExit(2), "FAILED"),
        (SystemExit(0), "FINISHED"),
    ],
)
def test_the_way_a_run_ends_is_its_status(tmp_path: Path, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), tracking.run(tmp_path, experiment="gaze", name="r"):
        raise error
    assert tracking.RunFolder(tmp_path).record().status == status


def test_sigterm_ends_the_run_as_killed_and_the_handler_is_restored(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped, tracking.run(tmp_path, experiment="gaze", name="r"):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert stopped.value.code == 143
    assert tracking.RunFolder(tmp_path).record().status == "KILLED"
    assert signal.getsignal(signal.SIGTERM) is before


def test_resuming_keeps_the_run_and_drops_what_came_after_the_step(tmp_path: Path) -> None:
    pixel = np.zeros((1, 1), np.uint8)
    with tracking.run(tmp_path, experiment="gaze", name="r") as run:
        for step in (1, 2, 3):
            run.log(step, {"loss": step})
            run.image(step, "samples", pixel)
        run.final({"error": 9})
    key = tracking.RunFolder(tmp_path).record().key
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 1, "metr')  # what SIGKILL leaves in the middle of a write
    with tracking.run(tmp_path, experiment="gaze", name="r", resume_step=2) as run:
        run.log(3, {"loss": 30})
    assert [(line["step"], line["metrics"]["loss"]) for line in _lines(tmp_path)] == [(1, 1), (2, 2), (3, 30)]
    assert sorted(file.name for file in (tmp_path / "images").iterdir()) == [
        "samples_000001.png",
        "samples_000002.png",
    ]
    assert tracking.RunFolder(tmp_path).record().key == key


def test_starting_anew_empties_the_folder_of_events_only(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").touch()
    keys = set()
    for _ in range(2):
        with tracking.run(tmp_path, experiment="gaze", name="r") as run:
            run.log(1, {"loss": 1})
        keys.add(tracking.RunFolder(tmp_path).record().key)
    assert len(keys) == 2
    assert len(_lines(tmp_path)) == 1
    assert (tmp_path / "weights.bin").exists()


def test_a_full_disk_is_a_user_error_that_names_the_file(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorded = tracking.run(tmp_path, experiment="gaze", name="r")
    with pytest.raises(UserError, match=r"metrics\.jsonl.*free disk space"), recorded as run:
        run.log(1, {"loss": 1})
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        try:
            run.log(2, {"loss": 1})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert tracking.RunFolder(tmp_path).record().status == "FAILED"


def test_an_unwritable_folder_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    recorded = tracking.run(tmp_path / "file" / "run", experiment="gaze", name="r")
    with pytest.raises(UserError, match="file/run"), recorded:
        pass


@pytest.mark.parametrize("name", ["test/%", "a//b", "../a", "", "x" * 251])
def test_names_that_mlflow_refuses_are_refused_at_once(tmp_path: Path, name: str) -> None:
    with tracking.run(tmp_path, experiment="gaze", name="r") as run:
        with pytest.raises(ValueError, match="MLflow takes"):
            run.log(1, {name: 1.0})
        with pytest.raises(ValueError, match="uint8"):
            run.image(1, "samples", np.zeros((2, 2)))


def test_off_starts_no_process_and_imports_no_mlflow(tmp_path: Path) -> None:
    script = """
        import sys, psutil
        from pathlib import Path
        from benchmarks import tracking
        tracking.prepare()
        with tracking.run(Path("r"), experiment="gaze", name="r") as run:
            run.log(1, {"loss": 1.0})
            assert psutil.Process().children() == []
        assert tracking.sync(Path(".")) == tracking.Synced()
        print(sorted({"mlflow", "torch", "pandas", "matplotlib"} & set(sys.modules)))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"
    assert result.stderr == "tracking: off; nothing is sent\n"
    assert not (tmp_path / "mlflow.db").exists()


def test_default_is_a_database_at_the_pipeline_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")
    assert tracking_uri() == "sqlite:////elsewhere/mlflow.db"


def test_passwords_are_not_shown() -> None:
    assert shown("http://me:secret@host:5000/x") == "http://host:5000/x"


def test_a_pid_that_came_round_again_is_not_the_process_that_wrote_the_run() -> None:
    process = this_process()
    assert is_alive(process)
    assert not is_alive({**process, "started": process["started"] - 60})
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not is_alive({**process, "pid": gone.pid})


def test_flatten() -> None:
    nested = {"simgan": {"gaze": {"k_g": 2, "phases": [1, 2]}}, "seed": 0}
    assert tracking.flatten(nested) == {"simgan.gaze.k_g": 2, "simgan.gaze.phases": [1, 2], "seed": 0}


def test_provenance_is_git_s_and_dirty_means_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "train-gaze@refined")
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    without_git = tracking.provenance(tmp_path)
    assert "git.commit" not in without_git
    assert without_git["dvc.stage"] == "train-gaze@refined"
    assert "dvc.experiment" not in without_git

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "params.yaml").write_text("a: 1\n")
    (tmp_path / "dvc.lock").write_text("1\n")
    git("add", ".")
    git("commit", "-q", "-m", "x")
    (tmp_path / "dvc.lock").write_text("2\n")
    tags = tracking.provenance(tmp_path)
    assert (tags["git.commit"], tags["git.dirty"]) == (git("rev-parse", "HEAD"), "false")
    (tmp_path / "params.yaml").write_text("a: 2\n")
    assert tracking.provenance(tmp_path)["git.dirty"] == "true"


def test_results_are_what_a_rerun_repeats(tmp_path: Path) -> None:
    for name in ("a", "b"):
        tags = {"stage": "train-gaze", "seed": 0, "host": name}
        with tracking.run(tmp_path / name, experiment="gaze", name="real seed 0", params={"k": 2}, tags=tags) as run:
            run.log(1, {"train/loss": 0.5, "train/images_per_s": time.time()})
            run.image(1, "samples", np.zeros((2, 2), np.uint8))
        tracking.RunFolder(tmp_path / name).copy_results(tmp_path / f"{name}-results")
    first, second = (
        {file.name: file.read_bytes() for file in (tmp_path / f"{name}-results").rglob("*.*")} for name in "ab"
    )
    assert first == second
    assert first.keys() == {"run.json", "metrics.jsonl", "samples_000001.png"}
    assert b"images_per_s" not in first["metrics.jsonl"]


def test_later_figures_go_to_the_run_of_the_results_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, diary = "train-gaze/gaze-real/0", tracking.DIARY / "train-gaze/gaze-real/0"
    tracking.add(name, {"test/error": 1.0})
    assert not diary.exists()  # a training that left nothing

    def train(k: int) -> None:
        with tracking.run(diary, experiment="gaze", name="real seed 0", params={"k": k}) as run:
            run.log(1, {"loss": 0.5})
            run.final({"train/steps": 1.0})
        shutil.rmtree("runs", ignore_errors=True)
        tracking.RunFolder(diary).copy_results(Path("runs") / name)

    train(2)
    for error in (7.0, 6.0):
        tracking.add(name, {"test/error": error})
    assert [line["metrics"] for line in _lines(diary)] == [{"loss": 0.5}, {"train/steps": 1.0}, {"test/error": 6.0}]
    extent = tracking.RunFolder(diary).extent()
    tracking.add(name, {"test/error": 6.0})
    assert tracking.RunFolder(diary).extent() == extent  # nothing to send again

    shutil.copytree("runs", "earlier")
    train(3)
    shutil.rmtree("runs")
    shutil.copytree("earlier", "runs")  # as DVC does where a parameter goes back
    (Path("runs") / name / "images").rmdir()  # DVC keeps no empty folder
    tracking.add(name, {"test/error": 6.0})
    record = tracking.RunFolder(diary).record()
    assert (record.params, record.status) == ({"k": "2"}, "FINISHED")
    assert [line["metrics"] for line in _lines(diary)][-1] == {"test/error": 6.0}
    shutil.rmtree(diary)
    assert tracking.ended(name) is not None
    assert tracking.RunFolder(diary).record().key == record.key  # two machines show one run
