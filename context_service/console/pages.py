"""The console, put together and mounted beside the API."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from traceback import format_exc
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from context_service.app import App, new_id
from context_service.console import (
    ask,
    conflict_pages,
    document_pages,
    draft_pages,
    freshness_pages,
    golden_pages,
    login,
    release_pages,
    ruling_pages,
    source_pages,
    workspace_pages,
)
from context_service.console.rendering import ROOT, STATIC, Pages
from context_service.console.sessions import LoginNeeded, Sessions, visitor
from context_service.errors import ContextServiceError, NotFound, NotReady

NOTHING_HERE = (
    "There is nothing here that you may see.",
    "It may have gone, or be for others to read. Follow the links from the overview.",
)

PARTS = (
    login,
    source_pages,
    document_pages,
    conflict_pages,
    ruling_pages,
    freshness_pages,
    release_pages,
    draft_pages,
    workspace_pages,
    golden_pages,
    ask,
)

log = structlog.get_logger()

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def mount_console(api: FastAPI, app: App) -> None:
    """Serve the console of `app` under /console, and lead there from the root. The API's limits, headers and log hold for it too."""

    def to_console() -> RedirectResponse:
        return RedirectResponse(f"{ROOT}/", 307)

    for path in ("/", ROOT):
        api.add_api_route(path, to_console, include_in_schema=False)
    api.mount(ROOT, _console(app))


def _console(app: App) -> FastAPI:
    pages = Pages(app)
    console = FastAPI(openapi_url=None, redirect_slashes=False)
    console.mount("/static", StaticFiles(directory=STATIC), name="static")
    router = _router(pages)
    for part in PARTS:
        part.add_pages(router, app, pages)
    console.include_router(router)
    _add_error_pages(console, app, pages)
    console.add_middleware(Sessions, secret=app.settings.session_secret or secrets.token_urlsafe(32))
    return console


def _router(pages: Pages) -> APIRouter:
    class Page(APIRoute):
        """A page that nobody expected to fail still answers with one that says what to do."""

        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def page(request: Request) -> Response:
                try:
                    return await handle(request)
                except (ContextServiceError, LoginNeeded, HTTPException, RequestValidationError):
                    raise
                except Exception:  # noqa: BLE001 - whatever nobody expected still gets a page
                    incident = new_id()
                    log.error("unexpected", incident=incident, trace=format_exc())
                    return _broken(pages, request, incident)

            return page

    return APIRouter(route_class=Page)


def _add_error_pages(console: FastAPI, app: App, pages: Pages) -> None:
    def to_login(request: Request, _: LoginNeeded) -> Response:
        return login.to_login(request)

    def on_error(request: Request, error: ContextServiceError) -> Response:
        if isinstance(error, NotFound):
            return _error_page(pages, request, error.status, *NOTHING_HERE)
        if error.status < 500 or isinstance(error, NotReady):
            return _error_page(pages, request, error.status, error.message, error.remedy)
        incident = new_id()
        log.error("failed", incident=incident, code=error.code, cause=str(error))
        return _broken(pages, request, incident)

    def on_http(request: Request, error: HTTPException) -> Response:
        with suppress(LoginNeeded):
            visitor(app, request)
        said = NOTHING_HERE if error.status_code in (404, 405) else ("The form could not be read.", "Load its page again.")
        return _error_page(pages, request, error.status_code, *said)

    def on_validation(request: Request, _: RequestValidationError) -> Response:
        return _error_page(pages, request, 422, "The address of this page is not right.", "Go back to the overview and follow its links.")

    console.exception_handler(LoginNeeded)(to_login)
    console.exception_handler(ContextServiceError)(on_error)
    console.exception_handler(HTTPException)(on_http)
    console.exception_handler(RequestValidationError)(on_validation)


def _broken(pages: Pages, request: Request, incident: str) -> Response:
    remedy = f"Try again; if it stays, tell your operator the incident {incident}."
    return _error_page(pages, request, 500, "This page could not be made.", remedy)


def _error_page(pages: Pages, request: Request, status: int, message: str, remedy: str) -> Response:
    person = getattr(request.state, "principal", None)
    return pages.show(request, "error.html", person, status, message=message, remedy=remedy)
