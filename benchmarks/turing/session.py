"""One person's visual Turing test (section 3.1): the images that they are shown, and answers that outlive any crash."""

import fcntl
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from benchmarks.core.errors import UserError
from benchmarks.core.files import instance
from benchmarks.datasets.store import Store, open_store

Kind = Literal["refined", "synthetic"]  # what is shown beside real images
LABELS = ("real", "synthetic")
EXAMPLES = 10  # of each label: "constantly shown 20 examples"
TRIALS: Mapping[Kind, int] = {"refined": 50, "synthetic": 10}  # of each label
FILE_NAMES: Mapping[Kind, str] = {"refined": "{}.jsonl", "synthetic": "{}.control.jsonl"}
RATER = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Pool:
    """The stores that images are drawn from; `standin` where the real ones only play that part."""

    kind: Kind
    seed: int
    stores: Mapping[str, Store]
    standin: bool

    def image(self, shown: "Shown") -> np.ndarray:
        """uint8 (35, 55), or (35, 55, 3) in colour."""
        return self.stores[shown.label].images[shown.number]


class Shown(NamedTuple):
    """What an image is, and which of its store."""

    label: str
    number: int


class Plan(NamedTuple):
    examples: Mapping[str, Sequence[Shown]]
    trials: Sequence[Shown]


class Refused(Exception):
    """An answer that does not count; the message says why."""


def open_pool(stores: Path, kind: Kind, seed: int, *, standin: bool) -> Pool:
    """Open the real store and that of `kind`, of gaze; `seed` says whose refiner.

    Raises UserError for a store that is absent, damaged, too small, or of images unlike the other's.
    """
    synthetic = instance("refined", seed) if kind == "refined" else "synthetic"
    paths = {"real": stores / "gaze/real", "synthetic": stores / "gaze" / synthetic}
    opened = {label: open_store(paths[label], "gaze") for label in LABELS}
    needed = EXAMPLES + TRIALS[kind]
    for store in opened.values():
        if len(store) < needed:
            raise UserError(f"{store.path}: {len(store)} images; a session shows {needed} of them, load more")
    shapes = [opened[label].images.shape[1:] for label in LABELS]
    if shapes[0] != shapes[1]:
        raise UserError(
            f"{paths['real']} holds images of {shapes[0]}, {paths['synthetic']} of {shapes[1]}: anyone can tell them "
            "apart; load both alike"
        )
    return Pool(kind, seed, opened, standin)


def checked_rater(name: str) -> str:
    """The name, or UserError where it is none that a file and an address can bear."""
    if not RATER.fullmatch(name):
        raise UserError(f"rater {name[:40]!r}: use 1 to 32 of a-z, 0-9, - and _, the first a letter or digit")
    return name


def plan(pool: Pool, rater: str) -> Plan:
    """What one person sees: another draw for each name, the same each time; no image twice."""
    random = np.random.default_rng([pool.seed, *f"turing/{pool.kind}/{rater}".encode()])
    trials, examples = [], {}
    for label in LABELS:
        drawn = random.choice(len(pool.stores[label]), EXAMPLES + TRIALS[pool.kind], replace=False)
        shown = [Shown(label, int(index)) for index in drawn]
        examples[label] = shown[:EXAMPLES]
        trials += shown[EXAMPLES:]
    return Plan(examples, [trials[k] for k in random.permutation(len(trials))])


class Session:
    """A rater's plan and their answers so far, one line each of `folder`/RATER.jsonl after a line that tells the plan.

    An answer is on the disk before it counts. The file is locked for as long as the process lives.
    """

    def __init__(self, pool: Pool, folder: Path, rater: str) -> None:
        """Begin, or go on where the file ends.

        Raises UserError for a bad name, and for a file that another server holds, that was begun with other images,
        or that is damaged.
        """
        self.rater, self.pool = checked_rater(rater), pool
        self.plan = plan(pool, rater)
        self.path = folder / FILE_NAMES[pool.kind].format(rater)
        self._mutex = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._lock()
            self._answers = self._resume()
        except BaseException:
            self.close()
            raise

    @property
    def position(self) -> int:
        """How many trials are answered, and so the one to show."""
        return len(self._answers)

    @property
    def total(self) -> int:
        return len(self.plan.trials)

    @property
    def done(self) -> bool:
        return self.position == self.total

    def answer(self, position: int, chosen: str) -> None:
        """Keep the answer to a trial. The same one sent again changes nothing.

        Raises Refused for a trial answered otherwise before or not yet shown; OSError where it cannot be written,
        and then nothing is.
        """
        with self._mutex:
            if chosen not in LABELS or not 0 <= position < self.total:
                raise Refused(f"no trial {position} or no label {chosen[:20]!r}")
            if position < self.position:
                if self._answers[position] != chosen:
                    raise Refused(f"image {position + 1} is answered already; the first answer stays")
                return
            if position > self.position:
                raise Refused(f"image {position + 1} is not shown yet")
            shown = self.plan.trials[position]
            self._append({"position": position, "index": shown.number, "truth": shown.label, "chosen": chosen})
            self._answers.append(chosen)

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{self.path}: another server holds this session; use its page, or another rater's name"
            ) from None

    def _resume(self) -> list[str]:
        header, rows = read(self.path)
        expected = {
            "rater": self.rater,
            "kind": self.pool.kind,
            "seed": self.pool.seed,
            "standin": self.pool.standin,
            "trials": self.total,
            "stores": {label: store.digest for label, store in self.pool.stores.items()},
        }
        if header is None:
            os.ftruncate(self._file, 0)
            self._append(expected)
            _sync_folder(self.path.parent)
            return []
        for key, value in expected.items():
            if header.get(key) != value:
                raise UserError(
                    f"{self.path}: begun with {key} {header.get(key)}, now {value}; "
                    "give another rater's name, or move the file away"
                )
        for row, shown in zip(rows, self.plan.trials, strict=False):
            if (row["truth"], row["index"]) != shown:
                raise UserError(f"{self.path}: image {row['position'] + 1} is not the one planned; move the file away")
        os.ftruncate(self._file, _whole_lines(self.path.read_bytes()))
        return [row["chosen"] for row in rows]

    def _append(self, record: Mapping[str, Any]) -> None:
        end = os.fstat(self._file).st_size
        line = (json.dumps(record) + "\n").encode()
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, end)
            error.filename = str(self.path)
            raise


def read(path: Path) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """A session's file -> its first line (None if not whole) and the answers, in order.

    A last line cut off, as a power failure leaves it, is no answer. Raises UserError for anything else amiss.
    """
    content = path.read_bytes()
    lines = content[: _whole_lines(content)].splitlines()
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        try:
            record = json.loads(line)
            sound = _is_answer(record, number - 1, records[0]["trials"]) if records else _is_header(record)
        except (ValueError, KeyError, TypeError):
            sound, record = False, {}
        if not sound:
            raise UserError(f"{path}:{number + 1}: not a line of a session; move the file away")
        records.append(record)
    return (records[0], records[1:]) if records else (None, [])


def _is_header(record: Any) -> bool:
    return record["kind"] in TRIALS and {type(record["trials"]), type(record["standin"])} == {int, bool}


def _is_answer(record: Any, position: int, trials: int) -> bool:
    labels = {record["truth"], record["chosen"]}
    return record["position"] == position < trials and labels <= set(LABELS) and type(record["index"]) is int


def _whole_lines(content: bytes) -> int:
    return content.rfind(b"\n") + 1


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
