"""Stage report on a tiny run, then on the same run with an ablation: the page has what earlier stages wrote."""

import base64
import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.datasets.store import open_store
from benchmarks.measures import two_sample
from benchmarks.stages import evaluate, load_synthesis, measure, refine, report, train_gaze, train_simgan
from tests.invented import Page

Tiny = Callable[..., Params]
VARIANT = "global_discriminator"
SMALL = {"seeds": [0], "supervised.gaze": [], "controls.gaze": [], "data.gaze.real.persons": [0, 1, 2]} | {
    f"data.gaze.{domain}.count": count for domain, count in {"synthetic": 40, "real": 24, "test": 24}.items()
}


def refined(params: Params, variant: str = "") -> None:
    for stage in (train_simgan, refine, measure):
        stage.run(params, "gaze", 0, variant)


def reported(params: Params) -> Page:
    evaluate.run(params, "gaze")
    report.run(params, ["gaze"])
    return Page(Path("reports/index.html").read_text(encoding="utf-8"))


def pictures(page: Page) -> list[np.ndarray]:
    """The page's tiles and sheets in order."""
    found = [attrs["src"] or "" for tag, attrs in page.found if tag == "img"]
    encoded = [uri.split(",")[1] for uri in found if uri.startswith("data:image/png")]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(code)))) for code in encoded]


def convergence() -> np.ndarray:
    """Synthetic eyes, refined ones of each step that the training showed, real eyes."""
    files = Path("runs/train-simgan/gaze/0/images").glob("samples_*.png")
    grids = [np.array(Image.open(file).convert("L")) for file in sorted(files)]
    assert len(grids) > 1
    third = len(grids[0]) // 3
    return np.concatenate([grids[0][:third], *(grid[third : 2 * third] for grid in grids), grids[0][2 * third :]])


def row_of_tiles(variants: list[str]) -> list[np.ndarray]:
    """12 images spread over the store, each synthetic, refined and as each variant refined it."""
    names = "synthetic", "refined/0", *(f"refined-{variant}/0" for variant in variants)
    stores = [open_store(Path("stores/gaze") / name, "gaze") for name in names]
    return [store.images[k] for k in np.linspace(0, len(stores[0]) - 1, 12, dtype=int) for store in stores]


def is_within(row: list[np.ndarray], shown: list[np.ndarray]) -> bool:
    """Whether the pictures stand on the page in that order, one after the other."""
    starts = range(len(shown) - len(row) + 1)
    return any(all(map(np.array_equal, row, shown[start : start + len(row)])) for start in starts)


def test_the_first_missing_result_is_named(workspace: Path, tiny: Tiny):
    with pytest.raises(UserError, match=r"results/gaze.parquet: not there, 3 of 3 .* run `dvc repro`"):
        report.run(tiny({"seeds": [0, 1]}), ["gaze"])


def test_an_ablation_is_on_the_page_once_it_was_trained(workspace: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)  # curves: tests/test_report.py has them
    monkeypatch.setattr(two_sample, "two_sample", partial(two_sample.two_sample, steps=2))
    params = tiny(SMALL)
    for domain in ("synthetic", "real", "test"):
        load_synthesis.run(params, "gaze", domain)
    refined(params)
    for condition in ("synthetic", "synthetic_4x", "refined", "refined_4x"):
        train_gaze.run(params, condition, 0)
    page = reported(params)
    assert "Not part of this run" in page.text
    assert not list(Path("reports/tables").glob("*ablation*"))
    assert any(np.array_equal(convergence(), picture) for picture in pictures(page))
    assert "global discriminator" not in page.values("alt")

    params = tiny({**SMALL, "ablations": [VARIANT]})
    refined(params, VARIANT)
    train_gaze.run(params, f"refined_{VARIANT}", 0)
    page = reported(params)
    assert "Not part of this run" not in page.text
    assert {"gaze-ablations", "gaze-ablation-errors", "gaze-ablation-tests"} <= set(page.values("id"))
    assert page.values("alt").count("global discriminator") == 12
    assert is_within(row_of_tiles([VARIANT]), pictures(page))
    rows = pd.read_parquet("results/gaze.parquet").query("seen")  # the paper tests on persons that the refiner saw
    table = pd.read_csv("reports/tables/ablations_ablations.csv")
    assert table["condition"].to_list() == ["refined", f"refined_{VARIANT}"]
    for condition, mean in zip(table["condition"], table["mean_error_deg"], strict=True):
        assert mean == pytest.approx(rows[rows.condition == condition]["error_deg"].mean(), rel=1e-5)
        assert f"{mean:.2f}°" in page.text
    artefacts = pd.read_csv("reports/tables/gaze_ablation_artefacts.csv")
    for condition, instance in (("refined", "gaze/0"), (f"refined_{VARIANT}", f"gaze-{VARIANT}/0")):
        found = json.loads((Path("results/measures") / f"{instance}.json").read_text())["artefacts"]["refined"]
        expected = [found[key] for key in ("grid_2", "grid_4", "speckle", "saturated", "rim")]
        assert artefacts[condition].to_list() == pytest.approx(expected)
    guards = json.loads(Path("reports/results.json").read_text())["guards"]["gaze"]
    assert {name for name in guards if name.startswith("train-gaze")} == {
        f"train-gaze/{condition}/val_loss" for condition in ("synthetic", "synthetic_4x", "refined", "refined_4x")
    }
    measured = json.loads(Path("results/measures/gaze/0.json").read_text())
    assert guards["realism/refined/edges"] == pytest.approx([measured["realism"]["refined"]["edges"]], rel=1e-5)
