"""Which draft a sync fills. A draft is opened only when there is something to write into it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from context_service.model.release import Draft, DraftState, ReleaseKind
from context_service.records.protocol import RecordStore


class Desk:
    """The drafts of one ingest. A source whose draft is held goes on filling that one; the others share the draft that an ingest left
    open when it was killed, or a new one.
    """

    def __init__(self, records: RecordStore, actor: str, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._records = records
        self._actor = actor
        self._now = now
        self._new_id = new_id

    def slot(self, source: str) -> Slot:
        """Where a source's sync writes."""
        return Slot(self, source)

    def standing(self) -> list[Draft]:
        """Drafts that syncs fill, by number."""
        return [draft for draft in self._records.drafts() if draft.kind is ReleaseKind.SYNC]

    def draft_of(self, source: str) -> Draft | None:
        """The draft that stands for a source already."""
        drafts = self.standing()
        its_own = [draft for draft in drafts if source in draft.sources]
        shared = [draft for draft in drafts if draft.state is DraftState.OPEN]
        return next(iter([*its_own, *shared]), None)

    def opened(self, source: str) -> Draft:
        """The source's draft, opened if need be. Raises NotRestored while a rollback waits to be restored."""
        found = self.draft_of(source)
        with self._records.writing() as tx:
            if found is None:
                return tx.open_draft(self._new_id(), ReleaseKind.SYNC, self._now(), self._actor, sources=[source])
            if source in found.sources:
                return found
            joined = tx.held_draft(found.id)
            joined = joined.model_copy(update={"sources": joined.sources | {source}})
            tx.put_draft(joined)
            return joined


class Slot:
    """One source's place in a draft that may not be open yet."""

    def __init__(self, desk: Desk, source: str) -> None:
        self._desk = desk
        self._source = source
        self._number: int | None = None

    def number(self) -> int:
        """The number to write under; opens the draft."""
        if self._number is None:
            self._number = self._desk.opened(self._source).number
        return self._number
