"""The pages of releases: what was published, what each changed, which is read, and going back to one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.background import BackgroundTask

from context_service.app import App
from context_service.console.change_desk import (
    answers_for_some,
    changes_things,
    concerned,
    readable_numbers,
    refusal,
    seen_sources,
    share_of,
)
from context_service.console.change_words import check_of
from context_service.console.forms import Fault
from context_service.console.paging import PageNumber, sliced
from context_service.console.rendering import ROOT, Pages
from context_service.console.sessions import OwnForm, visitor
from context_service.console.text_changes import stretches_of
from context_service.errors import ContextServiceError, Forbidden, UnknownRelease
from context_service.model.access import Principal
from context_service.model.gate import Check
from context_service.model.release import HIGHEST, Release
from context_service.releases.views import Counts, Diff

RELEASES = f"{ROOT}/releases"
RELEASES_SHOWN = 10
MOVES_SHOWN = 20
COUNTED = 500
"""Documents that differ in a release whose changes are counted in the list; of more only the page of the release tells."""

log = structlog.get_logger()

Number = Annotated[int, Path(ge=1, le=HIGHEST)]
AnyNumber = Annotated[int, Query(ge=0, le=HIGHEST)]

NO_REASON = "Say why; it is kept with what is done."


@dataclass(frozen=True)
class Row:
    """A release in the list. `counts` is None where they are not known; `check` where they are not for this person."""

    release: Release
    counts: Counts | None
    check: Check | None
    titles: Sequence[str]


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""
    desk = _Desk(app, pages)

    @router.get("/releases")
    def releases_page(request: Request, page: PageNumber = 1, done: str = "") -> Response:
        return desk.list(request, visitor(app, request), page, done=done)

    @router.post("/releases/restore", dependencies=[OwnForm])
    def restore(request: Request) -> Response:
        person = visitor(app, request)
        if not person.operator:
            raise Forbidden("Only an operator finishes a rollback by hand.", remedy="Ask one, or wait for the next sync.")
        try:
            app.releases.restore()
        except ContextServiceError as error:
            return desk.list(request, person, 1, refused=refusal(error))
        return _to_list("restored")

    @router.get("/releases/{number}")
    def release_page(request: Request, number: Number, after: str | None = None, done: str = "") -> Response:
        return desk.one(request, visitor(app, request), number, after=after, done=done)

    _add_keeping(router, app, desk)
    _add_rollback(router, app, desk)
    _add_trial(router, app, desk)
    _add_comparing(router, app, pages)


def _add_keeping(router: APIRouter, app: App, desk: _Desk) -> None:
    @router.post("/releases/{number}/pin", dependencies=[OwnForm])
    def pin(request: Request, number: Number, why: Annotated[str, Form()] = "") -> Response:
        return keep(request, number, why, pinned=True)

    @router.post("/releases/{number}/unpin", dependencies=[OwnForm])
    def unpin(request: Request, number: Number, why: Annotated[str, Form()] = "") -> Response:
        return keep(request, number, why, pinned=False)

    def keep(request: Request, number: int, why: str, *, pinned: bool) -> Response:
        person = visitor(app, request)
        change = app.releases.pin if pinned else app.releases.unpin
        try:
            change(person, number, why.strip())
        except ContextServiceError as error:
            return desk.one(request, person, number, refused=refusal(error))
        return _to_release(number, "pinned" if pinned else "unpinned")


def _add_rollback(router: APIRouter, app: App, desk: _Desk) -> None:
    @router.get("/releases/{number}/rollback")
    def rollback_form(request: Request, number: Number) -> Response:
        return desk.rollback(request, visitor(app, request), number)

    @router.post("/releases/{number}/rollback", dependencies=[OwnForm])
    def rollback(request: Request, number: Number, why: Annotated[str, Form()] = "", sure: Annotated[bool, Form()] = False) -> Response:
        person = visitor(app, request)
        fault = _rollback_fault(why, sure=sure)
        if fault:
            return desk.rollback(request, person, number, why, fault=fault)
        try:
            app.releases.rollback(person, number, why.strip())
        except ContextServiceError as error:
            return desk.rollback(request, person, number, why, refused=refusal(error))
        reply = _to_release(number, "rolled-back")
        reply.background = BackgroundTask(_restored, app)
        return reply


def _add_trial(router: APIRouter, app: App, desk: _Desk) -> None:
    @router.post("/trial/widen", dependencies=[OwnForm])
    def widen(request: Request, share: Annotated[str, Form()] = "", why: Annotated[str, Form()] = "") -> Response:
        person = visitor(app, request)
        try:
            app.releases.widen(person, share_of(share), why.strip())
        except ContextServiceError as error:
            return desk.list(request, person, 1, refused=refusal(error), share=share, why=why)
        return _to_list("widened")

    @router.post("/trial/take-back", dependencies=[OwnForm])
    def take_back(request: Request, why: Annotated[str, Form()] = "") -> Response:
        person = visitor(app, request)
        try:
            app.releases.take_back(person, why.strip())
        except ContextServiceError as error:
            return desk.list(request, person, 1, refused=refusal(error), why=why)
        reply = _to_list("taken-back")
        reply.background = BackgroundTask(_restored, app)
        return reply


def _add_comparing(router: APIRouter, app: App, pages: Pages) -> None:
    @router.get("/compare")
    def compare_page(request: Request, base: AnyNumber, number: AnyNumber, after: str | None = None) -> Response:
        person = visitor(app, request)
        diff = app.control.differ.diff(person, base, number, after=after)
        return pages.show(request, "compare.html", person, diff=diff, offered=readable_numbers(app, person), traffic=app.releases.traffic())

    @router.get("/compare/document")
    def text_page(request: Request, base: AnyNumber, number: AnyNumber, ref: str) -> Response:
        person = visitor(app, request)
        source, _, key = ref.partition(":")
        diff = app.control.differ.document(person, source, key, base, number)
        title = diff.change.title if diff.change else ref
        return pages.show(request, "difference.html", person, diff=diff, title=title, stretches=list(stretches_of(diff.parts)))


class _Desk:
    """The pages with what is shown on them, whether a person comes to look or something was refused."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    def list(
        self,
        request: Request,
        person: Principal,
        page: int,
        *,
        refused: ContextServiceError | None = None,
        done: str = "",
        share: str = "",
        why: str = "",
    ) -> Response:
        releases, traffic = self._app.releases.releases(person), self._app.releases.traffic()
        shown = sliced(releases, page, RELEASES_SHOWN)
        return self._pages.show(
            request,
            "releases.html",
            person,
            refused.status if refused else 200,
            shown=shown,
            rows=[self._row(person, release) for release in shown.rows],
            traffic=traffic,
            drafts=self._app.releases.drafts(person),
            moves=self._app.releases.moves(person)[:MOVES_SHOWN],
            offered=readable_numbers(self._app, person),
            may_change=changes_things(person),
            compared=self._app.releases.compare(person) if traffic.canary else None,
            refused=refused,
            done=done,
            share=share,
            why=why,
        )

    def one(
        self,
        request: Request,
        person: Principal,
        number: int,
        *,
        after: str | None = None,
        refused: ContextServiceError | None = None,
        done: str = "",
    ) -> Response:
        release = self._app.releases.show(person, number)
        whole = self._app.records.release(number) or release
        told = concerned(self._app, person, whole, whole.base)
        return self._pages.show(
            request,
            "release.html",
            person,
            refused.status if refused else 200,
            release=release,
            diff=_diff(self._app, person, release, after),
            check=check_of(whole.gates) if told else None,
            told=told,
            titles=seen_sources(self._app, person, release.sources),
            traffic=self._app.releases.traffic(),
            may_change=changes_things(person),
            refused=refused,
            done=done,
        )

    def rollback(
        self,
        request: Request,
        person: Principal,
        number: int,
        why: str = "",
        *,
        fault: Fault | None = None,
        refused: ContextServiceError | None = None,
    ) -> Response:
        release, traffic = self._app.releases.show(person, number), self._app.releases.traffic()
        kept = release.retired_at is None
        return self._pages.show(
            request,
            "rollback.html",
            person,
            422 if fault else refused.status if refused else 200,
            release=release,
            traffic=traffic,
            counts=self._app.control.differ.counts(person, traffic.number, number) if kept else None,
            why=why,
            fault=fault,
            refused=refused,
        )

    def _row(self, person: Principal, release: Release) -> Row:
        told = answers_for_some(self._app, person, release.sources)
        counts = None
        with suppress(UnknownRelease):  # it, or its base, is not kept
            if len(self._app.records.differing(release.base, release.number)) <= COUNTED:
                counts = self._app.control.differ.counts(person, release.base, release.number)
        titles = seen_sources(self._app, person, release.sources)
        return Row(release, counts, check_of(release.gates) if told else None, titles)


def _diff(app: App, person: Principal, release: Release, after: str | None) -> Diff | None:
    """What a release changed; None for the first one, and where it or its base is not kept."""
    try:
        return app.control.differ.diff(person, release.base, release.number, after=after)
    except UnknownRelease:
        return None


def _rollback_fault(why: str, *, sure: bool) -> Fault | None:
    if not why.strip():
        return Fault(field="why", message=NO_REASON)
    return None if sure else Fault(field="sure", message="Tick this when you have seen what it changes.")


def _restored(app: App) -> None:
    """Let what a rollback stands on become the newest release; where that cannot be done now, the next sync does it."""
    try:
        app.releases.restore()
    except ContextServiceError as error:
        log.warning("restoring_waits_for_the_next_sync", cause=str(error))


def _to_list(done: str) -> RedirectResponse:
    return RedirectResponse(f"{RELEASES}?done={done}", 303)


def _to_release(number: int, done: str) -> RedirectResponse:
    return RedirectResponse(f"{RELEASES}/{number}?done={done}", 303)
