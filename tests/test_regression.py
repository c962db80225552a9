"""The gate: a hand-computed tolerance, what must close it and what must not."""

import copy

import numpy as np
import pytest

from benchmarks.core.errors import UserError
from benchmarks.evaluation import regression, summary
from benchmarks.evaluation.tasks import GAZE
from benchmarks.stages import regress
from tests.gaze_results import DATA, LEVELS, gaze_results


def metrics_of(levels=LEVELS, seed=0, **data):
    rows = gaze_results(levels, seed=seed)
    return summary.summarise(rows, GAZE, np.random.default_rng(0), DATA | data, 50)


@pytest.fixture(scope="module")
def metrics():
    return metrics_of()


@pytest.fixture(scope="module")
def accepted(metrics, tmp_path_factory):
    path = tmp_path_factory.mktemp("accepted") / "embedded.json"
    regression.accept(metrics, path, "first values")
    return summary.read(path)


def status(rows, condition, metric):
    return rows.set_index(["condition", "metric"]).loc[(condition, metric), "status"]


def test_accepted_values_pass_against_themselves(metrics, accepted):
    rows = regression.compare(metrics, accepted)
    assert len(rows) == len(LEVELS) * len(GAZE.metrics)
    assert set(rows["status"]) == {"ok"}
    assert not regression.regressed(rows)
    assert accepted["note"] == "first values"


def test_tolerance_by_hand():
    """Seeds 1, 2, 3 and 4, 4, 4: variances 1 and 0, pooled 0.5 at 4 degrees of freedom, t = 4.604095."""
    conditions = {"synthetic": ([1.0, 2, 3], 2.0), "refined": ([4.0, 4, 4], 4.0)}
    accepted = {
        "gaze": {c: {"mean_error_deg": {"value": v, "seeds": s}} for c, (s, v) in conditions.items()},
        "data": {"gaze": {"image_error": {c: {"mean_error_deg": 0.3} for c in conditions}}},
    }
    rows = regression.compare({"gaze": accepted["gaze"]}, accepted).set_index("condition")
    own = np.sqrt(4.604095**2 * (1.0 + 0.09) * (2 / 3) + 0.002**2)
    pooled = np.sqrt(4.604095**2 * (0.5 + 0.09) * (2 / 3) + 0.004**2)
    assert rows.loc["synthetic", "tolerance"] == pytest.approx(own, rel=1e-6)
    assert rows.loc["refined", "tolerance"] == pytest.approx(pooled, rel=1e-6)


@pytest.mark.parametrize("metric", GAZE.metrics)
@pytest.mark.parametrize(("direction", "expected"), [(-1, "regressed"), (1, "improved")])
@pytest.mark.parametrize(("factor", "beyond"), [(1.01, True), (0.99, False)])
def test_only_beyond_the_tolerance_and_only_for_the_worse(
    metrics, accepted, metric, direction, expected, factor, beyond
):
    tolerance = (
        regression.compare(metrics, accepted).set_index(["condition", "metric"]).loc[("real", metric), "tolerance"]
    )
    better = 1 if metric.startswith("within") else -1
    changed = copy.deepcopy(metrics)
    changed["gaze"]["real"][metric]["value"] += direction * better * factor * tolerance
    rows = regression.compare(changed, accepted)
    assert status(rows, "real", metric) == (expected if beyond else "ok")
    assert regression.regressed(rows) == (beyond and expected == "regressed")


def test_other_seeds_pass_and_a_broken_refiner_does_not(accepted):
    rows = gaze_results(seed=0)
    reseeded = rows.assign(error_deg=rows["error_deg"] * np.random.default_rng(9).gamma(40, 1 / 40, len(rows)))
    again = summary.summarise(reseeded, GAZE, np.random.default_rng(0), DATA, 50)
    assert not regression.regressed(regression.compare(again, accepted))
    broken = metrics_of(LEVELS | {"refined": LEVELS["synthetic"]})
    assert status(regression.compare(broken, accepted), "refined", "mean_error_deg") == "regressed"


def test_erratic_training_does_not_widen_its_own_tolerance(metrics, accepted):
    erratic = copy.deepcopy(metrics)
    erratic["gaze"]["refined"]["mean_error_deg"] |= {"value": 14.0, "seeds": [4.0, 14.0, 24.0]}
    assert status(regression.compare(erratic, accepted), "refined", "mean_error_deg") == "regressed"


@pytest.mark.parametrize(
    ("lose", "missing"),
    [
        (lambda m: m["gaze"]["real"].pop("within_7deg"), 1),
        (lambda m: m["gaze"].pop("real"), 4),
        (lambda m: m.pop("gaze"), len(LEVELS) * len(GAZE.metrics)),
        (lambda m: m["gaze"]["real"]["within_7deg"].update(value=float("nan")), 1),
    ],
)
def test_what_is_missing_fails_the_gate(metrics, accepted, lose, missing):
    less = copy.deepcopy(metrics)
    lose(less)
    rows = regression.compare(less, accepted)
    assert (rows["status"] == "missing").sum() == missing
    assert regression.regressed(rows)


@pytest.mark.parametrize(("key", "was", "now"), [("test_data", "d1", "d2"), ("preset", "embedded", "ci")])
def test_other_data_or_preset_is_refused(accepted, key, was, now):
    with pytest.raises(UserError, match=f"gaze: accepted values are of {key} {was}, these metrics of {now}"):
        regression.compare(metrics_of(**{key: now}), accepted)


def test_nothing_accepted_is_no_pass(metrics):
    with pytest.raises(UserError, match="no known task"):
        regression.compare(metrics, {"note": "", "data": {}})


def test_accepting_needs_a_note_and_seeds(metrics, tmp_path):
    with pytest.raises(UserError, match="note"):
        regression.accept(metrics, tmp_path / "a.json", "  ")
    one_seed = copy.deepcopy(metrics)
    one_seed["gaze"]["refined"]["within_7deg"]["seeds"] = [0.5]
    with pytest.raises(UserError, match=r"a\.json: gaze refined has fewer than 2 seeds"):
        regression.accept(one_seed, tmp_path / "a.json", "why")
    assert not (tmp_path / "a.json").exists()


def test_tables_are_aligned_and_show_failures_first(metrics, accepted):
    changed = copy.deepcopy(metrics)
    changed["gaze"]["real"]["within_13deg"]["value"] = 0.1
    del changed["gaze"]["refined"]["mean_error_deg"]
    rows = regression.compare(changed, accepted)
    lines = regression.render_table(rows).split("\n")
    assert len(lines) == 1 + len(LEVELS) * len(GAZE.metrics)
    assert {line.split()[-1] for line in lines[1:3]} == {"missing", "regressed"}
    assert len({line.index(line.split()[-1], 60) for line in lines}) == 1
    markdown = regression.to_markdown(rows).rstrip("\n").split("\n")
    assert len(markdown) == 2 + len(LEVELS) * len(GAZE.metrics)
    assert {line.count("|") for line in markdown} == {9}


GUARDS = {"gaze": {"realism/refined/edges": [0.6, 0.61, 0.62]}}


def test_the_gate_closes_on_a_guard_alone(metrics, tmp_path, monkeypatch, capsys, tiny):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(regress, "ACCEPTED", tmp_path)
    regress.RESULTS.parent.mkdir()
    summary.write(metrics | {"guards": GUARDS}, regress.RESULTS)
    assert not regress.run(tiny(), "first values", None, check=True)
    assert summary.read(tmp_path / "embedded.json")["guards"] == GUARDS
    summary.write(metrics | {"guards": {"gaze": {"realism/refined/edges": [1.0] * 3}}}, regress.RESULTS)
    assert regress.run(tiny(), "", None, check=True)
    assert "realism/refined/edges" in capsys.readouterr().out
    assert regress.TABLE.read_text().count("| changed |") == 1


def test_accepted_values_without_guards_are_refused(metrics, tmp_path, monkeypatch, tiny):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(regress, "ACCEPTED", tmp_path)
    regress.RESULTS.parent.mkdir()
    summary.write(metrics, regress.RESULTS)
    with pytest.raises(UserError, match="hold no guards; accept anew"):
        regress.run(tiny(), "first values", None, check=True)
    assert not regress.run(tiny(), "", None, check=False)
    assert "hold no guards" in regress.TABLE.read_text()
