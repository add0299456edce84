"""Addresses of one website: which belong to it, and the key under which a page is known."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from context_service.errors import TerminalSourceError

TRACKING = frozenset("gclid dclid fbclid msclkid yclid igshid mc_cid mc_eid _ga _gl _hsenc _hsmi mkt_tok".split())
TRACKING_PREFIX = "utm_"
UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
SAFE_IN_PATH = "/%:@!$&'()*+,;=~"
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
LONGEST_URL = 2000
"""Characters; longer addresses are made by traps and session ids."""


@dataclass(frozen=True)
class Site:
    """The scheme, host and port that a crawl keeps to."""

    scheme: str
    netloc: str

    @classmethod
    def of(cls, start: str) -> Site:
        """The site of the start address; raises TerminalSourceError when that is no http or https address."""
        parts = _split(start)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise TerminalSourceError(
                f"`options.start` is {start!r}, which is not an http or https address.",
                remedy="Write the address of the site's first page.",
            )
        return cls(parts.scheme, _netloc(parts))

    @property
    def root(self) -> str:
        """The address of the host without a path."""
        return f"{self.scheme}://{self.netloc}"

    def owns(self, url: str) -> bool:
        """Whether an absolute address lies on this site; http and https count as one host."""
        parts = _split(url)
        return parts is not None and parts.scheme in ("http", "https") and not parts.username and _netloc(parts) == self.netloc

    def clean(self, url: str) -> str | None:
        """An absolute address of this site without fragment and tracking parameters; None when the site does not own it."""
        if len(url) > LONGEST_URL or not self.owns(url):
            return None
        parts = urlsplit(url)
        query = "&".join(part for part in parts.query.split("&") if part and not _is_tracking(part))
        return self.root + (_path(parts.path) or "/") + (f"?{query}" if query else "")

    def key(self, url: str) -> str | None:
        """The key of the page at an absolute address: path without trailing slash, and query; None when the site does not own it."""
        cleaned = self.clean(url)
        if cleaned is None:
            return None
        path, _, query = cleaned.removeprefix(self.root).partition("?")
        return (path.rstrip("/") or "/") + (f"?{'&'.join(sorted(query.split('&')))}" if query else "")

    def join(self, base: str, link: str) -> str | None:
        """The clean address of a link found on the page at `base`; None when it leads off the site."""
        try:
            return self.clean(urljoin(base, link.strip()))
        except ValueError:
            return None

    def url(self, key: str) -> str:
        """An absolute address that has this key."""
        return self.root + key


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _netloc(parts: SplitResult) -> str:
    host = _ascii((parts.hostname or "").rstrip("."))
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _path(path: str) -> str:
    plain = ESCAPE.sub(lambda found: _unescaped(found[1]), path)
    return quote(plain, safe=SAFE_IN_PATH)


def _unescaped(code: str) -> str:
    character = chr(int(code, 16))
    return character if character in UNRESERVED else f"%{code.upper()}"


def _is_tracking(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name in TRACKING or name.startswith(TRACKING_PREFIX)
