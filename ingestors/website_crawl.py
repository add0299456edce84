"""The crawl itself: which page comes next, and what each answer means for the page's key."""

from __future__ import annotations

import fnmatch
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import Message

import httpx
from pydantic import Field

from context_service.errors import SourceError, TerminalSourceError, TransientSourceError
from context_service.ingest.connector import Done, Event, Failed, Found, Gone, Pull, Same
from context_service.model.base import Value, canonical_json, digest
from context_service.model.document import Content
from ingestors.http import MAX_REDIRECTS, NEXT_SYNC, USER_AGENT, Ask, GuardedClient, Reply
from ingestors.http_guard import Network
from ingestors.website_page import Page, decoded, moment, read_page
from ingestors.website_sitemap import Broken, Entry, Robots, read_sitemaps
from ingestors.website_urls import Site

HTML_TYPES = ("text/html", "application/xhtml+xml")
ROBOTS_BYTES = 512 * 1024
SITEMAP = "/sitemap.xml"
MAX_SILENT = 10
"""So many pages in a row that fail for now mean that the site as a whole is down."""


class WebsiteOptions(Value):
    """`options` of a source of kind website."""

    start: str = Field(description="Address of the first page; the crawl keeps to its host.")
    sitemap: bool = Field(True, description="Whether sitemaps are read.")
    max_pages: int = Field(1000, ge=1, le=100_000, description="Most pages fetched in one sync.")
    max_page_bytes: int = Field(5 * 1024 * 1024, ge=1024, description="Largest page, in bytes.")
    max_depth: int = Field(10, ge=0, le=100, description="Most links between a page and the start page, a sitemap or a known page.")
    delay: float = Field(0.5, ge=0, le=60, description="Seconds between two requests; robots.txt may ask for more.")
    allow_private: bool = Field(False, description="Whether the host may be on a private network.")
    include: tuple[str, ...] = Field((), description="Patterns of keys, with * and ?; where given, only these are items.")
    exclude: tuple[str, ...] = Field((), description="Patterns of keys that are left alone.")
    user_agent: str = Field(USER_AGENT, pattern=r"^[ -~]+$", description="How the crawler names itself.")


@dataclass(frozen=True)
class Visit:
    """A page to fetch. `hops` counts the redirects that led to it, `depth` the links."""

    key: str
    url: str
    depth: int = 0
    hops: int = 0


class Crawl:
    """One crawl of one site; makes one event per page that is or was an item.

    The queue is seeded with the start page, all known pages and the sitemaps. So a page that answers "not modified" need not
    be read for its links: whatever it links to is known, or is linked from a page that did change.
    """

    def __init__(self, pull: Pull, options: WebsiteOptions, site: Site, client: GuardedClient, network: Network) -> None:
        self._pull = pull
        self._options = options
        self._site = site
        self._client = client
        self._network = network
        self._start = site.key(options.start) or "/"
        self._robots = Robots("", options.user_agent)
        self._queue: deque[Visit] = deque()
        self._queued: set[str] = set()
        self._named: set[str] = set()
        self._lastmod: dict[str, datetime | None] = {}
        self._canonical: set[str] = set()
        self._stands_for: dict[str, str] = {}
        self._requests = 0
        self._silent = 0
        self._complete = True

    def events(self) -> Iterator[Event]:
        """The events of the whole crawl, Done last."""
        self._robots = self._read_robots()
        self._queue_start()
        yield from self._queue_known()
        yield from self._queue_sitemaps()
        while self._queue:
            yield from self._visit(self._queue.popleft())
        yield Done(cursor=None, complete=self._complete)

    def _get(self, ask: Ask) -> Reply:
        if self._requests:
            self._network.sleep(max(self._options.delay, self._robots.delay))
        self._requests += 1
        return self._client.send(ask)

    def _read_robots(self) -> Robots:
        reply = self._get(Ask("GET", self._site.url("/robots.txt"), most_bytes=ROBOTS_BYTES))
        # Anything but a text (above all 404) means that there are no rules; a server error was raised before and ends the sync.
        return Robots(reply.body.decode("utf-8", "replace") if reply.status == 200 else "", self._options.user_agent)

    def _queue_start(self) -> None:
        if not self._robots.allows(self._options.start):
            raise TerminalSourceError("robots.txt forbids the start page.", remedy="Let it allow this crawler, or remove the source.")
        self._add(self._options.start)

    def _queue_known(self) -> Iterator[Event]:
        for key in tuple(self._pull.known):
            url = _marked(self._pull, key).get("url") or self._site.url(key)
            self._named.add(key)
            if self._admits(url):
                self._add(url)
            else:
                yield Gone(key)

    def _queue_sitemaps(self) -> Iterator[Event]:
        if not self._options.sitemap:
            return
        urls = self._robots.sitemaps or [self._site.url(SITEMAP)]
        for found in read_sitemaps(urls, self._fetch_sitemap, self._site.owns, self._pull.limits.item_bytes):
            if isinstance(found, Broken):
                self._complete = False
                yield _failed(self._site.key(found.url) or SITEMAP, found.error)
            else:
                self._add_named(found)

    def _add_named(self, entry: Entry) -> None:
        self._add(entry.url)
        key = self._site.key(entry.url)
        if key in self._queued:
            self._named.add(key)
            self._lastmod[key] = entry.modified

    def _fetch_sitemap(self, url: str) -> Reply:
        reply = self._get(Ask("GET", url, follow=self._site.owns))
        missing = reply.status in (404, 410) or reply.media_type in HTML_TYPES
        # Nobody promised a sitemap at the usual place, so a missing one is an empty one.
        return replace(reply, status=200, body=b"<urlset/>") if missing and not self._robots.sitemaps else reply

    def _admits(self, url: str) -> bool:
        key = self._site.key(url)
        if key is None or not (key == self._start or self._is_item(key)):
            return False
        # Not by the key: a rule for /internal/ says nothing about /internal.
        return not _matches(key, self._options.exclude) and self._robots.allows(url)

    def _add(self, url: str, depth: int = 0, hops: int = 0) -> None:
        address = self._site.clean(url)
        key = self._site.key(url)
        if address is None or key is None or key in self._queued or depth > self._options.max_depth or not self._admits(address):
            return
        # Each queued page is one fetch, so this also bounds what a page of endless links can make us hold.
        if len(self._queued) >= self._options.max_pages:
            self._complete = False
            return
        self._queued.add(key)
        self._queue.append(Visit(key, address, depth, hops))

    def _visit(self, visit: Visit) -> Iterator[Event]:
        try:
            reply = self._get(self._ask(visit))
        except SourceError as error:
            yield self._failed_visit(visit, error)
            return
        self._silent = 0
        if reply.status == 304 and visit.key in self._pull.known:
            yield Same(visit.key)
        elif reply.location:
            yield from self._redirected(visit, reply, reply.location)
        elif reply.status == 200 and reply.media_type in HTML_TYPES:
            yield from self._page(visit, reply)
        else:
            yield from self._no_page(visit, reply)

    def _ask(self, visit: Visit) -> Ask:
        mark = _marked(self._pull, visit.key)
        pairs = (("if-none-match", mark.get("etag")), ("if-modified-since", mark.get("modified")))
        return Ask(
            "GET",
            visit.url,
            headers={name: value for name, value in pairs if value},
            follow=lambda target: self._site.key(target) == visit.key and self._robots.allows(target),
            wanted=lambda status, headers: status == 200 and _is_html(headers),
            most_bytes=self._options.max_page_bytes,
        )

    def _failed_visit(self, visit: Visit, error: SourceError) -> Event:
        if visit.key == self._start:
            raise error
        self._silent = self._silent + 1 if isinstance(error, TransientSourceError) else 0
        if self._silent >= MAX_SILENT:
            raise TransientSourceError(f"The site stopped answering; the last page said: {error.message}", remedy=NEXT_SYNC)
        return _failed(visit.key, error)

    def _no_page(self, visit: Visit, reply: Reply) -> Iterator[Event]:
        absent = reply.status in (404, 410)
        if visit.key == self._start:
            raise TerminalSourceError(f"The start page is no page: {_said(reply)}.", remedy="Correct `options.start`.")
        if absent and visit.key in self._canonical - self._pull.known.keys():
            yield Failed(visit.key, "Another page names it as its canonical address, but it is not there.", transient=False)
        elif absent:
            yield from self._absent(visit.key)
        elif reply.status != 200 or visit.key in self._named:
            yield Failed(visit.key, f"It is no page: {_said(reply)}.", transient=False)

    def _redirected(self, visit: Visit, reply: Reply, target: str) -> Iterator[Event]:
        key = self._site.key(target)
        if key == visit.key:  # only the form of the address differs, and robots.txt closes that form
            yield from self._absent(visit.key)
            return
        if key is None and visit.key == self._start:
            raise TerminalSourceError(f"The start page redirects to {target}, another host.", remedy="Set `options.start` to that address.")
        if key is not None and (self._is_circle(visit.key, key) or visit.hops >= MAX_REDIRECTS):
            yield Failed(visit.key, "It redirects in a circle or too many times.", transient=False)
            return
        if key is not None:
            self._stands_for[visit.key] = key
            self._add(target, visit.depth, visit.hops + 1)
        if visit.key in self._pull.known:
            # A temporary redirect says nothing lasting about the page, so what is known of it stays.
            lasting = reply.status in (301, 308) and reply.permanent
            yield Gone(visit.key) if lasting else Failed(visit.key, f"For the moment it redirects to {target}.", transient=True)

    def _page(self, visit: Visit, reply: Reply) -> Iterator[Event]:
        page = read_page(decoded(reply.body, charset(reply)), reply.url, reply.headers.get("x-robots-tag", ""))
        if not page.nofollow:
            for link in page.links:
                self._add(self._site.join(page.base, link) or "", visit.depth + 1)
        address = self._site.join(page.base, page.canonical or "") or visit.url
        if self._is_alias(visit.key, address):
            yield from self._alias(visit, address)
        elif page.noindex or not self._is_item(visit.key):
            yield from self._absent(visit.key)
        else:
            url = address if self._site.key(address) == visit.key else visit.url
            yield self._item(visit, reply, page, url)

    def _is_item(self, key: str) -> bool:
        return not self._options.include or _matches(key, self._options.include)

    def _is_alias(self, key: str, address: str) -> bool:
        canonical = self._site.key(address)
        # Pages that name each other, or one that may not be read, are all taken for themselves: better twice than lost.
        return canonical not in (None, key) and self._admits(address) and not self._is_circle(key, canonical)

    def _alias(self, visit: Visit, address: str) -> Iterator[Event]:
        self._stands_for[visit.key] = canonical = self._site.key(address) or visit.key
        self._canonical.add(canonical)
        self._add(address, visit.depth, visit.hops)
        yield from self._absent(visit.key)

    def _absent(self, key: str) -> Iterator[Event]:
        if key in self._pull.known:
            yield Gone(key)

    def _is_circle(self, key: str, target: str) -> bool:
        seen = set[str]()
        while target != key and target in self._stands_for and target not in seen:
            seen.add(target)
            target = self._stands_for[target]
        return target == key

    def _item(self, visit: Visit, reply: Reply, page: Page, url: str) -> Event:
        mark = {
            "url": visit.url,
            "etag": reply.headers.get("etag", ""),
            "modified": reply.headers.get("last-modified", ""),
            "sha": digest(reply.body),
        }
        fingerprint = canonical_json(mark)
        known = self._pull.known.get(visit.key)
        if known is not None and known.fingerprint == fingerprint:
            return Same(visit.key)
        declared = charset(reply)
        content = Content(
            key=visit.key,
            raw=reply.body,
            media_type=reply.media_type,
            url=url,
            fingerprint=fingerprint,
            modified=page.modified or self._lastmod.get(visit.key) or moment(reply.headers.get("last-modified", "")),
            options={"charset": declared} if declared else {},
        )
        return Found(content)


def charset(reply: Reply) -> str | None:
    """The charset of the Content-Type header; None when it names none."""
    header = Message()
    header["content-type"] = reply.headers.get("content-type", "")
    return header.get_content_charset()


def _is_html(headers: httpx.Headers) -> bool:
    return str(headers.get("content-type", "")).partition(";")[0].strip().lower() in HTML_TYPES


def _matches(key: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)


def _marked(pull: Pull, key: str) -> dict[str, str]:
    mark = pull.known.get(key)
    try:
        found = json.loads(mark.fingerprint) if mark else {}
    except ValueError:
        return {}
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _said(reply: Reply) -> str:
    return f"the server answered {reply.status}" if reply.status != 200 else f"its type is {reply.media_type or 'not given'}"


def _failed(key: str, error: SourceError) -> Failed:
    return Failed(key, error.message, transient=isinstance(error, TransientSourceError))
