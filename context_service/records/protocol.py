"""What the service asks of its records, and the contract every backend keeps (`tests/contract/test_records.py`).

Rows carry release ranges: release R reads a row when `added_in <= R` and (`removed_in` is None or `R < removed_in`). Drafts have numbers
above every release's; their rows exist but nobody reads them until `publish` makes a release of one. Draft D reads what the newest release
reads, and the rows that carry its own number: never those of another draft. So a reader that pins a number sees one whole state, whatever
is written beside it. A document is touched by one standing draft at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from context_service.model.access import Principal, Resource
from context_service.model.applicability import Facet
from context_service.model.audit import Action, AuditEntry, AuditRecord
from context_service.model.claim import Claim
from context_service.model.conflict import Conflict, Ruling, TextKey
from context_service.model.document import Chunk, ItemMark, Outcome, Revision, SyncRun, Version
from context_service.model.rivalry import Rivalry
from context_service.records.change_protocol import ChangeStore, ChangeWriter
from context_service.records.release_protocol import ReleaseReader, ReleaseWriter
from context_service.records.schedule_protocol import ScheduleStore, ScheduleWriter


@dataclass(frozen=True)
class ChunkRange:
    """A chunk's release range."""

    chunk: str
    added_in: int
    removed_in: int | None


@dataclass(frozen=True)
class KeyedClaim:
    """A claim and the keys that those about the same thing share with it: whole numbers of up to 63 bits."""

    claim: Claim
    keys: tuple[int, ...]


CLAIMS_PER_KEY = 100
"""Living claims that are looked at under one key."""


@dataclass(frozen=True)
class ServedSide:
    """One answer that told a disputed text."""

    text: TextKey
    context: str
    workflow: str
    at: datetime


class RecordWriter(ReleaseWriter, ScheduleWriter, ChangeWriter, Protocol):
    """Writes inside one transaction: all of it happens, with its audit entries, or none of it."""

    def start_run(self, run: SyncRun) -> None:
        """Store a new run."""
        ...

    def finish_run(self, run: SyncRun) -> None:
        """Replace the stored run of the same id with its end. Raises StoreError when it was never started."""
        ...

    def interrupt_runs(self, at: datetime) -> int:
        """Mark every run still `running` as `interrupted` with `at` as its end; returns how many. The caller holds `exclusive()`."""
        ...

    def add_outcomes(self, run: str, outcomes: Iterable[Outcome]) -> None:
        """Store how items of a started run ended; a later outcome of the same key in the same run replaces the earlier."""
        ...

    def put_mark(self, source: str, mark: ItemMark) -> None:
        """Remember an item; replaces what was remembered under its key."""
        ...

    def drop_mark(self, source: str, key: str) -> None:
        """Forget an item; unknown keys are passed over."""
        ...

    def set_cursor(self, source: str, cursor: str | None) -> None:
        """Remember how far the source was read."""
        ...

    def put_revision(self, revision: Revision, version: Version, chunks: Sequence[Chunk], *, binds: bool = True) -> None:
        """Add a document's new state to a standing draft (`revision.added_in`, which all chunks share).

        The state that stood before gets `removed_in` = that number; a state that the same draft had already added is deleted.
        Another draft that had touched the document loses what it did to it, and becomes stale. Stores the version unless it is there,
        the document's access rule as the one that stands now if it `binds`, the chunks' access rules (`Resource.rule`) and facets for
        `rules()` and `facets()`, and the revision's supersessions. Repeating it changes nothing. The ids of the revision and of its
        chunks belong to this draft: no other release may have stored them. Raises DraftConflict when no draft of that number stands.
        """
        ...

    def remove_document(self, document: str, draft: int) -> None:
        """Take a document out of a standing draft: its state gets `removed_in` = draft, or is deleted if this draft had added it.

        Another draft that had touched the document loses what it did to it, and becomes stale. Raises DraftConflict when no draft of
        that number stands.
        """
        ...

    def put_vectors(self, model_id: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors by embedding key; a key that is there already is left as it is."""
        ...

    def put_token_vectors(self, model_id: str, packed: Mapping[str, bytes]) -> None:
        """Keep packed token vectors by embedding key; a key that is there already is left as it is."""
        ...

    def put_rivalries(self, rivalries: Iterable[Rivalry]) -> None:
        """Keep rivalries by id; one that is there already is left as it is."""
        ...

    def put_claims(self, claims: Iterable[KeyedClaim]) -> None:
        """Keep claims by id with the keys that `kindred` finds them by; one that is there already is left as it is."""
        ...

    def hold_conflicts(self) -> None:
        """Let nobody else write conflicts or rulings until this transaction ends, and read below what those before it wrote."""
        ...

    def held_conflicts(self, ids: Sequence[str]) -> dict[str, Conflict]:
        """Conflicts by id, as this transaction sees them; those that were never stored are missing."""
        ...

    def held_rulings(self, conflicts: Sequence[str]) -> list[Ruling]:
        """The rulings on these conflicts, as this transaction sees them, oldest first."""
        ...

    def put_conflicts(self, conflicts: Iterable[Conflict]) -> None:
        """Store conflicts; each replaces the one of its id."""
        ...

    def put_ruling(self, ruling: Ruling) -> None:
        """Store a ruling; replaces the one of its id, of which only the end may differ."""
        ...

    def add_served(self, served: Iterable[ServedSide]) -> None:
        """Remember which disputed texts an answer told; a text that the same context told already is passed over."""
        ...

    def forget_served(self, before: datetime, limit: int) -> int:
        """Forget what answers told, and what was reported of them, before a moment: up to `limit` rows of each kind; returns how many."""
        ...

    def register(self, principal: Principal, key_hash: str) -> None:
        """Store a principal under the hash of its key; replaces a principal of the same id, whose old key stops working."""
        ...

    def audit(self, entry: AuditEntry) -> AuditRecord:
        """Append to the audit chain within this transaction; concurrent writers form one unbroken chain."""
        ...


class RecordStore(ReleaseReader, ScheduleStore, ChangeStore, Protocol):
    """Reads, each consistent in itself, and transactions that write. Safe to share between threads."""

    def writing(self) -> AbstractContextManager[RecordWriter]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        ...

    def steady(self) -> AbstractContextManager[None]:
        """Let every read that this thread makes in the block see the state at its beginning, for the cost of one transaction.

        What the thread writes meanwhile is not seen either. Blocks do not nest.
        """
        ...

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold the right to be the only process doing `name` (such as "draft"); freed even when the process is killed.

        Raises DraftConflict at once when another process or thread holds it.
        """
        ...

    def rules(self) -> list[Resource]:
        """Every distinct access rule that chunks are filed under (`Resource.rule`, customer replaced by BOUND), in stable order."""
        ...

    def facets(self) -> list[Facet]:
        """Every distinct facet that chunks are filed under, in stable order."""
        ...

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Chunks by id, whatever their release; unknown ids are missing from the result."""
        ...

    def chunks_of(self, document: str, release: int) -> list[Chunk]:
        """A document's chunks in `release`, by ordinal."""
        ...

    def chunk_ranges(self, touched_in: int | None = None, *, after: int | None = None) -> Iterator[ChunkRange]:
        """Release range of every chunk, or of those whose `added_in` or `removed_in` is `touched_in`, or lies above `after`; by id,
        streamed.
        """
        ...

    def revisions(self, ids: Sequence[str]) -> dict[str, Revision]:
        """Revisions by id; unknown ids are missing from the result."""
        ...

    def revision_of(self, source: str, key: str, release: int) -> Revision | None:
        """The state of a document in `release`; None if it has none there."""
        ...

    def revisions_in(self, release: int, source: str | None = None) -> list[Revision]:
        """Every document's state in `release`, or those of one source, by key."""
        ...

    def history(self, document: str) -> list[Revision]:
        """Every state a document ever had, oldest first."""
        ...

    def superseding(self, refs: Sequence[str], release: int) -> dict[str, list[Revision]]:
        """For each `source:key`, the revisions in `release` that declare to supersede it; those with none are missing."""
        ...

    def version(self, id: str) -> Version | None:  # noqa: A002
        """A version by its id."""
        ...

    def current_resources(self, documents: Sequence[str]) -> dict[str, tuple[Resource, ...]]:
        """The access rules that stand now for each document; whoever reads any state of it has to pass all of them.

        They are what its source said last, and what it says in the newest release that held it: so a tighter rule binds at once, and a
        wider one, however it came, with a release and not before. One that no sync has brought is missing.
        """
        ...

    def customer_records(self, customer: str, release: int) -> list[Revision]:
        """Revisions in `release` whose access names this customer and that carry facts, by source and key."""
        ...

    def rivalries(self, chunks: Sequence[str], release: int) -> list[Rivalry]:
        """Rivalries that touch any of `chunks` and whose both chunks are in `release`, by id."""
        ...

    def rivalries_touched(self, draft: int, release: int) -> list[Rivalry]:
        """Rivalries with a chunk that the draft adds or removes, and whose both chunks are in `release`, by id."""
        ...

    def all_rivalries(self, release: int) -> list[Rivalry]:
        """Every rivalry whose both chunks are in `release`, by id."""
        ...

    def claims(self, ids: Sequence[int]) -> dict[int, Claim]:
        """Claims by id; unknown ids are missing from the result."""
        ...

    def claims_of(self, chunks: Sequence[str]) -> list[Claim]:
        """The claims of these chunks, by chunk and place."""
        ...

    def kindred(self, keys: Sequence[Sequence[int]], release: int, limit: int) -> list[list[int]]:
        """For each set of keys, the ids of up to `limit` claims in `release` that have most of them, most first and then by id.

        Of the claims under one key at most `CLAIMS_PER_KEY` are looked at, those of the lowest ids, so that a key that everybody has
        costs no more than any other; such a key tells nothing anyway.
        """
        ...

    def conflicts(self, ids: Sequence[str] | None = None) -> list[Conflict]:
        """Conflicts out of `ids`, or every one, closed ones too; by id. They are those of the current release."""
        ...

    def rulings_on(self, documents: Sequence[str]) -> list[Ruling]:
        """Rulings that bind words of one of `documents`, whatever became of them, oldest first."""
        ...

    def rulings_of(self, conflicts: Sequence[str]) -> list[Ruling]:
        """Rulings on these conflicts, whatever became of them, oldest first."""
        ...

    def ruling(self, id: str) -> Ruling | None:  # noqa: A002
        """A ruling by its id."""
        ...

    def served_counts(self, documents: Sequence[str], since: datetime) -> dict[TextKey, dict[str, int]]:
        """How many answers since `since` told each disputed text of `documents`, by workflow; those never told are missing."""
        ...

    def served_contexts(self, texts: Sequence[TextKey], since: datetime) -> list[str]:
        """The contexts since `since` that told one of `texts`, newest first."""
        ...

    def vectors(self, model_id: str, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Kept vectors by embedding key; those never embedded with this model are missing."""
        ...

    def token_vectors(self, model_id: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Kept token vectors, packed, by embedding key; those never encoded with this model are missing."""
        ...

    def without_token_vectors(self, model_id: str, after: str, limit: int) -> list[str]:
        """The first `limit` chunks by id above `after` whose texts were never encoded with this model."""
        ...

    def marks(self, source: str) -> dict[str, ItemMark]:
        """What is remembered of each item of a source, by key."""
        ...

    def failing_since(self, documents: Sequence[str]) -> dict[str, datetime]:
        """Since when each document's item could not be read at its source; those that are well are missing."""
        ...

    def cursor(self, source: str) -> str | None:
        """How far the source was read; None if never."""
        ...

    def runs(self, source: str | None = None, limit: int = 50) -> list[SyncRun]:
        """Runs, newest first."""
        ...

    def outcomes(self, run: str) -> list[Outcome]:
        """How the items of a run ended, by key."""
        ...

    def checked_at(self) -> dict[str, datetime]:
        """For each source with a succeeded run, the end of its last one."""
        ...

    def principal_by_key(self, key_hash: str) -> Principal | None:
        """Who holds the key with this hash; None if nobody does."""
        ...

    def principals(self) -> list[Principal]:
        """Everybody registered, by id."""
        ...

    def audit_records(self, after: int = 0, limit: int = 1000) -> list[AuditRecord]:
        """Records of the audit chain with number above `after`, in order."""
        ...

    def audit_of(self, subject: str, action: Action | None = None) -> list[AuditRecord]:
        """Records about one subject, in order."""
        ...

    def audit_latest(self, action: Action, after: int, limit: int) -> list[AuditRecord]:
        """The newest records of one kind with number above `after`, newest first."""
        ...

    def check(self) -> str:
        """One line on the backend, its version and its schema. Raises StoreError when it cannot be reached or needs a migration."""
        ...

    def close(self) -> None:
        """Release connections; the object is unusable afterwards."""
        ...
