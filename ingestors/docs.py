"""The docs connector: a folder of Markdown, HTML, Word, PowerPoint, Excel, CSV, text and e-mail files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from pydantic import JsonValue

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Event, Limits, Pull
from context_service.model.document import Content, Element, Parsed
from ingestors.docs_sheets import parse_csv, parse_workbook
from ingestors.docs_slides import parse_slides
from ingestors.docs_text import Draft, parse_email, parse_html, parse_markdown, parse_plain
from ingestors.docs_word import parse_word
from ingestors.files import FolderReader, Formats
from ingestors.files_magic import misnamed
from ingestors.partition import VERSION, load
from ingestors.text import first_title

REVISION = "1"
"""Raise it whenever the same bytes parse differently."""
MEDIA_TYPES = {
    ".md": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".eml": "message/rfc822",
}
PARSERS: dict[str, Callable[[bytes, Limits], Draft]] = {
    ".md": lambda raw, _: parse_markdown(raw),
    ".html": lambda raw, _: parse_html(raw),
    ".htm": lambda raw, _: parse_html(raw),
    ".docx": lambda raw, limits: parse_word(raw, limits.unpacked_bytes),
    ".pptx": lambda raw, limits: parse_slides(raw, limits.unpacked_bytes),
    ".xlsx": lambda raw, limits: parse_workbook(raw, limits.unpacked_bytes),
    ".csv": lambda raw, _: parse_csv(raw),
    ".txt": lambda raw, _: parse_plain(raw),
    ".eml": lambda raw, _: parse_email(raw),
}


class DocsConnector:
    """Reads the files of one folder. Options: `include`, `exclude`, `url`, `git`; see `ingestors.files.Selection`."""

    version = f"docs-{REVISION}+unstructured-{VERSION}"

    def __init__(self, pull: Pull) -> None:
        self._reader = FolderReader(pull, Formats(MEDIA_TYPES, misnamed))

    def events(self) -> Iterator[Event]:
        """See Connector.events."""
        return self._reader.events()

    @staticmethod
    def load() -> None:
        """See Connector."""
        load("html", "text")

    @staticmethod
    def parse(content: Content, limits: Limits) -> Parsed:
        """See Connector.parse. The title is the front matter's, else the first heading of level 1, else the file's name."""
        path = PurePosixPath(content.key)
        wrong = misnamed(path.suffix.lower(), content.raw)
        if wrong is not None:
            raise wrong
        draft = PARSERS[path.suffix.lower()](content.raw, limits)
        if not draft.elements:
            raise TerminalSourceError("it holds no text.", remedy="Write something into it, or name it in options.exclude.")
        return Parsed(
            title=_title(draft.front_matter.get("title"), draft.elements, path.stem),
            elements=draft.elements,
            parser=f"unstructured{path.suffix.lower()}",
            parser_version=DocsConnector.version,
            front_matter=draft.front_matter,
            notes=draft.notes,
            modified=draft.modified,
        )


def _title(declared: JsonValue, elements: Sequence[Element], stem: str) -> str:
    return declared.strip() if isinstance(declared, str) and declared.strip() else first_title(elements, stem)
