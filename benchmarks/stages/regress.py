"""Stage regress: reports/metrics.json against the accepted values of the active preset (Tables 2 and 4)."""

from pathlib import Path

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import whole
from benchmarks.evaluation import regression, summary

METRICS = Path("reports/metrics.json")
TABLE = Path("reports/regression.md")
ACCEPTED = Path(__file__).parents[1] / "accepted"


def run(params: Params, accept: str, markdown: Path | None, check: bool) -> bool:
    """Print and write the gate's table; True where a metric regressed. `accept`, a note, accepts the metrics first.

    Raises UserError where the preset has no accepted values, or other data than theirs, and `check` asks for a verdict.
    """
    metrics = summary.read(METRICS)
    path = ACCEPTED / f"{params.preset}.json"
    if accept:
        regression.accept(metrics, path, accept)
        print(f"regress: accepted in {path}; commit it", flush=True)
    try:
        if not path.exists():
            raise UserError(
                f"{path}: no accepted values for preset {params.preset}; `regress --accept NOTE` makes them"
            )
        rows = regression.compare(metrics, summary.read(path))
    except UserError as error:
        if check:
            raise
        rows, table = None, str(error)
    else:
        table = regression.to_markdown(rows)
    print(table if rows is None else regression.render_table(rows), flush=True)
    with whole(TABLE) as beside:
        beside.write_text(f"### Regression gate, preset {params.preset}\n\n{table}\n")
    if markdown:
        with markdown.open("a") as file:
            file.write(TABLE.read_text())
    return rows is not None and regression.regressed(rows)
