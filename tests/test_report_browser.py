"""The report in a real browser: it fits a phone and a desk, and asks for nothing outside its file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from benchmarks import report
from tests.invented import invented_both
from tests.turing.test_turing_browser import CHROMIUM, NAMES

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=f"no Chromium here (none of {', '.join(NAMES)} is on PATH)")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    report.build(folder, invented_both())
    return folder / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--host-resolver-rules=MAP * ~NOTFOUND"])
        yield launched
        launched.close()


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_is_wider_than_the_screen_or_comes_from_elsewhere(browser: Browser, file: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    page.close()
