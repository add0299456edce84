"""The part of the records that is about releases and drafts; its contract is tested in `tests/contract/test_records_releases.py`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from context_service.model.document import Revision
from context_service.model.release import Draft, HeadMove, Release, ReleaseKind, Traffic, View


@dataclass(frozen=True)
class Orphans:
    """How many rows a sweep looked at, and where it stopped: None at the end of the table."""

    deleted: int
    last: tuple[str | int, ...] | None


class ReleaseWriter(Protocol):
    """Writes about releases, in the transaction of `RecordWriter`. Each first waits for others that write drafts or move the head."""

    def open_draft(
        self,
        id: str,  # noqa: A002 - the field it fills
        kind: ReleaseKind,
        at: datetime,
        by: str,
        *,
        sources: Collection[str] = (),
        restores: int | None = None,
    ) -> Draft:
        """Open a draft on the newest release, under a number that none ever had.

        Raises NotRestored while a rollback waits to be restored, unless the draft is what restores it.
        """
        ...

    def held_traffic(self) -> Traffic:
        """What is read now, which nobody else changes until this transaction ends."""
        ...

    def held_drafts(self) -> list[Draft]:
        """The drafts that stand in this transaction, which keeps others from changing them, by number."""
        ...

    def held_draft(self, id: str) -> Draft:  # noqa: A002 - what it looks up
        """A draft as it stands in this transaction, which keeps others from changing it. Raises DraftConflict when it does not stand."""
        ...

    def put_draft(self, draft: Draft) -> None:
        """Replace the stored draft of the same id; its number cannot change so. Raises DraftConflict when there is none."""
        ...

    def carry(self, draft: int) -> Draft:
        """Give a standing draft, rows and all, a number above every other. Raises DraftConflict when it does not stand."""
        ...

    def split(self, draft: int, sources: Collection[str], id: str, at: datetime) -> Draft:  # noqa: A002 - the field it fills
        """Move what a standing draft holds of `sources` into a new one called `id`. Raises DraftConflict when it does not stand."""
        ...

    def undo(self, draft: int, documents: Sequence[str]) -> None:
        """Take what a standing draft does to these documents back: they are again as the newest release has them."""
        ...

    def bring_again(self, documents: Sequence[str]) -> None:
        """Let the next sync of their sources bring these documents again, whatever it remembers of them, or notice that they are gone."""
        ...

    def publish(self, draft: int, at: datetime, by: str, why: str = "", share: float = 1.0) -> Release:
        """Make a release of a standing draft, and read it: everywhere, or as a canary where `share` is below 1.

        Raises DraftConflict when the draft does not stand or a standing one has a lower number; StaleDraft when it is stale or its base
        is not the newest release; CanaryRunning; NotRestored unless it restores what is read now.
        """
        ...

    def move_head(self, move: HeadMove) -> HeadMove:
        """Read what `move` says from now on; returns it as it is kept: not before the last one, whatever the clock says.

        Raises UnknownRelease when it names one that was never published or is retired.
        """
        ...

    def hold_publishing(self, held: bool) -> None:  # noqa: FBT001 - the state that it sets
        """Whether drafts wait for a person from now on."""
        ...

    def put_release(self, release: Release) -> None:
        """Replace a stored release, of which only `pinned` and `retired_at` may differ."""
        ...

    def delete_unread(self, revisions: Sequence[str]) -> None:
        """Delete these revisions with their chunks."""
        ...

    def delete_orphans(self, table: str, after: tuple[str | int, ...] | None, limit: int) -> Orphans:
        """Delete what nothing refers to any more among the next `limit` rows of `table`, one of ORPHANED, that come after `after`."""
        ...

    def mark_swept(self, releases: Sequence[int]) -> None:
        """Remember that nothing is left of these retired releases that no other reads."""
        ...


class ReleaseReader(Protocol):
    """Reads about releases and drafts."""

    def traffic(self) -> Traffic:
        """What is read now."""
        ...

    def head(self) -> int:
        """The current release's number; 0 before the first."""
        ...

    def view(self, number: int) -> View:
        """What `number`, a release's or a standing draft's, reads."""
        ...

    def releases(self) -> list[Release]:
        """Every published release, retired ones too, oldest first."""
        ...

    def release(self, number: int) -> Release | None:
        """One of them; None when none was published under that number."""
        ...

    def head_moves(self) -> list[HeadMove]:
        """Every change of what is read, oldest first."""
        ...

    def release_at(self, moment: datetime) -> int | None:
        """The release that was current at `moment`, canaries aside; None before the first."""
        ...

    def drafts(self, *, ended: bool = False) -> list[Draft]:
        """Those that stand, and those that have ended if `ended`, by number."""
        ...

    def draft(self, id: str) -> Draft | None:  # noqa: A002 - what it looks up
        """A draft by its id, whatever became of it."""
        ...

    def draft_touched(self, draft: int) -> bool:
        """Whether the draft differs from the newest release: some row was added or removed in it."""
        ...

    def touched_documents(self, draft: int, sources: Collection[str] | None = None) -> list[str]:
        """The documents that a draft or release added a state to or took one from, or those of some sources; in stable order."""
        ...

    def differing(self, left: int, right: int) -> list[str]:
        """The documents whose rows are not the same in two releases or drafts, in stable order. Their texts may be."""
        ...

    def states_of(self, documents: Sequence[str], release: int) -> dict[str, Revision]:
        """The states of `documents` in `release`; those that it does not hold are missing."""
        ...

    def unread(self, limit: int) -> list[str]:
        """Up to `limit` revisions that neither a release which is not retired nor a standing draft reads, in stable order."""
        ...

    def unswept(self) -> list[int]:
        """Retired releases of which something may be left."""
        ...


ORPHANED = ("claims", "claim_keys", "rivalries", "versions", "vectors", "token_vectors")
"""Tables whose rows live as long as something refers to them, in the order in which they have to be swept."""
