"""Logging in and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from context_service.app import App
from context_service.console.rendering import ROOT, Pages, is_partial
from context_service.console.sessions import OwnForm, close_session, open_session
from context_service.errors import Forbidden, Unauthenticated

LOGIN = f"{ROOT}/login"


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""

    @router.get("/login")
    def login_form(request: Request, then: str = "") -> Response:
        return pages.show(request, "login.html", None, then=then, fault=None)

    @router.post("/login", dependencies=[OwnForm])
    def log_in(request: Request, key: Annotated[str, Form()] = "", then: Annotated[str, Form()] = "") -> Response:
        try:
            open_session(app, request, key.strip())
        except Unauthenticated:
            fault = "Nobody holds this key. Check that you copied all of it, or ask your operator for a new one."
            return pages.show(request, "login.html", None, 401, then=then, fault=fault)
        except Forbidden as error:
            return pages.show(request, "login.html", None, 403, then=then, fault=str(error))
        return RedirectResponse(_inside(then), 303)

    @router.post("/logout", dependencies=[OwnForm])
    def log_out(request: Request) -> Response:
        close_session(request)
        return RedirectResponse(LOGIN, 303)


def to_login(request: Request) -> Response:
    """To the login page, and from there back to where the visitor wanted to go."""
    if is_partial(request):
        return Response(status_code=401, headers={"HX-Redirect": LOGIN})
    if request.method != "GET":
        return RedirectResponse(LOGIN, 303)
    wanted = quote(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{LOGIN}?{urlencode({'then': wanted})}", 303)


def _inside(then: str) -> str:
    """`then` where it lies inside the console, else the overview: a link must not lead out through the login page."""
    return then if then.startswith(f"{ROOT}/") and "\\" not in then and then.isprintable() else f"{ROOT}/"
