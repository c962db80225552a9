"""Stage regress: reports/metrics.json against the accepted values of the active preset (Tables 2 and 4)."""

from pathlib import Path

from benchmarks import regression, summary
from benchmarks.config import Params
from benchmarks.errors import UserError
from benchmarks.files import whole

METRICS = Path("reports/metrics.json")
TABLE = Path("reports/regression.md")
ACCEPTED = Path(__file__).parents[1] / "accepted"


def run(params: Params, accept: str, markdown: Path | None) -> bool:
    """Print and write the gate's table; True where a metric regressed. With `accept`, its note, accept instead."""
    metrics = summary.read(METRICS)
    path = ACCEPTED / f"{params.preset}.json"
    if accept:
        regression.accept(metrics, path, accept)
        print(f"regress: accepted in {path}; commit it", flush=True)
    if not path.exists():
        raise UserError(f"{path}: no accepted values for preset {params.preset}; `regress --accept NOTE` makes them")
    rows = regression.compare(metrics, summary.read(path))
    print(regression.render_table(rows), flush=True)
    table = f"### Regression gate, preset {params.preset}\n\n{regression.to_markdown(rows)}"
    with whole(TABLE) as beside:
        beside.write_text(table)
    if markdown:
        with markdown.open("a") as file:
            file.write(table)
    return regression.regressed(rows)
