"""The report, drawn from invented results: what it says must be what it was given."""

import base64
import copy
import csv
import io
import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from torch import nn

from benchmarks import report
from benchmarks.core.errors import UserError
from benchmarks.evaluation import summary, tasks
from benchmarks.report import figures, results, sections, tables
from benchmarks.report.data import ReportData
from benchmarks.report.display import GAZE
from benchmarks.report.parts import evidence, training
from simgan.algorithm1 import Schedule, SimGAN
from tests.invented import Page, invented


@pytest.fixture(scope="module")
def given() -> ReportData:
    return invented()


@pytest.fixture(scope="module")
def out(given: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    report.build(folder, given)
    return folder


@pytest.fixture(scope="module")
def page(out: Path) -> Page:
    return Page((out / "index.html").read_text(encoding="utf-8"))


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_same_input_gives_same_bytes(given: ReportData, out: Path, tmp_path: Path) -> None:
    report.build(tmp_path, given)
    first = {file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    again = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert len(first) > 30
    assert first == again


def test_page_needs_nothing_from_outside(out: Path, page: Page) -> None:
    for address in page.values("src"):
        assert address.startswith("data:image/")
    for address in page.values("href"):
        assert address.startswith("#")
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.found}
    assert not re.search(r"https?:|url\(|@import", (out / "index.html").read_text(encoding="utf-8"))


def test_links_lead_somewhere_and_names_are_unique(page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in page.values("href")} <= set(ids)
    assert "claims" in ids


def test_every_picture_has_words_for_those_who_cannot_see_it(page: Page) -> None:
    pictures = [attrs for tag, attrs in page.found if tag == "img"]
    assert len(pictures) > 30
    assert all(attrs.get("alt") for attrs in pictures)


def test_banner_stands_on_a_stand_in_and_only_there(given: ReportData, page: Page, tmp_path: Path) -> None:
    banners = [attrs for _, attrs in page.found if attrs.get("class") == "banner"]
    assert len(banners) == 1
    assert "not the paper's data" in page.text
    assert "stand-in real, supervised" in page.text

    gaze = given.tasks["gaze"]
    described = replace(gaze.description, label="MPIIGaze", standin=False)
    unlogged = replace(gaze, description=described, losses=gaze.losses.head(0))
    report.build(tmp_path, replace(given, tasks={"gaze": unlogged}))
    other = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "banner" not in other.values("class")
    assert "stand-in real" not in other.text
    assert not list((tmp_path / "figures").glob("*loss*"))


def test_the_json_files_hold_what_the_page_was_drawn_from(given: ReportData, out: Path) -> None:
    assert summary.read(out / "results.json") == given.metrics
    judged = json.loads((out / "claims.json").read_text(encoding="utf-8"))
    assert judged["claims"] == [asdict(claim) for claim in given.claims]
    assert judged["contradictions"] == [asdict(found) for found in given.contradictions]
    headline = summary.read(out / "metrics.json")
    assert headline["reproduced"] == sum(claim.verdict == "reproduced" for claim in given.claims)


def test_table_2_file_has_the_metrics_numbers(given: ReportData, out: Path) -> None:
    rows = read(out / "tables" / "gaze_table2.csv")
    assert [row["condition"] for row in rows] == [*tasks.GAZE.conditions]
    for row in rows:
        for metric in tasks.GAZE.metrics:
            measured = given.metrics["gaze"][row["condition"]][metric]
            read_back = [float(row[key]) for key in (metric, f"{metric}_low", f"{metric}_high")]
            assert read_back == [measured[key] for key in ("value", "low", "high")]
    printed = [row["published_table2"] for row in rows]
    assert [float(value) for value in printed[:4]] == pytest.approx([0.623, 0.649, 0.694, 0.872])
    assert set(printed[4:]) == {""}  # the paper has no controls and no supervised row for gaze


def test_comparisons_file_has_the_metrics_numbers(given: ReportData, out: Path) -> None:
    found = given.metrics["comparisons"]["gaze"]
    rows = read(out / "tables" / "gaze_comparisons.csv")
    assert [row["id"] for row in rows] == list(tasks.GAZE.claims)
    for row in rows:
        comparison = found[row["id"]]
        for key in ("difference", "low", "high", "p", "p_holm", "smallest_effect"):
            assert float(row[key]) == comparison[key]
        for key, value in comparison["optimistic"].items():
            assert row[key] == ("" if value is None else repr(value))
        assert row["verdict"] == comparison["verdict"]


def test_page_shows_table_2_rounded(given: ReportData, page: Page) -> None:
    found = given.metrics["gaze"]["refined"]["within_7deg"]
    assert f"{100 * found['value']:.1f} %" in page.text
    assert f"[{100 * found['low']:.1f}, {100 * found['high']:.1f}]" in page.text


def test_claims_are_all_shown_and_counted(given: ReportData, out: Path, page: Page) -> None:
    verdicts_given = [claim.verdict for claim in given.claims]
    for claim in given.claims:
        assert claim.says in page.text
    for verdict in set(verdicts_given):
        assert f"{verdicts_given.count(verdict)} {verdict}" in page.text
    assert [row["verdict"] for row in read(out / "tables" / "claims.csv")] == verdicts_given


def test_words_given_are_escaped(out: Path) -> None:
    assert "criterion &lt;1&gt;." in (out / "index.html").read_text(encoding="utf-8")


def test_tiles_are_the_samples_pixel_by_pixel(given: ReportData, page: Page) -> None:
    tiles = [a["src"] for tag, a in page.found if tag == "img" and (a["src"] or "").startswith("data:image/png")]
    decoded = [np.asarray(Image.open(io.BytesIO(base64.b64decode((t or "").split(",")[1])))) for t in tiles]
    sample = given.tasks["gaze"].samples
    head, rest = decoded[:18], decoded[18:]
    for i in range(6):
        for j, name in enumerate(("synthetic", "refined", "real")):
            np.testing.assert_array_equal(head[3 * i + j], sample[name][i])
        np.testing.assert_array_equal(rest[2 * i], sample["synthetic"][6 + i])
        np.testing.assert_array_equal(rest[2 * i + 1], sample["refined"][6 + i])
        np.testing.assert_array_equal(rest[12 + i], sample["real"][6 + i])


def test_no_picture_is_on_the_page_twice_and_without_samples_none_is_at_its_head(
    given: ReportData, page: Page, tmp_path: Path
) -> None:
    pictures = [attrs["src"] for tag, attrs in page.found if tag == "img"]
    assert len(pictures) == len(set(pictures))
    assert page.values("class").count("strip") == 1
    report.build(tmp_path, replace(given, tasks={"gaze": replace(given.tasks["gaze"], samples={})}))
    other = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "strip" not in other.values("class")
    assert "gaze-pairs" not in other.values("id")


def test_each_claim_has_its_quotation_in_print(given: ReportData, page: Page) -> None:
    for claim in given.claims:
        assert f"“{claim.quote}”, {claim.place}" in page.text


def test_claims_lead_to_the_papers_contradictions(given: ReportData, page: Page) -> None:
    assert page.text.index(f"{len(given.contradictions)} findings") < page.text.index(given.claims[0].says)
    assert "#paper" in page.values("href")


def test_what_sentences_set_in_code_is_code(out: Path) -> None:
    text = (out / "index.html").read_text(encoding="utf-8")
    assert "<code>dvc repro benchmarks/figure6/dvc.yaml</code>, then <code>dvc repro</code>" in text
    assert "then see <code>reports/figure6</code>;" in text
    assert "`" not in Page(text).text


def height(line: Line2D, x: float) -> float:
    xs, ys = np.asarray(line.get_xydata()).T
    return float(np.interp(x, xs, ys))


def test_curves_pass_through_the_metrics_and_the_paper_is_not_among_them(given: ReportData) -> None:
    ax = Figure().subplots()
    figures.cumulative(ax, given.tasks["gaze"].rows, GAZE, GAZE.panels[0])
    lines = {line.get_label(): line for line in ax.get_lines()}
    named = [label for label in lines if not str(label).startswith("_")]
    assert named == [style.label for style in GAZE.styles.values()]
    for condition, style in GAZE.styles.items():
        for d, metric in ((7, "within_7deg"), (13, "within_13deg")):
            drawn = height(lines[style.label], d)
            assert drawn == pytest.approx(given.metrics["gaze"][condition][metric]["value"], abs=1e-5)


def test_finding_draws_table_2_on_the_curves_at_13_and_off_them_at_7(page: Page) -> None:
    ax = Figure().subplots()
    figures.printed_distance(ax, sections.published_curves(GAZE), {"refined_4x": 87.2}, GAZE)
    curve = next(line for line in ax.get_lines() if line.get_label() == "refined 4×")
    dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
    placed = {float(x): float(y) for x, y in (np.asarray(dot.get_xydata())[0] for dot in dots)}
    assert placed == {7.0: pytest.approx(0.872), 13.0: pytest.approx(0.872)}
    assert height(curve, 13) == pytest.approx(0.872, abs=0.001)
    assert height(curve, 7) == pytest.approx(0.48817)
    assert "at 12.99°" in page.text


def test_estimators_that_did_not_learn_are_named(given: ReportData) -> None:
    losses = given.tasks["gaze"].losses
    assert training.failed(GAZE, losses) == ""
    stuck = losses.assign(
        value=losses["value"].where(
            (losses["condition"] != "refined") | (losses["seed"] != 1) | (losses["metric"] != "val/loss"), 1.0
        )
    )
    told = training.failed(GAZE, stuck)
    assert told.startswith("1 of these estimators did not learn")
    assert "refined, seed 1" in told


def test_losses_drawn_are_those_that_algorithm_1_reports() -> None:
    networks = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 2, 1)
    optimizers = [torch.optim.SGD(network.parameters(), lr=0.01) for network in networks]
    trainer = SimGAN(
        *networks,
        refiner_optimizer=optimizers[0],
        discriminator_optimizer=optimizers[1],
        draw_synthetic=lambda count, generator: torch.zeros(count, 1, 4, 4),
        draw_real=lambda count, generator: torch.ones(count, 1, 4, 4),
        schedule=Schedule(0, 0, 1, 1, 1, 2),
        lam=0.1,
        history=4,
        generator=torch.Generator(),
    )
    assert {metric.removeprefix("train/") for metric in training.REFINER} <= set(trainer.advance())


def test_no_gap_is_said_and_not_drawn(given: ReportData) -> None:
    found = copy.deepcopy(given.metrics["comparisons"]["gaze"])
    for comparison in found.values():
        if "share_of_gap_closed" in comparison:
            comparison["share_of_gap_closed"] = {"value": None, "low": None, "high": None, "reason": "there is none"}
    section = evidence.gap(GAZE, results.comparisons(GAZE, found))
    assert section.plots == ()
    assert "refined − synthetic: no share, as there is none." in section.note


def test_tex_is_escaped() -> None:
    assert tables.escape_tex(r"50 % & a_b {#1} $x$ \y ~^") == (
        r"50 \% \& a\_b \{\#1\} \$x\$ \textbackslash{}y \textasciitilde{}\textasciicircum{}"
    )


def test_tex_and_markdown_rows_are_as_wide_as_their_heads(out: Path) -> None:
    for file in (out / "tables").glob("*.tex"):
        text = file.read_text(encoding="utf-8")
        spec = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
        assert spec
        for row in re.findall(r"^(.*[^}]) \\\\$", text, flags=re.M):
            if "multicolumn" not in row:
                assert len(re.findall(r"(?<!\\)&", row)) == len(spec[1]) - 1
        assert not re.search(r"(?<!\\)[%#_]", text)
    for file in (out / "tables").glob("*.md"):
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in file.read_text("utf-8").splitlines()[2:]}
        assert len(bars) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (tables.number(-1.236, "°", 2), "−1.24°"),
        (tables.number(-0.001), "0.0"),
        (tables.number(float("nan")), "–"),
        (tables.signed(0.5, " pt"), "+0.5 pt"),
        (tables.signed(-0.5), "−0.5"),
        (tables.percent(0.6234), "62.3 %"),
        (tables.percent(None), "–"),
        (tables.interval(-0.1, 0.25, 100), "[−10.0, 25.0]"),
        (tables.interval(None, None), ""),
        (tables.p_value(0.0004), "< 0.001"),
        (tables.p_value(0.05), "0.050"),
        (tables.p_value(None), "–"),
    ],
)
def test_numbers_read_well(text: str, expected: str) -> None:
    assert text == expected


def test_unwritable_folder_is_one_line(given: ReportData, tmp_path: Path) -> None:
    blocked = tmp_path / "reports"
    blocked.write_text("a file, not a folder")
    with pytest.raises(UserError, match="reports") as error:
        report.build(blocked, given)
    assert "\n" not in str(error.value)


def test_a_board_of_rivals_is_a_table_of_the_page(given: ReportData, tmp_path: Path) -> None:
    keys = "difference", "low", "high", "verdict", "p_holm"
    empty = dict.fromkeys(f"vs_simgan_{key}" for key in keys)
    empty |= dict.fromkeys(f"closable_gap_{key}" for key in ("value", "low", "high"))
    empty |= dict.fromkeys(("beats_simgan", "spectrum_db", "patches", "classifier_accuracy", "pupil_shift_px"))
    empty |= dict.fromkeys(("pupil_not_found", "training_minutes", "images_per_s", "parameters"))
    simgan = {"method": "simgan", "label": "SimGAN", "mean_error_deg": 8.0, "low": 7.5, "high": 8.5} | empty
    mine = simgan | {"label": "mine", "mean_error_deg": 7.25, "vs_simgan_difference": -0.75, "vs_simgan_low": -1.5}
    mine |= {"vs_simgan_high": -0.25, "vs_simgan_verdict": "reproduced", "vs_simgan_p_holm": 0.004}
    board = {"metric": "mean_error_deg", "methods": [mine, simgan]}
    report.build(tmp_path, replace(given, boards={"gaze": board}))
    rows = (tmp_path / "tables/gaze_rivals.md").read_text().splitlines()[-2:]
    assert rows[0].startswith("| mine | 7.25° [7.50, 8.50] | −0.75° [−1.50, −0.25] | 0.004 | better |")
    assert rows[1].startswith("| SimGAN | 8.00°")
    assert "SimGAN and its rivals" in (tmp_path / "index.html").read_text()
