"""The pages of golden questions, and of what agent runtimes say of the answers they got."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from context_service.app import App
from context_service.console.change_desk import readable_numbers, refusal
from context_service.console.edit_forms import ExpectedForm
from context_service.console.forms import Fault, Options
from context_service.console.paging import PageNumber, sliced
from context_service.console.rendering import ROOT, Pages
from context_service.console.sessions import OwnForm, visitor
from context_service.errors import ContextServiceError
from context_service.model.access import Principal
from context_service.model.context import Standpoint
from context_service.model.golden import Expectations
from context_service.model.release import HIGHEST

GOLDEN = f"{ROOT}/golden"
QUESTIONS_SHOWN = 20
REPORTS_SHOWN = 20


class PromotionForm(ExpectedForm):
    """A report that is to become a golden question; where nothing is filled in, what the report expected counts."""

    feedback: str = ""


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""
    desk = _Desk(app, pages)

    @router.get("/golden")
    def golden_page(request: Request, workflow: str = "", page: PageNumber = 1, done: str = "") -> Response:
        return desk.list(request, visitor(app, request), workflow, page, done=done)

    @router.get("/golden/run")
    def run_page(request: Request, number: Annotated[int, Query(ge=1, le=HIGHEST)], workflow: str = "") -> Response:
        person = visitor(app, request)
        _, outcomes = app.ask_golden(person, _standpoint(app, person, number), workflow or None)
        return pages.show(
            request,
            "golden_run.html",
            person,
            outcomes=sorted(outcomes, key=lambda one: one.passed),
            number=number,
            workflow=workflow,
            workflows=_workflows(app),
            offered=readable_numbers(app, person),
        )

    @router.post("/golden/promote", dependencies=[OwnForm])
    def promote(request: Request, form: Annotated[PromotionForm, Form()]) -> Response:
        person = visitor(app, request)
        wish = form.expectations()
        if isinstance(wish, Fault):
            return desk.list(request, person, form=form, fault=wish)
        try:
            app.control.feedback.promote(person, form.feedback, None if wish.empty else wish)
        except ContextServiceError as error:
            return desk.list(request, person, form=form, refused=refusal(error))
        return RedirectResponse(f"{GOLDEN}?done=promoted", 303)

    @router.post("/golden/{name}/drop", dependencies=[OwnForm])
    def drop(request: Request, name: str) -> Response:
        person = visitor(app, request)
        try:
            app.control.feedback.drop(person, name)
        except ContextServiceError as error:
            return desk.list(request, person, refused=refusal(error))
        return RedirectResponse(f"{GOLDEN}?done=dropped", 303)


class _Desk:
    """The page with what is shown on it, whether a person comes to look or something was refused."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    def list(
        self,
        request: Request,
        person: Principal,
        workflow: str = "",
        page: int = 1,
        *,
        form: PromotionForm | None = None,
        fault: Fault | None = None,
        refused: ContextServiceError | None = None,
        done: str = "",
    ) -> Response:
        desk = self._app.control.feedback
        return self._pages.show(
            request,
            "golden.html",
            person,
            422 if fault else refused.status if refused else 200,
            shown=sliced(desk.golden(person, workflow or None), page, QUESTIONS_SHOWN),
            reports=[(one, Expectations() == one.expected) for one in desk.recent(person)[:REPORTS_SHOWN]],
            workflow=workflow,
            workflows=_workflows(self._app),
            offered=readable_numbers(self._app, person),
            form=form or PromotionForm(),
            fault=fault,
            refused=refused,
            done=done,
        )


def _standpoint(app: App, person: Principal, number: int) -> Standpoint:
    """Where `number` is read: a draft that this person may know of, else a release."""
    draft = next((one.id for one in app.releases.drafts(person) if one.number == number), None)
    return Standpoint(draft=draft) if draft else Standpoint(release=number)


def _workflows(app: App) -> Options:
    every = sorted(app.declarations.workflows.values(), key=lambda one: one.title)
    return [(one.id, one.title) for one in every]
