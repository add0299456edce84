"""The pages of drafts: what waits to be published, what it changes and would do to answers, and what is decided about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from context_service.app import App
from context_service.console.change_desk import answers_for_some, changes_things, concerned, edits, refusal, seen_sources, share_of
from context_service.console.change_words import check_of
from context_service.console.forms import Fault
from context_service.console.rendering import ROOT, Pages
from context_service.console.sessions import OwnForm, visitor
from context_service.errors import ContextServiceError
from context_service.model.access import Principal
from context_service.model.gate import Check
from context_service.model.release import Draft, ReleaseKind
from context_service.model.workspace import Workspace
from context_service.policy.sources import answers_for

DRAFTS = f"{ROOT}/drafts"
NO_REASON = "Say why; it is kept with the release."


class DecisionForm(BaseModel):
    """What was filled in to decide about a draft. `seen` names the changes that were looked at, `share` is in percent."""

    seen: str = ""
    why: str = ""
    share: str = ""
    sure: bool = False


@dataclass(frozen=True)
class Row:
    """A draft in the list. `told`: whether this person may be told why it waits."""

    draft: Draft
    check: Check | None
    titles: Sequence[str]
    workspace: Workspace | None
    told: bool


@dataclass(frozen=True)
class May:
    """What a person may be offered to do with a draft. `blocked` says why it cannot be published now, whoever tries."""

    check: bool
    approve: bool
    publish: bool
    edited: bool
    blocked: ContextServiceError | None


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""
    desk = _Desk(app, pages)

    @router.get("/drafts")
    def drafts_page(request: Request, done: str = "") -> Response:
        return desk.list(request, visitor(app, request), done)

    @router.get("/drafts/{draft}")
    def draft_page(request: Request, draft: str, after: str | None = None, done: str = "") -> Response:
        return desk.one(request, visitor(app, request), draft, after=after, done=done)

    @router.get("/drafts/{draft}/impact")
    def impact_page(request: Request, draft: str) -> Response:
        person = visitor(app, request)
        found = app.releases.draft(person, draft)
        impact = app.control.impact_of_draft(person, draft)
        return pages.show(request, "impact.html", person, draft=found, impact=impact, workflows=_workflow_titles(app))

    _add_deciding(router, app, desk)


def _add_deciding(router: APIRouter, app: App, desk: _Desk) -> None:
    @router.post("/drafts/{draft}/check", dependencies=[OwnForm])
    def check(request: Request, draft: str) -> Response:
        return desk.decide(request, draft, DecisionForm(), "checked", lambda person, _: app.control.gates.check(person, draft))

    @router.post("/drafts/{draft}/approve", dependencies=[OwnForm])
    def approve(request: Request, draft: str, form: Annotated[DecisionForm, Form()]) -> Response:
        return desk.decide(request, draft, form, "approved", lambda person, why: app.control.gates.approve(person, draft, form.seen, why))

    @router.post("/drafts/{draft}/publish", dependencies=[OwnForm])
    def publish(request: Request, draft: str, form: Annotated[DecisionForm, Form()]) -> Response:
        def act(person: Principal, why: str) -> str:
            share = share_of(form.share)
            if share == 1:
                return f"{ROOT}/releases/{app.releases.publish(person, draft, why).number}?done=published"
            app.releases.canary(person, draft, share, why)
            return f"{ROOT}/releases?done=tried"

        fault = None if form.why.strip() else Fault(field="publish-why", message=NO_REASON)
        return desk.decide(request, draft, form, "", act, fault)

    @router.post("/drafts/{draft}/discard", dependencies=[OwnForm])
    def discard(request: Request, draft: str, form: Annotated[DecisionForm, Form()]) -> Response:
        def act(person: Principal, why: str) -> str:
            app.releases.discard(person, draft, why)
            return f"{DRAFTS}?done=discarded"

        fault = None if form.sure else Fault(field="sure", message="Tick this to discard it.")
        return desk.decide(request, draft, form, "", act, fault)


class _Desk:
    """The pages with what is shown on them, whether a person comes to look or something was refused."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    def decide(
        self,
        request: Request,
        draft: str,
        form: DecisionForm,
        done: str,
        act: Callable[[Principal, str], object],
        fault: Fault | None = None,
    ) -> Response:
        """Do it and lead on: to the address that `act` returns, else to the draft. What is refused is said on the draft's page."""
        person = visitor(self._app, request)
        if fault:
            return self.one(request, person, draft, form=form, fault=fault)
        self._app.releases.draft(person, draft)  # nobody decides about one that they may not know of
        try:
            then = act(person, form.why.strip())
        except ContextServiceError as error:
            return self.one(request, person, draft, form=form, refused=refusal(error))
        return RedirectResponse(then if isinstance(then, str) else f"{DRAFTS}/{draft}?done={done}", 303)

    def list(self, request: Request, person: Principal, done: str) -> Response:
        drafts = self._app.releases.drafts(person)
        return self._pages.show(
            request,
            "drafts.html",
            person,
            rows=[self._row(person, draft) for draft in drafts],
            traffic=self._app.releases.traffic(),
            done=done,
        )

    def one(
        self,
        request: Request,
        person: Principal,
        name: str,
        *,
        after: str | None = None,
        form: DecisionForm | None = None,
        fault: Fault | None = None,
        refused: ContextServiceError | None = None,
        done: str = "",
    ) -> Response:
        traffic, draft = self._app.releases.traffic(), self._app.releases.draft(person, name)
        whole = self._app.records.draft(name) or draft
        told = concerned(self._app, person, whole, traffic.newest)
        draft = whole if told else draft
        standing = draft.state.standing and not draft.ending
        return self._pages.show(
            request,
            "draft.html",
            person,
            422 if fault else refused.status if refused else 200,
            draft=draft,
            standing=standing,
            told=told,
            check=check_of(draft.gates) if told else None,
            diff=self._app.control.diff_of_draft(person, name, after=after) if standing and traffic.newest else None,
            may=self._may(person, draft, told=told) if standing else None,
            titles=seen_sources(self._app, person, draft.sources),
            workspace=self._workspace(person, draft),
            release=self._published_as(draft),
            traffic=traffic,
            form=form or DecisionForm(),
            fault=fault,
            refused=refused,
            done=done,
        )

    def _row(self, person: Principal, draft: Draft) -> Row:
        told = answers_for_some(self._app, person, draft.sources) or edits(person, draft)
        check = check_of(draft.gates) if told else None
        return Row(draft, check, seen_sources(self._app, person, draft.sources), self._workspace(person, draft), told)

    def _may(self, person: Principal, draft: Draft, *, told: bool) -> May:
        ordinary = draft.kind is not ReleaseKind.ROLLBACK
        edited = person.id in self._app.control.gates.editors(draft)
        declared = self._app.declarations.sources
        whole = bool(draft.sources) and all(name in declared and answers_for(person, declared[name]) for name in draft.sources)
        publish = ordinary and (person.operator or whole)
        return May(
            check=told and ordinary,
            approve=told and ordinary and not edited,
            publish=publish,
            edited=edited,
            blocked=self._blocked(draft) if publish else None,
        )

    def _blocked(self, draft: Draft) -> ContextServiceError | None:
        try:
            self._app.control.gates.allow(draft)
        except ContextServiceError as error:
            return refusal(error)
        return None

    def _workspace(self, person: Principal, draft: Draft) -> Workspace | None:
        """The workspace that a draft was staged from, for those who may see workspaces."""
        return self._app.control.workspaces.of(draft) if changes_things(person) else None

    def _published_as(self, draft: Draft) -> int | None:
        return next((one.number for one in self._app.records.releases() if one.draft == draft.id), None)


def _workflow_titles(app: App) -> dict[str, str]:
    return {workflow.id: workflow.title for workflow in app.declarations.workflows.values()}
