"""Where the runs of section 3's experiments go: `MLFLOW_TRACKING_URI`, or a SQLite file in the repository."""

import contextlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow's own defaults hold a caller for four minutes when a server is down, and report usage to its makers.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


def root() -> Path:
    """The repository: `DVC_ROOT` inside a stage, else the nearest folder upwards with a dvc.yaml."""
    if dvc_root := os.environ.get("DVC_ROOT"):
        return Path(dvc_root).resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").is_file()), here)


def tracking_uri() -> str | None:
    """The MLflow tracking URI, or None if tracking is off."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"
    return None if uri.strip().lower() == "off" else uri


def installed() -> bool:
    """Whether MLflow can be imported, without importing it."""
    return importlib.util.find_spec("mlflow") is not None


def is_server(uri: str) -> bool:
    """Whether the URI names a server, which then decides where artifacts lie."""
    return urlsplit(uri).scheme in ("http", "https", "databricks")


def database(uri: str) -> Path | None:
    """The file of a SQLite URI."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def shown(uri: str) -> str:
    """The URI without user name and password."""
    parts = urlsplit(uri)
    return uri.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1) if "@" in parts.netloc else uri


def first_line(error: BaseException) -> str:
    """What an error of MLflow says, short enough for one line."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def artifact_root() -> str:
    """Where images lie if no server decides: beside the database."""
    return (root() / "mlartifacts").as_uri()


def connect(uri: str) -> "MlflowClient":
    """A client; a SQLite database that does not exist is made, by one process at a time.

    Raises whatever MLflow raises.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from filelock import FileLock
    from mlflow import MlflowClient

    file = database(uri)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock") if file else contextlib.nullcontext():
        return MlflowClient(uri)


def prepare() -> None:
    """Make the database before several runs start at once, which would wait for it. Does nothing if off."""
    uri = tracking_uri()
    if uri and installed():
        connect(uri)
