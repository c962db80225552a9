"""results.json from rows: hand-computed values, pairing, verdicts, and rows that are not complete."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.core.errors import UserError
from benchmarks.evaluation import summary
from benchmarks.evaluation.significance import Interval
from benchmarks.evaluation.tasks import GAZE
from tests.gaze_results import DATA, LEVELS, gaze_results


def summarise(rows, resamples=500):
    return summary.summarise(rows, GAZE, np.random.default_rng(0), DATA, resamples)


@pytest.fixture(scope="module")
def rows():
    return gaze_results()


@pytest.fixture(scope="module")
def metrics(rows):
    return summarise(rows)


def test_values_are_means_over_seeds_of_each_seeds_own_statistic(rows, metrics):
    by_hand = {
        "mean_error_deg": np.mean,
        "median_error_deg": np.median,
        "within_7deg": lambda errors: np.mean(errors <= 7),
        "within_13deg": lambda errors: np.mean(errors <= 13),
    }
    for condition in LEVELS:
        for metric, function in by_hand.items():
            chosen = rows[rows["condition"] == condition]
            seeds = [function(chosen.loc[chosen["seed"] == s, "error_deg"]) for s in range(3)]
            found = metrics["gaze"][condition][metric]
            assert set(found) == {"value", "low", "high", "seeds"}
            assert found["seeds"] == pytest.approx(seeds, rel=1e-5)
            assert found["value"] == pytest.approx(np.mean(seeds), rel=1e-5)
            assert found["low"] < found["value"] < found["high"]


def test_an_error_of_exactly_7_degrees_counts(rows):
    exactly = rows.assign(error_deg=7.0)
    assert summarise(exactly, 10)["gaze"]["real"]["within_7deg"]["value"] == 1.0


def test_the_headline_is_the_4x_errors_and_the_verdicts(metrics):
    shown = summary.headline(metrics, ["reproduced", "inconclusive", "reproduced"])
    assert shown.keys() == {"gaze", "reproduced", "contradicted"}
    for domain, value in shown["gaze"].items():
        assert value == pytest.approx(metrics["gaze"][f"{domain}_4x"]["mean_error_deg"]["value"], rel=1e-3)
    assert (shown["reproduced"], shown["contradicted"]) == (2, 0)


def test_known_differences_are_found_and_judged(metrics):
    for name, found in metrics["comparisons"]["gaze"].items():
        claim = GAZE.claims[name]
        values = [metrics["gaze"][side][claim.metric]["value"] for side in (claim.a, claim.b)]
        assert found["difference"] == pytest.approx(values[0] - values[1], abs=1e-4)
        assert found["low"] < found["difference"] < found["high"]
        assert found["verdict"] == "reproduced"
        assert found["p"] <= found["p_holm"] <= len(GAZE.claims) * found["p"] + 1e-9
        assert (found["optimistic"]["mcnemar_p"] is None) == (claim.metric == "mean_error_deg")


def test_further_seeds_of_synthetic_images_make_their_mean_surer():
    twelve = gaze_results({"synthetic": 12.0, "synthetic_4x": 11.0}, seeds=12, person_sd=0, seed_sd=0.1)
    others = gaze_results({c: LEVELS[c] for c in LEVELS if not c.startswith("synthetic")}, person_sd=0)
    few, more = (summarise(pd.concat([rows, others], ignore_index=True)) for rows in (twelve.query("seed < 3"), twelve))
    assert len(more["gaze"]["synthetic_4x"]["mean_error_deg"]["seeds"]) == 12
    assert more["data"]["gaze"]["seeds"] == [0, 1, 2]
    visible = [each["comparisons"]["gaze"]["refined_4x_mean_error"]["smallest_effect"] for each in (few, more)]
    assert visible[1] < visible[0] / 2
    with pytest.raises(UserError, match="condition synthetic has no seed 11"):
        summarise(pd.concat([twelve.query("condition != 'synthetic' or seed < 11"), others], ignore_index=True))


def test_the_share_of_the_gap_is_the_ratio_of_the_measured_gaps(metrics):
    value = {c: metrics["gaze"][c]["mean_error_deg"]["value"] for c in LEVELS}
    for suffix in ("", "_4x"):
        share = metrics["comparisons"]["gaze"][f"refined{suffix}_mean_error"]["share_of_gap_closed"]
        synthetic = value[f"synthetic{suffix}"]
        expected = (value[f"refined{suffix}"] - synthetic) / (value["real"] - synthetic)
        assert share["value"] == pytest.approx(expected, rel=1e-4)
        assert share["low"] < expected < share["high"]


def test_without_a_gap_its_share_is_null_with_the_reason():
    none = summarise(gaze_results(dict.fromkeys(LEVELS, 9.0)))["comparisons"]["gaze"]["refined_mean_error"]
    assert none["share_of_gap_closed"]["value"] is None
    assert "real - synthetic includes 0" in none["share_of_gap_closed"]["reason"]
    assert none["verdict"] == "inconclusive"


def test_the_opposite_of_a_claim_contradicts_it():
    swapped = LEVELS | {"synthetic": LEVELS["refined"], "refined": LEVELS["synthetic"]}
    found = summarise(gaze_results(swapped))["comparisons"]["gaze"]
    assert found["refined_mean_error"]["verdict"] == found["refined_within_7deg"]["verdict"] == "contradicted"


def test_pairing_sees_a_difference_far_below_the_spread_of_persons():
    """10 % better on every image while persons differ by 40 %: unpaired resampling could not tell."""
    levels = LEVELS | {"refined": 0.9 * LEVELS["synthetic"]}
    rows = gaze_results(levels, person_sd=0.4, seed_sd=0.0)
    metrics = summarise(rows)
    alone = metrics["gaze"]["refined"]["mean_error_deg"]
    assert alone["high"] - alone["low"] > 2
    assert metrics["comparisons"]["gaze"]["refined_mean_error"]["high"] < 0


@pytest.mark.parametrize(
    ("low", "high", "p_holm", "lower_is_better", "higher_is_better"),
    [
        (-2, -1, 0.01, "reproduced", "contradicted"),
        (1, 2, 0.01, "contradicted", "reproduced"),
        (-2, -1, 0.05, "inconclusive", "inconclusive"),
        (-2, 0, 0.01, "inconclusive", "inconclusive"),
        (-1, 2, 0.01, "inconclusive", "inconclusive"),
    ],
)
def test_verdicts_of_a_direction(low, high, p_holm, lower_is_better, higher_is_better):
    difference = Interval((low + high) / 2, low, high, p_holm, 1.0)
    assert summary.direction_verdict(difference, p_holm, False) == lower_is_better
    assert summary.direction_verdict(difference, p_holm, True) == higher_is_better


def test_the_order_of_rows_does_not_matter_and_bytes_are_stable(rows, metrics, tmp_path):
    shuffled = summarise(rows.sample(frac=1, random_state=1))
    for name, found in (("a", metrics), ("b", shuffled)):
        summary.write(found, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_text().endswith("}\n")
    assert summary.read(tmp_path / "a") == metrics


def test_data_is_described_and_kept(metrics):
    data = metrics["data"]["gaze"]
    assert {key: data[key] for key in DATA} == DATA
    assert (data["images"], data["persons"], data["seeds"]) == (180, 6, [0, 1, 2])


def test_merging_keeps_every_task(metrics):
    other = {"hand": {"real": {}}, "comparisons": {"hand": {}}, "data": {"hand": {"digest": "h"}}}
    merged = summary.merge(metrics, other)
    assert merged["gaze"] == metrics["gaze"]
    assert set(merged["comparisons"]) == set(merged["data"]) == {"gaze", "hand"}
    assert json.loads(json.dumps(merged)) == merged


def first(condition, seed=0):
    return lambda rows: rows.index[(rows["condition"] == condition) & (rows["seed"] == seed)][0]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r.drop(columns="person"), "no column person"),
        (lambda r: r[r["condition"] != "real"], "no rows for condition real"),
        (lambda r: r.replace({"condition": {"real": "reel"}}), "no rows for condition real"),
        (lambda r: pd.concat([r, r.head(1).assign(condition="refined_8x")]), "unknown condition refined_8x"),
        (lambda r: r[~((r["condition"] == "refined") & (r["seed"] == 2))], "condition refined has no seed 2"),
        (lambda r: r.drop(index=first("refined", 1)(r)), "condition refined seed 1 has 179 images"),
        (lambda r: pd.concat([r, r.iloc[[5]]]), "condition synthetic seed 0 image 5 is there more than once"),
        (
            lambda r: r.assign(error_deg=r["error_deg"].where(r.index != 7)),
            "first nan at condition synthetic seed 0",
        ),
        (lambda r: r.assign(error_deg=r["error_deg"].where(r.index != 7, np.inf)), "first inf at condition"),
        (lambda r: r.assign(error_deg=-r["error_deg"]), "are negative or not finite"),
        (
            lambda r: r.assign(person=r["person"].where(r.index != first("real")(r), "p99")),
            "condition real seed 0 gives image 0 another person",
        ),
        (lambda r: r.head(0), "no rows for condition synthetic"),
    ],
)
def test_incomplete_rows_are_named(rows, spoil, message):
    with pytest.raises(UserError, match=f"results of gaze: .*{message}"):
        summarise(spoil(rows))


def test_unreadable_metrics_are_named(tmp_path):
    with pytest.raises(UserError, match=r"results\.json does not exist"):
        summary.read(tmp_path / "results.json")
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(UserError, match=r"results\.json is not valid JSON"):
        summary.read(tmp_path / "results.json")


def test_an_interval_stays_where_its_number_can_be(rows):
    broken = rows.assign(error_deg=rows["error_deg"].where(rows["seed"] > 0, 90.0))  # one seed of three misses all
    found = summarise(broken, 100)["gaze"]["synthetic"]
    assert found["within_13deg"]["low"] == 0.0
    assert found["within_13deg"]["high"] == 1.0
    assert found["mean_error_deg"]["low"] == 0.0
