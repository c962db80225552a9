"""The page of the visual Turing test in a real browser: a whole session, through the server's death."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from benchmarks.turing.scores import summarise
from benchmarks.turing.session import Kind
from tests.turing.pools import write_stores

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=f"no Chromium here (none of {', '.join(NAMES)} is on PATH)")
ROOT = Path(__file__).parents[2]
COMMAND = "import sys; from benchmarks.turing.server import serve; serve(sys.argv[1], port=int(sys.argv[2]))"
KEYS = {"real": ("r", "ArrowLeft"), "synthetic": ("s", "ArrowRight")}
READY = """n => document.querySelector("#count")?.textContent.startsWith(`${n + 1} of `)
    && document.querySelector("[data-choice]").ariaDisabled === "false" """


class Server:
    """A server process in a folder with stores; started again it has the same address."""

    def __init__(self, folder: Path, kind: Kind = "refined") -> None:
        self.folder, self.kind, self.port = folder, kind, "0"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", COMMAND, self.kind, self.port]
        environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # jobs in the background inherit it ignored
        )
        assert self.process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line := self.process.stdout.readline())
        assert found, line
        self.address, self.port = found[0], found[1]

    def stop(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        self.process.communicate(timeout=20)
        return self.process.returncode

    def answers(self, name: str) -> list[dict[str, Any]]:
        lines = (self.folder / "results/turing" / name).read_text().splitlines()
        return [json.loads(line) for line in lines[1:]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers in tmp_path; they end with the test."""
    write_stores(tmp_path / "stores")
    started: list[Server] = []

    def start(kind: Kind = "refined") -> Server:
        started.append(Server(tmp_path, kind))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless, without the internet."""
    with sync_playwright() as playwright:
        offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=[offline])
        yield launched
        launched.close()


def wait(page: Page, position: int) -> None:
    """Until the image at `position` can be answered."""
    page.wait_for_function(READY, arg=position)


def choice(position: int) -> str:
    """What the tests answer: a pattern that no plan has."""
    return "real" if position % 3 else "synthetic"


def key(position: int) -> str:
    return KEYS[choice(position)][position % 2]


def play(page: Page, start: int, stop: int) -> None:
    for position in range(start, stop):
        wait(page, position)
        page.keyboard.press(key(position))


def test_a_whole_session_loses_and_doubles_no_answer_when_the_server_is_killed(
    browser: Browser, server: Callable[..., Server]
):
    turing = server()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(turing.address)
    page.get_by_label("Your name").fill("Anna")
    page.get_by_role("button").click()
    play(page, 0, 30)

    wait(page, 30)
    turing.stop(signal.SIGKILL)
    page.keyboard.press(key(30))
    page.get_by_text("The server does not answer").wait_for()
    assert len(turing.answers("anna.jsonl")) == 30
    turing.start()
    play(page, 31, 60)

    wait(page, 60)
    page.close()
    turing.stop(signal.SIGKILL)
    turing.start()
    page = browser.new_page()
    page.goto(f"{turing.address}anna")
    play(page, 60, 100)

    page.get_by_role("heading", name="right").wait_for()
    answers = turing.answers("anna.jsonl")
    assert [(row["position"], row["chosen"]) for row in answers] == [(k, choice(k)) for k in range(100)]
    correct = sum(row["truth"] == row["chosen"] for row in answers)
    assert page.get_by_role("heading", level=1).text_content() == f"{correct} of 100 right"
    assert summarise([turing.folder / "results/turing/anna.jsonl"])["refined"]["correct"] == correct
    page.close()
    assert turing.stop(signal.SIGINT) == 0


def test_neither_page_nor_network_tells_the_answer(browser: Browser, server: Callable[..., Server]):
    turing = server("synthetic")
    page = browser.new_page()
    images, others, documents = [], set(), set()

    def watch(response: Any) -> None:
        headers = {name: value for name, value in response.headers.items() if name != "date"}
        address = re.sub(r"\d+$", "N", response.url.removeprefix(turing.address))
        if address == "anna/image/N":
            images.append(headers)
        else:
            others.add(address.split(":")[0])

    page.on("response", watch)
    page.goto(f"{turing.address}anna")
    for position in range(19):
        wait(page, position)
        source = re.sub(r'blob:[^"]*', "BLOB", page.content())
        documents.add(re.sub(rf"\b{position + 1} of 20|value=\"{position}\"", "", source))
        page.keyboard.press(key(position))
    wait(page, 19)
    assert len({row["truth"] for row in turing.answers("anna.control.jsonl")}) == 2
    assert len(documents) == 1, "the page is the same for real and synthetic"
    assert len(images) == 20 and all(headers == images[0] for headers in images), "and so is what comes with an image"
    assert others == {"anna", "anna/answers/N", "blob"}, "nothing else is asked for"
    page.close()


def test_a_phone(browser: Browser, server: Callable[..., Server]):
    turing = server("synthetic")
    context = browser.new_context(viewport={"width": 375, "height": 667}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{turing.address}anna")
    wait(page, 0)
    boxes = [image.bounding_box() for image in [*page.locator("img").all(), *page.locator("[data-choice]").all()]]
    assert len(boxes) == 10 + 10 + 1 + 2
    for box in boxes:
        assert box and box["width"] >= 55 and box["height"] >= 35
        assert box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= 375 and box["y"] + box["height"] <= 667
    centres = {
        name: (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for name, box in zip(("real", "synthetic"), filter(None, boxes[-2:]), strict=True)
    }
    for position in range(20):
        wait(page, position)
        x, y = centres[choice(position)]
        for _ in range(2):  # a doubled tap
            page.touchscreen.tap(x, y)
    page.get_by_role("heading", name="of 20 right").wait_for()
    assert [row["chosen"] for row in turing.answers("anna.control.jsonl")] == [choice(k) for k in range(20)]
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    context.close()


def test_an_answer_is_sent_until_there_is_a_reply(browser: Browser, server: Callable[..., Server]):
    """First the disk is full, then the server's reply is lost."""
    turing = server()
    page = browser.new_page()
    replies = []

    def hinder(route: Route) -> None:
        if not replies:
            replies.append(507)
            route.fulfill(status=507, json={"message": "The disk is full."})
        elif len(replies) == 1:
            replies.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    page.route("**/answers/0", hinder)
    page.goto(f"{turing.address}anna")
    play(page, 0, 1)
    page.get_by_text("The disk is full. Trying again").wait_for()
    page.get_by_text("The server does not answer").wait_for()
    wait(page, 1)
    assert replies == [507, 200]
    assert [row["chosen"] for row in turing.answers("anna.jsonl")] == [choice(0)]
    page.close()


def test_a_click_at_once_does_not_answer_for_the_next_image(browser: Browser, server: Callable[..., Server]):
    turing = server()
    page = browser.new_page()
    page.goto(f"{turing.address}anna")
    wait(page, 0)
    page.evaluate("""() => new Promise(done => {
        const button = document.querySelector("[data-choice=real]"), picture = document.getElementById("picture");
        new MutationObserver(() => {
            if (!picture.matches(".waiting")) setTimeout(() => done(button.click()), 50);
        }).observe(picture, {attributeFilter: ["class"]});
        button.click();
    })""")
    wait(page, 1)
    assert len(turing.answers("anna.jsonl")) == 1
    page.close()


def test_two_tabs_of_one_rater_and_another_rater(browser: Browser, server: Callable[..., Server]):
    turing = server()
    first, second, other = browser.new_page(), browser.new_page(), browser.new_page()
    for page, name in ((first, "anna"), (second, "anna"), (other, "ben")):
        page.goto(f"{turing.address}{name}")
        wait(page, 0)
    first.keyboard.press("r")
    wait(first, 1)
    second.keyboard.press("s")
    second.get_by_text("image 1 is answered already; the first answer stays").wait_for()
    wait(second, 1)
    second.keyboard.press("s")
    wait(second, 2)
    other.keyboard.press("s")
    wait(other, 1)
    assert [row["chosen"] for row in turing.answers("anna.jsonl")] == ["real", "synthetic"]
    assert [row["chosen"] for row in turing.answers("ben.jsonl")] == ["synthetic"]
    for page in (first, second, other):
        page.close()
