"""Presets: params.yaml in the sizes that people need. paper.yaml is whole; the others say what they change."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from benchmarks.core.config import check
from benchmarks.core.errors import UserError

FOLDER = Path(__file__).parent


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def compose(name: str) -> str:
    """The text of params.yaml under preset `name`: paper.yaml with its comments, the changed values marked.

    Raises UserError for an unknown preset or one that changes a key which paper.yaml does not have.
    """
    if name not in names():
        raise UserError(f"preset {name!r}: unknown; there are {', '.join(names())}")
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 200, True
    params = yaml.load((FOLDER / "paper.yaml").read_text())
    for path in _overlays(name, yaml):
        overlay = yaml.load(path.read_text())
        overlay.pop("extends", None)
        _override(params, overlay, path, "")
    text = io.StringIO()
    yaml.dump(params, text)
    check(parse(text.getvalue()), FOLDER / f"{name}.yaml")
    return text.getvalue()


def _overlays(name: str, yaml: YAML) -> list[Path]:
    """The files that change paper.yaml, in order: what a preset extends comes before it."""
    if name == "paper":
        return []
    path = FOLDER / f"{name}.yaml"
    return [*_overlays(yaml.load(path.read_text()).get("extends", "paper"), yaml), path]


def parse(text: str) -> Any:
    """Plain values of a YAML text."""
    return YAML(typ="safe", pure=True).load(text)


def changes(before: Any, after: Any, prefix: str = "") -> list[str]:
    """What differs between two parameter trees, a line a value: `simgan.gaze.lam: 0.1 -> 0.3`."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(key for key in after if key not in before)]
        return [line for key in keys for line in changes(before.get(key), after.get(key), f"{prefix}.{key}".strip("."))]
    return [] if before == after else [f"{prefix}: {before} -> {after}"]


def _override(params: CommentedMap, overlay: CommentedMap, path: Path, prefix: str) -> None:
    for key, value in overlay.items():
        where = f"{prefix}{key}"
        if key not in params:
            raise UserError(f"{path}: {where}: paper.yaml has no such key")
        if isinstance(value, CommentedMap) and "source" in value:
            params[key] = value  # of its own: another source has other keys, and the paper none of a folder's
        elif isinstance(value, CommentedMap):
            _override(params[key], value, path, f"{where}.")
        elif params[key] != value:
            comment = params.ca.items.get(key)
            source = comment[2].value.split("\n")[0].lstrip("# ") if comment and comment[2] else ""
            if key != "preset":
                paper = source if source.startswith("paper: ") else f"paper: {_plain(params[key])}; {source}"
                params.yaml_add_eol_comment(paper.rstrip("; "), key)
            params[key] = value


def _plain(value: Any) -> str:
    return "null" if value is None else str(value)
