"""The pdf connector: PDF files with a text layer, with headings, reading order, paragraphs and ruled tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import PurePosixPath

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Event, Limits, Pull
from context_service.model.document import Content, Element, ElementKind, Parsed
from ingestors.files import FolderReader, Formats
from ingestors.files_magic import misnamed
from ingestors.pdf_headings import Bookmark, heading_levels
from ingestors.pdf_order import Region, regions
from ingestors.pdf_paragraphs import BULLET, Hyphens, Paragraph, paragraphs
from ingestors.pdf_read import PageRead, PdfFile
from ingestors.pdf_running import Edge, running_notes, running_texts
from ingestors.pdf_text import Fragment
from ingestors.text import NAMED, first_title, row_text, squeeze, word_counts

REVISION = "1"
"""Raise it whenever the same bytes parse differently."""
PARSER_VERSION = f"pdf-{REVISION}+pypdfium2-{version('pypdfium2')}+pdfplumber-{version('pdfplumber')}"
COVERAGE = 0.995
"""Share of the text layer's words below which the owner is told that some were lost."""


class PdfConnector:
    """Reads the PDF files of one folder and passes others by. Options: see `ingestors.files.Selection`."""

    version = PARSER_VERSION

    def __init__(self, pull: Pull) -> None:
        self._reader = FolderReader(pull, Formats({".pdf": "application/pdf"}, misnamed, others_ignored=True))

    def events(self) -> Iterator[Event]:
        """See Connector.events."""
        return self._reader.events()

    @staticmethod
    def parse(content: Content, limits: Limits) -> Parsed:  # noqa: ARG004 - the protocol's
        """See Connector.parse. The title is the first heading of level 1, else the file's own title, else its name."""
        with PdfFile(content.raw) as file:
            pages = list(file.pages())
            elements, notes = read_elements(pages, file.outline())
            form = ("it has form fields; what is entered in them was not read",) if file.has_form() else ()
            title, modified = file.title(), file.modified()
        if not elements:
            reason = notes[0] if notes else "its pages are empty"
            raise TerminalSourceError(f"it has no text that can be read: {reason}.", remedy="Run OCR over it.")
        return Parsed(
            title=first_title(elements, title or PurePosixPath(content.key).stem),
            elements=elements,
            parser="pypdfium2",
            parser_version=PARSER_VERSION,
            notes=(*notes, *form),
            modified=modified,
        )


def read_elements(pages: Sequence[PageRead], outline: Sequence[Bookmark]) -> tuple[tuple[Element, ...], tuple[str, ...]]:
    """The elements of all pages in reading order, and notes on running texts, scanned pages and words that were lost."""
    running = running_texts([Edge(page.number, page.height, page.fragments) for page in pages])
    laid_out = [(page.number, _page_regions(page, running.get(page.number, []))) for page in pages]
    found = paragraphs(laid_out)
    vocabulary = frozenset(word for page in pages for word in page.vocabulary)
    hyphens = Hyphens.of(vocabulary, found)
    texts = [squeeze(hyphens.join(line.text for line in paragraph.lines)) for paragraph in found]
    levels = heading_levels(found, texts, outline)
    elements = tuple(
        element
        for at, paragraph in enumerate(found)
        for element in _elements(paragraph, found[at - 1] if at else None, texts[at], levels.get(at), hyphens)
    )
    notes = [note for page in pages for note in page.notes]
    notes += running_notes(running, {page.number: page.height for page in pages})
    return elements, (*notes, *_coverage(pages, running, elements))


def _page_regions(page: PageRead, running: Sequence[Fragment]) -> list[Region]:
    body = [fragment for fragment in page.fragments if not any(fragment is other for other in running)]
    return [*regions(body), *(Region((fragment,)) for fragment in page.tilted)]


def _elements(paragraph: Paragraph, before: Paragraph | None, text: str, level: int | None, hyphens: Hyphens) -> Iterator[Element]:
    page = paragraph.first.page
    if paragraph.table:
        yield from _table_elements(paragraph, before, hyphens)
    elif level is not None:
        yield Element(kind=ElementKind.HEADING, text=text, level=level, page=page)
    elif paragraph.first.marker:
        yield Element(kind=ElementKind.LIST_ITEM, text=_item_text(paragraph.first.marker, text), page=page)
    elif text:
        yield Element(kind=ElementKind.PARAGRAPH, text=text, page=page)


def _item_text(marker: str, text: str) -> str:
    """The text without its bullet, or behind its number as other formats have it: 1. first."""
    return f"{marker}.{text.removeprefix(marker)}" if marker.isdecimal() else BULLET.sub("", text, count=1)


def _table_elements(paragraph: Paragraph, before: Paragraph | None, hyphens: Hyphens) -> Iterator[Element]:
    """A table that goes on from the page before has no head of its own, or repeats it."""
    rows = paragraph.table
    above = before.table if before is not None and before.last.page < paragraph.first.page else ()
    goes_on = bool(above) and len(above[0]) == len(rows[0])
    if goes_on and above[0] == rows[0]:
        rows = rows[1:]
    for number, row in enumerate(rows):
        if any(row):
            kind = ElementKind.TABLE_ROW if number or goes_on else ElementKind.TABLE_HEAD
            yield Element(kind=kind, text=row_text(hyphens.join(cell.split("\n")) for cell in row), page=paragraph.first.page)


def _coverage(pages: Sequence[PageRead], running: Mapping[int, Sequence[Fragment]], elements: Sequence[Element]) -> tuple[str, ...]:
    expected = Counter[str]()
    for page in pages:
        expected += page.words
    read = word_counts(element.text for element in elements)
    read += word_counts(fragment.text for found in running.values() for fragment in found)
    lost = expected - read
    if lost.total() <= (1 - COVERAGE) * expected.total():
        return ()
    return (f"{lost.total()} of {expected.total()} words of the text layer were not read, such as: {', '.join(list(lost)[:NAMED])}",)
