"""Train against a real MLflow server on PostgreSQL: well, dead, slow, refusing, killed and back; nothing may be lost.

`python -m tests.outages` from the repository's root, on a quiet machine; 22 minutes. Exit status 1 where a training
takes over 5 % longer than with tracking off. Needs PostgreSQL (Debian: `apt-get install postgresql`) and
psycopg2-binary.
"""

import http.client
import http.server
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.tracking import DIARY, RunFolder, sync
from benchmarks.tracking.destination import connect
from tests.conftest import eye_store, tiny_values, write_yaml

ROOT = Path(__file__).parents[1]
STEPS, PAUSE_S, MOST = 250, 5.0, 1.05
CHILD = """
import sys, time
from benchmarks.core import config
from benchmarks.stages import train_simgan
from benchmarks.tracking import recorder
from benchmarks.training import loop
recorder.LIVE_AFTER = 0
def train(trainer, **options):
    step, times = trainer.advance, []
    def timed():
        times.append(time.perf_counter())
        return step()
    trainer.advance = timed
    print("begins", flush=True)
    ended = loop.train(trainer, **options)
    print("seconds", times[-1] - times[0], flush=True)
    return ended
train_simgan.run(config.load(), "gaze", int(sys.argv[1]), train=train)
"""


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A database of its own, over a socket file; its URI."""
    programs = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")), shutil.which("pg_ctl")]
    if not programs[-1] and len(programs) == 1:
        raise SystemExit("PostgreSQL is not installed; Debian: apt-get install postgresql")
    bin = Path(str(programs[0] if programs[0] else programs[-1])).parent
    owner = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    place = folder / "postgres"
    place.mkdir()
    if owner:
        shutil.chown(place, owner)

    def run(*command: str) -> None:
        subprocess.run(command, user=owner, check=True, cwd=place, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    run(f"{bin}/initdb", "-D", f"{place}/data", "-U", "mlflow", "--auth", "trust")
    port = str(free_port())
    options = f"-k {place} -p {port} -c listen_addresses=''"
    run(f"{bin}/pg_ctl", "-D", f"{place}/data", "-l", f"{place}/log", "-w", "-o", options, "start")
    try:
        yield f"postgresql+psycopg2://mlflow@/postgres?host={place}&port={port}"
    finally:
        run(f"{bin}/pg_ctl", "-D", f"{place}/data", "-m", "fast", "stop")


class Server:
    """`mlflow server` with its artifacts proxied."""

    def __init__(self, database: str, folder: Path):
        self.database, self.folder, self.port = database, folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", self.database]
        command += ["--artifacts-destination", str(self.folder / "artifacts"), "--serve-artifacts"]
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.address}/health", timeout=2):
                return
            time.sleep(0.3)
        raise SystemExit(f"the server did not start: {self.folder / 'server.log'}")

    def kill(self) -> None:
        os.killpg(self.process.pid, 9)
        self.process.wait()


@contextmanager
def between(port: int, refuses: bool = False) -> Iterator[str]:
    """A way to the server on `port` on which each answer takes 5 seconds, or is that the service is unavailable."""

    class Way(http.server.BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if refuses:
                self.send_error(http.HTTPStatus.SERVICE_UNAVAILABLE)
                return
            time.sleep(PAUSE_S)
            there = http.client.HTTPConnection("127.0.0.1", port)
            there.request(self.command, self.path, body, dict(self.headers))
            answer = there.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):  # the client did not wait
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = forward

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Way)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def workspace(folder: Path, seeds: int) -> None:
    values = tiny_values()
    values["seeds"] = list(range(seeds))
    values["simgan"]["gaze"] |= {"features": 16, "blocks": 4, "batch": 8, "iterations": STEPS, "log_every": 10}
    write_yaml(folder / "params.yaml", values)
    for name in ("synthetic", "real"):
        eye_store(folder / "stores/gaze" / name, 256, 1, labelled=name == "synthetic", domain=name)


def start(folder: Path, seed: int, uri: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": uri, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(seed)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[float, list[str]]:
    """Seconds of its steps, and what it said of tracking."""
    said = process.communicate(timeout=600)[0].splitlines()
    if process.returncode:
        raise SystemExit("\n".join(said))
    (seconds,) = (float(line.split()[1]) for line in said if line.startswith("seconds"))
    return seconds, [line for line in said if line.startswith("tracking:")]


def compare(folder: Path, uri: str) -> int:
    """Checks that MLflow has each event and picture of each run once; how many events there are."""
    client, events = connect(uri), 0
    experiment = client.get_experiment_by_name("SimGAN")
    assert experiment is not None
    by_key = Counter(run.data.tags["simgan.run_key"] for run in client.search_runs([experiment.experiment_id]))
    assert set(by_key.values()) == {1}, f"a run twice: {by_key}"
    for run in client.search_runs([experiment.experiment_id]):
        (kept,) = (
            each
            for each in (RunFolder(file.parent) for file in (folder / DIARY).rglob("run.json"))
            if each.record().key == run.data.tags["simgan.run_key"]
        )
        points = Counter((name, line["step"]) for line in kept.events_from()[0] for name in line["metrics"])
        there = Counter(
            (name, point.step)
            for name in run.data.metrics
            for point in client.get_metric_history(run.info.run_id, name)
        )
        assert set(there.values()) == {1} and set(there) == set(points), f"{run.info.run_name}: other events"
        files = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
        pictures = [file for file in files if file.endswith("compressed.webp")]  # those that MLflow's page shows
        assert len(pictures) == len(kept.images()), f"{run.info.run_name}: {len(pictures)} pictures"
        assert run.info.status == "FINISHED"
        events += len(there) + len(pictures)
    return events


def main(repeats: int = 6) -> None:
    """Each round trains once under every condition, so that whatever slows the machine slows all alike."""
    conditions = ("off", "well", "dead", "slow", "refusing", "killed and back")
    seconds: dict[str, list[float]] = {condition: [] for condition in conditions}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        workspace(folder, repeats * len(conditions))
        with postgres(folder) as database:
            server = Server(database, folder)
            server.start()
            with between(server.port) as slow, between(server.port, refuses=True) as refusing:
                dead = f"http://127.0.0.1:{free_port()}"
                ways = {
                    "off": "off",
                    "well": server.address,
                    "dead": dead,
                    "slow": slow,
                    "refusing": refusing,
                    "killed and back": server.address,
                }
                for seed in range(repeats * len(conditions)):
                    condition = conditions[seed % len(conditions)]
                    training = start(folder, seed, ways[condition])
                    if condition == "killed and back":
                        time.sleep(9)
                        server.kill()
                        time.sleep(4)
                        server.start()
                    took, said = ended(training)
                    seconds[condition].append(took)
                    assert len(said) <= 1, said
                    print(f"{condition}: {took:.1f} s{''.join('; ' + line[:160] for line in said)}", flush=True)
            os.environ["MLFLOW_TRACKING_URI"] = server.address
            print(f"sync: {sync(folder / DIARY)}")
            print(f"all {compare(folder, server.address)} events of {repeats * len(conditions)} runs are there, once")
            server.kill()
    ratios = {
        condition: statistics.median(a / b for a, b in zip(values, seconds["off"], strict=True))
        for condition, values in seconds.items()
    }
    for condition, ratio in ratios.items():
        print(f"{condition}: {ratio:.3f} of the time with tracking off")
    if max(ratios.values()) > MOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
