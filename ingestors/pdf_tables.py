"""Tables drawn with rules. pdfplumber finds their cells; the text in a cell comes from the same words as all other text."""

from __future__ import annotations

from collections.abc import Sequence

import pypdfium2.raw as pdfium
from pdfplumber.page import Page
from pypdfium2 import PdfPage

from ingestors.pdf_text import Box, Fragment, Word, rows

THIN = 3.0
"""Points up to which a drawn shape is a rule."""
LEAST_CELL = (12.0, 6.0)
"""Width and height, in points, from which a drawn shape may be the frame of a cell."""
LEAST_FRAMES = 4
GRID_SEGMENTS = 8
"""Segments from which one path may be a whole grid."""
MOST_OBJECTS = 20_000
"""Drawing objects on a page from which it is a picture, not a table."""

Bounds = tuple[float, float, float, float]
Grid = tuple[tuple[str, ...], ...]


def has_rules(page: PdfPage) -> bool:
    """Whether the page draws what a table's grid needs: rules both ways, frames, or one path of many segments."""
    page_width, page_height = page.get_size()
    across = down = frames = 0
    lefts: set[int] = set()
    for number, shape in enumerate(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH])):
        left, bottom, right, top = shape.get_bounds()
        width, height = right - left, top - bottom
        if width > page_width or height > page_height or number > MOST_OBJECTS:
            continue
        across += width > LEAST_CELL[0] and height < THIN
        down += height > LEAST_CELL[1] and width < THIN
        if width > LEAST_CELL[0] and height > LEAST_CELL[1]:
            frames += 1
            lefts.add(round(left))
            if pdfium.FPDFPath_CountSegments(shape) >= GRID_SEGMENTS:
                return True
        if (across >= 2 and down >= 2) or (frames >= LEAST_FRAMES and len(lefts) >= 2):
            return True
    return False


def take_tables(page: Page, words: Sequence[Word]) -> tuple[list[Fragment], list[Word]]:
    """The tables of at least two rows and two columns, each as one fragment, and the words that stand in none of their cells."""
    left = list(words)
    tables: list[Fragment] = []
    for found in page.find_tables():
        cells = [[_box(cell, page) if cell else None for cell in row.cells] for row in found.rows]
        if len(cells) < 2 or max(map(len, cells)) < 2:
            continue
        grid, outside = _filled(cells, left)
        # Frames of a form have text beside or below each other, a table has both.
        if all(sum(any(line) for line in lines) >= 2 for lines in (grid, zip(*grid, strict=True))):
            tables.append(Fragment((), Box.around(cell for row in cells for cell in row if cell), grid))
            left = outside
    return tables, left


def _box(cell: Bounds, page: Page) -> Box:
    across, down = page.bbox[:2]
    return Box(cell[0] - across, cell[1] - down, cell[2] - across, cell[3] - down)


def _filled(cells: list[list[Box | None]], words: list[Word]) -> tuple[Grid, list[Word]]:
    """The lines of text in each cell, and the words left over."""
    inside: dict[tuple[int, int], list[Word]] = {}
    left: list[Word] = []
    places = [(y, x, cell) for y, row in enumerate(cells) for x, cell in enumerate(row) if cell]
    for word in words:
        middle = ((word.box.x0 + word.box.x1) / 2, (word.box.top + word.box.bottom) / 2)
        place = next(((y, x) for y, x, cell in places if cell.holds(*middle)), None)
        if place is None:
            left.append(word)
        else:
            inside.setdefault(place, []).append(word)
    return tuple(tuple(_cell_text(inside.get((y, x), [])) for x in range(len(row))) for y, row in enumerate(cells)), left


def _cell_text(words: list[Word]) -> str:
    return "\n".join(Fragment.of(line).text for line in rows(words))
