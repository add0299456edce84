"""Cutting a text where a conflict's passage begins and ends, to show the passage in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from context_service.model.context import Side

AROUND = 400
"""Characters of a text that are shown before and after a passage."""

CELL_BREAK = " | "
"""Stands between the cells of a table's row."""


@dataclass(frozen=True)
class Stretch:
    """A part of a chunk's text, and the id of the conflict that it belongs to, if any."""

    text: str
    conflict: str | None


def stretches(text: str, sides: Sequence[tuple[Side, str]]) -> list[Stretch]:
    """`text` cut at the passages of `sides`; of passages that overlap the first is kept. Together they are the text."""
    found: list[Stretch] = []
    position = 0
    for side, conflict in sorted(sides, key=lambda pair: (pair[0].start, pair[0].end, pair[1])):
        if side.start < position:
            continue
        if side.start > position:
            found.append(Stretch(text[position : side.start], None))
        found.append(Stretch(text[side.start : side.end], conflict))
        position = side.end
    if position < len(text):
        found.append(Stretch(text[position:], None))
    return found


def table_rows(text: str) -> list[list[str]]:
    """The cells of a text whose every line is a row of a table, as parsers write one; empty for running text."""
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [line.split(CELL_BREAK) for line in lines]
    return rows if rows and all(len(row) > 1 for row in rows) else []


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
