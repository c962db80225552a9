"""The report on section 3, from the data down to the page; each module imports from those above it only.

data                          what stage report gathers: the numbers of results.json, rows, images, words
display, depth                how a task is displayed: names, units, colours; depth images as pictures
tables, results               what a table is; the tables of section 3
figures                       all drawings
sections                      what a section of the page is; pictures, curves, Table 2 or 4
parts                         the other sections
answers                       the sentences at the page's head
page                          chapters, the page and all files beside it
"""

from benchmarks.report.page import build

__all__ = ["build"]
