"""robots.txt and sitemaps: what a site allows, and which pages it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree
from protego import Protego

from context_service.errors import SourceError, TerminalSourceError
from ingestors.http import Reply, gunzip, too_large
from ingestors.website_page import moment

MAX_SITEMAPS = 50
LONGEST_CRAWL_DELAY = 60.0
"""Seconds; a longer crawl delay in robots.txt would mean that a sync never ends."""
GZIP_MAGIC = b"\x1f\x8b"


class Robots:
    """The rules of a robots.txt for one user agent; without a text everything is allowed."""

    def __init__(self, text: str, user_agent: str) -> None:
        self._rules = Protego.parse(text)
        self._user_agent = user_agent

    def allows(self, url: str) -> bool:
        """Whether the page at `url` may be fetched."""
        return bool(self._rules.can_fetch(url, self._user_agent))

    @property
    def delay(self) -> float:
        """Seconds the site asks to wait between two requests, at most a minute."""
        return min(float(self._rules.crawl_delay(self._user_agent) or 0.0), LONGEST_CRAWL_DELAY)

    @property
    def sitemaps(self) -> list[str]:
        """Addresses of sitemaps it names."""
        return list(self._rules.sitemaps)


@dataclass(frozen=True)
class Entry:
    """A page that a sitemap names, and when it last changed according to it."""

    url: str
    modified: datetime | None


@dataclass(frozen=True)
class Broken:
    """A sitemap that could not be read."""

    url: str
    error: SourceError


def read_sitemaps(urls: list[str], fetch: Callable[[str], Reply], owns: Callable[[str], bool], bound: int) -> Iterator[Entry | Broken]:
    """Every entry of the sitemaps at `urls` and of those they point to, where the site `owns` them. `bound` is in bytes unpacked."""
    todo, seen = list(urls), set[str]()
    while todo:
        url = todo.pop(0)
        if url in seen or not owns(url):
            continue
        seen.add(url)
        if len(seen) > MAX_SITEMAPS:
            yield Broken(url, _unreadable(f"there are more than {MAX_SITEMAPS} sitemaps"))
            return
        try:
            entries, nested = _read(fetch(url), bound)
        except SourceError as error:
            yield Broken(url, error)
            continue
        todo.extend(nested)
        yield from (entry for entry in entries if owns(entry.url))


def _read(reply: Reply, bound: int) -> tuple[list[Entry], list[str]]:
    if reply.status != 200:
        raise _unreadable(f"the server answered {reply.status}")
    root = _xml(_unpacked(reply, bound))
    entries = [Entry(url, moment(_child(node, "lastmod"))) for node in root.findall("{*}url") if (url := _child(node, "loc"))]
    return entries, [url for node in root.findall("{*}sitemap") if (url := _child(node, "loc"))]


def _unpacked(reply: Reply, bound: int) -> bytes:
    if not reply.body.startswith(GZIP_MAGIC):
        return reply.body
    unpacked = bytearray()
    for piece in gunzip([reply.body]):
        unpacked += piece
        if len(unpacked) > bound:
            raise too_large(reply.url, bound)
    return bytes(unpacked)


def _xml(text: bytes) -> etree._Element:
    # Entities stay unexpanded and nothing is loaded: a sitemap needs neither.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root: etree._Element = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _unreadable(f"it is not well-formed XML ({error})") from error
    if etree.QName(root).localname not in ("urlset", "sitemapindex"):
        raise _unreadable("it is XML of another kind")
    return root


def _child(node: etree._Element, name: str) -> str:
    return (node.findtext(f"{{*}}{name}") or "").strip()


def _unreadable(reason: str) -> TerminalSourceError:
    return TerminalSourceError(f"The sitemap cannot be read: {reason}.", remedy="Mend it at the source; pages only it names are missed.")
