"""The faults stay plantable: each patch applies to the code as it is now, and leaves code that compiles."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.sensitivity.experiments import BASELINE, RERUNS, Experiment, faults

ROOT = Path(__file__).parents[2]
FAULTS = faults(ROOT / "tests/faults")


def files_of(fault: Experiment) -> list[str]:
    assert fault.patch
    return re.findall(r"^\+\+\+ b/(\S+)", fault.patch.read_text(), re.MULTILINE)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_patch_applies_to_the_tree_and_compiles(fault: Experiment, tmp_path: Path):
    for file in files_of(fault):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    done = subprocess.run(["git", "apply", str(fault.patch)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}make tests/faults/{fault.name}.patch anew for the code as it is now"
    for file in files_of(fault):
        text = (tmp_path / file).read_text()
        assert text != (ROOT / file).read_text()
        compile(text, file, "exec")


def test_faults_are_in_code_and_of_their_own_names():
    names = [experiment.name for experiment in (BASELINE, *FAULTS, *RERUNS)]
    assert len(set(names)) == len(names)
    assert len(FAULTS) >= 14
    for fault in FAULTS:
        assert files_of(fault), fault.name
        assert all(file.endswith(".py") and not file.startswith("tests/") for file in files_of(fault))
