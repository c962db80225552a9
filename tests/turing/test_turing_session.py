"""A session shows what the paper's did, and keeps each answer once, through any end."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.core.errors import UserError
from benchmarks.turing import session as module
from benchmarks.turing.session import EXAMPLES, LABELS, TRIALS, Kind, Refused, Session, checked_rater, open_pool, plan
from tests.turing.pools import make_pool, noise, play, write_images


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Session]:
    """Open a session with the answers in tmp_path/results."""

    def make(rater: str = "anna", kind: Kind = "refined", seed: int = 0) -> Session:
        return Session(make_pool(tmp_path, kind, seed), tmp_path / "results", rater)

    return make


@pytest.mark.parametrize("kind", list(TRIALS))
def test_a_plan_is_the_papers(tmp_path: Path, kind: Kind):
    shown = plan(make_pool(tmp_path, kind), "anna")
    each = {"refined": 50, "synthetic": 10}[kind]
    assert {label: len(shown.examples[label]) for label in LABELS} == {"real": 10, "synthetic": 10}
    assert [sum(trial.label == label for trial in shown.trials) for label in LABELS] == [each, each]
    every = [*shown.trials, *shown.examples["real"], *shown.examples["synthetic"]]
    assert len(set(every)) == 2 * (each + EXAMPLES), "an image is shown once"


def test_plans_differ_by_rater_seed_and_kind_and_by_nothing_else(tmp_path: Path):
    pools = [make_pool(tmp_path, "refined", 0), make_pool(tmp_path, "refined", 1), make_pool(tmp_path, "synthetic", 0)]
    orders = [
        tuple(trial.label for trial in plan(pool, name).trials[:20]) for pool in pools for name in ("anna", "ben")
    ]
    assert len(set(orders)) == 6
    assert plan(pools[0], "anna") == plan(pools[0], "anna")


def test_labels_are_in_random_order(tmp_path: Path):
    """Mean position of the real images over 200 plans: 49.5 with standard error 0.2."""
    pool = make_pool(tmp_path)
    positions = [k for n in range(200) for k, trial in enumerate(plan(pool, f"r{n}").trials) if trial.label == "real"]
    assert sum(positions) / len(positions) == pytest.approx(49.5, abs=0.9)


def test_an_answer_counts_once(begin: Callable[..., Session]):
    session = begin()
    session.answer(0, "real")
    session.answer(0, "real")
    assert session.position == 1
    for position, chosen, why in ((0, "synthetic", "first answer stays"), (2, "real", "not shown yet")):
        with pytest.raises(Refused, match=why):
            session.answer(position, chosen)
    for position, chosen in ((1, "fake"), (-1, "real"), (100, "real")):
        with pytest.raises(Refused):
            session.answer(position, chosen)
    assert [json.loads(line)["chosen"] for line in session.path.read_text().splitlines()[1:]] == ["real"]


def test_a_line_tells_what_was_shown(begin: Callable[..., Session], tmp_path: Path):
    session = begin()
    play(session, 1, wrong=frozenset({0}))
    row = json.loads(session.path.read_text().splitlines()[1])
    assert row["truth"] != row["chosen"]
    shown = make_pool(tmp_path).stores[row["truth"]].images[row["index"]]
    assert (shown == session.pool.image(session.plan.trials[0])).all()


def test_a_file_cut_anywhere_goes_on_after_its_last_whole_line(begin: Callable[..., Session]):
    session = begin()
    play(session, 3)
    session.close()
    content = session.path.read_bytes()
    for length in range(len(content) + 1):
        session.path.write_bytes(content[:length])
        again = Session(session.pool, session.path.parent, "anna")
        assert again.position == max(0, content[:length].count(b"\n") - 1)
        play(again, 3)
        again.close()
        assert session.path.read_bytes() == content


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_an_answer_that_cannot_be_kept_does_not_count(begin: Callable[..., Session], monkeypatch, failing: str):
    session = begin()
    play(session, 3)
    before = session.path.read_bytes()
    write = os.write

    def full(file: int, *content: Any) -> int:
        if failing == "write" and len(content[0]) > 9:
            return write(file, content[0][:9])  # a disk fills in mid-line
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(module.os, failing, full)
        with pytest.raises(OSError, match=r"No space left on device: .*anna\.jsonl"):
            session.answer(3, "real")
    assert (session.position, session.path.read_bytes()) == (3, before)
    session.answer(3, "real")
    assert session.position == 4


def test_an_answer_is_synced_before_it_counts(begin: Callable[..., Session], monkeypatch):
    session = begin()
    sync, seen = os.fsync, []

    def watch(file: int) -> None:
        seen.append((session.position, session.path.read_bytes().count(b"\n")))
        sync(file)

    monkeypatch.setattr(module.os, "fsync", watch)
    session.answer(0, "real")
    assert seen == [(0, 2)], "written, not yet counted"


def test_a_session_is_held_by_one_server(begin: Callable[..., Session]):
    session = begin()
    with pytest.raises(UserError, match=r"anna\.jsonl: another server holds this session"):
        begin()
    begin("ben").close()
    session.close()
    begin().close()


def test_other_images_are_no_continuation(begin: Callable[..., Session], tmp_path: Path):
    play(session := begin(), 2)
    session.close()
    with pytest.raises(UserError, match="begun with seed 0, now 1"):
        begin(seed=1)
    write_images(tmp_path / "stores/gaze/refined/0", noise(9))
    with pytest.raises(UserError, match="begun with stores"):
        begin()


@pytest.mark.parametrize(
    ("line", "damaged"),
    [
        (0, "{}"),
        (1, "[]"),
        (2, "not json"),
        (2, '{"position": 5, "index": 1, "truth": "real", "chosen": "real"}'),
        (1, '{"position": 0, "index": 1, "truth": "real", "chosen": "maybe"}'),
    ],
)
def test_a_damaged_file_is_named_with_its_line(begin: Callable[..., Session], line: int, damaged: str):
    play(session := begin(), 4)
    session.close()
    lines = session.path.read_text().splitlines()
    lines[line] = damaged
    session.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=rf"anna\.jsonl:{line + 1}: not a line of a session"):
        begin()


def test_another_image_than_planned_is_named(begin: Callable[..., Session]):
    play(session := begin(), 4)
    session.close()
    lines = [json.loads(line) for line in session.path.read_text().splitlines()]
    lines[3]["index"] += 1
    session.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match="image 3 is not the one planned"):
        begin()


@given(st.text(max_size=40))
def test_a_raters_name_is_safe_in_a_path_and_an_address(name: str):
    try:
        checked_rater(name)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert name == Path(name).name == name.casefold()
        assert name.isascii() and "." not in name


@pytest.mark.parametrize("name", ["", "../anna", "Anna", "anna b", "a" * 33, "anna.control", "anna\n", "-a"])
def test_names_that_are_none(name: str):
    with pytest.raises(UserError, match="use 1 to 32 of a-z"):
        checked_rater(name)


def test_too_few_images_and_unlike_images(tmp_path: Path):
    stores = tmp_path / "stores/gaze"
    write_images(stores / "real", noise(0))
    with pytest.raises(UserError, match="refined/0: no store here"):
        make_pool(tmp_path)
    write_images(stores / "refined/0", noise(1, count=59))
    with pytest.raises(UserError, match="refined/0: 59 images; a session shows 60"):
        make_pool(tmp_path)
    write_images(stores / "refined/0", noise(1, shape=(36, 60)))
    with pytest.raises(UserError, match="anyone can tell them apart"):
        open_pool(tmp_path / "stores", "refined", 0, standin=False)
