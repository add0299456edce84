"""What stands around every request, of the API and of whatever is mounted beside it: limits, headers, the log, the last net."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from traceback import format_exc

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from context_service.api.problems import Problem, incident_problem, problem, problem_response
from context_service.model.access import Principal

MAX_BODY = 256 * 1024
"""Bytes of a request's body; a query has at most a few thousand."""

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
ASSETS = ("/docs/static/", "/console/static/")
"""Paths of files that are the same for everybody: a browser may keep them and asks whether they have changed."""

ONE_YEAR = "max-age=31536000"

log = structlog.get_logger()


class SecurityHeaders:
    """Tells the browser what it may do with a reply: nothing that this service does not need, and to keep no copy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers that a reply does not set itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _harden(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _harden(headers: MutableHeaders, scope: Scope) -> None:
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("cache-control", "no-cache" if scope["path"].startswith(ASSETS) else "no-store")
    if scope["scheme"] == "https":
        headers.setdefault("strict-transport-security", ONE_YEAR)


class RequestLog:
    """Logs each request by its route, never by its path, key or text: those can hold what a log must not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log the request when its reply has been sent."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            milliseconds = round((perf_counter() - started) * 1000, 2)
            log.info("request", method=scope["method"], route=_route(scope), status=status, ms=milliseconds, principal=_principal(scope))


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return f"{scope.get('root_path', '')}{getattr(route, 'path', '*')}"


def _principal(scope: Scope) -> str | None:
    principal: Principal | None = scope.get("state", {}).get("principal")
    return principal.id if principal else None


class LastNet:
    """Whatever nobody expected becomes a problem with an incident id; the cause goes to the log and nowhere else."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; nothing escapes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:  # noqa: BLE001 - the last net is there for what nobody expected
            incident = self._new_id()
            # The plain traceback: a log that shows local variables would show keys and questions.
            log.error("unexpected", incident=incident, route=_route(scope), trace=format_exc())
            if not started:
                await problem_response(incident_problem(incident))(scope, receive, send)


class BodyLimit:
    """Reads a body up to MAX_BODY before anything else sees it, whether its length was declared or it comes in pieces."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a body that is too large, else hand it on whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = None if _declared(scope) > MAX_BODY else await _read(receive)
        except ClientDisconnect:
            return
        if body is None:
            await problem_response(_too_large(), {"connection": "close"})(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


def _declared(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "0")
    return int(declared) if declared.isdecimal() else 0


async def _read(receive: Receive) -> bytes | None:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        more = message.get("more_body", False)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


def _too_large() -> Problem:
    return problem(
        413,
        "body-too-large",
        f"The body is larger than {MAX_BODY // 1024} KiB.",
        "Send the question alone, not the conversation or the documents.",
    )
