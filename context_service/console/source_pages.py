"""The pages of what the knowledge comes from: overview and source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from context_service.app import App
from context_service.console.conflict_pages import counts_by_state
from context_service.console.paging import PageNumber, Slice, sliced
from context_service.console.rendering import Pages
from context_service.console.sessions import visitor
from context_service.errors import NotFound
from context_service.freshness import freshness
from context_service.model.access import Principal
from context_service.model.context import Freshness
from context_service.model.document import Revision
from context_service.model.release import Release
from context_service.retrieval.browse import SourceView
from context_service.rulings.views import Filters

DOCUMENTS_SHOWN = 100
RUNS_SHOWN = 10


@dataclass(frozen=True)
class DocumentRow:
    """A document in its source's table."""

    revision: Revision
    freshness: Freshness


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
            counts=counts_by_state(app.conflicts(person, Filters()).items),
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
            documents=_rows(app, app.browse.documents(person, source), page, view),
            counts=counts_by_state(app.conflicts(person, Filters(source=source)).items),
            runs=app.browse.runs(person, source)[:RUNS_SHOWN],
        )


def _answers_for(person: Principal, source: SourceView) -> bool:
    return source.owner in person.teams | {person.id}


def _current_release(app: App) -> Release | None:
    return app.records.release(app.records.head())


def _source_view(app: App, person: Principal, source: str) -> SourceView:
    for view in app.browse.sources(person):
        if view.id == source:
            return view
    raise NotFound(f"There is no source {source} that you may see.", remedy="The overview lists those that you may.", field="source")


def _rows(app: App, revisions: Sequence[Revision], number: int, source: SourceView) -> Slice[DocumentRow]:
    shown = sliced(revisions, number, DOCUMENTS_SHOWN)
    verified = app.records.verified_until({one.document: one.version for one in shown.rows})
    rows = [DocumentRow(one, _freshness(app, one, source, verified.get(one.document))) for one in shown.rows]
    return Slice(rows, shown.number, shown.last, shown.total)


def _freshness(app: App, revision: Revision, source: SourceView, verified_until: datetime | None) -> Freshness:
    promise, reviewed = app.declarations.sources[source.id].freshness, revision.governance.reviewed
    return freshness(promise, checked_at=source.checked_at, reviewed=reviewed, now=app.now(), verified_until=verified_until)
