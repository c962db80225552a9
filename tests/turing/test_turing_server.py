"""What the server sends betrays nothing before the end; what it is sent counts once."""

import errno
import itertools
import json
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from benchmarks.core.errors import UserError
from benchmarks.turing import session as session_module
from benchmarks.turing.server import Sessions, create_app, png, serve
from benchmarks.turing.session import Kind, open_pool
from tests.turing.pools import make_pool, play, write_images, write_stores

Opened = tuple[FlaskClient, Sessions]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """A client of a server, and its sessions."""
    every = []

    def make(kind: Kind = "refined") -> Opened:
        sessions = Sessions(make_pool(tmp_path, kind), tmp_path / "results")
        every.append(sessions)
        return create_app(sessions).test_client(), sessions

    yield make
    for sessions in every:
        sessions.close()


def everything_sent(client: FlaskClient, answers: list[str]) -> list[tuple[int, list[tuple[str, str]], bytes]]:
    """Status, headers and body of all that a session fetches before its last answer."""
    replies = []
    for position, chosen in enumerate(answers):
        replies.append(client.get("/anna"))
        replies.append(client.get(f"/anna/image/{position}"))
        if position < len(answers) - 1:
            replies.append(client.post(f"/anna/answers/{position}", json={"choice": chosen}))
    return [(reply.status_code, list(reply.headers), reply.data) for reply in replies]


def test_nothing_but_pixels_tells_real_from_synthetic(tmp_path: Path):
    """With one and the same picture in both stores a whole session is the same bytes, whatever is real and whatever
    is answered: so what is sent depends on neither."""
    grey = np.full((64, 35, 55), 128, np.uint8)
    for name in ("real", "synthetic"):
        write_images(tmp_path / "stores/gaze" / name, grey)
    sent, truths = [], []
    for seed, chosen in itertools.product((0, 1), ("real", "synthetic")):
        pool = open_pool(tmp_path / "stores", "synthetic", seed, standin=False)
        sessions = Sessions(pool, tmp_path / f"{seed}-{chosen}")
        truths.append([shown.label for shown in sessions.of("anna").plan.trials])
        sent.append(everything_sent(create_app(sessions).test_client(), [chosen] * 20))
        sessions.close()
    assert truths[0] != truths[2]
    assert sent[0] == sent[1] == sent[2] == sent[3]


def test_images_of_any_content_have_one_length_and_no_metadata():
    smooth, rough = np.zeros((35, 55), np.uint8), np.random.default_rng(0).integers(0, 256, (35, 55), dtype=np.uint8)
    assert len(png(smooth)) == len(png(rough))
    chunks, rest = [], png(rough)[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        chunks.append(rest[4:8])
        rest = rest[12 + length :]
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}


def test_only_the_image_whose_turn_it_is_can_be_had(opened: Callable[..., Opened]):
    client, sessions = opened()
    play(sessions.of("anna"), 7)
    status = [client.get(f"/anna/image/{position}").status_code for position in range(100)]
    assert [position for position, code in enumerate(status) if code == 200] == [7]
    reply = client.get("/anna/image/7")
    assert reply.headers["Cache-Control"] == "no-store"
    assert not {"ETag", "Last-Modified", "Content-Disposition"} & set(reply.headers.keys())


def test_what_is_sent_twice_counts_once_and_out_of_order_is_refused(opened: Callable[..., Opened]):
    client, sessions = opened()
    first = [client.post("/anna/answers/0", json={"choice": "real"}) for _ in range(2)]
    assert [(reply.status_code, reply.json) for reply in first] == [(200, {"position": 1})] * 2
    for position, choice in ((0, "synthetic"), (5, "real"), (1, "maybe")):
        reply = client.post(f"/anna/answers/{position}", json={"choice": choice})
        assert reply.status_code == 409
        assert reply.json and reply.json["position"] == 1 and reply.json["message"].startswith("Not counted")
    assert client.post("/anna/answers/1", json=["real"]).status_code == 409
    assert sessions.of("anna").position == 1


def test_two_raters_at_one_server(opened: Callable[..., Opened]):
    client, sessions = opened()
    for position in range(4):
        client.post(f"/anna/answers/{position}", json={"choice": "real"})
        client.post(f"/ben/answers/{position}", json={"choice": "synthetic"})
    for name, chosen in (("anna", "real"), ("ben", "synthetic")):
        lines = [json.loads(line) for line in sessions.of(name).path.read_text().splitlines()]
        assert lines[0]["rater"] == name
        assert [line["chosen"] for line in lines[1:]] == [chosen] * 4


def test_a_second_server_is_told_so(opened: Callable[..., Opened]):
    first, second = opened()[0], opened()[0]
    assert first.get("/anna").status_code == 200
    assert "another server holds this session" in (page := second.get("/anna")).text
    assert page.status_code == 409
    assert second.post("/anna/answers/0", json={"choice": "real"}).status_code == 409
    assert second.get("/ben").status_code == 200


def test_the_start_page_takes_a_name(opened: Callable[..., Opened]):
    client, _ = opened()
    assert "50 real and 50 refined synthetic" in client.get("/").text
    reply = client.get("/?rater= Anna ")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/anna")
    wrong = client.get("/?rater=<b>anna</b>")
    assert wrong.status_code == 409
    assert "&lt;b&gt;anna" in wrong.text and "<b>anna" not in wrong.text


def test_other_sites_cannot_answer(opened: Callable[..., Opened]):
    client, sessions = opened()
    assert client.post("/anna/answers/0", data={"choice": "real"}).status_code == 415
    foreign = client.post("/anna/answers/0", json={"choice": "real"}, headers={"Host": "evil.example"})
    assert foreign.status_code == 400
    assert sessions.of("anna").position == 0


def test_a_full_disk_is_told_and_the_answer_can_be_sent_again(opened: Callable[..., Opened], monkeypatch):
    client, sessions = opened()
    sessions.of("anna")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(session_module.os, "fsync", full)
        reply = client.post("/anna/answers/0", json={"choice": "real"})
    assert reply.status_code == 507
    assert "no free disk space" in reply.text
    assert client.post("/anna/answers/0", json={"choice": "real"}).json == {"position": 1}


def test_the_end_shows_table1_beside_the_published_one(opened: Callable[..., Opened]):
    client, sessions = opened()
    play(sessions.of("anna"), 100, wrong=frozenset(range(48)))
    text = client.get("/anna").text
    for told in ("52 of 100 right", "nor shown to be within 5 points", "224", "293", "0.148", "stand-in"):
        assert told in text
    assert "All" not in text
    play(sessions.of("ben"), 100)
    assert "All 2 raters" in client.get("/anna").text


def test_the_end_of_a_control(opened: Callable[..., Opened]):
    client, sessions = opened("synthetic")
    play(sessions.of("anna"), 20)
    text = client.get("/anna").text
    assert "20 of 20 right" in text and "162 of 200" in text and "better than guessing" in text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rater": "An na"}, "use 1 to 32 of a-z"),
        ({"seed": 7}, "refined/7: no store here"),
        ({"port": 99999}, "port 99999: no port has this number"),
    ],
)
def test_wrong_input_is_one_line(tmp_path: Path, wrong: dict[str, object], told: str):
    stores = write_stores(tmp_path / "stores")
    with pytest.raises(UserError, match=told) as error:
        serve("refined", stores=stores, results=tmp_path / "results", **wrong)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_a_taken_port(tmp_path: Path):
    stores = write_stores(tmp_path / "stores")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port}: Address already in use; choose another"):
            serve("refined", port=port, stores=stores, results=tmp_path / "results")
