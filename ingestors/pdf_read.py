"""Opening a PDF and reading its pages one by one: words, tables, outline, dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from itertools import islice

import pypdfium2.raw as pdfium
from pdfplumber.pdf import PDF
from pypdfium2 import PdfBookmark, PdfDocument, PdfiumError, PdfPage

from context_service.errors import TerminalSourceError
from ingestors.pdf_headings import Bookmark
from ingestors.pdf_tables import has_rules, take_tables
from ingestors.pdf_text import Fragment, Turn, Word, fragments, is_garbled, read_words, tilted
from ingestors.text import clean, squeeze, word_counts

MOST_BOOKMARKS = 10_000
PICTURES = [pdfium.FPDF_PAGEOBJ_IMAGE]
PARTED = re.compile(r"\w+(?:[\x02\xad\ufffe]\s*|-\s*\n\s*)\w+")
HYPHENATED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
MOMENT = re.compile(r"D:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:Z|([+-])(\d\d)'?(\d\d)?)?")
JUNK_TITLE = re.compile(r"\W*(?:untitled|anonymous|unspecified)?\W*|Microsoft \w+ - .*|.*\.\w{3,4}", re.IGNORECASE)


@dataclass(frozen=True)
class PageRead:
    """One page: its fragments with the tables among them, text at an angle, and what its text layer says without any layout.

    `words` and `vocabulary` leave out words that the end of a line parts; `vocabulary` keeps hyphens.
    """

    number: int
    height: float
    fragments: tuple[Fragment, ...]
    tilted: tuple[Fragment, ...]
    words: Counter[str]
    vocabulary: frozenset[str]
    notes: tuple[str, ...]


class PdfFile:
    """An open PDF. Use it as a context manager; raises TerminalSourceError on opening what cannot be read."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._plumber: PDF | None = None
        try:
            self._document = PdfDocument(raw)
        except PdfiumError as error:
            raise _unreadable(error) from error

    def __enter__(self) -> PdfFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._plumber is not None:
            self._plumber.close()
        self._document.close()

    def pages(self) -> Iterator[PageRead]:
        """Each page in turn; a page that cannot be loaded is empty and says so."""
        for index in range(len(self._document)):
            try:
                page = self._document[index]
            except PdfiumError:
                yield _unread(index + 1, f"page {index + 1} cannot be read: it is damaged")
                continue
            try:
                yield self._read(page, index + 1)
            finally:
                page.close()

    def _read(self, page: PdfPage, number: int) -> PageRead:
        layer = page.get_textpage()
        try:
            if is_garbled(layer):
                return _unread(number, f"page {number} cannot be read: its fonts do not say which characters they show")
            turn = Turn.of(page, layer)
            words = read_words(turn, layer)
            whole = PARTED.sub(" ", layer.get_text_range().replace("\r", ""))
        finally:
            layer.close()
        notes = () if words else tuple(_scanned(page, number))
        tables: list[Fragment] = []
        if words and turn.rotation == page.get_rotation() and has_rules(page):
            tables, words, notes = self._tables(words, number)
        return PageRead(
            number=number,
            height=turn.size[1],
            fragments=(*fragments(words), *tables),
            tilted=tuple(tilted(words)),
            words=word_counts([whole]),
            vocabulary=frozenset(HYPHENATED.findall(whole.casefold())),
            notes=notes,
        )

    def _tables(self, words: list[Word], number: int) -> tuple[list[Fragment], list[Word], tuple[str, ...]]:
        try:
            if self._plumber is None:
                self._plumber = PDF.open(BytesIO(self._raw))
            page = self._plumber.pages[number - 1]
            tables, words = take_tables(page, words)
            page.close()
        except Exception:  # noqa: BLE001 - pdfminer raises anything on odd files; the text itself has been read
            return [], words, (f"page {number} could not be searched for tables",)
        return tables, words, ()

    def outline(self) -> list[Bookmark]:
        """The outline in order."""
        marks = islice(self._document.get_toc(), MOST_BOOKMARKS)
        return [Bookmark(mark.level, squeeze(mark.get_title()), _page_of(mark)) for mark in marks]

    def title(self) -> str:
        """The title in the file's properties, where it is one."""
        title = squeeze(self._document.get_metadata_value("Title"))
        return "" if JUNK_TITLE.fullmatch(title) else title

    def modified(self) -> datetime | None:
        """When the file says it was last changed."""
        moments = (_moment(self._document.get_metadata_value(name)) for name in ("ModDate", "CreationDate"))
        return next((moment for moment in moments if moment is not None), None)

    def has_form(self) -> bool:
        """Whether the file has form fields, whose entries are no part of the text."""
        return bool(self._document.get_formtype() != pdfium.FORMTYPE_NONE)


def _unread(number: int, note: str) -> PageRead:
    return PageRead(number, 0.0, (), (), Counter(), frozenset(), (note,))


def _unreadable(error: PdfiumError) -> TerminalSourceError:
    if error.err_code == pdfium.FPDF_ERR_PASSWORD:
        return TerminalSourceError("it is password-protected.", remedy="Save it without a password.")
    return TerminalSourceError("it is no readable PDF: it is damaged or incomplete.", remedy="Export it again from its program.")


def _scanned(page: PdfPage, number: int) -> Iterator[str]:
    if next(iter(page.get_objects(filter=PICTURES)), None) is not None:
        yield f"page {number} has no text layer; it looks scanned"


def _moment(text: str) -> datetime | None:
    found = MOMENT.match(clean(text))
    if found is None:
        return None
    offset = timedelta(hours=int(found[8] or 0), minutes=int(found[9] or 0))
    zone = timezone(-offset if found[7] == "-" else offset) if offset else UTC
    try:
        return datetime(*(int(part) for part in found.groups()[:6]), tzinfo=zone)  # type: ignore[arg-type, misc]  # six numbers
    except ValueError:
        return None


def _page_of(mark: PdfBookmark) -> int | None:
    destination = mark.get_dest()
    index = destination.get_index() if destination else None
    return None if index is None else index + 1
