"""The second half of a rollback: what is read becomes a release of its own again, so that the next one starts from it.

The pointer has moved already, and nobody waits for this. It may be killed at any moment and is repeated: every document whose content is
not yet as it was is put back, and its source is asked for its present text again, which then waits in a draft.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from context_service.errors import NotRestored, StoreError
from context_service.ingest.drafts import DOCUMENTS_AT_ONCE, Drafts, Publishing
from context_service.ingest.indexing import batches
from context_service.ingest.progress import Progress
from context_service.model.access import Resource
from context_service.model.audit import Action
from context_service.model.base import digest
from context_service.model.document import Chunk, Revision, Version
from context_service.model.release import Draft, Release, ReleaseKind, Traffic
from context_service.policy.gains import gains
from context_service.records.protocol import RecordStore

State = tuple[Revision, Version, Sequence[Chunk]]


class Restorer:
    """Finishes rollbacks. Whoever calls it holds `exclusive("draft")`."""

    def __init__(self, records: RecordStore, drafts: Drafts, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._records = records
        self._drafts = drafts
        self._now = now
        self._new_id = new_id

    def run(self, progress: Progress) -> Release | None:
        """Make what is read the newest release; None when it is. A rollback that comes between is followed."""
        while (traffic := self._records.traffic()).restoring:
            draft = self._draft(traffic)
            self._fill(draft.number, traffic.number, progress)
            self._drafts.check(draft.id, progress)
            try:
                return self._drafts.publish(draft.id, self._said(traffic))
            except NotRestored:
                continue
        for draft in self._standing():
            self._drafts.drop(draft.id, draft.opened_by)
        return None

    def _standing(self) -> list[Draft]:
        return [draft for draft in self._records.drafts() if draft.kind is ReleaseKind.ROLLBACK]

    def _draft(self, traffic: Traffic) -> Draft:
        """The draft that restores what is read; one that was begun for an earlier rollback goes on from where it is."""
        how = self._said(traffic)
        begun = next(iter(self._standing()), None)
        with self._records.writing() as tx:
            if begun is None:
                return tx.open_draft(self._new_id(), ReleaseKind.ROLLBACK, self._now(), how.by, restores=traffic.number)
            begun = tx.held_draft(begun.id).model_copy(update={"restores": traffic.number})
            tx.put_draft(begun)
            return begun

    def _said(self, traffic: Traffic) -> Publishing:
        last = self._records.head_moves()[-1]
        return Publishing(last.actor, last.reason, action=Action.RELEASE_RESTORED, detail={"restores": traffic.number})

    def _fill(self, draft: int, target: int, progress: Progress) -> None:
        differing = self._records.differing(target, draft)
        for done, documents in enumerate(batches(differing, DOCUMENTS_AT_ONCE)):
            self._put_back(documents, draft, target)
            progress.stage("Restoring", done * DOCUMENTS_AT_ONCE + len(documents), len(differing))

    def _put_back(self, documents: Sequence[str], draft: int, target: int) -> None:
        wanted, held = self._records.states_of(documents, target), self._records.states_of(documents, draft)
        changed = [one for one in documents if _content(wanted.get(one)) != _content(held.get(one))]
        rules = self._records.current_resources(changed)
        states = [self._copy(_as_open(wanted[one], rules[one]), draft, target) for one in changed if one in wanted]
        with self._records.writing() as tx:
            for revision, version, chunks in states:
                tx.put_revision(revision, version, chunks, binds=False)
            for document in changed:
                if document not in wanted:
                    tx.remove_document(document, draft)
            tx.bring_again(changed)

    def _copy(self, was: Revision, draft: int, target: int) -> State:
        """A state as it was, in rows of the draft. What its chunks say is embedded already."""
        version = self._records.version(was.version)
        if version is None:
            raise StoreError(f"The text of {was.ref} is missing.", remedy="Restore the records from a backup.")
        revision = was.model_copy(update={"id": digest(was.id, str(draft)), "added_in": draft, "removed_in": None})
        here = {"revision": revision.id, "added_in": draft, "removed_in": None, "label": revision.resource.label}
        chunks = self._records.chunks_of(was.document, target)
        return revision, version, [chunk.model_copy(update={**here, "id": digest(revision.id, str(chunk.ordinal))}) for chunk in chunks]


def _as_open(state: Revision, rules: Sequence[Resource]) -> Revision:
    """The state, read by nobody who may not read the document as it was released last: going back opens nothing."""
    released = rules[-1]
    if not any(gains(released, state.resource)):
        return state
    tighter = state.governance.model_copy(update={"access": released.access, "owner": released.owner})
    return state.model_copy(update={"governance": tighter})


def _content(state: Revision | None) -> Revision | None:
    return state.content if state else None
