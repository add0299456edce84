"""What people see of the knowledge: sources and documents. Each read is decided like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

from pydantic import Field

from context_service.declarations.company import Declarations
from context_service.errors import NotFound
from context_service.freshness import freshness
from context_service.model.access import Principal, Resource
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import Value
from context_service.model.context import NOW, Freshness, Standpoint
from context_service.model.document import Chunk, Outcome, OutcomeKind, Revision, SyncRun
from context_service.model.source import Source
from context_service.policy import Situation, admitted, decide, owns
from context_service.policy.sources import answers_for, may_see
from context_service.records.protocol import RecordStore
from context_service.retrieval.claim_views import ClaimView, claim_views
from context_service.retrieval.gate import last_check
from context_service.retrieval.release_pin import check_reader, named_number, notices_at

Row = TypeVar("Row", Revision, Chunk)

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
    """A document as it stands in a release or draft: its text, its chunks, their claims, every state it had until then."""

    release: int = Field(description="The release, or the draft's number.")
    effective_on: date
    holds: bool = Field(description="Whether its dates hold on `effective_on`.")
    notices: tuple[str, ...] = ()
    revision: Revision
    text: str
    chunks: tuple[Chunk, ...]
    claims: tuple[ClaimView, ...] = Field(description="What its sentences, lists and tables say, as it is compared with other texts.")
    history: tuple[Revision, ...]
    freshness: Freshness
    checked_at: datetime | None


class Listing(Value):
    """The documents of a source as they stand in a release or draft."""

    release: int
    effective_on: date
    notices: tuple[str, ...]
    documents: tuple[Revision, ...]


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
        revisions = self._records.revisions_in(self._records.head())
        today = self._records.current_resources([revision.document for revision in revisions])
        visible = [source for source in self._declarations.sources.values() if may_see(principal, source)]
        answered_for = {source.id for source in visible if answers_for(principal, source)}
        counts = Counter(
            revision.source for revision in revisions if revision.source in answered_for or self._admitted(principal, revision, today)
        )
        return [
            self._source_view(principal, source, counts[source.id], checked.get(source.id))
            for source in sorted(visible, key=lambda one: one.id)
        ]

    def documents(self, principal: Principal, source: str) -> list[Revision]:
        """The documents of a source that this principal may read, by key. Raises NotFound for a source it may not see."""
        return list(self.listing(principal, source).documents)

    def listing(self, principal: Principal, source: str, at: Standpoint = NOW) -> Listing:
        """The documents of a source that this principal may read today, by key; with `effective_on` only those whose dates hold then.

        Raises NotFound for a source it may not see, Forbidden for an agent that asks for a draft, and what `named_number` raises.
        """
        self._visible_source(principal, source)
        number = self._number(principal, at)
        revisions = self._as_told(self._records.revisions_in(number, source), number)
        today = self._records.current_resources([revision.document for revision in revisions])
        return Listing(
            release=number,
            effective_on=self._day(at),
            notices=notices_at(at, number),
            documents=tuple(
                revision
                for revision in revisions
                if self._admitted(principal, revision, today)
                and (at.effective_on is None or revision.governance.effective.holds_on(at.effective_on))
            ),
        )

    def document(self, principal: Principal, source: str, key: str, at: Standpoint = NOW) -> DocumentView:
        """One document. The read is audited. Raises NotFound when it does not exist or may not be read; the two look the same.

        Raises Forbidden for an agent that asks for a draft, and what `named_number` raises.
        """
        release = self._number(principal, at)
        revision = self._state(principal, source, key, release)
        self._audit_read(principal, revision, release)
        version = self._records.version(revision.version)
        failing_since = self._records.failing_since([revision.document]).get(revision.document)
        checked_at = last_check(self._records.checked_at().get(source), failing_since)
        chunks = self._records.chunks_of(revision.document, release)
        claims = self._records.claims_of([chunk.id for chunk in chunks])
        day = self._day(at)
        return DocumentView(
            release=release,
            effective_on=day,
            holds=revision.governance.effective.holds_on(day),
            notices=notices_at(at, release),
            revision=revision,
            text=version.text if version else "",
            chunks=tuple(self._as_told(chunks, release)),
            claims=tuple(claim_views(claims, chunks, revision.title)),
            history=tuple(self._readable_states(principal, revision, release)),
            freshness=self._freshness(self._declarations.sources[source], checked_at, revision),
            checked_at=checked_at,
        )

    def states(self, principal: Principal, source: str, key: str) -> list[Revision]:
        """Every state of a document that this principal may read, oldest first. Raises NotFound like `document`."""
        return self._readable_states(principal, self._current(principal, source, key), self._records.head())

    def past(self, principal: Principal, source: str, key: str, added_in: int) -> PastView:
        """The state that a document got in release `added_in`; audited. Raises NotFound when it had none or it may not be read."""
        current = self._current(principal, source, key)
        for state in self._readable_states(principal, current, self._records.head()):
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

    def _number(self, principal: Principal, at: Standpoint) -> int:
        check_reader(principal, at)
        named = named_number(self._records, at, self._now()) if at.elsewhere else None
        return self._records.head() if named is None else named

    def _day(self, at: Standpoint) -> date:
        return at.effective_on or self._now().date()

    def _current(self, principal: Principal, source: str, key: str) -> Revision:
        return self._state(principal, source, key, self._records.head())

    def _state(self, principal: Principal, source: str, key: str, number: int) -> Revision:
        revision = self._records.revision_of(source, key, number)
        if revision is None or not self._readable(principal, revision):
            raise NotFound(f"No document `{source}:{key}` that you may read.", remedy="Check its source and key.", field="document")
        return self._as_told([revision], number)[0]

    def _as_told(self, rows: Sequence[Row], number: int) -> list[Row]:
        """The rows without an end that lies after `number`: a draft that may end them is not for every reader to know of."""
        view = self._records.view(number)
        return [
            one if one.removed_in is None or view.began(one.removed_in) else one.model_copy(update={"removed_in": None}) for one in rows
        ]

    def _readable_states(self, principal: Principal, revision: Revision, number: int) -> list[Revision]:
        """The document's states up to `number` that this principal might have read then; that of today it may read."""
        view = self._records.view(number)
        return [
            one
            for one in self._as_told(self._records.history(revision.document), number)
            if view.began(one.added_in) and decide(principal, one.resource, self._situation()).allowed
        ]

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
        return self._admitted(principal, revision, self._records.current_resources([revision.document]))

    def _admitted(self, principal: Principal, revision: Revision, today: Mapping[str, Sequence[Resource]]) -> bool:
        """Whether both the rules of today and the state's own admit; what has none today nobody reads."""
        rules = today.get(revision.document, ())
        return bool(rules) and admitted(principal, (revision.resource, *rules), self._situation())

    def _visible_source(self, principal: Principal, source: str) -> Source:
        declared = self._declarations.sources.get(source)
        if declared is None or not may_see(principal, declared):
            raise NotFound(f"No source `{source}` that you may see.", remedy="List them with GET /sources.", field="source")
        return declared

    def _source_view(self, principal: Principal, source: Source, documents: int, checked_at: datetime | None) -> SourceView:
        last = next(iter(self._records.runs(source.id, 1)), None)
        # An item that failed has no access rule yet, so only those who answer for the source may know of it.
        outcomes = self._records.outcomes(last.id) if last and answers_for(principal, source) else []
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
        verified = self._records.verified_until({revision.document: revision.version}) if revision else {}
        until = verified.get(revision.document) if revision else None
        return freshness(source.freshness, checked_at=checked_at, reviewed=reviewed, now=self._now(), verified_until=until)
