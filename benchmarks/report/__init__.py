"""The report on section 3: figures, tables and the page."""

from benchmarks.report.page import build

__all__ = ["build"]
