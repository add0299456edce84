"""The HTTP client all network connectors share: guarded against private targets, endless answers, bombs and redirects.

Nothing a server says can make it talk to an address the operator did not allow, wait longer than the deadline, or hold more
than the size bound. What goes wrong is a TransientSourceError (the next sync tries again) or a TerminalSourceError.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType

import httpcore
import httpx

from context_service.errors import SourceError, TerminalSourceError, TransientSourceError
from context_service.ingest.connector import Limits
from ingestors.http_guard import Deadline, GuardedBackend, Network

USER_AGENT = "context-service/0.1"
MAX_REDIRECTS = 5
ATTEMPTS = 3
BACKOFF_SECONDS = 1.0
MAX_WAIT_SECONDS = 60.0
"""A server that asks to wait longer than this is left alone until the next sync."""
GZIP_WINDOW = zlib.MAX_WBITS | 16
PIECE_BYTES = 64 * 1024

NEXT_SYNC = "Nothing to do unless it lasts: the next sync tries again."


@dataclass(frozen=True)
class Reply:
    """A server's answer. `url` is the address that answered after redirects; `permanent` says whether all of those were lasting."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes
    permanent: bool = True

    @property
    def media_type(self) -> str:
        """The content type in lower case without its parameters; empty when none was sent."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def location(self) -> str | None:
        """The absolute address a redirect points to, without fragment; None when this is no redirect."""
        if self.status not in (301, 302, 303, 307, 308) or not self.headers.get("location"):
            return None
        try:
            return str(httpx.URL(self.url).join(self.headers["location"]).copy_with(fragment=None))
        except httpx.InvalidURL:
            return None

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks to wait; None when it does not say."""
        text = self.headers.get("retry-after", "").strip()
        if text.isdecimal():
            return float(text)
        until = _http_date(text)
        return max(0.0, (until - self.date).total_seconds()) if until and self.date else None

    @property
    def date(self) -> datetime | None:
        """The server's own time when it answered; None when it does not say."""
        return _http_date(self.headers.get("date", ""))


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def default_pause(reply: Reply) -> float | None:
    """Seconds to wait before trying again as the server asks; None leaves it to the client's own backoff."""
    return reply.retry_after


@dataclass(frozen=True)
class Ask:
    """One request.

    `follow` judges each redirect's target; a redirect it refuses is the reply. `wanted` judges status and headers; a body it
    refuses is not read. `most_bytes` bounds the body below the client's own limit.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    follow: Callable[[str], bool] = lambda _url: True
    wanted: Callable[[int, httpx.Headers], bool] = lambda _status, _headers: True
    most_bytes: int | None = None


class GuardedClient:
    """Sends one request at a time; a context manager that closes its connections.

    `pause` reads from a refused reply how long to wait. Addresses off the public internet are refused unless `allow_private`.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        allow_private: bool = False,
        user_agent: str = USER_AGENT,
        network: Network | None = None,
        pause: Callable[[Reply], float | None] = default_pause,
    ) -> None:
        self._limits = limits
        self._network = network or Network()
        self._user_agent = user_agent
        self._pause = pause
        self._deadline = Deadline(self._network.clock)
        backend = GuardedBackend(self._network, self._deadline, allow_private=allow_private)
        self._pool = httpcore.ConnectionPool(max_connections=4, network_backend=backend)

    def __enter__(self) -> GuardedClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.close()

    def send(self, ask: Ask) -> Reply:
        """The answer after redirects and retries; each attempt has `limits.fetch_seconds` for everything.

        Raises TransientSourceError for no answer in time and for a 429 or 5xx that stays, TerminalSourceError for what is refused.
        """
        for attempt in range(ATTEMPTS):
            reply = self._attempt(ask)
            if not _refused_for_now(reply):
                return reply
            wait = self._pause(reply)
            wait = BACKOFF_SECONDS * 2**attempt if wait is None else wait
            if wait > MAX_WAIT_SECONDS or attempt == ATTEMPTS - 1:
                break
            self._network.sleep(wait)
        raise TransientSourceError(f"{reply.url} answered {reply.status} and asks to come back later.", remedy=NEXT_SYNC)

    def _attempt(self, ask: Ask) -> Reply:
        self._deadline.start(self._limits.fetch_seconds)
        url, headers, permanent = ask.url, ask.headers, True
        seen: set[str] = set()
        while True:
            seen.add(url)
            reply = self._exchange(ask, url, headers, permanent=permanent)
            target = reply.location
            if target is None or not ask.follow(target):
                return reply
            if target in seen or len(seen) > MAX_REDIRECTS:
                raise _terminal(f"{ask.url} redirects in a circle or more than {MAX_REDIRECTS} times.", "Mend the redirect at the source.")
            # What was meant for one server (credentials above all) is never shown to another.
            headers = headers if _origin(target) == _origin(url) else {}
            permanent = permanent and reply.status in (301, 308)
            url = target

    def _exchange(self, ask: Ask, url: str, headers: Mapping[str, str], *, permanent: bool) -> Reply:
        own = {"user-agent": self._user_agent, "accept-encoding": "gzip"}
        try:
            with self._pool.stream(ask.method, _target(url), headers=list({**own, **headers}.items()), content=ask.content) as raw:
                found = httpx.Headers(raw.headers)
                body = self._body(ask, raw.iter_stream(), found) if ask.wanted(raw.status, found) else b""
                return Reply(url, raw.status, found, body, permanent)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _failure(url, error) from error

    def _body(self, ask: Ask, pieces: Iterable[bytes], headers: httpx.Headers) -> bytes:
        bound = min(self._limits.item_bytes, ask.most_bytes or self._limits.item_bytes)
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            raise _terminal(f"The answer is encoded as {encoding}, which was not asked for.", "Let the server send gzip or plain bytes.")
        body = bytearray()
        for piece in gunzip(pieces) if "gzip" in encoding else pieces:
            body += piece
            if len(body) > bound:
                raise too_large(ask.url, bound)
        return bytes(body)


def gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip piece by piece, never more than 64 KiB at once, so that a bound on the sum stops a bomb in time."""
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    for piece in pieces:
        packed = piece
        while packed:
            if unpacker.eof:
                unpacker = zlib.decompressobj(GZIP_WINDOW)
            try:
                yield unpacker.decompress(packed, PIECE_BYTES)
            except zlib.error as error:
                raise _terminal("The packed data is damaged.", "Mend what the server sends.") from error
            packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof:
        raise TransientSourceError("The packed data ends too early.", remedy=NEXT_SYNC)


def too_large(url: str, bound: int) -> TerminalSourceError:
    """The error for what is above the size bound (bytes)."""
    return _terminal(f"{url} is larger than {bound} bytes.", "Make it smaller, or raise the size limit.")


def _refused_for_now(reply: Reply) -> bool:
    return reply.status == 429 or reply.status >= 500 or (reply.status == 403 and reply.retry_after is not None)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = httpx.URL(url)
    return parts.scheme, parts.host, parts.port


def _target(text: str) -> httpcore.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise _terminal(f"{text[:200]} is no address.", "Mend the address.") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise _terminal(f"{text[:200]} is not a plain http or https address.", "Use http or https, without a user name in the address.")
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _failure(url: str, error: Exception) -> SourceError:
    cause = error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _terminal(f"The certificate of {url} is not valid: {cause.verify_message}.", "Renew or mend the server's certificate.")
    said = "did not answer in time" if isinstance(error, httpcore.TimeoutException) else f"did not answer properly ({error})"
    return TransientSourceError(f"{url} {said}.", remedy=NEXT_SYNC)


def _terminal(message: str, remedy: str) -> TerminalSourceError:
    return TerminalSourceError(message, remedy=remedy)
