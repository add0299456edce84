"""The pages of what the knowledge is made of: overview, source, document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from context_service.app import App
from context_service.console.passages import Stretch, stretches, table_rows
from context_service.console.rendering import Pages
from context_service.console.sessions import visitor
from context_service.console.standing import Standing, standing
from context_service.errors import NotFound
from context_service.freshness import freshness
from context_service.model.access import Principal
from context_service.model.context import Freshness, Side
from context_service.model.document import Chunk, ChunkKind, Release, Revision
from context_service.model.rivalry import RivalryKind
from context_service.retrieval.browse import ConflictView, SourceView

DOCUMENTS_SHOWN = 100
RUNS_SHOWN = 10

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class DocumentRow:
    """A document in its source's table."""

    revision: Revision
    freshness: Freshness


@dataclass(frozen=True)
class Slice:
    """The rows of one page of a table, and which page that is."""

    rows: Sequence[DocumentRow]
    number: int
    last: int
    total: int


@dataclass(frozen=True)
class ChunkShown:
    """A chunk on its document's page: running text cut where it disagrees with another, or the rows of a table."""

    chunk: Chunk
    stretches: Sequence[Stretch]
    rows: Sequence[Sequence[str]]


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""

    @router.get("/")
    def overview(request: Request) -> Response:
        person = visitor(app, request)
        sources = app.browse.sources(person)
        mine = [source for source in sources if _answers_for(person, source)]
        return pages.show(
            request,
            "overview.html",
            person,
            mine=mine,
            others=[source for source in sources if source not in mine],
            release=_current_release(app),
            standings=_standings(app.browse.conflicts(person)),
        )

    @router.get("/sources/{source}")
    def source_page(request: Request, source: str, page: PageNumber = 1) -> Response:
        person = visitor(app, request)
        view = _source_view(app, person, source)
        return pages.show(
            request,
            "source.html",
            person,
            source=view,
            declared=app.declarations.sources[source],
            documents=_slice(app, app.browse.documents(person, source), page, view),
            runs=app.browse.runs(person, source)[:RUNS_SHOWN],
        )

    @router.get("/document")
    def document_page(request: Request, ref: str) -> Response:
        person = visitor(app, request)
        source, _, key = ref.partition(":")
        document = app.browse.document(person, source, key)
        touching = [view for view in app.browse.conflicts(person, source) if any(side.document == ref for side in view.sides)]
        return pages.show(
            request,
            "document.html",
            person,
            document=document,
            revision=document.revision,
            declared=app.declarations.sources[source],
            chunks=[_shown(chunk, touching) for chunk in document.chunks],
            conflicts=[(view, standing(view)) for view in touching],
        )


def _answers_for(person: Principal, source: SourceView) -> bool:
    return source.owner in person.teams | {person.id}


def _current_release(app: App) -> Release | None:
    return next(reversed(app.records.releases()), None)


def _standings(conflicts: Sequence[ConflictView]) -> dict[str, int]:
    found = [standing(view) for view in conflicts]
    return {each.value: found.count(each) for each in Standing}


def _source_view(app: App, person: Principal, source: str) -> SourceView:
    for view in app.browse.sources(person):
        if view.id == source:
            return view
    raise NotFound(f"There is no source {source} that you may see.", remedy="The overview lists those that you may.", field="source")


def _slice(app: App, revisions: Sequence[Revision], number: int, source: SourceView) -> Slice:
    last = max(1, -(-len(revisions) // DOCUMENTS_SHOWN))
    start = (min(number, last) - 1) * DOCUMENTS_SHOWN
    rows = [DocumentRow(one, _freshness(app, one, source)) for one in revisions[start : start + DOCUMENTS_SHOWN]]
    return Slice(rows, min(number, last), last, len(revisions))


def _freshness(app: App, revision: Revision, source: SourceView) -> Freshness:
    promise = app.declarations.sources[source.id].freshness
    return freshness(promise, checked_at=source.checked_at, reviewed=revision.governance.reviewed, now=app.now())


def _shown(chunk: Chunk, conflicts: Sequence[ConflictView]) -> ChunkShown:
    rows = table_rows(chunk.text) if chunk.kind is ChunkKind.TABLE else []
    return ChunkShown(chunk, () if rows else stretches(chunk.text, list(_sides(chunk, conflicts))), rows)


def _sides(chunk: Chunk, conflicts: Sequence[ConflictView]) -> Iterator[tuple[Side, str]]:
    """The parts of a chunk that a conflict is about, each with the conflict's id. A duplicate is all of it: nothing in it is disputed."""
    for view in conflicts:
        for side in view.sides:
            if side.chunk == chunk.id and view.kind != RivalryKind.DUPLICATE:
                yield side, view.id
