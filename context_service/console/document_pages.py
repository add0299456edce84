"""The pages of one document: its text and what stands for it, and what changed between two of its states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from context_service.app import App
from context_service.console import words
from context_service.console.paging import PageNumber, sliced
from context_service.console.passages import Named, Stretch, stretches, table_stretches
from context_service.console.rendering import Pages
from context_service.console.revisions import edits
from context_service.console.sessions import visitor
from context_service.model.audit import AuditEntry
from context_service.model.document import Chunk, ChunkKind, Revision
from context_service.model.rivalry import Passage, RivalryKind
from context_service.policy import owns
from context_service.retrieval.claim_views import ClaimView
from context_service.rulings.views import ConflictView, Filters

READERS_SHOWN = 10
CLAIMS_SHOWN = 25
"""Claims that a document's page shows itself."""

CLAIMS_PER_PAGE = 100


@dataclass(frozen=True)
class ChunkShown:
    """A chunk on its document's page, cut where it disagrees with another and where claims begin: running text, or the cells of a table.
    `heading` is the conflict that its headings are part of, if any.
    """

    chunk: Chunk
    heading: str | None
    stretches: Sequence[Stretch]
    rows: Sequence[Sequence[Sequence[Stretch]]]


@dataclass(frozen=True)
class Reader:
    """A person who opened the document."""

    name: str
    times: int
    last: datetime


@dataclass(frozen=True)
class RuleChange:
    """A rule of the document that is not what it was."""

    name: str
    before: str
    after: str


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""

    @router.get("/document")
    def document_page(request: Request, ref: str) -> Response:
        person = visitor(app, request)
        source, _, key = ref.partition(":")
        document = app.browse.document(person, source, key)
        views = app.conflicts(person, Filters(source=source)).items
        touching = [view for view in views if any(side.document == ref for side in view.sides)]
        return pages.show(
            request,
            "document.html",
            person,
            document=document,
            revision=document.revision,
            declared=app.declarations.sources[source],
            chunks=[_shown(chunk, touching, document.claims) for chunk in document.chunks],
            most_claims=CLAIMS_SHOWN,
            conflicts=touching,
            mine=owns(person, document.revision.resource),
            readers=_readers(app.browse.readers(person, source, key))[:READERS_SHOWN],
        )

    @router.get("/document/claims")
    def claims_page(request: Request, ref: str, page: PageNumber = 1) -> Response:
        person = visitor(app, request)
        source, _, key = ref.partition(":")
        document = app.browse.document(person, source, key)
        return pages.show(
            request,
            "claims.html",
            person,
            revision=document.revision,
            declared=app.declarations.sources[source],
            shown=sliced(document.claims, page, CLAIMS_PER_PAGE),
        )

    @router.get("/document/changes")
    def changes_page(request: Request, ref: str, old: int, new: int) -> Response:
        person = visitor(app, request)
        source, _, key = ref.partition(":")
        before, after = (app.browse.past(person, source, key, release) for release in (old, new))
        return pages.show(
            request,
            "changes.html",
            person,
            before=before.revision,
            after=after.revision,
            declared=app.declarations.sources[source],
            rules=_rule_changes(before.revision, after.revision),
            edits=edits(before.text, after.text),
            same=before.text == after.text,
        )


def _shown(chunk: Chunk, conflicts: Sequence[ConflictView], claims: Sequence[ClaimView]) -> ChunkShown:
    sides = list(_sides(chunk, conflicts))
    said = [(Passage(chunk=claim.chunk, start=claim.start, end=claim.end), claim.id) for claim in claims if claim.chunk == chunk.id]
    rows = table_stretches(chunk.text, sides, said) if chunk.kind is ChunkKind.TABLE else []
    heading = next((conflict for passage, conflict in sides if passage.start == passage.end), None)
    return ChunkShown(chunk, heading, [] if rows else stretches(chunk.text, sides, said), rows)


def _sides(chunk: Chunk, conflicts: Sequence[ConflictView]) -> Iterator[Named]:
    """The parts of a chunk that a conflict is about, each with the conflict's id. A duplicate is all of it: nothing in it is disputed."""
    for view in conflicts:
        for side in view.sides:
            if side.chunk == chunk.id and view.kind is not RivalryKind.DUPLICATE:
                yield Passage(chunk=side.chunk, start=side.start, end=side.end), view.id


def _readers(reads: Sequence[AuditEntry]) -> list[Reader]:
    """Each person once, whoever read last first; `reads` are the newest first."""
    names = dict.fromkeys(entry.actor for entry in reads)
    by_name = {name: [entry.at for entry in reads if entry.actor == name] for name in names}
    return [Reader(name, len(moments), moments[0]) for name, moments in by_name.items()]


def _rule_changes(before: Revision, after: Revision) -> list[RuleChange]:
    pairs = zip(_rules(before).items(), _rules(after).values(), strict=True)
    return [RuleChange(name, old, new) for (name, old), new in pairs if old != new]


def _rules(revision: Revision) -> dict[str, str]:
    rules = revision.governance
    return {
        "Title": revision.title,
        "Owner": rules.owner,
        "Authority": rules.authority,
        "Read by": words.readable_by(rules.access),
        "Holds for": words.holds_for(rules.applicability),
        "In force": words.in_force(rules.effective),
        "Status": words.STATUS[rules.status.value],
        "Replaces": words.listed(rules.supersedes) or "nothing",
        "Confirmed by its owner": words.day(rules.reviewed),
    }
