"""A run folder of section 3's experiments as an MLflow run: the only code that writes to MLflow."""

import importlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag, ViewType

from benchmarks.tracking.destination import artifact_root, is_server
from benchmarks.tracking.events import KILLED, RUNNING, TRAINED_ON, Record, RunFolder, is_alive, this_process

KEY = "simgan.run_key"
LOADER = "benchmarks.pyfunc"  # by name, as MLflow does: no stage reaches it
MODEL = "simgan.model"  # digest of the weights that were sent as a model
SENT = "simgan.sent"  # the folder's extent when all of it had been sent
HOST, PID, PROCESS_STARTED = "simgan.host", "simgan.pid", "simgan.process_started"

_METRICS_A_BATCH, _PARAMS_A_BATCH = 1000, 100  # MLflow's limits
_DIGEST_LENGTH = 36  # MLflow's limit; the whole digest is a tag
_IMAGE_ARTIFACT = re.compile(r"images/(?P<name>.+?)\+step\+(?P<step>\d+)\+.*\+compressed\.webp")


class Mirror:
    """The MLflow run of a run folder, which gets each metric once per (name, step) and each image once.

    `push` and `close` may be repeated after any failure; they raise whatever MLflow raises.
    """

    def __init__(self, client: MlflowClient, folder: RunFolder, experiment: str, known: Run | None) -> None:
        self.client, self.folder, self.experiment = client, folder, experiment
        self.record = record = folder.record()
        self.offset = 0
        self.points: set[tuple[str, int]] = set()
        self.finals: dict[str, float] = {}  # what MLflow has of the figures of the end
        self.images: set[tuple[str, int]] | None = set()
        self.model = ""
        if known is None:
            run = client.create_run(experiment, record.started, self._tags(), self._name())
            self.run_id = run.info.run_id
            earlier_params = {}
        else:
            self.run_id = known.info.run_id
            client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in self._tags().items()])
            client.update_run(self.run_id, status=RUNNING)  # after the tags: by them `reap` spares it
            self.points = self._points_there(known)
            self.finals = dict(known.data.metrics)
            self.model = known.data.tags.get(MODEL, "")
            earlier_params = known.data.params
            self.images = None
        params = [Param(name, value) for name, value in record.params.items() if name not in earlier_params]
        for batch in _batches(params, _PARAMS_A_BATCH):
            client.log_batch(self.run_id, params=batch)
        if record.inputs:
            client.log_inputs(self.run_id, [_dataset(name, *entry) for name, entry in record.inputs.items()])

    def push(self) -> None:
        """Send the metrics that the folder has and MLflow has not."""
        events, offset = self.folder.events_from(self.offset)
        fresh: dict[tuple[str, int], Metric] = {}
        for event in events:
            for name, value in event["metrics"].items():
                point = name, event["step"]
                changed = event.get("final") and self.finals.get(name) != value
                if point not in self.points or changed:  # of two values of a step, MLflow shows the later one
                    fresh[point] = Metric(name, value, event["time"], event["step"])
        for batch in _batches(fresh.items(), _METRICS_A_BATCH):
            self.client.log_batch(self.run_id, metrics=[metric for _, metric in batch])
            self.points.update(point for point, _ in batch)
        self.offset = offset

    def push_images(self) -> None:
        """Send the images that the folder has and MLflow has not."""
        from PIL import Image

        if self.images is None:
            self.images = self._images_there()
        for (name, step), file in self.folder.images().items():
            if (name, step) not in self.images:
                with Image.open(file) as image:
                    self.client.log_image(self.run_id, image, key=name, step=step)
                self.images.add((name, step))

    def push_model(self) -> None:
        """Send the weights as a model for `mlflow.pyfunc`."""
        import mlflow
        import numpy as np
        from mlflow.models import Model, infer_signature

        folder = str(self.folder.model)
        network = importlib.import_module(LOADER).Model(*self.folder.model.glob("*.safetensors"))
        example = np.load(self.folder.model / "example.npy")
        mlflow.set_tracking_uri(self.client.tracking_uri)
        mlflow.set_experiment(experiment_id=self.experiment)
        Model.log(
            None,
            mlflow.pyfunc,
            name=network.kind,
            run_id=self.run_id,
            loader_module=LOADER,
            data_path=folder,
            signature=infer_signature(example, network.predict(example)),
            input_example=example,
            pip_requirements=["torch", "numpy", "safetensors"],  # and this repository
        )
        self.client.set_tag(self.run_id, MODEL, self.folder.model_digest())

    def close(self, status: str, ended: int | None) -> None:
        """Send the rest and end the run; it ends even if its images, which lie elsewhere, cannot be sent."""
        self.push()
        try:
            self.push_images()
            if self.folder.files.exists():
                self.client.log_artifacts(self.run_id, str(self.folder.files))
            if self.folder.model.exists() and self.model != self.folder.model_digest():
                self.push_model()
            self.client.set_tag(self.run_id, SENT, self.folder.extent())
        finally:
            self.client.set_terminated(self.run_id, status, ended)

    def _name(self) -> str:
        """The task in place of the stage, which the experiment tells: `gaze refined_4x seed 0`."""
        tags = self.record.tags
        return self.record.name.replace(f"{tags.get('stage')} ", f"{tags.get('task')} ", 1)

    def _tags(self) -> dict[str, str]:
        record = self.record
        groups = (
            {TRAINED_ON: f"{record.tags['task']} {record.tags['condition']}"} if record.tags.get("condition") else {}
        )
        return {
            **record.tags,
            **groups,
            **{f"data.{name}.digest": digest for name, (digest, _) in record.inputs.items()},
            KEY: record.key,
            HOST: record.process["host"],
            PID: str(record.process["pid"]),
            PROCESS_STARTED: repr(record.process["started"]),
        }

    def _points_there(self, run: Run) -> set[tuple[str, int]]:
        history = self.client.get_metric_history
        return {(name, point.step) for name in run.data.metrics for point in history(self.run_id, name)}

    def _images_there(self) -> set[tuple[str, int]]:
        artifacts = self.client.list_artifacts(self.run_id, "images")
        matches = filter(None, (_IMAGE_ARTIFACT.fullmatch(artifact.path) for artifact in artifacts))
        return {(match["name"], int(match["step"])) for match in matches}


def open_mirror(client: MlflowClient, uri: str, folder: RunFolder) -> Mirror:
    """The mirror of one folder, found by its run key or made."""
    record = folder.record()
    experiment = experiment_id(client, uri, home_of(record))
    known = next(search(client, [experiment], f"tags.`{KEY}` = '{record.key}'"), None)
    return Mirror(client, folder, experiment, known)


def home_of(record: Record) -> str:
    """The experiment's name in MLflow: a task's own for estimators, of which its page shows but the newest hundred."""
    task = record.tags.get("task")
    return f"{task} {record.experiment}" if task and record.experiment == "estimators" else record.experiment


def experiment_id(client: MlflowClient, uri: str, name: str) -> str:
    """The experiment's id; it is made, or restored from MLflow's bin, if need be."""
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client.create_experiment(name, None if is_server(uri) else f"{artifact_root()}/{name}")
        except MlflowException:  # another run made it in between
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def search(client: MlflowClient, experiments: list[str], query: str, view: int = ViewType.ACTIVE_ONLY) -> Iterator[Run]:
    """Every run that the query finds, page after page."""
    token = None
    while experiments:
        page = client.search_runs(experiments, query, view, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def reap(client: MlflowClient) -> int:
    """Set the runs of this host whose process is gone (SIGKILL, power cut) to KILLED; how many there were."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    host = this_process()["host"]
    dead = 0
    for run in search(client, experiments, f"attributes.status = '{RUNNING}' and tags.`{HOST}` = '{host}'"):
        if not is_alive({"pid": run.data.tags[PID], "started": run.data.tags[PROCESS_STARTED]}):
            client.set_terminated(run.info.run_id, KILLED)
            dead += 1
    return dead


def _dataset(name: str, digest: str, count: int) -> DatasetInput:
    profile = json.dumps({"num_rows": count})
    dataset = Dataset(name, digest[:_DIGEST_LENGTH], "store", json.dumps({"store": name}), profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "input")])


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
