"""What a run of section 3's experiments was made from: code, environment, pipeline instance."""

import getpass
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The tree is always dirty during `dvc repro`, which writes dvc.lock and reports: only these decide.
SOURCES = ("simgan", "estimators", "benchmarks", "dvc.yaml", "params.yaml")


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"simgan": {"k_g": 2}} -> {"simgan.k_g": 2}; lists stay whole."""
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def provenance(root: Path) -> dict[str, str]:
    """Tags: commit and dirty flag (absent without git), versions, machine, DVC stage and experiment."""
    tags = {
        "env.python": platform.python_version(),
        "env.torch": _version("torch"),
        "env.platform": platform.platform(),
        "env.cpus": str(os.cpu_count()),
        "mlflow.user": _user(),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": os.environ.get("DVC_STAGE", "benchmarks"),
    }
    commit = _git(root, "rev-parse", "HEAD")
    if commit:
        dirty = _git(root, "--no-optional-locks", "status", "--porcelain", "--", *SOURCES)
        tags |= {"git.commit": commit, "git.dirty": str(bool(dirty)).lower()}
        tags["mlflow.source.git.commit"] = commit  # what the table of runs shows as version
    for tag, variable in (("dvc.stage", "DVC_STAGE"), ("dvc.experiment", "DVC_EXP_NAME")):
        if value := os.environ.get(variable):
            tags[tag] = value
    return tags


def _git(root: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout.strip()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
