"""The report of planted faults says what was found, and no more."""

from benchmarks.sensitivity import page

ROW = {"row": "realism/refined/edges", "accepted": 0.6, "value": 1.0, "low": 0.51234, "high": 0.7}
MISSING = ROW | {"row": "real, mean_error_deg", "value": None}


def outcome(kind: str, *, rows=(), error="", stage="refine@gaze", seconds=61):
    return {
        "kind": kind,
        "text": "R is | the identity.",
        "tripped": bool(rows or error),
        "stage": stage,
        "error": error,
        "rows": list(rows),
        "seconds": seconds,
    }


FOUND = {
    "commit": "0123456789abcdef",
    "preset": "ci",
    "task": "gaze",
    "command": "python -m benchmarks sensitivity",
    "planned": 5,
    "experiments": {
        "identity": outcome("fault", rows=[ROW, MISSING]),
        "diverges": outcome("fault", error="error: train-simgan gaze/0: diverged"),
        "hidden": outcome("fault", stage="evaluate@gaze"),
        "baseline": outcome("healthy", stage="evaluate@gaze"),
        "seeds_10": outcome("healthy", rows=[MISSING], stage="evaluate@gaze"),
    },
}


def cells(name: str) -> list[str]:
    line = next(line for line in page.write(FOUND).splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.replace("\\|", "/").strip("|").split("|")][2:]


def test_every_outcome_is_told_with_its_row_and_limits():
    assert cells("identity") == [
        "caught",
        "refine@gaze",
        "realism/refined/edges",
        "0.6",
        "1",
        "0.5123 to 0.7",
        "2",
        "61",
    ]
    assert cells("diverges")[:3] == ["caught", "refine@gaze", "error: train-simgan gaze/0: diverged"]
    assert cells("hidden") == ["**missed**", "-", "-", "-", "-", "-", "0", "61"]
    assert cells("baseline")[0] == "passed"
    assert cells("seeds_10")[:5] == ["**false alarm**", "evaluate@gaze", "real, mean_error_deg", "0.6", "-"]


def test_head_has_commit_preset_command_and_the_count():
    head = page.write(FOUND).partition("## Faults")[0]
    for told in ("`0123456789ab`", "`ci`", "    python -m benchmarks sensitivity\n"):
        assert told in head
    assert "2 of 3 faults caught, 1 of 2 healthy reruns tripped." in head


def test_experiments_still_to_be_run_are_no_success():
    assert page.headline(FOUND | {"planned": 18}).endswith("; 5 of 18 experiments run")
    only = FOUND | {"experiments": {"identity": FOUND["experiments"]["identity"]}}
    assert "None was run yet." in page.write(only).partition("## Healthy reruns")[2]
