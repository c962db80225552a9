"""The report of both tasks on one page: what the hand chapter says must be what it was given."""

import base64
import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from benchmarks import report
from benchmarks.evaluation import tasks
from benchmarks.report import depth, figures, sections
from benchmarks.report.data import ReportData
from benchmarks.report.display import HAND
from benchmarks.report.parts import evidence
from tests.hand_results import LEVELS
from tests.invented import Page, invented_both


@pytest.fixture(scope="module")
def given() -> ReportData:
    return invented_both()


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


def test_one_page_has_both_tasks_once(page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in page.values("href")} <= set(ids)
    assert {"gaze-table", "hand-table", "gaze-curves", "hand-curves", "hand-joints", "hand", "paper"} <= set(ids)
    assert page.values("class").count("banner") == 1
    assert "rendered eyes in the simulator's role" in page.text and "rendered hands in the simulator" in page.text


def test_the_leak_of_masked_frames_is_said_at_the_chapters_head(given: ReportData, page: Page) -> None:
    assert page.values("class").count("warning") == 1
    place = page.text.index("comes from the labels")
    assert page.text.index("Hand pose from depth images", 1000) < place < page.text.index("Synthetic hands before")
    assert HAND.warning(replace(given.tasks["hand"].description, masked=False)) == ""


def test_table_4_file_has_the_metrics_numbers_and_the_papers(given: ReportData, out: Path) -> None:
    rows = read(out / "tables" / "hand_table4.csv")
    assert [row["condition"] for row in rows] == list(LEVELS)
    for row in rows:
        for metric in tasks.HAND.metrics:
            measured = given.metrics["hand"][row["condition"]][metric]
            read_back = [float(row[key]) for key in (metric, f"{metric}_low", f"{metric}_high")]
            assert read_back == [measured[key] for key in ("value", "low", "high")]
    printed = [row["published_table4"] for row in rows]
    assert [float(number) for number in printed[:5]] == pytest.approx([0.697, 0.724, 0.745, 0.777, 0.833])
    assert set(printed[5:]) == {""}  # the paper has no controls


def test_joints_file_has_each_joints_share_and_mean(given: ReportData, out: Path) -> None:
    rows = read(out / "tables" / "hand_joints.csv")
    assert [row["joint"].replace(" ", "_") for row in rows] == list(tasks.JOINTS)
    thumb = given.tasks["hand"].rows.query("condition == 'refined'")["thumb_tip_px"]
    row = rows[tasks.JOINTS.index("thumb_tip")]
    assert float(row["refined_within"]) == pytest.approx(np.mean(thumb <= 5))
    assert float(row["refined_mean_error"]) == pytest.approx(thumb.mean())


def test_curves_pass_through_table_4_in_crop_and_in_heat_map_pixels(given: ReportData) -> None:
    for panel, metric in zip(HAND.panels, ("within_5px", "within_5px_heatmap"), strict=True):
        ax = Figure().subplots()
        figures.cumulative(ax, given.tasks["hand"].rows, HAND, panel)
        lines = {line.get_label(): np.asarray(line.get_xydata()) for line in ax.get_lines()}
        for condition, style in HAND.styles.items():
            x, y = lines[style.label].T
            expected = given.metrics["hand"][condition][metric]["value"]
            assert np.interp(5, x, y) == pytest.approx(expected, abs=1e-5)


def test_the_papers_real_images_are_not_called_a_stand_in(given: ReportData, out: Path) -> None:
    section = sections.cumulative(HAND.name_real_images(standin=True), given.tasks["hand"].rows)
    (theirs,) = (plot for plot in section.plots if plot.published)
    ours = section.plots[0]
    ax = Figure().subplots()
    figures.published_curves(ax, sections.published_curves(HAND), HAND)
    assert "real, supervised" in {line.get_label() for line in ax.get_lines()}
    assert theirs.drawing == figures.draw(figures.published_curves, sections.published_curves(HAND), HAND)
    assert ours.drawing != theirs.drawing


def test_persons_and_blocks_are_both_drawn(given: ReportData) -> None:
    section = evidence.persons(HAND, given.tasks["hand"].rows)
    assert [plot.name for plot in section.plots] == ["hand_persons", "hand_blocks"]
    assert "one of 2 test persons or, in the second picture, of 6 blocks of frames" in section.lead
    alone = evidence.persons(HAND, given.tasks["hand"].rows.query("person == 'p00'"))
    assert "a single test person" in alone.lead


def test_depth_is_coloured_by_nearness_on_white() -> None:
    images = np.array([[[0, 700], [750, 800]], [[0, 0], [0, 0]]], np.uint16)
    pictures = depth.coloured(images)
    assert pictures.shape == (2, 2, 2, 3) and pictures.dtype == np.uint8
    assert pictures[0, 0, 0].tolist() == [255, 255, 255] and (pictures[1] == 255).all()
    near, middle, far = (pictures[0, i, j].astype(int) for i, j in ((0, 1), (1, 0), (1, 1)))
    assert near.sum() > middle.sum() > far.sum()
    assert (255 - np.stack([near, middle, far])).max(axis=1).min() > 100  # all stand out from white
    assert np.array_equal(depth.coloured(images + np.where(images > 0, 40, 0).astype(np.uint16)), pictures)


def test_tiles_are_the_coloured_samples(given: ReportData, page: Page) -> None:
    tiles = [a["src"] or "" for tag, a in page.found if tag == "img" and "image/png" in (a["src"] or "")]
    decoded = [np.asarray(Image.open(io.BytesIO(base64.b64decode(tile.split(",")[1])))) for tile in tiles]
    sample = {name: depth.coloured(images) for name, images in given.tasks["hand"].samples.items()}
    head, rest = decoded[18:36], decoded[36 + 18 :]  # after gaze's
    for i in range(6):
        for j, name in enumerate(("synthetic", "refined", "real")):
            np.testing.assert_array_equal(head[3 * i + j], sample[name][i])
        np.testing.assert_array_equal(rest[2 * i], sample["synthetic"][6 + i])
        np.testing.assert_array_equal(rest[2 * i + 1], sample["refined"][6 + i])
        np.testing.assert_array_equal(rest[12 + i], sample["real"][6 + i])


def test_claims_stand_under_their_task(given: ReportData, page: Page) -> None:
    hand = page.text.index("Hand pose from depth images")
    for claim in given.claims:
        assert claim.says in page.text
        if claim.verdict != "not run on this data":
            assert (page.text.index(claim.says) > hand) == (claim.task == "hand")
