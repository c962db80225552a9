"""README and docs/: links that lead somewhere, commands that exist, a README of a few screens."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from benchmarks.__main__ import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = typer.main.get_command(app)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_and_paths_lead_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    paths = re.findall(r"`((?:benchmarks|simgan|estimators|docs|tests|reports|\.ci|\.github)/[\w./-]+)`", text)
    made = {"reports/figure6/README.md", "reports/sensitivity/README.md"}  # by commands that take an hour or two
    lost = [link for link in links if not (page.parent / link).exists()]
    lost += [path for path in paths if path not in made and not (ROOT / path).exists()]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_exist_with_their_options(page: Path):
    lines = re.findall(r"python -m benchmarks ([^`\n]+)", page.read_text(encoding="utf-8"))
    for line in lines:
        name, *words = shlex.split(line, comments=True)
        command = COMMANDS.commands[name]  # pyright: ignore[reportAttributeAccessIssue]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_the_readme_is_short():
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 150
