"""Runs of section 3's experiments in MLflow: what its client reads back is the oracle."""

import functools
import io
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import tracking
from benchmarks.core.errors import UserError
from benchmarks.tracking.destination import connect
from benchmarks.tracking.events import TRAINED_ON, this_process
from benchmarks.training.tensors import place, save_weights, to_network, to_pixels
from simgan.networks import Refiner

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PIXEL = np.zeros((1, 1), np.uint8)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all tests, each of which has an experiment of its own."""
    return f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db"


@pytest.fixture(scope="module")
def client(uri: str) -> "MlflowClient":
    """Three processes make the database at once, this one included, which MLflow may not survive."""
    script = "from benchmarks import tracking; tracking.prepare()"
    makers = [_python(script, uri) for _ in range(2)]
    client = connect(uri)
    assert [maker.wait() for maker in makers] == [0, 0]
    return client


@pytest.fixture(autouse=True)
def _place(uri: str, client: "MlflowClient", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)  # images go below it
    monkeypatch.setattr("benchmarks.tracking.recorder.LIVE_AFTER", 0)


def _python(script: str, uri: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        env={"MLFLOW_TRACKING_URI": uri, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    )


def _runs(client: "MlflowClient", experiment: str) -> list["Run"]:
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


def _steps(client: "MlflowClient", run: "Run", metric: str) -> list[int]:
    return sorted(point.step for point in client.get_metric_history(run.info.run_id, metric))


def _images(client: "MlflowClient", run: "Run") -> Counter[str]:
    """ "samples+step+3" -> how often, full images only."""
    files = [Path(file.path).name for file in client.list_artifacts(run.info.run_id, "images")]
    return Counter(name.partition("+timestamp")[0] for name in files if name.endswith(".png"))


def _wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def _left_running(client: "MlflowClient", experiment: str, process: Mapping[str, Any]) -> str:
    tags = {
        "simgan.host": process["host"],
        "simgan.pid": str(process["pid"]),
        "simgan.process_started": str(process["started"]),
    }
    return client.create_run(client.create_experiment(experiment), tags=tags).info.run_id


def test_all_of_a_run_arrives_and_its_start_ends_the_runs_of_dead_processes(
    client: "MlflowClient", tmp_path: Path
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    me = this_process()
    dead = _left_running(client, "dead process", {**me, "pid": gone.pid})
    alive = _left_running(client, "live process", me)
    elsewhere = _left_running(client, "process elsewhere", {**me, "pid": gone.pid, "host": "elsewhere"})
    grid = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    digest = "0123456789abcdef" * 4
    with tracking.run(
        tmp_path / "run",
        experiment="arrives",
        name="train-gaze refined_4x seed 0",
        params={f"p.{i}": i for i in range(150)} | {"long": "x" * 7000},
        tags={"stage": "train-gaze", "task": "gaze", "condition": "refined_4x"},
        inputs={"synthetic": (digest, 1200)},
    ) as run:
        for step in range(1100):
            run.log(step, {"train/loss": 1 / (step + 1), "train/images_per_s": float("nan") if step == 5 else 9.0})
        run.image(7, "samples", grid)
        run.final({"test/mean_error_deg": 7.1})
    [read] = _runs(client, "arrives")
    assert (read.info.run_name, read.info.status) == ("gaze refined_4x seed 0", "FINISHED")
    assert read.data.tags[TRAINED_ON] == "gaze refined_4x"
    assert len(read.data.params) == 151
    assert read.data.params["p.149"] == "149"
    assert read.data.tags["condition"] == "refined_4x"
    assert read.data.metrics["test/mean_error_deg"] == 7.1
    history = client.get_metric_history(read.info.run_id, "train/loss")
    assert {point.step: point.value for point in history} == {step: 1 / (step + 1) for step in range(1100)}
    assert len(history) == len(client.get_metric_history(read.info.run_id, "train/images_per_s")) == 1100
    assert read.inputs is not None
    [dataset] = [given.dataset for given in read.inputs.dataset_inputs]
    assert dataset.name == "synthetic"
    assert digest.startswith(dataset.digest)
    assert read.data.tags["data.synthetic.digest"] == digest
    assert _images(client, read) == {"samples+step+7": 1}
    [stored] = tmp_path.glob("mlartifacts/arrives/*/artifacts/images/*.png")
    np.testing.assert_array_equal(np.asarray(Image.open(stored)), grid)
    left = [client.get_run(run).info.status for run in (dead, alive, elsewhere)]
    assert left == ["KILLED", "RUNNING", "RUNNING"]


def test_a_failed_run_resumed_goes_on_in_its_mlflow_run_without_doubled_points(
    client: "MlflowClient", tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    tracked = functools.partial(tracking.run, folder, experiment="resumed", name="r", params={"a": 1})
    with pytest.raises(RuntimeError), tracked(live=False) as run:
        for step in range(10):
            run.log(step, {"loss": step})
        run.image(3, "samples", PIXEL)
        run.image(9, "samples", PIXEL)
        raise RuntimeError("diverged")
    assert tracking.sync(tmp_path) == tracking.Synced(created=1)
    [failed] = _runs(client, "resumed")
    assert failed.info.status == "FAILED"
    assert _steps(client, failed, "loss") == list(range(10))

    with tracked(resume_step=4) as run:
        for step in range(5, 13):
            run.log(step, {"loss": step})
        run.image(9, "samples", PIXEL)
        run.image(12, "samples", PIXEL)
    [finished] = _runs(client, "resumed")
    assert (finished.info.run_id, finished.info.status) == (failed.info.run_id, "FINISHED")
    assert _steps(client, finished, "loss") == list(range(13))
    assert _images(client, finished) == {"samples+step+3": 1, "samples+step+9": 1, "samples+step+12": 1}


def test_a_run_that_is_soon_over_is_left_to_sync(client: "MlflowClient", tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.tracking.recorder.LIVE_AFTER", 30.0)
    before = time.perf_counter()
    with tracking.run(tmp_path / "run", experiment="short", name="r") as run:
        run.log(1, {"loss": 1})
    assert time.perf_counter() - before < 2
    assert not _runs(client, "short")
    assert tracking.sync(tmp_path).created == 1


def test_a_longer_run_is_sent_while_it_goes_on(client: "MlflowClient", tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.tracking.recorder.LIVE_AFTER", 0.2)
    with tracking.run(tmp_path / "run", experiment="long", name="r") as run:
        run.log(1, {"loss": 1})
        _wait_for(lambda: [sent for sent in _runs(client, "long") if sent.data.metrics])


TRAINING = """
    import sys, time
    from pathlib import Path
    from benchmarks import tracking
    from benchmarks.tracking import recorder
    recorder.LIVE_AFTER = 0
    with tracking.run(Path(sys.argv[1]), experiment="killed", name=Path(sys.argv[1]).name) as run:
        run.log(1, {"loss": 1})
        time.sleep(100)
"""


def test_killed_trainings_end_as_killed(client: "MlflowClient", uri: str, tmp_path: Path) -> None:
    trainings = [_python(TRAINING, uri, str(tmp_path / name)) for name in ("sigterm", "sigkill")]

    def arrived() -> dict[str | None, str]:
        return {run.info.run_name: run.info.status for run in _runs(client, "killed") if run.data.metrics}

    try:
        _wait_for(lambda: arrived() == {"sigterm": "RUNNING", "sigkill": "RUNNING"})
        trainings[0].terminate()
        trainings[1].kill()
        assert trainings[0].wait() == 143
        _wait_for(lambda: arrived() == {"sigterm": "KILLED", "sigkill": "KILLED"})
    finally:
        for training in trainings:
            training.kill()
            training.wait()


WRITER = """
    import sys
    from pathlib import Path
    from benchmarks import tracking
    from benchmarks.tracking import recorder
    recorder.LIVE_AFTER = 0
    folder = Path(sys.argv[1])
    with tracking.run(folder, experiment="four writers", name=folder.name) as run:
        for step in range(200):
            run.log(step, {"loss": step})
"""


def test_four_writers_at_once_fill_one_sqlite_file(client: "MlflowClient", uri: str, tmp_path: Path) -> None:
    client.create_experiment("four writers")
    writers = [_python(WRITER, uri, str(tmp_path / f"writer{number}")) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    runs = _runs(client, "four writers")
    assert sorted(str(run.info.run_name) for run in runs) == [f"writer{number}" for number in range(4)]
    for run in runs:
        assert run.info.status == "FINISHED"
        assert _steps(client, run, "loss") == list(range(200))


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_dead_server_costs_nothing_and_sync_makes_up_for_it(
    client: "MlflowClient",
    uri: str,
    silent_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent_server)
    slowest = 0.0
    for name, live in (("train/a", True), ("evaluate/b", False)):
        with tracking.run(tmp_path / "runs" / name, experiment="dead", name=name, live=live, patience=2) as run:
            for step in range(50):
                before = time.perf_counter()
                run.log(step, {"loss": step})
                slowest = max(slowest, time.perf_counter() - before)
            run.image(7, "samples", PIXEL)
            leaving = time.perf_counter()
        assert time.perf_counter() - leaving < (4 if live else 0.5)
    assert slowest < 0.2  # 0.03 ms and what a busy machine adds; a call that waited for the server takes 10 s
    [warning] = capsys.readouterr().err.splitlines()
    assert "all 51 events are kept" in warning
    assert str(tmp_path / "runs/train/a") in warning
    assert "python -m benchmarks sync" in warning

    shutil.copytree(tmp_path / "runs/train/a", tmp_path / "runs/published")  # one run, two folders
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking.sync(tmp_path / "runs") == tracking.Synced(created=2)
    sent = _runs(client, "dead")
    assert {run.info.run_name for run in sent} == {"train/a", "evaluate/b"}
    for run in sent:
        assert run.info.status == "FINISHED"
        assert _steps(client, run, "loss") == list(range(50))
        assert _images(client, run) == {"samples+step+7": 1}
    assert tracking.sync(tmp_path / "runs") == tracking.Synced(unchanged=2)
    client.delete_run(sent[0].info.run_id)  # by its owner: it is not to come back
    assert tracking.sync(tmp_path / "runs") == tracking.Synced(unchanged=2)
    assert len(_runs(client, "dead")) == 1


def test_sync_with_a_closed_port_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match=f"http://127.0.0.1:{port}: failed after 0 runs"):
        tracking.sync(tmp_path)


def test_a_server_that_dies_in_mid_run_loses_and_doubles_nothing(
    client: "MlflowClient",
    uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port}: .*in use"):
            tracking.serve_ui(port)
    experiment, grouped = client.create_experiment("links"), client.create_experiment("gaze estimators")
    server = _python(f"from benchmarks import tracking; tracking.serve_ui({port})", uri)
    try:
        assert server.stdout is not None
        printed = [server.stdout.readline()]
        while printed[-1] and not printed[-1].startswith("All of MLflow"):
            printed.append(server.stdout.readline())
        address = f"http://127.0.0.1:{port}"
        charts = "runs?workflowType=machine_learning&compareRunsMode=CHART"
        assert f"links: {address}/#/experiments/{experiment}/{charts}\n" in printed
        assert f"gaze estimators: {address}/#/experiments/{grouped}/{charts}&viewStateShareKey=grouped\n" in printed
        assert TRAINED_ON in client.get_experiment(grouped).tags["mlflow.sharedViewState.grouped"]

        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with tracking.run(tmp_path / "run", experiment="outage", name="r", patience=4) as run:
            run.log(1, {"loss": 1})
            run.image(1, "samples", PIXEL)
            _wait_for(lambda: [read for read in _runs(client, "outage") if _images(client, read)])
            [read] = _runs(client, "outage")
            files = [file.path for file in client.list_artifacts(read.info.run_id, "images")]
            [image] = [file for file in files if file.endswith(".png")]
            query = urllib.parse.urlencode({"path": image, "run_uuid": read.info.run_id})
            with urllib.request.urlopen(f"{address}/get-artifact?{query}") as shown:
                assert Image.open(io.BytesIO(shown.read())).size == (1, 1)
            server.terminate()
            assert server.wait() == 143
            with pytest.raises(urllib.error.URLError, match="refused"):
                urllib.request.urlopen(address)
            run.log(2, {"loss": 2})
        assert "all 3 events are kept" in capsys.readouterr().err
    finally:
        server.terminate()
        server.wait()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking.sync(tmp_path) == tracking.Synced(completed=1)
    [read] = _runs(client, "outage")
    assert read.info.status == "FINISHED"
    assert _steps(client, read, "loss") == [1, 2]


def test_a_network_is_a_model_that_mlflow_loads(client: "MlflowClient", tmp_path: Path) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (3, 35, 55), np.uint8)
    refiner = place(Refiner(features=4, blocks=1), torch.device("cpu"))
    weights, name = tmp_path / "0.safetensors", "train-simgan/gaze/0"
    save_weights(weights, refiner.state_dict(), {"features": 4, "blocks": 1})
    with tracking.run(tracking.DIARY / name, experiment="models", name="r", live=False) as run:
        run.log(1, {"loss": 1})
    tracking.add_model(name, "refiner", weights, images[:2])
    assert tracking.sync(tracking.DIARY).created == 1
    assert tracking.sync(tracking.DIARY).unchanged == 1  # and no second model

    [read] = _runs(client, "models")
    [model] = client.search_logged_models([read.info.experiment_id])
    assert (model.name, model.source_run_id) == ("refiner", read.info.run_id)
    loaded = mlflow.pyfunc.load_model(model.model_uri)
    with torch.no_grad():
        expected = to_pixels(refiner(to_network(images, torch.device("cpu"))), images)
    assert np.array_equal(loaded.predict(images), expected)
    with pytest.raises(MlflowException, match="uint8"):
        loaded.predict(images.astype(np.float32))
