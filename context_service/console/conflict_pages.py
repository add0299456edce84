"""The pages of what the sources disagree about: the list, and one conflict with its sides next to each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from context_service.app import App
from context_service.conflicts.severity import WEIGHTS
from context_service.console.differing import Segment, differing
from context_service.console.paging import sliced
from context_service.console.passages import after, before, rows_around
from context_service.console.rendering import Pages
from context_service.console.sessions import visitor
from context_service.console.trend import trend
from context_service.console.words import STATES
from context_service.errors import NotFound
from context_service.model.access import Principal
from context_service.model.conflict import ConflictState
from context_service.model.document import Revision
from context_service.model.release import Release
from context_service.model.rivalry import Passage, RivalryKind
from context_service.rulings.views import ConflictView, Filters, SideView

CONFLICTS_SHOWN = 20

Done = Literal["ruled", "undone"]


class Wanted(BaseModel):
    """The filters of the list, as the address of the page holds them; an empty one is not looked at."""

    state: ConflictState | Literal["waits", ""] = ""
    source: str = Field("", max_length=64)
    kind: RivalryKind | Literal[""] = ""
    mine: bool = False
    severity: float = Field(0.0, ge=0, le=1)
    page: int = Field(1, ge=1, le=1_000_000)

    def filters(self) -> Filters:
        """The same for the service, without the state: the counts by state need the rest."""
        return Filters(source=self.source or None, kind=self.kind or None, mine=self.mine, min_severity=self.severity)

    def admits(self, state: ConflictState) -> bool:
        """Whether conflicts in `state` are wanted; what is closed only when asked for."""
        if self.state == "waits":
            return state.waits
        return state == self.state if self.state else state is not ConflictState.CLOSED

    def address(self, **changed: str | int) -> str:
        """The query of the page with these filters."""
        values = {name: value for name, value in (self.model_dump(mode="json", exclude={"page"}) | changed).items() if value}
        return f"?{urlencode(values)}"


@dataclass(frozen=True)
class SideShown:
    """One side of a conflict in the context of its document: the words around it, or the rows of its table."""

    side: SideView
    letter: str
    before: str
    passage: Sequence[Segment]
    after: str
    rows: Sequence[Sequence[Cell]]
    told: bool | None
    """Whether agents are told this side; None while nobody has decided."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table, and whether it belongs to the side."""

    segments: Sequence[Segment]
    meant: bool


@dataclass(frozen=True)
class Arrival:
    """How the document of a side got its present state: the release that brought it, and the state before, where there was one."""

    release: Release
    replaced: Revision | None


@dataclass(frozen=True)
class Entry:
    """A conflict in the list, each side with its words cut where they differ."""

    view: ConflictView
    sides: Sequence[tuple[SideView, Sequence[Segment]]]


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""

    @router.get("/conflicts")
    def conflict_list(request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
        person = visitor(app, request)
        views = app.conflicts(person, wanted.filters()).items
        shown = sliced(_urgent_first([view for view in views if wanted.admits(view.state)]), wanted.page, CONFLICTS_SHOWN)
        return pages.show(
            request,
            "conflicts.html",
            person,
            wanted=wanted,
            counts=counts_by_state(views),
            entries=[_entry(view) for view in shown.rows],
            shown=shown,
            source_options=[(source.id, source.title) for source in app.browse.sources(person)],
            state_options=[(name, title) for name, (title, _) in STATES.items()],
            weeks=trend((event for view in views for event in view.events), app.now().date()),
        )

    @router.get("/conflicts/{conflict}")
    def conflict_page(request: Request, conflict: str, done: Done | None = None) -> Response:
        person = visitor(app, request)
        view = app.conflict(person, conflict)
        return pages.show(
            request,
            "conflict.html",
            person,
            conflict=view,
            sides=sides_of(view),
            arrivals=_arrivals(app, person, view),
            titles=titles_of(view),
            workflows=workflow_titles(app),
            weights=WEIGHTS,
            done=done,
        )


def sides_of(view: ConflictView) -> list[SideShown]:
    """The sides, lettered, each in its place."""
    return [_shown(view, side, chr(ord("A") + number)) for number, side in enumerate(view.sides)]


def titles_of(view: ConflictView) -> Mapping[str, str]:
    """The sides' titles by document."""
    return {side.document: side.title for side in view.sides}


def counts_by_state(views: Sequence[ConflictView]) -> dict[str, int]:
    """How many of `views` stand where, by state."""
    found = Counter(view.state for view in views)
    return {state.value: found[state] for state in ConflictState}


def workflow_titles(app: App) -> dict[str, str]:
    """What people call the workflows, by id."""
    return {one.id: one.title for one in sorted(app.declarations.workflows.values(), key=lambda one: one.title)}


def _urgent_first(views: Sequence[ConflictView]) -> list[ConflictView]:
    """What waits for an owner first, one's own before others', the severest first."""
    return sorted(views, key=lambda view: (not view.state.waits, not view.mine, -view.severity.score, view.id))


def _entry(view: ConflictView) -> Entry:
    return Entry(view, [(side, differing(side.text, _opposite(view, side))) for side in view.sides])


def _shown(view: ConflictView, side: SideView, letter: str) -> SideShown:
    winner = view.report.winner
    return SideShown(
        side=side,
        letter=letter,
        before=before(side.chunk_text, side.start),
        passage=differing(side.text, _opposite(view, side)),
        after=after(side.chunk_text, side.end),
        rows=_table(side, _opposite(view, side)),
        told=None if winner is None else side.document == winner.document and (side.chunk, side.start) == (winner.chunk, winner.start),
    )


def _table(side: SideView, opposite: Sequence[str]) -> list[list[Cell]]:
    def cell(start: int, end: int) -> Cell:
        words, meant = side.chunk_text[start:end], start < side.end and side.start < end
        return Cell(differing(words, opposite) if meant else [Segment(words, differs=False)], meant)

    passage = Passage(chunk=side.chunk, start=side.start, end=side.end)
    return [[cell(*span) for span in row] for row in rows_around(side.chunk_text, passage)]


def _arrivals(app: App, person: Principal, view: ConflictView) -> dict[str, Arrival]:
    """By document; those that are gone by now are missing."""
    releases = {release.number: release for release in app.records.releases()}
    found: dict[str, Arrival] = {}
    for side in view.sides:
        states = _states(app, person, side.document)
        present = next((number for number, state in enumerate(states) if state.added_in == side.release), None)
        if present is not None:
            found[side.document] = Arrival(releases[side.release], states[present - 1] if present else None)
    return found


def _states(app: App, person: Principal, ref: str) -> list[Revision]:
    source, _, key = ref.partition(":")
    try:
        return app.browse.states(person, source, key)
    except NotFound:
        return []


def _opposite(view: ConflictView, side: SideView) -> list[str]:
    """The words that a side is held against: the first side against all others, every other side against the first."""
    first, *others = view.sides
    return [other.text for other in (others if side == first else [first])]
