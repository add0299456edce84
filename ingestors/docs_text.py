"""Parsers of the formats that are text: Markdown, HTML, plain text, e-mail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from markdown_it import MarkdownIt
from pydantic import JsonValue

from context_service.model.document import Element, ElementKind
from ingestors.docs_front import split_front_matter
from ingestors.html import read_html
from ingestors.partition import partition, to_elements, unreadable
from ingestors.text import clean, decode, row_text, squeeze

CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
CHARSET_PROBE = 4096
UNDERLINE = re.compile(r"(={3,}|-{3,}|~{3,})\s*")
ITEM = re.compile(r"\s*(?:[-*+•‣◦]|\d{1,3}[.)]|[a-zA-Z][.)])\s+\S")
GAP = re.compile(r"\S(?: {3,}|\t+)\S")
DEEPEST = 100
"""Nesting of lists and quotations that is read; the parser's own limit of 20 drops what is deeper."""
LONGEST_HEADING = 80
"""Characters up to which a line in capitals or with a rule below it is a heading."""


@dataclass(frozen=True)
class Draft:
    """What a parser found: elements, and what the document says about itself."""

    elements: tuple[Element, ...]
    notes: tuple[str, ...] = ()
    front_matter: dict[str, JsonValue] = field(default_factory=dict)
    title: str | None = None
    modified: datetime | None = None


def parse_markdown(raw: bytes) -> Draft:
    """CommonMark with tables, behind optional front matter."""
    text, notes = decode(raw)
    fields, body = split_front_matter(text)
    reader = MarkdownIt("commonmark", {"html": True, "maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    markup = reader.render(body)
    return replace(_page(markup, notes), front_matter=fields)


def parse_html(raw: bytes) -> Draft:
    """A page without what surrounds its article, behind optional front matter."""
    text, notes = _decode_html(raw)
    fields, body = split_front_matter(text)
    return replace(_page(body, notes), front_matter=fields)


def _page(markup: str, notes: tuple[str, ...]) -> Draft:
    elements, lost = read_html(markup)
    return Draft(tuple(elements), notes + lost)


def _decode_html(raw: bytes) -> tuple[str, tuple[str, ...]]:
    text, notes = decode(raw)
    declared = CHARSET.search(raw[:CHARSET_PROBE])
    if not notes or declared is None:
        return text, notes
    try:
        return clean(raw.decode(declared[1].decode("ascii"))), ()
    except (LookupError, UnicodeDecodeError):
        return text, notes


def parse_plain(raw: bytes) -> Draft:
    """Paragraphs between empty lines; lines in capitals or with a rule below are headings; lines aligned in columns are table rows."""
    text, notes = decode(raw)
    return Draft(_plain_elements(text), notes)


def _plain_elements(text: str) -> tuple[Element, ...]:
    elements: list[Element] = []
    for block in re.split(r"\n\s*\n", text):
        elements += _plain_block([line for line in block.split("\n") if line.strip()], first=not elements)
    return tuple(elements)


def _plain_block(lines: list[str], *, first: bool) -> Iterator[Element]:
    if len(lines) == 1 and _is_shouted(lines[0]):
        yield _heading(lines[0], 1 if first else 2)
        return
    if len(lines) >= 2 and UNDERLINE.fullmatch(lines[1]) and len(lines[0].strip()) <= LONGEST_HEADING:
        yield _heading(lines[0], 1 if lines[1].startswith("=") else 2)
        lines = lines[2:]
    lines = [line for line in lines if not UNDERLINE.fullmatch(line)]
    rows = [re.split(r" {2,}|\t+", line.strip()) for line in lines]
    if sum(bool(GAP.search(line)) for line in lines) >= 2 and len({len(row) for row in rows}) == 1:
        yield from (Element(kind=ElementKind.TABLE_ROW, text=row_text(row)) for row in rows)
    elif lines:
        # The partitioner takes short lines for titles; only what the page marks as a heading is one.
        yield from to_elements(partition("text", text=_units(lines), paragraph_grouper=False), titles=False)


def _is_shouted(line: str) -> bool:
    return line.isupper() and len(line.strip()) <= LONGEST_HEADING and not ITEM.match(line)


def _heading(line: str, level: int) -> Element:
    return Element(kind=ElementKind.HEADING, text=squeeze(line), level=level)


def _units(lines: list[str]) -> str:
    """One unit of reading per paragraph: wrapped lines joined, list items and aligned lines apart."""
    units: list[str] = []
    for line in lines:
        apart = not units or ITEM.match(line) or GAP.search(line) or GAP.search(units[-1])
        units[len(units) - (0 if apart else 1) :] = [line if apart else f"{units[-1]} {line.strip()}"]
    return "\n\n".join(units)


def parse_email(raw: bytes) -> Draft:
    """Subject, sender and date, then the body; attachments are named in the notes and not read."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(raw)
        headers = [f"{name}: {value}" for name in ("From", "Date") if (value := squeeze(_header(message, name)))]
        body, notes = _email_body(message)
        attached = [squeeze(part.get_filename() or part.get_content_type()) for part in message.iter_attachments()]
    except (MessageError, LookupError, ValueError, TypeError, AttributeError) as error:
        # The standard library raises all of these on malformed messages.
        raise unreadable("an e-mail", error) from error
    subject = squeeze(_header(message, "Subject"))
    head = [Element(kind=ElementKind.HEADING, text=subject, level=1)] if subject else []
    head += [Element(kind=ElementKind.PARAGRAPH, text="\n".join(headers))] if headers else []
    return Draft((*head, *body), notes + tuple(f"attachment not read: {name}" for name in attached), modified=_sent(message))


def _header(message: EmailMessage, name: str) -> str:
    return str(message.get(name, ""))


def _email_body(message: EmailMessage) -> tuple[Iterable[Element], tuple[str, ...]]:
    for kind in ("html", "plain"):
        part = message.get_body((kind,))
        if not isinstance(part, EmailMessage):
            continue
        text = clean(part.get_content())
        elements, notes = read_html(text) if kind == "html" else (_plain_elements(text), ())
        if elements:
            return elements, notes
    return (), ()


def _sent(message: EmailMessage) -> datetime | None:
    try:
        sent = parsedate_to_datetime(_header(message, "Date"))
    except ValueError:
        return None
    return sent if sent.tzinfo else sent.replace(tzinfo=UTC)
