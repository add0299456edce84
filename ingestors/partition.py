"""The door to `unstructured`: loaded late, kept offline, its elements turned into ours.

The library costs seconds to import, reports home unless told not to, and fetches a language model into site-packages when
it has none. Nothing else imports it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Protocol

from lxml import html as lxml_html

from context_service.errors import TerminalSourceError
from context_service.model.document import Element, ElementKind
from ingestors.text import clean, row_text, small_number, squeeze

MODEL = "en_core_web_sm"
VERSION = version("unstructured")
LARGEST_SPAN = 1000
"""Columns or rows that one merged cell may cover; anything larger is a mistake or an attack."""


class Metadata(Protocol):
    """What we read of an element's metadata."""

    category_depth: int | None
    page_number: int | None
    page_name: str | None
    text_as_html: str | None


class Piece(Protocol):
    """An element as `unstructured` gives it."""

    text: str
    category: str
    metadata: Metadata


def partition(kind: str, **source: object) -> list[Piece]:
    """Run the partitioner of `kind` (`html`, `docx`, `pptx`, `xlsx`, `csv`, `text`, `email`) on `file=` or `text=`.

    Raises TerminalSourceError with the partitioner's own complaint when it cannot read the input.
    """
    run = _partitioner(kind)
    try:
        return run(languages=[""], **source)
    except RecursionError as error:
        raise TerminalSourceError("the document is nested too deeply", remedy="Flatten it and save it again.") from error
    except Exception as error:  # hostile bytes make parsers fail in every way; the owner gets the reason
        raise unreadable(kind, error) from error


def unreadable(kind: str, error: Exception) -> TerminalSourceError:
    """The error for a file whose parser gave up, in words for its owner."""
    reason = squeeze(str(error))[:200] or type(error).__name__
    return TerminalSourceError(f"cannot be read as {kind}: {reason}", remedy="Open the file, repair it and save it again.")


def load(*kinds: str) -> None:
    """Import the partitioners of `kinds` now, so that the first item does not wait for it."""
    for kind in kinds:
        _partitioner(kind)


@cache
def _partitioner(kind: str) -> Callable[..., list[Piece]]:
    _stay_offline()
    found: Callable[..., list[Piece]] = getattr(import_module(f"unstructured.partition.{kind}"), f"partition_{kind}")
    return found


@cache
def _stay_offline() -> None:
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["UNSTRUCTURED_DISABLE_NOTICE"] = "1"
    import spacy
    from unstructured.nlp import tokenize

    if spacy.util.is_package(MODEL):
        return
    plain = spacy.blank("en")
    plain.add_pipe("sentencizer")
    # Its own loader would download the model into site-packages.
    tokenize._load_spacy_model = lambda: plain


def to_elements(pieces: Iterable[Piece], *, titles: bool = True) -> Iterator[Element]:
    """Our elements for the library's, in the same order; pictures, page breaks and empty pieces give none.

    `titles` is false for formats where the library only guesses at titles: they are paragraphs then.
    """
    for piece in pieces:
        page = piece.metadata.page_number
        if piece.category == "Table":
            yield from table_elements(piece.metadata.text_as_html or "", page)
        elif piece.category == "CodeSnippet":
            yield from _element(ElementKind.CODE, clean(piece.text).strip("\n"), page)
        elif piece.category == "Title" and titles:
            yield from _element(ElementKind.HEADING, squeeze(piece.text), page, level=(piece.metadata.category_depth or 0) + 1)
        elif piece.category == "ListItem":
            yield from _element(ElementKind.LIST_ITEM, squeeze(piece.text), page)
        elif piece.category not in ("Image", "PageBreak", "Header", "Footer"):
            yield from _element(ElementKind.PARAGRAPH, squeeze(piece.text), page)


def _element(kind: ElementKind, text: str, page: int | None, level: int | None = None) -> Iterator[Element]:
    if text.strip():
        yield Element(kind=kind, text=text, level=level, page=page)


def table_elements(markup: str, page: int | None = None) -> Iterator[Element]:
    """The rows of a table in HTML. A merged cell's text stands in its first place and the places it covers are empty.

    Rows of `th` alone at the top are the head. Where no cell at all is a `th`, the first of several rows is.
    """
    if not markup:
        return
    table = lxml_html.fragment_fromstring(markup)
    for caption in table.iter("caption"):
        yield from _element(ElementKind.PARAGRAPH, squeeze(caption.text_content()), page)
    rows = list(table.iter("tr"))
    heads = _head_rows(rows)
    for number, cells in enumerate(table_grid(rows)):
        if any(cell.strip() for cell in cells):
            kind = ElementKind.TABLE_HEAD if number < heads else ElementKind.TABLE_ROW
            yield Element(kind=kind, text=row_text(cells), page=page)


def _head_rows(rows: list[lxml_html.HtmlElement]) -> int:
    if not any(cell.tag == "th" for row in rows for cell in row):
        return 1 if len(rows) > 1 else 0
    body = (number for number, row in enumerate(rows) if any(cell.tag == "td" for cell in row))
    return next(body, len(rows))


def table_grid(rows: list[lxml_html.HtmlElement]) -> Iterator[list[str]]:
    """The text of each row's cells by column; the places that a merged cell covers are empty."""
    covered: dict[int, int] = {}
    for row in rows:
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            _fill(cells, covered)
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            for column in range(len(cells), len(cells) + width):
                covered[column] = height - 1
            cells += [cell.text_content()] + [""] * (width - 1)
        _fill(cells, covered)
        yield cells


def _fill(cells: list[str], covered: dict[int, int]) -> None:
    while covered.get(len(cells), 0) > 0:
        covered[len(cells)] -= 1
        cells.append("")


def _span(cell: lxml_html.HtmlElement, name: str) -> int:
    return min(max(small_number(cell.get(name), 1), 1), LARGEST_SPAN)
