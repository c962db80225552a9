"""Section 3's tables as Markdown, LaTeX (booktabs), CSV and HTML: one list of records, four spellings."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.core.errors import UserError

Record = Mapping[str, Any]
MISSING = "–"

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "°": r"\textdegree{}",
    "×": r"$\times$",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "λ": r"$\lambda$",
    "“": "``",
    "”": "''",
}


@dataclass(frozen=True)
class Column:
    """A column as readers see it: a heading, and a text for each record."""

    head: str
    cell: Callable[[Record], str]  # the number or word
    detail: Callable[[Record], str] = lambda record: ""  # beside it in small print, as its interval
    numeric: bool = True
    group: str = ""  # a heading over neighbouring columns
    published: bool = False  # the paper's and not ours: set off


@dataclass(frozen=True)
class Table:
    """`records` are flat and at full precision (the CSV file); `columns` are what a reader sees of them."""

    name: str
    caption: str
    records: Sequence[Record]
    columns: Sequence[Column]

    def cells(self, record: Record) -> list[tuple[str, str]]:
        return [(column.cell(record), column.detail(record)) for column in self.columns]

    def style(self, index: int) -> str:
        """A column's CSS classes: n for numbers, edge where a group begins, far for what is not ours."""
        column = self.columns[index]
        begins = index > 0 and column.group != self.columns[index - 1].group
        return " ".join(
            name for name, holds in (("n", column.numeric), ("edge", begins), ("far", column.published)) if holds
        )

    def groups(self) -> list[tuple[str, int]]:
        """Neighbouring columns of one heading, as (heading, width); empty if no column has one."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return spans if any(name for name, _ in spans) else []

    def _heads(self) -> list[str]:
        return [f"{column.group}: {column.head}" if column.group else column.head for column in self.columns]

    def markdown(self) -> str:
        rows = [[_join(cell).replace("|", "\\|") for cell in self.cells(record)] for record in self.records]
        rule = ["---:" if column.numeric else "---" for column in self.columns]
        lines = [self._heads(), rule, *rows]
        return f"{self.caption}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def latex(self) -> str:
        spec = "".join("r" if column.numeric else "l" for column in self.columns)
        heads = [[escape_tex(column.head) for column in self.columns]]
        if groups := self.groups():
            heads.insert(0, [rf"\multicolumn{{{width}}}{{c}}{{{escape_tex(name)}}}" for name, width in groups])
        rows = [[escape_tex(_join(cell)) for cell in self.cells(record)] for record in self.records]
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_tex(self.caption)}}}",
            rf"\begin{{tabular}}{{{spec}}}",
            r"\toprule",
            *(" & ".join(head) + r" \\" for head in heads),
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """Every value by `repr`, so that reading it back gives the same float; an absent one is empty."""
        text = io.StringIO()
        fields = list(dict.fromkeys(key for record in self.records for key in record))
        writer = csv.DictWriter(text, fieldnames=fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.records)
        return text.getvalue()

    def write(self, folder: Path) -> None:
        """`folder`/name.{md,tex,csv}. Raises UserError if the folder cannot be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for suffix, text in (("md", self.markdown()), ("tex", self.latex()), ("csv", self.csv())):
                (folder / f"{self.name}.{suffix}").write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise UserError(f"{folder}: cannot write the report's tables ({error.strerror})") from error


def escape_tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def _join(cell: tuple[str, str]) -> str:
    return " ".join(part for part in cell if part)


def number(value: float | None, unit: str = "", digits: int = 1) -> str:
    """A minus sign that is one, and a dash for what was not measured (None or NaN)."""
    if value is None or value != value:
        return MISSING
    text = f"{value:.{digits}f}"
    return (text if float(text) else text.lstrip("-")).replace("-", "−") + unit


def signed(value: float | None, unit: str = "", digits: int = 1) -> str:
    text = number(value, unit, digits)
    return text if text.startswith((MISSING, "−")) else f"+{text}"


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction of 1 as `62.3 %`."""
    return number(None if fraction is None else 100 * fraction, " %", digits)


def interval(low: float | None, high: float | None, scale: float = 1, digits: int = 1) -> str:
    if low is None or high is None or low != low or high != high:
        return ""
    return f"[{number(scale * low, digits=digits)}, {number(scale * high, digits=digits)}]"


def p_value(p: float | None) -> str:
    if p is None or p != p:
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
