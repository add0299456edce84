"""Which releases are kept, and how the rest is forgotten: a little at a time, and never the audit log.

A release is retired first, so that nobody begins to read it. Then the rows that no other release reads are deleted, index points before the
records that they were made of, so that a kill leaves nothing that could not be deleted by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from pydantic import Field

from context_service.index.protocol import IndexStore
from context_service.ingest.indexing import batches
from context_service.ingest.progress import Progress
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import Value
from context_service.model.release import Draft, Release, Traffic
from context_service.records.protocol import RecordStore
from context_service.records.release_protocol import ORPHANED

KEEP_SERVED = timedelta(days=31)
"""What answers told, and what was reported of them, counts for 30 days; one more, so that nothing is missing while it does."""

UNREAD_AT_ONCE = 10_000
"""Finding what nobody reads goes through all that was ever removed, so it is done for many at once."""

REVISIONS_AT_ONCE = 20
"""Deleted in one transaction, with their chunks: answers, which write to the audit log, wait for its end."""

SERVED_AT_ONCE = 1_000
ORPHANS_AT_ONCE = 1_000


class Retention(Value):
    """How long releases are kept, besides those that are pinned or read."""

    releases: int = Field(10, ge=2, description="How many of the newest are kept; the one before the newest always is.")
    days: int = Field(30, ge=0, description="How long after it was published a release is kept, in days.")


class Swept(Value):
    """What a run did: which releases it retired, and how many states of documents it deleted."""

    retired: tuple[int, ...] = ()
    revisions: int = 0


def kept(releases: Sequence[Release], traffic: Traffic, drafts: Sequence[Draft], retention: Retention, now: datetime) -> set[int]:
    """The numbers of the releases that stay readable."""
    standing = [release for release in releases if release.retired_at is None]
    young = {one.number for one in standing if now - one.published_at <= timedelta(days=retention.days)}
    newest = {one.number for one in standing[-retention.releases :]}
    pinned = {one.number for one in standing if one.pinned}
    read = {traffic.number, traffic.canary} | {draft.base for draft in drafts} | {draft.restores for draft in drafts}
    return {one.number for one in standing} & (young | newest | pinned | read)


class Sweeper:
    """Retires releases and deletes what only they read, and what answers told too long ago. Whoever calls it holds `exclusive("draft")`."""

    def __init__(self, records: RecordStore, index: IndexStore, retention: Retention, now: Callable[[], datetime]) -> None:
        self._records = records
        self._index = index
        self._retention = retention
        self._now = now

    def run(self, by: str, progress: Progress) -> Swept:
        """Retire what the retention lets go, and finish what an earlier run began."""
        self._forget_served()
        retired = self._retire(by)
        left = self._records.unswept()
        if not left:
            return Swept()
        deleted = self._delete_unread(progress)
        for table in ORPHANED:
            self._delete_orphans(table)
        with self._records.writing() as tx:
            tx.mark_swept(left)
        return Swept(retired=tuple(sorted(retired)), revisions=deleted)

    def _retire(self, by: str) -> Collection[int]:
        releases, at = self._records.releases(), self._now()
        staying = kept(releases, self._records.traffic(), self._records.drafts(), self._retention, at)
        ending = [one.number for one in releases if one.retired_at is None and one.number not in staying]
        return [number for number in ending if self._retired(number, by, at)]

    def _retired(self, number: int, by: str, at: datetime) -> bool:
        """Retire a release, unless somebody has begun to read it or pinned it just now."""
        with self._records.writing() as tx:
            traffic, release = tx.held_traffic(), self._records.release(number)
            if release is None or release.pinned or number in (traffic.number, traffic.canary):
                return False
            tx.put_release(release.model_copy(update={"retired_at": at}))
            tx.audit(AuditEntry(at=at, actor=by, action=Action.RELEASE_RETIRED, subject=f"release:{number}"))
        return True

    def _forget_served(self) -> None:
        forgotten = SERVED_AT_ONCE
        while forgotten >= SERVED_AT_ONCE:
            with self._records.writing() as tx:
                forgotten = tx.forget_served(self._now() - KEEP_SERVED, SERVED_AT_ONCE)

    def _delete_unread(self, progress: Progress) -> int:
        deleted = 0
        while unread := self._records.unread(UNREAD_AT_ONCE):
            known = deleted + len(unread)
            for revisions in batches(unread, REVISIONS_AT_ONCE):
                self._delete(revisions)
                deleted += len(revisions)
                progress.stage("Deleting", deleted, known)
        return deleted

    def _delete(self, revisions: Sequence[str]) -> None:
        states = self._records.revisions(revisions).values()
        self._index.discard([chunk.id for state in states for chunk in self._records.chunks_of(state.document, state.added_in)])
        with self._records.writing() as tx:
            tx.delete_unread(revisions)

    def _delete_orphans(self, table: str) -> None:
        after: tuple[str | int, ...] | None = None
        while True:
            with self._records.writing() as tx:
                after = tx.delete_orphans(table, after, ORPHANS_AT_ONCE).last
            if after is None:
                return
