"""What people see of the knowledge: sources and documents. Each read is decided like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from pydantic import Field

from context_service.declarations.company import Declarations
from context_service.errors import NotFound
from context_service.freshness import freshness
from context_service.model.access import Principal, Resource
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import Value, admits
from context_service.model.context import Freshness
from context_service.model.document import Chunk, Outcome, OutcomeKind, Revision, SyncRun
from context_service.model.source import Source
from context_service.policy import Situation, decide, owns
from context_service.records.protocol import RecordStore
from context_service.retrieval.claim_views import ClaimView, claim_views
from context_service.retrieval.gate import last_check

FAILED = {OutcomeKind.FAILED_TRANSIENT, OutcomeKind.FAILED_TERMINAL}


class SourceView(Value):
    """A source as a person sees it."""

    id: str
    title: str
    kind: str
    owner: str
    authority: str
    documents: int
    freshness: Freshness
    checked_at: datetime | None
    last_run: SyncRun | None
    failing: tuple[Outcome, ...] = Field(
        description="Items of the last run that could not be read, with the reason; told to owner and operator."
    )


class DocumentView(Value):
    """A document as it stands in the current release: its text, its chunks, their claims, every state it had."""

    revision: Revision
    text: str
    chunks: tuple[Chunk, ...]
    claims: tuple[ClaimView, ...] = Field(description="What its sentences, lists and tables say, as it is compared with other texts.")
    history: tuple[Revision, ...]
    freshness: Freshness
    checked_at: datetime | None


class PastView(Value):
    """A state that a document had, and its text."""

    revision: Revision
    text: str


class Browse:
    """Reads for people. What a person may not read is not named, and counted only for those who answer for its source."""

    def __init__(self, records: RecordStore, declarations: Declarations, now: Callable[[], datetime]) -> None:
        self._records = records
        self._declarations = declarations
        self._now = now

    def sources(self, principal: Principal) -> list[SourceView]:
        """The sources whose texts this principal may read or answers for, by id."""
        checked = self._records.checked_at()
        situation = self._situation()
        revisions = self._records.revisions_in(self._records.head())
        visible = [source for source in self._declarations.sources.values() if self._may_see(principal, source)]
        answered_for = {source.id for source in visible if _answers_for(principal, source)}
        counts = Counter(
            revision.source
            for revision in revisions
            if revision.source in answered_for or decide(principal, revision.resource, situation).allowed
        )
        return [
            self._source_view(principal, source, counts[source.id], checked.get(source.id))
            for source in sorted(visible, key=lambda one: one.id)
        ]

    def documents(self, principal: Principal, source: str) -> list[Revision]:
        """The documents of a source that this principal may read, by key. Raises NotFound for a source it may not see."""
        self._visible_source(principal, source)
        situation = self._situation()
        revisions = self._records.revisions_in(self._records.head(), source)
        return [revision for revision in revisions if decide(principal, revision.resource, situation).allowed]

    def document(self, principal: Principal, source: str, key: str) -> DocumentView:
        """One document. The read is audited. Raises NotFound when it does not exist or may not be read; the two look the same."""
        release = self._records.head()
        revision = self._current(principal, source, key)
        self._audit_read(principal, revision, release)
        version = self._records.version(revision.version)
        failing_since = self._records.failing_since([revision.document]).get(revision.document)
        checked_at = last_check(self._records.checked_at().get(source), failing_since)
        chunks = self._records.chunks_of(revision.document, release)
        claims = self._records.claims_of([chunk.id for chunk in chunks])
        return DocumentView(
            revision=revision,
            text=version.text if version else "",
            chunks=tuple(chunks),
            claims=tuple(claim_views(claims, chunks, revision.title)),
            history=tuple(self._readable_states(principal, revision)),
            freshness=self._freshness(self._declarations.sources[source], checked_at, revision),
            checked_at=checked_at,
        )

    def states(self, principal: Principal, source: str, key: str) -> list[Revision]:
        """Every state of a document that this principal may read, oldest first. Raises NotFound like `document`."""
        return self._readable_states(principal, self._current(principal, source, key))

    def past(self, principal: Principal, source: str, key: str, added_in: int) -> PastView:
        """The state that a document got in release `added_in`; audited. Raises NotFound when it had none or it may not be read."""
        current = self._current(principal, source, key)
        for state in self._readable_states(principal, current):
            if state.added_in == added_in:
                self._audit_read(principal, state, added_in)
                version = self._records.version(state.version)
                return PastView(revision=state, text=version.text if version else "")
        raise NotFound(
            f"No state of `{source}:{key}` from release {added_in} that you may read.", remedy="See its history.", field="release"
        )

    def readers(self, principal: Principal, source: str, key: str) -> list[AuditEntry]:
        """Who read the document as a person, newest first; nobody but those who answer for it are told. Raises NotFound like `document`."""
        revision = self._current(principal, source, key)
        if not owns(principal, revision.resource):
            return []
        return [record.entry for record in reversed(self._records.audit_of(f"document:{revision.ref}", Action.DOCUMENT_READ))]

    def runs(self, principal: Principal, source: str) -> list[SyncRun]:
        """The source's sync runs, newest first. Raises NotFound for a source this principal may not see."""
        self._visible_source(principal, source)
        return self._records.runs(source)

    def _situation(self) -> Situation:
        return Situation(workflow=None, customer=None, now=self._now())

    def _current(self, principal: Principal, source: str, key: str) -> Revision:
        revision = self._records.revision_of(source, key, self._records.head())
        if revision is None or not self._readable(principal, revision):
            raise NotFound(f"No document `{source}:{key}` that you may read.", remedy="Check its source and key.", field="document")
        return revision

    def _readable_states(self, principal: Principal, revision: Revision) -> list[Revision]:
        """The document's states that this principal might have read then; that of today it may read."""
        return [one for one in self._records.history(revision.document) if decide(principal, one.resource, self._situation()).allowed]

    def _audit_read(self, principal: Principal, revision: Revision, release: int) -> None:
        entry = AuditEntry(
            at=self._now(),
            actor=principal.id,
            action=Action.DOCUMENT_READ,
            subject=f"document:{revision.ref}",
            detail={"release": release},
        )
        with self._records.writing() as tx:
            tx.audit(entry)

    def _readable(self, principal: Principal, revision: Revision) -> bool:
        current = self._records.current_resources([revision.document])[revision.document]
        return all(decide(principal, resource, self._situation()).allowed for resource in (current, revision.resource))

    def _may_see(self, principal: Principal, source: Source) -> bool:
        return _answers_for(principal, source) or admits(principal.grant.sources, source.id)

    def _visible_source(self, principal: Principal, source: str) -> Source:
        declared = self._declarations.sources.get(source)
        if declared is None or not self._may_see(principal, declared):
            raise NotFound(f"No source `{source}` that you may see.", remedy="List them with GET /sources.", field="source")
        return declared

    def _source_view(self, principal: Principal, source: Source, documents: int, checked_at: datetime | None) -> SourceView:
        last = next(iter(self._records.runs(source.id, 1)), None)
        # An item that failed has no access rule yet, so only those who answer for the source may know of it.
        outcomes = self._records.outcomes(last.id) if last and _answers_for(principal, source) else []
        return SourceView(
            id=source.id,
            title=source.title,
            kind=source.kind,
            owner=source.owner,
            authority=source.authority,
            documents=documents,
            freshness=self._freshness(source, checked_at, None),
            checked_at=checked_at,
            last_run=last,
            failing=tuple(outcome for outcome in outcomes if outcome.kind in FAILED),
        )

    def _freshness(self, source: Source, checked_at: datetime | None, revision: Revision | None) -> Freshness:
        reviewed = revision.governance.reviewed if revision else None
        return freshness(source.freshness, checked_at=checked_at, reviewed=reviewed, now=self._now())


def _answers_for(principal: Principal, source: Source) -> bool:
    """Whether a principal runs the service or the source, and so may know how much it holds and what failed, though not read it."""
    return principal.operator or owns(principal, Resource(source=source.id, owner=source.owner, access=source.access))
