"""The house: imports run one way, each stage's imports are its deps in dvc.yaml, no file is long."""

import ast
import functools
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PACKAGES = ("simgan", "estimators", "benchmarks")
# A diary changes no result: a stage need not run again for it.
NO_DEPENDENCY = "benchmarks/tracking"


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def to_file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


@functools.cache
def imports(path: Path) -> frozenset[Path]:
    """First-party files that a file imports anywhere in it."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found.update(file for name in names if name.split(".")[0] in PACKAGES and (file := to_file(name)))
    return frozenset(found)


def reached(path: Path) -> set[Path]:
    seen, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting.extend(imports(file))
    return seen


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


ROOMS = ("core", "datasets", "evaluation", "training", "stages", "report", "tracking")
CORE, DATASETS, EVALUATION, TRAINING, STAGES, REPORT, TRACKING = (f"benchmarks/{room}/" for room in ROOMS)
RULES = {  # who -> whom it must not import
    "simgan/": ("estimators/", "benchmarks/"),
    "estimators/": ("simgan/", "benchmarks/"),
    TRACKING: (STAGES, DATASETS, REPORT, "benchmarks/core/config.py"),
    CORE: (STAGES, TRAINING, DATASETS, EVALUATION, REPORT, TRACKING, "simgan/", "estimators/"),
    DATASETS: (STAGES, TRAINING, EVALUATION, REPORT, TRACKING, "simgan/", "estimators/"),
    EVALUATION: (STAGES, TRAINING, DATASETS, REPORT, TRACKING, "simgan/", "estimators/"),
    TRAINING: (STAGES, EVALUATION, REPORT),
    REPORT: (STAGES, TRAINING, DATASETS, TRACKING, "simgan/", "estimators/"),
    "benchmarks/": ("benchmarks/__main__.py",),
}


def test_imports_run_one_way():
    wrong = [
        f"{relative(path)} imports {relative(target)}"
        for path in sources()
        for who, whom in RULES.items()
        if relative(path).startswith(who)
        for target in imports(path)
        if relative(target).startswith(whom)
    ]
    assert wrong == []


def test_stages_exchange_files_and_not_imports():
    stages = ROOT / "benchmarks/stages"
    wrong = [
        f"{relative(path)} imports {relative(target)}"
        for path in stages.glob("*.py")
        for target in imports(path)
        if target.parent == stages and target.name != "__init__.py"
    ]
    assert wrong == []


def test_the_method_imports_torch_only():
    for path in [*(ROOT / "simgan").glob("*.py"), *(ROOT / "estimators").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                assert name.split(".")[0] in {"torch", "simgan", "estimators", "math", "copy", "typing"} | {
                    "collections",
                    "dataclasses",
                }, f"{relative(path)} imports {name}"


def test_mlflow_is_imported_by_tracking_only():
    for path in sources():
        if not relative(path).startswith("benchmarks/tracking/"):
            assert "import mlflow" not in path.read_text(), relative(path)


def stages() -> dict[str, dict[str, Any]]:
    loaded = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in loaded.items()}


@pytest.mark.parametrize("name", list(stages()))
def test_deps_cover_every_file_that_a_stage_reaches(name: str):
    stage = stages()[name]
    commands = [stage["cmd"]] if isinstance(stage["cmd"], str) else stage["cmd"]
    modules = [ROOT / "benchmarks/stages" / f"{cmd.split()[3].replace('-', '_')}.py" for cmd in commands]
    needed = {relative(path) for module in modules for path in reached(module)}
    packages = {file for file in needed if file.endswith("__init__.py") and not (ROOT / file).read_text().strip()}
    missing = [
        file
        for file in sorted(needed - packages)
        if not file.startswith(NO_DEPENDENCY) and not any((file + "/").startswith(f"{dep}/") for dep in stage["deps"])
    ]
    assert missing == []


@pytest.mark.parametrize(("stage", "module"), [("train-rival", "learning"), ("judge-rival", "judging")])
@pytest.mark.parametrize("task", ["gaze", "hand"])
def test_deps_cover_every_file_that_a_rivals_stage_reaches(stage: str, module: str, task: str):
    loaded = YAML(typ="safe", pure=True).load((ROOT / "benchmarks/refiners/dvc.yaml").read_text())["stages"]
    deps = loaded[f"{stage}-{task}"]["do"]["deps"]
    needed = {relative(path) for path in reached(ROOT / f"benchmarks/refiners/{module}.py")}
    missing = [
        file
        for file in sorted(needed)
        if (ROOT / file).read_text().strip()
        and not file.startswith(NO_DEPENDENCY)
        and not any((file + "/").startswith(f"{dep}/") for dep in deps)
    ]
    assert missing == []


def test_no_stage_of_the_main_pipeline_depends_on_what_rivals_make():
    """DVC would run them with every `dvc repro`."""
    loaded = YAML(typ="safe", pure=True).load((ROOT / "benchmarks/refiners/dvc.yaml").read_text())["stages"]
    made = [out.replace("${key}", "mine") for stage in loaded.values() for out in stage["do"]["outs"]]
    deps = {dep for stage in stages().values() for dep in stage["deps"]}
    assert [out for out in made for dep in deps if f"{out}/".startswith(f"{dep.split('$')[0].rstrip('/')}/")] == []


def test_deps_exist():
    for stage in stages().values():
        for dep in stage["deps"]:
            made_by_a_stage = dep.split("/")[0] in ("stores", "models", "runs", "results", "reports")
            assert made_by_a_stage or (ROOT / dep).exists(), dep


def test_only_the_real_row_and_the_evaluation_depend_on_labels_of_the_real_domain():
    for name, stage in stages().items():
        for dep in stage["deps"]:
            if dep == "stores" or dep.endswith(("/real_labelled", "/test")):
                allowed = ("train-gaze-real", "train-hand-real", "evaluate", "baselines", "report")
                allowed += ("measure", "ablate")  # for the persons' names: tests/stages/test_measure.py
                assert name in allowed, f"{name} depends on {dep}"


def test_no_file_is_longer_than_400_lines():
    tracked = [*sources(), *(ROOT / "tests").rglob("*.py"), *ROOT.glob("*.y*ml"), *ROOT.glob("*.md")]
    assert [relative(path) for path in tracked if len(path.read_text().splitlines()) > 400] == []
