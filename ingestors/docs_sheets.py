"""Workbooks and comma-separated files: every cell as the text a reader sees, every separate block of cells a table.

The partitioners of these formats read cells through pandas, which turns `N/A` and `None` into nothing, 007 into 7 and a
date into a moment; they join tables that stand side by side, and read each workbook four times. So the cells are read
here, and go to the partitioner of HTML as the tables they are.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from io import BytesIO, StringIO

import openpyxl
from lxml import etree
from openpyxl.cell import Cell, MergedCell
from openpyxl.worksheet.worksheet import Worksheet

from context_service.errors import TerminalSourceError
from context_service.model.document import Element, ElementKind
from ingestors.docs_archive import checked_archive
from ingestors.docs_text import Draft
from ingestors.partition import partition, to_elements, unreadable
from ingestors.text import decode, loss_note, squeeze

DELIMITERS = ",;\t|"
SAMPLE = 64
"""Rows that decide on the delimiter."""
MOST_CELLS = 2_000_000
SHEET_LEVEL = 2
"""A sheet's name is a heading below the workbook's title."""

Grid = list[list[str]]


def parse_workbook(raw: bytes, unpacked_bytes: int) -> Draft:
    """An .xlsx: the name of each sheet, then its tables; a block of one cell or one column of single cells is text."""
    checked = checked_archive(raw, unpacked_bytes)
    try:
        workbook = openpyxl.load_workbook(BytesIO(checked), data_only=True)
        sheets = [(sheet.title, _grid(sheet)) for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
        hidden = tuple(f"hidden sheet left out: {sheet.title}" for sheet in workbook.worksheets if sheet.sheet_state != "visible")
        uncomputed = _uncomputed(checked, workbook)
        modified = workbook.properties.modified
    except TerminalSourceError:
        raise
    except Exception as error:  # openpyxl raises whatever a malformed part provokes
        raise unreadable("a workbook", error) from error
    blocks = [(title, block) for title, grid in sheets for block in _blocks(grid)]
    elements = tuple(_workbook_elements(blocks))
    lost = loss_note((cell for _, grid in sheets for row in grid for cell in row), elements)
    return Draft(elements, hidden + uncomputed + lost, modified=modified and modified.replace(tzinfo=modified.tzinfo or UTC))


def _grid(sheet: Worksheet) -> Grid:
    if sheet.max_row * sheet.max_column > MOST_CELLS:
        raise TerminalSourceError(f"sheet {sheet.title} has more than {MOST_CELLS} cells.", remedy="Split the sheet.")
    return [[_shown(cell) for cell in row] for row in sheet.iter_rows()]


def _uncomputed(raw: bytes, results: openpyxl.Workbook) -> tuple[str, ...]:
    """A note where formulas were saved without their results, as programs other than a spreadsheet do."""
    formulas = openpyxl.load_workbook(BytesIO(raw))
    cells = (cell for sheet in formulas.worksheets for row in sheet.iter_rows() for cell in row if cell.data_type == "f")
    missing = sum(results[cell.parent.title][cell.coordinate].value is None for cell in cells)
    return (f"{missing} formulas have no stored result and were not read",) if missing else ()


def _shown(cell: Cell | MergedCell) -> str:
    """The cell's text about as its program shows it: dates without midnight, whole numbers without a fraction, percents as percents."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float):
        return _number(value, cell.number_format or "")
    return squeeze(str(value))


def _number(value: float, shown_as: str) -> str:
    pattern = shown_as.split(";")[0]
    places = len(re.sub(r"[^0#]", "", pattern.partition(".")[2])) if "." in pattern else 0
    if pattern.endswith("%"):
        return f"{value * 100:.{places}f}%"
    if places and re.fullmatch(r"[^0#]*[#,]*0\.0+[^0#]*", pattern):
        return f"{value:.{places}f}"
    return str(int(value)) if float(value).is_integer() else f"{value:.12g}"


def _blocks(grid: Grid) -> Iterator[Grid]:
    """The parts of a sheet that empty rows divide, and side by side the parts that begin or end on different rows."""
    rows: Grid = []
    for row in [*grid, []]:
        if any(row):
            rows.append(row)
        elif rows:
            yield from _beside(rows)
            rows = []


def _beside(rows: Grid) -> Iterator[Grid]:
    width = max(map(len, rows))
    filled = [[y for y, row in enumerate(rows) if x < len(row) and row[x]] for x in range(width)]
    parts: list[list[int]] = [[]]
    for x, found in enumerate(filled):
        if found:
            parts[-1].append(x)
        elif parts[-1]:
            parts.append([])
    parts = [part for part in parts if part]
    extents = {(min(min(filled[x]) for x in part), max(max(filled[x]) for x in part)) for part in parts}
    if len(extents) == 1:
        parts = [[x for part in parts for x in part]]
    for part in parts:
        yield [[row[x] if x < len(row) else "" for x in part] for row in rows if any(row[x] for x in part if x < len(row))]


def _workbook_elements(blocks: list[tuple[str, Grid]]) -> Iterator[Element]:
    split = [(title, *_captions(block)) for title, block in blocks]
    tables = _tables([table for _, _, table in split if table])
    named: set[str] = set()
    for title, captions, table in split:
        if title not in named:
            named.add(title)
            yield Element(kind=ElementKind.HEADING, text=squeeze(title), level=SHEET_LEVEL)
        yield from (Element(kind=ElementKind.PARAGRAPH, text=caption) for caption in captions)
        yield from next(tables) if table else ()


def _captions(block: Grid) -> tuple[list[str], Grid]:
    """The lines above a table that fill one cell only, and the table; a block without a second column is lines alone."""
    first = next((number for number, row in enumerate(block) if sum(map(bool, row)) > 1), len(block))
    return ["".join(row) for row in block[:first]], block[first:]


def _tables(grids: list[Grid]) -> Iterator[list[Element]]:
    """The elements of each grid, its first row as the head."""
    if not grids:
        return
    page = etree.Element("body")
    for grid in grids:
        table = etree.SubElement(page, "table")
        width = max(map(len, grid))
        for row in grid:
            line = etree.SubElement(table, "tr")
            for cell in [*row, *[""] * (width - len(row))]:
                etree.SubElement(line, "td").text = cell
    for piece in partition("html", text=etree.tostring(page, encoding="unicode", method="html")):
        yield list(to_elements([piece]))


def parse_csv(raw: bytes) -> Draft:
    """One table; the delimiter is the one that gives most rows the same number of cells."""
    text, notes = decode(raw)
    try:
        rows = [[squeeze(cell) for cell in row] for row in csv.reader(StringIO(text), delimiter=_delimiter(text)) if any(row)]
    except csv.Error as error:
        raise unreadable("a table", error) from error
    if sum(map(len, rows)) > MOST_CELLS:
        raise TerminalSourceError(f"it has more than {MOST_CELLS} cells.", remedy="Split the file.")
    elements = tuple(element for table in _tables([rows] if rows else []) for element in table)
    return Draft(elements, notes + loss_note((cell for row in rows for cell in row), elements))


def _delimiter(text: str) -> str:
    head = "\n".join(text.split("\n", SAMPLE)[:SAMPLE])

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(StringIO(head), delimiter=delimiter) if row)
        width, rows = max(widths.items(), key=lambda found: (found[0] > 1, found[1]), default=(1, 0))
        return (rows, width) if width > 1 else (0, 0)

    return max(DELIMITERS, key=agreement)
