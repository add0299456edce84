"""The second decision: whatever the index returned is decided again on the records, which are the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from context_service.freshness import freshness, treatment
from context_service.model.access import Principal
from context_service.model.applicability import Status
from context_service.model.base import Names, admits
from context_service.model.context import Freshness
from context_service.model.document import Chunk, Revision
from context_service.model.source import Source, Treatment
from context_service.policy import Situation, admitted, decide
from context_service.policy.applies import Fit, Match, Regions, conditions, fit
from context_service.records.protocol import RecordStore

AGES = frozenset(state.value for state in Freshness) - {Freshness.FRESH.value}
"""Reasons of `Gate.holds` for text that is withheld for its age."""


@dataclass(frozen=True)
class Asked:
    """Everything about a request that decides what may be read and what holds."""

    principal: Principal
    situation: Situation
    release: int
    day: date
    known: Mapping[str, frozenset[str]]
    sources: Names


@dataclass(frozen=True)
class Text:
    """A chunk that may be read, with what stands for it."""

    chunk: Chunk
    revision: Revision
    fit: Fit
    conditions: Mapping[str, frozenset[str]]
    freshness: Freshness
    checked_at: datetime | None
    treatment: Treatment = "serve"

    @property
    def id(self) -> str:
        """The chunk's id."""
        return self.chunk.id

    @property
    def headings(self) -> tuple[str, ...]:
        """The title and the headings that the chunk stands under."""
        return (self.revision.title, *self.chunk.heading_path)


class Gate:
    """Reads chunks for one request. What may not be read comes back as if it did not exist."""

    def __init__(self, records: RecordStore, sources: Mapping[str, Source], regions: Regions, asked: Asked) -> None:
        self._records = records
        self._sources = sources
        self._regions = regions
        self._asked = asked
        self._view = records.view(asked.release)
        self._checked = records.checked_at()

    def read(self, ids: Iterable[str]) -> dict[str, Text]:
        """The chunks out of `ids` that this request may read in its release, by id."""
        chunks = [chunk for chunk in self._records.chunks(list(ids)).values() if self._in_release(chunk) and self._drawn_on(chunk.source)]
        revisions = self._records.revisions(list({chunk.revision for chunk in chunks}))
        resources = self._records.current_resources(list({chunk.document for chunk in chunks}))
        failing = self._records.failing_since(list(resources))
        verified = self._records.verified_until({revision.document: revision.version for revision in revisions.values()})
        allowed = {document for document, rules in resources.items() if admitted(self._asked.principal, rules, self._asked.situation)}
        return {
            chunk.id: self._text(chunk, revisions[chunk.revision], failing.get(chunk.document), verified.get(chunk.document))
            for chunk in chunks
            if chunk.document in allowed and self._was_allowed(revisions[chunk.revision])
        }

    def holds(self, text: Text) -> str | None:
        """Why a readable text is not told to this customer on this day; None when it is."""
        governance = text.revision.governance
        if governance.status is not Status.CURRENT:
            return governance.status.value
        if not governance.effective.holds_on(self._asked.day):
            return "not_effective"
        if text.fit.match is Match.NO:
            return "not_applicable"
        return text.freshness.value if text.treatment == "withhold" else None

    def _drawn_on(self, source: str) -> bool:
        return source in self._sources and admits(self._asked.sources, source)

    def _in_release(self, chunk: Chunk) -> bool:
        return self._view.holds(chunk.added_in, chunk.removed_in)

    def _was_allowed(self, revision: Revision) -> bool:
        # Both today's rules and the state's own have to admit: a rule that was tightened binds at once, a wider one with its release.
        return decide(self._asked.principal, revision.resource, self._asked.situation).allowed

    def _text(self, chunk: Chunk, revision: Revision, failing_since: datetime | None, verified_until: datetime | None) -> Text:
        needed = conditions(revision.governance.applicability, self._regions)
        checked_at = last_check(self._checked.get(revision.source), failing_since)
        promise = self._sources[revision.source].freshness
        state = freshness(
            promise,
            checked_at=checked_at,
            reviewed=revision.governance.reviewed,
            now=self._asked.situation.now,
            verified_until=verified_until,
        )
        return Text(chunk, revision, fit(needed, self._asked.known), needed, state, checked_at, treatment(promise, state))


def last_check(source: datetime | None, failing_since: datetime | None) -> datetime | None:
    """When a document was last checked: with its source, unless it alone has been failing since."""
    return failing_since if source and failing_since and failing_since < source else source
