"""The pages of workspaces: what people propose to change, until it is staged into a draft or discarded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from context_service.app import App
from context_service.console import edit_pages
from context_service.console.change_desk import refusal
from context_service.console.forms import Fault
from context_service.console.paging import PageNumber, sliced
from context_service.console.rendering import ROOT, Pages
from context_service.console.sessions import OwnForm, visitor
from context_service.errors import ContextServiceError, InvalidRequest
from context_service.model.access import Principal
from context_service.model.workspace import Workspace
from context_service.releases.workspace import LONGEST_TITLE

WORKSPACES = f"{ROOT}/workspaces"
SHOWN = 20


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""
    desk = _Desk(app, pages)

    @router.get("/workspaces")
    def workspaces_page(request: Request, page: PageNumber = 1) -> Response:
        return desk.list(request, visitor(app, request), page)

    @router.post("/workspaces", dependencies=[OwnForm])
    def open_workspace(request: Request, title: Annotated[str, Form()] = "") -> Response:
        person = visitor(app, request)
        try:
            opened = app.control.workspaces.open(person, title)
        except InvalidRequest as error:
            fault = Fault(field="title", message=f"Give it a title of 1 to {LONGEST_TITLE} characters.")
            return desk.list(request, person, 1, title=title, fault=fault, status=error.status)
        return _to(opened.id, "opened")

    @router.get("/workspaces/{name}")
    def workspace_page(request: Request, name: str, done: str = "") -> Response:
        return desk.one(request, visitor(app, request), name, done=done)

    _add_steps(router, app, desk)
    edit_pages.add_pages(router, app, pages)


def _add_steps(router: APIRouter, app: App, desk: _Desk) -> None:
    workspaces = app.control.workspaces

    @router.post("/workspaces/{name}/edits/{edit}/remove", dependencies=[OwnForm])
    def remove(request: Request, name: str, edit: str, edition: Annotated[int, Form()]) -> Response:
        return desk.step(request, name, "removed", lambda person: workspaces.remove(person, name, edit, edition=edition))

    @router.post("/workspaces/{name}/stage", dependencies=[OwnForm])
    def stage(request: Request, name: str, edition: Annotated[int, Form()]) -> Response:
        return desk.step(request, name, "staged", lambda person: workspaces.stage(person, name, edition=edition))

    @router.post("/workspaces/{name}/discard", dependencies=[OwnForm])
    def discard(request: Request, name: str, edition: Annotated[int, Form()], sure: Annotated[bool, Form()] = False) -> Response:
        fault = None if sure else Fault(field="sure", message="Tick this to discard it.")
        return desk.step(request, name, "discarded", lambda person: workspaces.discard(person, name, edition=edition), fault)


class _Desk:
    """The pages with what is shown on them, whether a person comes to look or something was refused."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    def step(self, request: Request, name: str, done: str, act: Callable[[Principal], Workspace], fault: Fault | None = None) -> Response:
        person = visitor(self._app, request)
        if fault:
            return self.one(request, person, name, fault=fault)
        try:
            act(person)
        except ContextServiceError as error:
            return self.one(request, person, name, refused=refusal(error))
        return _to(name, done)

    def list(
        self, request: Request, person: Principal, page: int, *, title: str = "", fault: Fault | None = None, status: int = 200
    ) -> Response:
        shown = sliced(self._app.control.workspaces.workspaces(person), page, SHOWN)
        return self._pages.show(request, "workspaces.html", person, status, shown=shown, title=title, fault=fault, longest=LONGEST_TITLE)

    def one(
        self,
        request: Request,
        person: Principal,
        name: str,
        *,
        fault: Fault | None = None,
        refused: ContextServiceError | None = None,
        done: str = "",
    ) -> Response:
        workspace = self._app.control.workspaces.workspace(person, name)
        draft = self._app.records.draft(workspace.draft) if workspace.draft else None
        return self._pages.show(
            request,
            "workspace.html",
            person,
            422 if fault else refused.status if refused else 200,
            workspace=workspace,
            draft=draft if draft and draft.state.standing else None,
            fault=fault,
            refused=refused,
            done=done,
        )


def _to(name: str, done: str) -> RedirectResponse:
    return RedirectResponse(f"{WORKSPACES}/{name}?done={done}", 303)
