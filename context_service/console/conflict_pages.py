"""The pages of what the sources disagree about: the list, and one conflict with its sides next to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from context_service.app import App
from context_service.console.differing import Segment, differing
from context_service.console.passages import after, before
from context_service.console.rendering import Pages
from context_service.console.sessions import visitor
from context_service.console.standing import Standing, standing
from context_service.model.access import Principal
from context_service.model.context import Freshness, Side
from context_service.model.document import Chunk, Revision
from context_service.retrieval.browse import ConflictView


@dataclass(frozen=True)
class SideShown:
    """One side of a conflict in the context of its document."""

    side: Side
    revision: Revision
    chunk: Chunk
    freshness: Freshness
    before: str
    passage: Sequence[Segment]
    after: str
    told: bool | None
    """Whether agents are told this side; None while nobody has decided."""


@dataclass(frozen=True)
class Entry:
    """A conflict in the list, each side with its words cut where they differ."""

    view: ConflictView
    sides: Sequence[tuple[Side, Sequence[Segment]]]


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""

    @router.get("/conflicts")
    def conflict_list(request: Request, source: str = "") -> Response:
        person = visitor(app, request)
        views = app.browse.conflicts(person)
        shown = [view for view in views if not source or source in view.sources]
        return pages.show(
            request,
            "conflicts.html",
            person,
            groups={each.value: [_entry(view) for view in shown if standing(view) is each] for each in Standing},
            sources=[view for view in app.browse.sources(person) if any(view.id in one.sources for one in views)],
            chosen=source,
            total=len(shown),
        )

    @router.get("/conflicts/{conflict}")
    def conflict_page(request: Request, conflict: str) -> Response:
        person = visitor(app, request)
        view = app.browse.conflict(person, conflict)
        return pages.show(
            request,
            "conflict.html",
            person,
            conflict=view,
            standing=standing(view),
            sides=[_shown(app, person, view, side) for side in view.sides],
        )


def _entry(view: ConflictView) -> Entry:
    return Entry(view, [(side, differing(side.text or "", _opposite(view, side))) for side in view.sides])


def _shown(app: App, person: Principal, view: ConflictView, side: Side) -> SideShown:
    source, _, key = side.document.partition(":")
    document = app.browse.document(person, source, key)
    chunk = next(chunk for chunk in document.chunks if chunk.id == side.chunk)
    return SideShown(
        side=side,
        revision=document.revision,
        chunk=chunk,
        freshness=document.freshness,
        before=before(chunk.text, side.start),
        passage=differing(side.text or "", _opposite(view, side)),
        after=after(chunk.text, side.end),
        told=None if view.report.winner is None else side.chunk == view.report.winner.chunk and side.start == view.report.winner.start,
    )


def _opposite(view: ConflictView, side: Side) -> list[str]:
    """The words that a side is held against: the first side against all others, every other side against the first."""
    first, *others = view.sides
    return [other.text or "" for other in (others if side == first else [first])]
