"""Stage regress: reports/results.json against the accepted values of the active preset: Tables 2 and 4, and guards."""

from pathlib import Path

from benchmarks.core.config import Params
from benchmarks.core.errors import UserError
from benchmarks.core.files import whole
from benchmarks.evaluation import guards, regression, summary

RESULTS = Path("reports/results.json")
TABLE = Path("reports/regression.md")
ACCEPTED = Path(__file__).parents[1] / "accepted"


def run(params: Params, accept: str, markdown: Path | None, check: bool) -> bool:
    """Print and write the gate's tables; True where a row failed. `accept`, a note, accepts the metrics first.

    Raises UserError where the preset has no accepted values, or other data than theirs, and `check` asks for a verdict.
    """
    metrics = summary.read(RESULTS)
    path = ACCEPTED / f"{params.preset}.json"
    if accept:
        regression.accept(metrics, path, accept)
        print(f"regress: accepted in {path}; commit it", flush=True)
    try:
        if not path.exists():
            raise UserError(
                f"{path}: no accepted values for preset {params.preset}; `regress --accept NOTE` makes them"
            )
        accepted = summary.read(path)
        tables = [
            regression.compare(metrics, accepted),
            guards.compare(metrics.get("guards", {}), accepted.get("guards", {})),
        ]
    except UserError as error:
        if check:
            raise
        tables, told = [], [str(error)]
        print(error, flush=True)
    else:
        told = list(map(regression.to_markdown, tables))
        print(*map(regression.render_table, tables), sep="\n\n", flush=True)
    with whole(TABLE) as beside:
        beside.write_text("\n".join([f"### Regression gate, preset {params.preset}\n", *told]) + "\n")
    if markdown:
        with markdown.open("a") as file:
            file.write(TABLE.read_text())
    return any(map(regression.regressed, tables))
