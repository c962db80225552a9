"""The events of one run of section 3's experiments as files: what is written before anything goes to MLflow.

run.json       who and what: run key, experiment, name, params, tags, inputs, process, times, status
metrics.jsonl  one line a log call: {"step", "time", "metrics": {name: value}}, "final": true for figures of the end
images/        <name>_<step>.png
files/         what else belongs to it, such as a report
model/         a network's weights, named after its kind (benchmarks/pyfunc.py), and example.npy, images that it takes

Times, speeds and processes make each run's files unlike any other's: they stay in the diary. DVC's outputs are what
`RunFolder.copy_results` leaves of them.
"""

import contextlib
import dataclasses
import json
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.errors import UserError
from benchmarks.core.files import digest, whole

DIARY = Path("diary")  # of runs that have ended, below the working folder
TRAINED_ON = "trained on"  # tag of task and condition, by which MLflow groups an estimator's seeds
RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"  # MLflow's words

SPEED = "images_per_s"  # ends the name of a metric that no rerun repeats
_RESULTS = ("stage", "task", "condition", "seed", "env.device")  # tags that say which results these are
_NAME = re.compile(r"[\w\-./ ]{1,250}")  # what MLflow accepts for metrics, parameters and images alike
_IMAGE_FILE = re.compile(r"(?P<name>.+)_(?P<step>\d+)\.png")


@dataclasses.dataclass(frozen=True)
class Record:
    """run.json. Times in milliseconds since 1970; `process` identifies the process that writes the run."""

    key: str
    experiment: str
    name: str
    params: dict[str, str]
    tags: dict[str, str]
    inputs: dict[str, tuple[str, int]]
    process: dict[str, Any]
    started: int
    ended: int | None = None
    status: str = RUNNING


def now() -> int:
    """Milliseconds since 1970, MLflow's unit."""
    return time.time_ns() // 1_000_000


def this_process() -> dict[str, Any]:
    """Host, pid and start time (s) of this process: a pid alone comes round again."""
    import psutil

    return {"host": platform.node(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def is_alive(process: Mapping[str, Any]) -> bool:
    """Whether the process that wrote a run on this host still exists."""
    import psutil

    try:
        started = psutil.Process(int(process["pid"])).create_time()
    except psutil.Error:
        return False
    return abs(started - float(process["started"])) < 2


class RunFolder:
    """A run's files, read only; a run that is being written may be read at any time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics_file = path / "metrics.jsonl"

    def record(self) -> Record:
        """Raises UserError if run.json is missing or is not a run's record."""
        file = self.path / "run.json"
        try:
            return Record(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{file}: not the record of a run ({error}); remove the folder or restore it") from error

    def events_from(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The whole lines from byte `offset` on, and the offset behind them."""
        if not self.metrics_file.exists():
            return [], offset
        with self.metrics_file.open("rb") as file:
            file.seek(offset)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]  # the writer may be in the middle of a line
        return [json.loads(line) for line in data.splitlines()], offset + len(data)

    def images(self) -> dict[tuple[str, int], Path]:
        """(name, step) -> file, by step."""
        found = {}
        for file in (self.path / "images").glob("*.png"):
            if match := _IMAGE_FILE.fullmatch(file.name):
                found[match["name"], int(match["step"])] = file
        return dict(sorted(found.items(), key=lambda item: (item[0][1], item[0][0])))

    def copy_results(self, target: Path) -> None:
        """To the new folder `target`, what any machine that computes the same results writes in the same bytes.

        run.json (experiment, name, params, inputs, tags), metrics.jsonl ({"step", "metrics"} a line, without speeds)
        and images/.
        """
        record = self.record()
        target.mkdir(parents=True)
        tags = {tag: record.tags[tag] for tag in _RESULTS if tag in record.tags}
        about = {key: getattr(record, key) for key in ("experiment", "name", "params", "inputs")} | {"tags": tags}
        (target / "run.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        lines = []
        for event in self.events_from()[0]:
            metrics = {name: value for name, value in event["metrics"].items() if not name.endswith(SPEED)}
            lines.append(json.dumps({"step": event["step"], "metrics": metrics}) + "\n")
        (target / "metrics.jsonl").write_text("".join(lines), encoding="utf-8")
        shutil.copytree(self.path / "images", target / "images")

    @property
    def files(self) -> Path:
        return self.path / "files"

    def extent(self) -> str:
        """What there is to send, in a form that two folders can be compared by."""
        metrics = digest(self.metrics_file) if self.metrics_file.exists() else "no"
        files = f", {len(list(self.files.rglob('*')))} files" if self.files.exists() else ""
        model = f", {self.model_digest()} model" if self.model.exists() else ""
        return f"{metrics} metrics, {len(self.images())} images{files}{model}"

    @property
    def model(self) -> Path:
        return self.path / "model"

    def model_digest(self) -> str:
        return digest(*self.model.glob("*.safetensors"))


class Run:
    """What a stage writes to. Every call is on disk when it returns and touches nothing but the folder."""

    def __init__(self, path: Path, record: Record, resume_step: int | None = None) -> None:
        """Take over the folder: from the events up to `resume_step` if there are any, else empty.

        Raises:
            UserError: the folder cannot be written, or its disk is full.
        """
        self.folder = RunFolder(path)
        with _on_disk(path):
            earlier = self._earlier() if resume_step is not None else None
            if earlier is None or resume_step is None:
                self._clear()
            else:
                record = dataclasses.replace(record, key=earlier.key, started=earlier.started)
                self._drop_after(resume_step)
            self.record = record
            self._save()
            self._metrics = self.folder.metrics_file.open("a", encoding="utf-8")

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics at a step. Raises UserError on a full disk, ValueError for a name that MLflow refuses."""
        self._append({"step": int(step), "time": now(), "metrics": _checked(metrics)})

    def final(self, metrics: Mapping[str, float]) -> None:
        """The run's last figures, at step 0, where MLflow draws them as bars."""
        self._append({"step": 0, "time": now(), "metrics": _checked(metrics), "final": True})

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """image (H, W) or (H, W, 3), uint8."""
        from PIL import Image

        if image.dtype != np.uint8:
            raise ValueError(f"image {name!r}: expected uint8, got {image.dtype}")
        if not re.fullmatch(r"[\w\-]+", name):
            raise ValueError(f"image {name!r}: letters, digits, '_' and '-' only")
        target = self.folder.path / "images" / f"{name}_{int(step):06d}.png"
        with _on_disk(target):
            unfinished = target.with_suffix(".part")  # a reader must never see half an image
            Image.fromarray(image).save(unfinished, format="png")
            unfinished.replace(target)

    def file(self, source: Path) -> None:
        """A copy of a file, or of a folder with all that is in it."""
        target = self.folder.files / source.name
        with _on_disk(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)

    def close(self, status: str) -> None:
        """Set the status that the run ended with."""
        with _on_disk(self.folder.path):
            self._metrics.close()
            self.record = dataclasses.replace(self.record, status=status, ended=now())
            self._save()

    def _append(self, event: dict[str, Any]) -> None:
        with _on_disk(self.folder.metrics_file):
            self._metrics.write(json.dumps(event) + "\n")
            self._metrics.flush()

    def _save(self) -> None:
        _replace(self.folder.path / "run.json", json.dumps(dataclasses.asdict(self.record), indent=1) + "\n")

    def _clear(self) -> None:
        images = self.folder.path / "images"
        shutil.rmtree(images, ignore_errors=True)
        shutil.rmtree(self.folder.files, ignore_errors=True)
        images.mkdir(parents=True)
        self.folder.metrics_file.unlink(missing_ok=True)

    def _earlier(self) -> Record | None:
        with contextlib.suppress(UserError):
            return self.folder.record()
        return None

    def _drop_after(self, step: int) -> None:
        events, _ = self.folder.events_from()
        kept = [event for event in events if event["step"] <= step and not event.get("final")]
        _replace(self.folder.metrics_file, "".join(json.dumps(event) + "\n" for event in kept))
        for (_, image_step), file in self.folder.images().items():
            if image_step > step:
                file.unlink()


def add(name: str, metrics: Mapping[str, float]) -> None:
    """Later figures of a training that has ended, such as an estimator's on the test images.

    They take the place of earlier ones of the same names. `name` is the training's folder, in the diary and among DVC's
    outputs; see `ended`. Without either, nothing is written.
    """
    folder = ended(name)
    if folder is None:
        return
    events, _ = folder.events_from()
    kept = [event for event in events if not (event.get("final") and event["metrics"].keys() & metrics)]
    figures = _checked(metrics)
    if any(event["metrics"] == figures for event in events if event.get("final")):
        return  # a new time alone would send the run again
    with _on_disk(folder.path):
        lines = [*kept, {"step": 0, "time": now(), "metrics": figures, "final": True}]
        _replace(folder.metrics_file, "".join(json.dumps(line) + "\n" for line in lines))


def add_model(name: str, kind: str, weights: Path, example: np.ndarray) -> None:
    """The network of a training that has ended, for MLflow: its kind in benchmarks/pyfunc.py, images that it takes."""
    folder = ended(name)
    if folder is None:
        return
    with _on_disk(folder.model), whole(folder.model) as beside:
        beside.mkdir()
        shutil.copyfile(weights, beside / f"{kind}.safetensors")
        np.save(beside / "example.npy", example)


def ended(name: str) -> RunFolder | None:
    """The diary's folder of a training that has ended, where it is of the results that DVC has.

    Else, as after `dvc pull` or where DVC went back to another result, it is made from these.
    """
    folder, results = RunFolder(DIARY / name), Path("runs") / name
    known = folder.record() if (folder.path / "run.json").is_file() else None
    if not (results / "run.json").is_file():
        return folder if known else None
    about = json.loads((results / "run.json").read_text(encoding="utf-8"))
    if known is None or any(_plain(about[key]) != _plain(getattr(known, key)) for key in ("name", "params", "inputs")):
        _revive(results, about, folder.path)
    return folder


def _revive(results: Path, about: dict[str, Any], folder: Path) -> None:
    """A run folder from what `RunFolder.copy_results` left of it, as if it had happened now.

    Its key is the results' own, so that two machines that have them show one run.
    """
    record = dataclasses.replace(
        new_record(**about),
        key=digest(results / "run.json", results / "metrics.jsonl"),
        status=FINISHED,
        ended=now(),
    )
    lines = (results / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) | {"time": record.started} for line in lines]
    with _on_disk(folder), whole(folder) as beside:
        (beside / "images").mkdir(parents=True)
        for image in (results / "images").glob("*.png"):  # DVC keeps no empty folder
            shutil.copyfile(image, beside / "images" / image.name)
        _replace(beside / "metrics.jsonl", "".join(json.dumps(event) + "\n" for event in events))
        _replace(beside / "run.json", json.dumps(dataclasses.asdict(record), indent=1) + "\n")


def _plain(value: Any) -> Any:
    """As JSON has it: without tuples."""
    return json.loads(json.dumps(value))


def new_record(
    experiment: str,
    name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    inputs: Mapping[str, tuple[str, int]],
) -> Record:
    """A run that starts now in this process. Raises ValueError for a parameter name that MLflow refuses."""
    _check_names(params)
    return Record(
        key=uuid.uuid4().hex,
        experiment=experiment,
        name=name,
        params={key: str(value) for key, value in params.items()},
        tags={key: str(value) for key, value in tags.items()},
        inputs=dict(inputs),
        process=this_process(),
        started=now(),
    )


def _checked(metrics: Mapping[str, float]) -> dict[str, float]:
    _check_names(metrics)
    return {name: float(value) for name, value in metrics.items()}


def _check_names(mapping: Mapping[str, Any]) -> None:
    for name in mapping:
        if not _NAME.fullmatch(name) or Path(name).as_posix() != name or name.startswith(("/", "..")):
            raise ValueError(f"{name!r}: MLflow takes letters, digits and '_-./ ', as a relative path")


def _replace(file: Path, text: str) -> None:
    unfinished = file.with_name(file.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


@contextlib.contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: cannot write the run's events ({error.strerror or error}); "
            "free disk space or make the folder writable, then start again"
        ) from error
