"""The operations of content owners: reading conflicts, ruling on them, undoing a ruling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from context_service.api.openapi import may_answer
from context_service.api.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from context_service.api.route import Caller
from context_service.api.standpoint import STANDPOINT_ANSWERS, At
from context_service.app import App
from context_service.errors import InvalidRequest
from context_service.model.conflict import ConflictState, Ruling, RulingRequest
from context_service.model.rivalry import RivalryKind
from context_service.rulings.service import place
from context_service.rulings.views import ConflictView, Filters, Preview

ConflictId = Annotated[str, Path(description="Id of the conflict.")]
RULING_ANSWERS = may_answer(400, 401, 403, 404, 409, 413, 415, 422, 500, 503)


class ConflictPage(Page[ConflictView]):
    """A part of the conflicts that were asked for."""

    counts: dict[ConflictState, int] = Field(description="Conflicts by state, before filtering by state.")
    next: str | None = Field(
        description="Send it as `after` for the part that follows, also when conflicts have come or gone meanwhile; null at the end."
    )
    notices: list[str] = Field(description="What has to be said where these are not those of today.")


def _cursor(view: ConflictView) -> str:
    settled, severity, name = place(view)
    return f"{settled:d} {severity} {name}"


def _following(views: Sequence[ConflictView], cursor: str | None) -> Sequence[ConflictView]:
    """The views behind a cursor. Raises InvalidRequest for one that this service did not make."""
    if cursor is None:
        return views
    try:
        settled, severity, name = cursor.split(" ")
        behind = (bool(int(settled)), float(severity), name)
    except ValueError:
        raise InvalidRequest("`after` is none that this list gave.", remedy="Send `next` of a part of it.", field="after") from None
    return [view for view in views if place(view) > behind]


def add_conflicts(router: APIRouter, app: App) -> None:
    """Add the operations to `router`."""

    @router.get("/conflicts", summary="List conflicts", tags=["Conflicts"], responses=STANDPOINT_ANSWERS)
    def list_conflicts(
        caller: Caller,
        at: At,
        state: Annotated[ConflictState | None, Query(description="Only conflicts in this state.")] = None,
        source: Annotated[str | None, Query(description="Only conflicts that a text of this source is part of.")] = None,
        kind: Annotated[RivalryKind | None, Query(description="Only conflicts of this kind.")] = None,
        mine: Annotated[bool, Query(description="Only conflicts of which you answer for a side.")] = False,
        severity_min: Annotated[float, Query(ge=0, le=1, description="Only conflicts at least this severe.")] = 0.0,
        after: Annotated[str | None, Query(max_length=64, description="`next` of the part before; `offset` counts from there.")] = None,
        limit: Limit = DEFAULT_LIMIT,
        offset: Offset = 0,
    ) -> ConflictPage:
        """Between texts that you may read: those that wait for an owner first, then by severity. With `release`, `as_of` or `draft` those
        that live there, by the rulings of that time.
        """
        found = app.conflicts(caller, Filters(state=state, source=source, kind=kind, mine=mine, min_severity=severity_min), at)
        page = page_of(_following(found.items, after), limit, offset)
        more = page.offset + len(page.items) < page.total
        page.total = len(found.items)
        following = _cursor(page.items[-1]) if more and page.items else None
        return ConflictPage(counts=found.counts, next=following, notices=list(found.notices), **dict(page))

    @router.get("/conflicts/{conflict}", summary="Read a conflict", tags=["Conflicts"], responses=STANDPOINT_ANSWERS)
    def read_conflict(conflict: ConflictId, caller: Caller, at: At) -> ConflictView:
        """The sides in their own words, how often each was told, what happened so far, the rulings, and the chain of reasons that decides
        for a customer nobody knows.
        """
        return app.conflict(caller, conflict, at)

    @router.post("/conflicts/{conflict}/ruling", summary="Rule on a conflict", tags=["Conflicts"], responses=RULING_ANSWERS)
    def rule_on_conflict(conflict: ConflictId, request: RulingRequest, caller: Caller) -> Ruling:
        """For who answers for a side, and for operators. The ruling decides from the next answer on, as long as no side changes, until it
        expires or is revoked. Answers 409 when a side is no longer what `seen` names, or when a ruling in force covers some of the same
        requests.
        """
        return app.rule(caller, conflict, request)

    @router.post("/conflicts/{conflict}/ruling/preview", summary="Preview a ruling", tags=["Conflicts"], responses=RULING_ANSWERS)
    def preview_ruling(conflict: ConflictId, request: RulingRequest, caller: Caller) -> Preview:
        """Answers the last 30 days' questions that leaned on a side anew, at most 50, and tells which would be answered differently. Stores
        nothing but who looked.
        """
        return app.preview(caller, conflict, request)

    @router.delete("/rulings/{ruling}", summary="Revoke a ruling", tags=["Conflicts"], responses=may_answer(401, 403, 404, 422, 500, 503))
    def revoke_ruling(ruling: Annotated[str, Path(description="Id of the ruling.")], caller: Caller) -> Ruling:
        """For who answers for a side, and for operators. The conflict stands again as it did before the ruling."""
        return app.revoke(caller, ruling)
