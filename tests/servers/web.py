"""A website whose pages misbehave as told."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from hashlib import sha256

from tests.servers.base import Answer, LocalServer, Request

Behaviour = Callable[[Request], Answer]


class WebServer(LocalServer):
    """Serves `pages` by path; anything else is a 404. HTML pages get an ETag and answer 304."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, Behaviour] = {}

    def answer(self, request: Request) -> Answer:
        behaviour = self.pages.get(request.path)
        return behaviour(request) if behaviour else Answer(404, b"no such page")

    def page(self, path: str, html: str, **headers: str) -> None:
        self.pages[path] = html_page(html, **headers)

    def fetched(self, path: str) -> int:
        return sum(request.path == path for request in self.requests)


def html_page(html: str, **headers: str) -> Behaviour:
    body = html.encode()
    etag = f'"{sha256(body).hexdigest()[:16]}"'
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def behave(request: Request) -> Answer:
        if request.headers.get("if-none-match") == etag:
            return Answer(304, headers={"etag": etag})
        return Answer(200, body, {"content-type": "text/html; charset=utf-8", "etag": etag, **named})

    return behave


def simple(title: str, *links: str, head: str = "", text: str = "") -> str:
    anchors = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    said = text or f"This is what there is to say about {title}, in one long sentence."
    return (
        f'<!doctype html><html lang="en"><head><title>{title} | Shop</title>{head}</head><body><nav><ul>{anchors}</ul></nav>'
        f"<main><h1>{title}</h1><p>{said}</p></main></body></html>"
    )


def always(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    return lambda _request: Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def text(body: str, content_type: str = "text/plain") -> Behaviour:
    return always(200, body.encode(), content_type=content_type)


def redirect(target: str, status: int = 301) -> Behaviour:
    return always(status, location=target)


def in_turn(*answers: Behaviour) -> Behaviour:
    """One behaviour per request; the last stays."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def drip(seconds: float, pieces: int) -> Behaviour:
    """A page that comes one byte at a time."""

    def write(send: Callable[[bytes], object]) -> None:
        for _ in range(pieces):
            send(b"x")
            time.sleep(seconds)

    return lambda _request: Answer(200, headers={"content-type": "text/html"}, write=write)


def endless() -> Behaviour:
    """A page that never stops coming."""

    def write(send: Callable[[bytes], object]) -> None:
        while True:
            send(b"<p>more and more</p>" * 1000)

    return lambda _request: Answer(200, headers={"content-type": "text/html"}, write=write)


def bomb(size: int) -> Behaviour:
    """A page that unpacks to `size` bytes."""
    body = gzip.compress(b"0" * size, mtime=0)
    return always(200, body, content_type="text/html", content_encoding="gzip")
