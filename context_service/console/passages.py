"""Cutting a text where passages begin and end, to show each in its place: in running text and in the cells of a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from context_service.model.rivalry import Passage

AROUND = 400
"""Characters of a text that are shown before and after a passage."""

ROWS_AROUND = 2
"""Rows of a table that are shown before and after one with a passage."""

CELL_BREAK = " | "
"""Stands between the cells of a table's row."""

Span = tuple[int, int]
Named = tuple[Passage, str]
"""A passage, and the id of the conflict or claim that it belongs to."""


@dataclass(frozen=True)
class Stretch:
    """A part of a text, the id of the conflict that it belongs to, if any, and the ids of the claims that begin with it."""

    text: str
    conflict: str | None
    claims: tuple[str, ...] = ()


def stretches(text: str, disputed: Sequence[Named], claims: Sequence[Named] = ()) -> list[Stretch]:
    """`text` cut at `disputed` passages and at claims; of disputed ones that overlap the first is kept, and no claim cuts it in two.
    Together they are the text.
    """
    kept = list(_apart(disputed))
    begins: dict[int, list[str]] = defaultdict(list)
    cuts = {0, len(text), *(edge for passage, _ in kept for edge in (passage.start, passage.end))}
    for passage, claim in claims:
        around = next((one for one, _ in kept if one.start <= passage.start < one.end), passage)
        begins[around.start].append(claim)
        cuts |= {edge for edge in (passage.start, passage.end) if not any(one.start < edge < one.end for one, _ in kept)}
    pieces = [(start, end) for start, end in pairwise(sorted(cuts)) if end <= len(text)]
    return [Stretch(text[start:end], _conflict_at(kept, start), tuple(begins[start])) for start, end in pieces]


def table_spans(text: str) -> list[list[Span]]:
    """Where the cells of a text stand whose every line is a row of a table, as parsers write one; empty for running text."""
    rows = [list(_cells(start, line)) for start, line in _lines(text)]
    return rows if rows and all(len(row) > 1 for row in rows) else []


def table_rows(text: str) -> list[list[str]]:
    """The cells of a table, as `table_spans` finds them."""
    return [[text[start:end] for start, end in row] for row in table_spans(text)]


def table_stretches(text: str, disputed: Sequence[Named], claims: Sequence[Named]) -> list[list[list[Stretch]]]:
    """The cells of a table, each cut like running text."""
    return [[stretches(text[slice(*cell)], _within(disputed, cell), _within(claims, cell)) for cell in row] for row in table_spans(text)]


def rows_around(text: str, passage: Passage) -> list[list[Span]]:
    """The head of a table and the rows around the one that holds `passage`; empty for running text."""
    head, *rows = table_spans(text) or [[]]
    at = next((number for number, row in enumerate(rows) if passage.start < row[-1][1]), 0)
    return [head, *rows[max(0, at - ROWS_AROUND) : at + ROWS_AROUND + 1]] if head else []


def before(text: str, start: int) -> str:
    """The words that lead up to a passage."""
    if start <= AROUND:
        return text[:start]
    return "… " + text[start - AROUND : start].partition(" ")[2]


def after(text: str, end: int) -> str:
    """The words that follow a passage."""
    if len(text) - end <= AROUND:
        return text[end:]
    return text[end : end + AROUND].rpartition(" ")[0] + " …"


def _apart(disputed: Iterable[Named]) -> Iterator[Named]:
    position = 0
    for passage, name in sorted(disputed, key=lambda pair: (pair[0].start, pair[0].end, pair[1])):
        if position <= passage.start < passage.end:
            yield passage, name
            position = passage.end


def _conflict_at(kept: Iterable[Named], position: int) -> str | None:
    return next((name for passage, name in kept if passage.start <= position < passage.end), None)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    position = 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            yield position, line.rstrip("\r\n")
        position += len(line)


def _cells(start: int, line: str) -> Iterator[Span]:
    for cell in line.split(CELL_BREAK):
        yield start, start + len(cell)
        start += len(cell) + len(CELL_BREAK)


def _within(named: Iterable[Named], cell: Span) -> list[Named]:
    """The parts of passages that lie in a cell, counted from its start."""
    first, last = cell
    inside = [(one, name) for one, name in named if one.start < last and first < one.end]
    return [(Passage(chunk=one.chunk, start=max(one.start, first) - first, end=min(one.end, last) - first), name) for one, name in inside]
