"""The governed operations: what agents ask, and what tools of owners and operators read."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from context_service.api.conflict_operations import add_conflicts
from context_service.api.examples import QUESTIONS
from context_service.api.feedback_operations import add_feedback
from context_service.api.freshness_operations import add_freshness
from context_service.api.openapi import may_answer
from context_service.api.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from context_service.api.release_operations import add_releases
from context_service.api.route import Caller, governed_router
from context_service.api.standpoint import STANDPOINT_ANSWERS, At
from context_service.api.workspace_operations import add_workspaces
from context_service.app import App
from context_service.errors import Forbidden, NotFound
from context_service.ingest.progress import Silent
from context_service.model.access import Principal
from context_service.model.context import ContextReply, ContextRequest
from context_service.model.document import Revision, SyncRun
from context_service.model.release import Release
from context_service.model.workflow import Step
from context_service.retrieval.browse import DocumentView, SourceView

SourceId = Annotated[str, Path(description="Id of the source.", examples=["handbook"])]


class DocumentPage(Page[Revision]):
    """A part of a source's documents."""

    release: int = Field(description="The release, or the draft's number.")
    effective_on: date
    notices: list[str] = Field(description="What has to be said where these are not those of today.")


class SyncReply(BaseModel):
    """How a sync ended."""

    runs: list[SyncRun] = Field(description="What was pulled, with counts by outcome and the reason where it failed.")
    release: Release | None = Field(description="The release that this published; null when nothing had changed.")


def operations(app: App) -> APIRouter:
    """Every operation that needs a key."""
    router = governed_router(app)
    _add_context(router, app)
    _add_sources(router, app)
    add_conflicts(router, app)
    add_releases(router, app)
    add_workspaces(router, app)
    add_feedback(router, app)
    add_freshness(router, app)
    return router


def _add_context(router: APIRouter, app: App) -> None:
    slots = asyncio.Semaphore(app.admission.slots)

    def answered(request: ContextRequest, caller: Principal, step: Step) -> bytes:
        with app.admission.computing():
            return app.answer(request, caller, step).model_dump_json().encode()

    @router.post(
        "/context",
        summary="Ask for context",
        tags=["Context"],
        response_model=ContextReply,
        responses=may_answer(400, 401, 403, 409, 413, 415, 422, 429, 500, 503),
    )
    async def ask_for_context(request: Annotated[ContextRequest, Body(openapi_examples=QUESTIONS)], caller: Caller) -> Response:
        """Returns the knowledge that is current, applicable and allowed for this customer in this workflow, with citations; what was set
        aside and why; and a decision: `answer`, `needs_information` (ask for `asks_for`), `conflicted` (nobody decided between the two
        sides) or `insufficient`.
        """
        with app.admission.admitted() as step:
            async with slots:
                return Response(await run_in_threadpool(answered, request, caller, step), media_type="application/json")


def _add_sources(router: APIRouter, app: App) -> None:
    @router.get("/sources", summary="List sources", tags=["Sources"], responses=may_answer(401, 422, 500, 503))
    def list_sources(caller: Caller, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[SourceView]:
        """The sources that you may read or answer for, with their freshness, their last run and the items that failed in it."""
        return page_of(app.browse.sources(caller), limit, offset)

    @router.get("/sources/{source}/documents", summary="List a source's documents", tags=["Sources"], responses=STANDPOINT_ANSWERS)
    def list_documents(source: SourceId, caller: Caller, at: At, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> DocumentPage:
        """Those of the current release that you may read, by key, each with its governance; with `effective_on` those that hold then."""
        found = app.browse.listing(caller, source, at)
        told = {"release": found.release, "effective_on": found.effective_on, "notices": list(found.notices)}
        return DocumentPage(**told, **dict(page_of(found.documents, limit, offset)))

    @router.get(
        "/sources/{source}/runs", summary="List a source's sync runs", tags=["Sources"], responses=may_answer(401, 404, 422, 500, 503)
    )
    def list_runs(source: SourceId, caller: Caller, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[SyncRun]:
        """The last ones, newest first."""
        return page_of(app.browse.runs(caller, source), limit, offset)

    @router.post(
        "/sources/{source}/sync",
        summary="Sync a source now",
        tags=["Sources"],
        responses=may_answer(401, 403, 404, 409, 413, 422, 500, 503),
    )
    def sync_source(source: SourceId, caller: Caller) -> SyncReply:
        """For operators. Pulls what changed, publishes it as the next release and answers when that is done; a source that fails says so in
        its run. Answers 409 while another sync is under way.
        """
        if not caller.operator:
            raise Forbidden("Only an operator may sync a source.", remedy="Ask an operator, or wait for the scheduled sync.")
        if source not in app.declarations.sources:
            raise NotFound(f"No source `{source}` is declared.", remedy="List them with GET /sources.", field="source")
        report = app.ingest([source], caller.id, Silent())
        return SyncReply(runs=list(report.runs), release=report.release)

    @router.get("/documents/{source}/{key:path}", summary="Read a document", tags=["Sources"], responses=STANDPOINT_ANSWERS)
    def read_document(
        source: SourceId,
        key: Annotated[str, Path(description="Key of the document in its source; may hold slashes.", examples=["returns.md"])],
        caller: Caller,
        at: At,
    ) -> DocumentView:
        """Its text as it stands in the current release, its chunks, its governance and every state it had; and whether its dates hold on
        `effective_on`. The read is audited.
        """
        return app.browse.document(caller, source, key, at)
