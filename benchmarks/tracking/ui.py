"""The MLflow page on which the runs behind Tables 2 and 4 are compared."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

from benchmarks.core.errors import UserError
from benchmarks.tracking.destination import (
    SETTINGS,
    artifact_root,
    connect,
    database,
    first_line,
    installed,
    is_server,
    shown,
    tracking_uri,
)
from benchmarks.tracking.events import TRAINED_ON
from benchmarks.tracking.recorder import sigterm_raises

_START_SECONDS = 90
_SHARED_VIEW = "mlflow.sharedViewState."
# Experiment -> the tag by which its page groups runs, so that a bar or curve is the mean of its seeds.
GROUPS = {
    "SimGAN": "task",
    "refiners": TRAINED_ON,
    "gaze estimators": TRAINED_ON,
    "hand estimators": TRAINED_ON,
    "earlier methods": "condition",
}


def serve_ui(port: int = 5000) -> None:
    """Serve MLflow to this machine until Ctrl-C and print where its charts are; for a server only print.

    Raises:
        UserError: tracking is off, MLflow is missing, the port is taken, or the server does not answer.
    """
    uri = tracking_uri()
    if uri is None or not installed():
        raise UserError("no MLflow to show: unset MLFLOW_TRACKING_URI=off and install mlflow")
    if is_server(uri):
        print("\n".join(_links(uri, shown(uri).rstrip("/"))))
        return
    _check_free(port)
    if (file := database(uri)) and not file.exists():
        connect(uri)
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--default-artifact-root", artifact_root()]
    environment = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(
        command,
        env={**SETTINGS, **os.environ, **environment},  # the URI may bear a password: not on the command line
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with sigterm_raises():
            links = _links(uri, address)  # from the database, while the server starts
            _wait_for(server, address)
            print("\n".join([*links, f"All of MLflow: {address}. Ctrl-C ends it."]), flush=True)
            server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise UserError(f"port {port}: {first_line(error)}; choose another") from error


def _wait_for(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise UserError(f"{address}: the MLflow server ended at once, with status {server.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2):
            return
        time.sleep(0.3)
    raise UserError(f"{address}: the MLflow server did not start within {_START_SECONDS} s")


def _links(uri: str, address: str) -> list[str]:
    try:
        client = connect(uri)
        experiments = client.search_experiments()
        for experiment in experiments:
            if experiment.name in GROUPS:
                client.set_experiment_tag(experiment.experiment_id, f"{_SHARED_VIEW}grouped", _grouped(experiment.name))
    except Exception as error:
        raise UserError(f"{shown(uri)}: no answer from MLflow ({first_line(error)})") from error
    charts = "runs?workflowType=machine_learning&compareRunsMode=CHART"
    return [
        f"{experiment.name}: {address}/#/experiments/{experiment.experiment_id}/{charts}"
        + ("&viewStateShareKey=grouped" if experiment.name in GROUPS else "")
        for experiment in experiments
        if experiment.name != "Default"  # MLflow's own, always empty
    ]


def _grouped(experiment: str) -> str:
    """The state of MLflow's page, as its button "Share" stores it in a tag of the experiment."""
    keys = [{"groupByData": GROUPS[experiment], "mode": "tag"}]
    return json.dumps({"groupBy": {"aggregateFunction": "average", "groupByKeys": keys}})
