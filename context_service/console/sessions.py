"""Who is looking: a signed cookie that names the key's hash, looked up again at every request, so that a revoked key ends the session.

The cookie is signed, not secret; a key is 256 random bits, so its hash tells nothing of it.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from fastapi import Depends, Request
from starlette.middleware.sessions import SessionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from context_service.app import App
from context_service.errors import Forbidden
from context_service.model.access import Principal, PrincipalKind
from context_service.model.audit import Action, AuditEntry
from context_service.policy.keys import key_hash

COOKIE = "context_console"
LIFETIME = timedelta(hours=12)
"""Longest time between logging in and having to do it again."""


class LoginNeeded(Exception):
    """Nobody is logged in, or not any more."""


class Sessions:
    """Keeps the signed cookie: out of reach of scripts and other sites, and only over TLS where the request came by TLS."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._plain, self._secure = (
            SessionMiddleware(
                app,
                secret,
                session_cookie=COOKIE,
                max_age=int(LIFETIME.total_seconds()),
                path="/console",
                same_site="strict",
                https_only=https_only,
            )
            for https_only in (False, True)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the cookie of the request and write that of the reply."""
        session = self._secure if scope.get("scheme") == "https" else self._plain
        await session(scope, receive, send)


def open_session(app: App, request: Request, key: str) -> Principal:
    """Log in the person who holds `key`. Raises Unauthenticated for an unknown key, Forbidden for an agent's."""
    principal = app.authenticate(key)
    if principal.kind is not PrincipalKind.PERSON:
        raise Forbidden("This is the key of an agent, and the console is for people.", remedy="Log in with your own key.", field="key")
    now = app.now()
    with app.records.writing() as tx:
        tx.audit(AuditEntry(at=now, actor=principal.id, action=Action.SESSION_OPENED, subject=f"principal:{principal.id}"))
    request.state.principal = principal
    request.session.clear()
    request.session.update(holder=key_hash(key), since=now.isoformat())
    return principal


def close_session(request: Request) -> None:
    """Log out."""
    request.session.clear()


def visitor(app: App, request: Request) -> Principal:
    """Who is logged in. Raises LoginNeeded when nobody is, when the session is too old, and when the key is no longer held by a person."""
    holder, since = request.session.get("holder"), request.session.get("since")
    if not holder or not since or app.now() - datetime.fromisoformat(since) > LIFETIME:
        raise LoginNeeded
    principal = app.records.principal_by_key(holder)
    if principal is None or principal.kind is not PrincipalKind.PERSON:
        raise LoginNeeded
    request.state.principal = principal
    return principal


def form_token(request: Request) -> str:
    """The token that every form of this session carries."""
    if "csrf" not in request.session:
        request.session["csrf"] = secrets.token_urlsafe(24)
    return str(request.session["csrf"])


async def check_token(request: Request) -> None:
    """Raise Forbidden unless the form was made for this session; another site cannot know the token."""
    async with request.form() as form:
        sent = form.get("csrf", "")
    expected = request.session.get("csrf", "")
    if not expected or not isinstance(sent, str) or not secrets.compare_digest(expected.encode(), sent.encode("utf-8", "replace")):
        raise Forbidden(
            "This form was made for another session.", remedy="Load the page again, with cookies allowed, and send the form once more."
        )


OwnForm = Depends(check_token)
"""What every route that takes a form depends on."""
