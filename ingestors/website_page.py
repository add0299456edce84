"""What a crawler reads of a page before anybody parses its text: links, canonical address, robots rules, date of change."""

from __future__ import annotations

import codecs
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import lxml.html
from lxml.html import HtmlElement
from pydantic import JsonValue

from ingestors.text import CONTROL, clean

PLAIN_CHARSETS = re.compile(r"ascii|utf[-_](8|16|32).*|iso8859.*|cp\d+|koi8.*|mac.*|shift_jis.*|euc.*|gb.*|big5.*|hz|johab|tis-620|latin.*")
DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
DECLARED_WITHIN = 4096
BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
LD_JSON = "//script[@type='application/ld+json']"
LOWER = "translate({}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
META = f"//meta[{LOWER.format('@name')}=$name or {LOWER.format('@property')}=$name]/@content"
CANONICAL = f"//link[contains(concat(' ', {LOWER.format('@rel')}, ' '), ' canonical ')]/@href"
LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?")


@dataclass(frozen=True)
class Page:
    """What the crawl needs of one page; `links` and `canonical` as written, to be joined with `base`."""

    base: str
    links: tuple[str, ...] = ()
    canonical: str | None = None
    noindex: bool = False
    nofollow: bool = False
    modified: datetime | None = None


def decoded(raw: bytes, charset: str | None) -> str:
    """The text of a page: by its byte order mark, the HTTP header's charset, its own declaration, UTF-8, Windows-1252."""
    for mark, name in BOMS.items():
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace")
    declared = DECLARED.search(raw, 0, DECLARED_WITHIN)
    for charset_name in (charset, declared[1].decode("ascii") if declared else None, "utf-8"):
        text = _decode(raw, charset_name)
        if text is not None:
            return text
    return raw.decode("cp1252", "replace")


def _decode(raw: bytes, name: str | None) -> str | None:
    try:
        codec = codecs.lookup(name or "")
    except LookupError:
        return None
    # Browsers read Latin-1 as Windows-1252, and the registry holds codecs that are no charsets.
    real = "cp1252" if codec.name in ("iso8859-1", "ascii") else codec.name
    if not PLAIN_CHARSETS.fullmatch(real):
        return None
    try:
        return raw.decode(real)
    except UnicodeError:
        return None


def read_page(html: str, url: str, robots_header: str = "") -> Page:
    """Read a page that came from `url`; a page that is no HTML at all has no links and no rules."""
    tree = document(html)
    if tree is None:
        return Page(base=url)
    rules = {rule.strip() for text in [*_meta(tree, "robots"), robots_header] for rule in text.lower().split(",")}
    base = next(iter(tree.xpath("//base/@href")), None)
    return Page(
        base=lxml.html.urljoin(url, base) if base else url,
        links=tuple(tree.xpath("//body//a/@href | //body//area/@href")),
        canonical=next(iter(tree.xpath(CANONICAL)), None),
        noindex=bool(rules & {"noindex", "none"}),
        nofollow=bool(rules & {"nofollow", "none"}),
        modified=next(_dates(tree), None),
    )


def document(html: str) -> HtmlElement | None:
    """The parsed page; None when there is nothing to parse."""
    try:
        # Encoded again because lxml refuses text with an encoding declaration of its own.
        tree = lxml.html.document_fromstring(clean(html).encode("utf-8"), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except lxml.etree.ParserError:
        return None
    # Written as references, control characters come in all the same, and lxml fails when it has to move them.
    for node in tree.iter():
        if CONTROL.search(node.text or ""):
            node.text = clean(node.text)
        if CONTROL.search(node.tail or ""):
            node.tail = clean(node.tail)
    return tree


def language(tree: HtmlElement) -> str | None:
    """The language of `<html lang>` without its region, in lower case."""
    found = LANGUAGE.fullmatch((tree.get("lang") or "").strip())
    return found[1].lower() if found else None


def moment(text: str) -> datetime | None:
    """A date as the web writes it (ISO 8601 or an HTTP date), with a time zone; None when it is neither."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text.strip())
        except (ValueError, OverflowError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _meta(tree: HtmlElement, name: str) -> list[str]:
    return [str(value) for value in tree.xpath(META, name=name)]


def _dates(tree: HtmlElement) -> Iterator[datetime]:
    for text in [*_meta(tree, "article:modified_time"), *_linked_data_dates(tree)]:
        found = moment(text)
        if found:
            yield found


def _linked_data_dates(tree: HtmlElement) -> Iterator[str]:
    for script in tree.xpath(LD_JSON):
        try:
            todo: deque[JsonValue] = deque([json.loads(script.text or "")])
        except (ValueError, RecursionError):
            continue
        while todo:
            node = todo.popleft()
            if isinstance(node, dict):
                if isinstance(node.get("dateModified"), str):
                    yield str(node["dateModified"])
                todo.extend(node.values())
            elif isinstance(node, list):
                todo.extend(node)
