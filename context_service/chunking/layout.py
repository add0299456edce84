"""The canonical text of a document version, and where each element stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from context_service.model.document import Element, ElementKind

TIGHT = {ElementKind.LIST_ITEM, ElementKind.TABLE_HEAD, ElementKind.TABLE_ROW}
"""Elements that follow one of their own sort on the next line; all others are set apart by an empty line."""

TABULAR = {ElementKind.TABLE_HEAD, ElementKind.TABLE_ROW}


@dataclass(frozen=True)
class Block:
    """An element in its place: characters `start` to `end` of the text, and the headings it stands under."""

    kind: ElementKind
    start: int
    end: int
    page: int | None
    heading_path: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """The text of a version and its blocks in order."""

    text: str
    blocks: tuple[Block, ...]


def lay_out(elements: Sequence[Element]) -> Layout:
    """Join the elements into one text. Empty elements are passed over; a heading's path ends with itself."""
    parts: list[str] = []
    blocks: list[Block] = []
    headings: list[tuple[int, str]] = []
    position, previous = 0, None
    for element in elements:
        text = element.text.strip()
        if not text:
            continue
        if element.kind is ElementKind.HEADING:
            level = element.level or 1
            headings = [heading for heading in headings if heading[0] < level] + [(level, " ".join(text.split()))]
        gap = "" if previous is None else "\n" if _tight(previous, element.kind) else "\n\n"
        parts += [gap, text]
        start = position + len(gap)
        position = start + len(text)
        blocks.append(Block(element.kind, start, position, element.page, tuple(title for _, title in headings)))
        previous = element.kind
    return Layout("".join(parts), tuple(blocks))


def _tight(previous: ElementKind, kind: ElementKind) -> bool:
    if previous in TABULAR and kind in TABULAR:
        return kind is not ElementKind.TABLE_HEAD
    return previous is kind and kind in TIGHT
