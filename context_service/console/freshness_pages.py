"""The pages of freshness: how well each source keeps its promise, what is done about it, and an owner's word on a document."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from context_service.app import App
from context_service.console.forms import Fault
from context_service.console.rendering import ROOT, Pages, document_url
from context_service.console.sessions import OwnForm, visitor
from context_service.errors import Forbidden, InvalidRequest
from context_service.model.access import Principal
from context_service.policy import owns
from context_service.policy.sources import source_resource
from context_service.schedule.desk import LONGEST_DAYS, LONGEST_NOTE

FRESHNESS = f"{ROOT}/freshness"
EVENTS_SHOWN = 20
USUAL_DAYS = 90


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""

    @router.get("/freshness")
    def freshness_page(request: Request) -> Response:
        person = visitor(app, request)
        return pages.show(
            request,
            "freshness.html",
            person,
            board=app.freshness(person),
            events=app.desk.events(person, EVENTS_SHOWN),
        )

    @router.post("/freshness/{source}/sync", dependencies=[OwnForm])
    def sync_next(request: Request, source: str) -> Response:
        app.desk.wish(visitor(app, request), source)
        return _back(source)

    @router.post("/freshness/{source}/pause", dependencies=[OwnForm])
    def pause(request: Request, source: str, reason: Annotated[str, Form()] = "") -> Response:
        app.desk.pause(visitor(app, request), source, reason)
        return _back(source)

    @router.post("/freshness/{source}/resume", dependencies=[OwnForm])
    def resume(request: Request, source: str) -> Response:
        app.desk.resume(visitor(app, request), source)
        return _back(source)

    _add_verifying(router, app, pages)


def _add_verifying(router: APIRouter, app: App, pages: Pages) -> None:
    @router.get("/verify")
    def verify_form(request: Request, ref: str) -> Response:
        return _form(app, pages, request, visitor(app, request), ref, str(USUAL_DAYS), "", None)

    @router.post("/verify", dependencies=[OwnForm])
    def verify(
        request: Request, ref: Annotated[str, Form()], days: Annotated[str, Form()] = "", note: Annotated[str, Form()] = ""
    ) -> Response:
        person = visitor(app, request)
        try:
            app.verify(person, ref, int(days) if days.strip().isdecimal() and len(days) < 10 else 0, note)
        except Forbidden:
            raise
        except InvalidRequest as error:
            if error.field != "days":
                raise
            fault = Fault(field="days", message=f"Give a number of days from 1 to {LONGEST_DAYS:,}.")
            return _form(app, pages, request, person, ref, days, note, fault)
        return RedirectResponse(document_url(ref), 303)


def _form(app: App, pages: Pages, request: Request, person: Principal, ref: str, days: str, note: str, fault: Fault | None) -> Response:
    source, _, key = ref.partition(":")
    document = app.browse.document(person, source, key)
    revision, declared = document.revision, app.declarations.sources[source]
    return pages.show(
        request,
        "verify.html",
        person,
        422 if fault else 200,
        revision=revision,
        declared=declared,
        may_verify=owns(person, revision.resource) or owns(person, source_resource(declared)),
        verifications=app.records.verifications(revision.document),
        days=days,
        note=note,
        longest_days=LONGEST_DAYS,
        longest_note=LONGEST_NOTE,
        fault=fault,
    )


def _back(source: str) -> Response:
    return RedirectResponse(f"{FRESHNESS}#{source}", 303)
