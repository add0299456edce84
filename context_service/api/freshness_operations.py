"""Operations on freshness: how fresh each source is, syncing out of turn, pausing, verifying by hand, what was told, figures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from context_service.api.openapi import may_answer
from context_service.api.paging import MAX_LIMIT
from context_service.api.route import Caller
from context_service.app import App
from context_service.model.schedule import Verification
from context_service.schedule.board import Board, EventView, SourceFreshness
from context_service.schedule.desk import LONGEST_DAYS, LONGEST_NOTE

SourceId = Annotated[str, Path(description="Id of the source.", examples=["handbook"])]
CHANGE_ANSWERS = may_answer(401, 403, 404, 413, 422, 500, 503)
BODY_ANSWERS = may_answer(400, 401, 403, 404, 413, 415, 422, 500, 503)
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class PauseRequest(BaseModel):
    """Why the schedule of a source is paused."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=LONGEST_NOTE, description="Told to whoever looks at the source.")


class VerificationRequest(BaseModel):
    """An owner's word that a document holds as it stands."""

    model_config = ConfigDict(extra="forbid")

    document: str = Field(max_length=2_000, description="The document, as `source:key`.", examples=["handbook:returns.md"])
    days: int = Field(ge=1, le=LONGEST_DAYS, description="For how many days from now it counts as reviewed.", examples=[90])
    note: str = Field("", max_length=LONGEST_NOTE, description="Kept with it.")


def add_freshness(router: APIRouter, app: App) -> None:
    """Add the operations to `router`."""
    _add_reads(router, app)
    _add_changes(router, app)


def _add_reads(router: APIRouter, app: App) -> None:
    @router.get("/freshness", summary="Read how fresh the sources are", tags=["Freshness"], responses=may_answer(401, 422, 500, 503))
    def read_freshness(caller: Caller) -> Board:
        """Every source that you may see against its promise: state, last check, last change, how long changes take to be served, failures,
        the next run, and the sync that is under way.
        """
        return app.freshness(caller)

    @router.get("/events", summary="List what was told", tags=["Freshness"], responses=may_answer(401, 422, 500, 503))
    def list_events(
        caller: Caller, limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most events in the reply.")] = 50
    ) -> list[EventView]:
        """Breaches of promises and recoveries, newest first. What became of deliveries to webhooks is told to those who answer for the
        source.
        """
        return app.desk.events(caller, limit)

    @router.get(
        "/metrics",
        summary="Read the figures",
        tags=["Freshness"],
        responses={**may_answer(401, 403, 422, 500, 503), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        response_class=Response,
    )
    def read_metrics(caller: Caller) -> Response:
        """For operators, in Prometheus's text format. Let Prometheus send an operator's key as bearer token."""
        return Response(app.metrics(caller), media_type=METRICS_TYPE)


def _add_changes(router: APIRouter, app: App) -> None:
    @router.post("/freshness/{source}/sync", summary="Sync a source next", tags=["Freshness"], responses=CHANGE_ANSWERS)
    def sync_next(source: SourceId, caller: Caller) -> SourceFreshness:
        """For operators. Asks the process that runs the schedule, and answers at once; it begins within a second where the schedule runs,
        also while the source is paused. `POST /sources/{source}/sync` does it here and waits.
        """
        app.desk.wish(caller, source)
        return app.desk.source(caller, source)

    @router.post("/freshness/{source}/pause", summary="Pause a source", tags=["Freshness"], responses=BODY_ANSWERS)
    def pause_source(source: SourceId, request: PauseRequest, caller: Caller) -> SourceFreshness:
        """For operators. The schedule leaves the source alone until it is resumed; its texts go on ageing."""
        app.desk.pause(caller, source, request.reason)
        return app.desk.source(caller, source)

    @router.post("/freshness/{source}/resume", summary="Resume a source", tags=["Freshness"], responses=CHANGE_ANSWERS)
    def resume_source(source: SourceId, caller: Caller) -> SourceFreshness:
        """For operators. What was missed meanwhile is made up for by one sync."""
        app.desk.resume(caller, source)
        return app.desk.source(caller, source)

    @router.post("/verifications", summary="Verify a document", tags=["Freshness"], responses=BODY_ANSWERS)
    def verify_document(request: VerificationRequest, caller: Caller) -> Verification:
        """For who answers for the document or its source. Until it ends it counts as the review that the source promises, as long as the
        text stays what it is.
        """
        return app.verify(caller, request.document, request.days, request.note)
