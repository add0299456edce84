"""A small static web server for the demo company's website, with the habits of a real one: validators, redirects, a 404 page."""

from __future__ import annotations

import mimetypes
import sys
import threading
from email.utils import formatdate
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

REDIRECTS = "_redirects"
NOT_FOUND = "404.html"
REWRITTEN = (".html", ".xml", ".txt")


class SiteServer:
    """Serves a folder on 127.0.0.1 from a thread until it is closed; a context manager."""

    def __init__(self, folder: Path, base: str, port: int) -> None:
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"site": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="demo-site", daemon=True)
        self.folder = folder.resolve()
        self.base = base.rstrip("/")
        self.redirects = _redirects(self.folder / REDIRECTS)

    @property
    def url(self) -> str:
        """Address of the site, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> SiteServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def file(self, path: str) -> Path | None:
        """The file that answers a URL path: itself, or the index of its folder; None when there is none inside the folder."""
        if "\0" in path or path.rstrip("/").endswith(f"/{REDIRECTS}"):
            return None
        found = (self.folder / path.strip("/")).resolve()
        if not found.is_relative_to(self.folder):
            return None
        candidates = (found, found / "index.html", found.with_name(found.name + ".html"))
        return next((candidate for candidate in candidates if candidate.is_file()), None)

    def body(self, file: Path) -> bytes:
        """The bytes of a file, with the site's own address in place of the placeholder."""
        raw = file.read_bytes()
        return raw.replace(self.base.encode(), self.url.encode()) if file.suffix in REWRITTEN else raw


def serve_site(folder: Path, base: str, port: int = 0) -> SiteServer:
    """A server of `folder` that writes its own address wherever the texts say `base`; port 0 takes a free one."""
    return SiteServer(folder, base, port)


def _redirects(file: Path) -> dict[str, tuple[str, int]]:
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    rules = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return {rule[0]: (rule[1], int(rule[2]) if len(rule) > 2 else 301) for rule in rules}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Report what went wrong, unless it is only that the client has hung up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the stub names a private union


class _Handler(BaseHTTPRequestHandler):
    site: SiteServer
    protocol_version = "HTTP/1.1"
    server_version = "TidewellSite/1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        rule = self.site.redirects.get(path.rstrip("/") or "/")
        if rule:
            self._send(HTTPStatus(rule[1]), b"", {"location": rule[0]})
            return
        file = self.site.file(path)
        if file is None:
            self._not_found()
            return
        self._file(file)

    do_HEAD = do_GET  # noqa: N815  (the base class names it)

    def _file(self, file: Path) -> None:
        body = self.site.body(file)
        headers = {"etag": f'"{sha256(body).hexdigest()[:32]}"', "last-modified": formatdate(file.stat().st_mtime, usegmt=True)}
        if self.headers.get("if-none-match") == headers["etag"]:
            self._send(HTTPStatus.NOT_MODIFIED, b"", headers)
            return
        self._send(HTTPStatus.OK, body, {**headers, "content-type": _media_type(file)})

    def _not_found(self) -> None:
        page = self.site.folder / NOT_FOUND
        body = self.site.body(page) if page.is_file() else b"Not found."
        self._send(HTTPStatus.NOT_FOUND, body, {"content-type": _media_type(page)})

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it)
        """Keep quiet: the demo's terminal belongs to the demo."""


def _media_type(file: Path) -> str:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
