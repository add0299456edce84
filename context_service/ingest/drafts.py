"""What is done with drafts, whoever fills them: checked, split, published, discarded.

Every step may be repeated after a kill. The index is brought to the records before the head moves: a draft's rows have numbers that nobody
reads until then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import JsonValue

from context_service.declarations.company import Declarations
from context_service.embedding.protocol import Embedder
from context_service.errors import DraftConflict, NotFound, StaleDraft
from context_service.index.protocol import IndexStore
from context_service.ingest.conflicts import ConflictKeeper, store, summary
from context_service.ingest.indexing import batches, index_is_behind, reconcile
from context_service.ingest.progress import Progress, Silent
from context_service.ingest.rivals import RivalFinder
from context_service.model.audit import Action, AuditEntry
from context_service.model.conflict import Conflict
from context_service.model.release import Draft, DraftState, Release
from context_service.policy.applies import Regions
from context_service.records.protocol import RecordStore

log = structlog.get_logger()

DOCUMENTS_AT_ONCE = 200
"""Documents in one transaction, so that others who write never wait long."""


@dataclass(frozen=True)
class Publishing:
    """By whom, why, and to which share of the conversations. A person's word ends the hold that a rollback leaves."""

    by: str
    why: str = ""
    share: float = 1.0
    by_person: bool = False
    action: Action = Action.RELEASE_PUBLISHED
    detail: Mapping[str, JsonValue] | None = None


class Drafts:
    """The drafts of one service. Whoever calls a method that writes holds `exclusive("draft")`."""

    def __init__(
        self,
        records: RecordStore,
        index: IndexStore,
        embedder: Embedder,
        declarations: Declarations,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._records = records
        self._index = index
        self._embedder = embedder
        self._declarations = declarations
        self._now = now
        self._new_id = new_id

    def found(self, draft: str) -> Draft:
        """A draft by its id, whatever became of it. Raises NotFound."""
        found = self._records.draft(draft)
        if found is None:
            raise NotFound(f"There is no draft {draft}.", remedy="List the drafts.", field="draft")
        return found

    def standing(self, draft: str) -> Draft:
        """A draft by its id, while it may still be published. Raises NotFound or DraftConflict."""
        found = self.found(draft)
        if not found.state.standing:
            raise DraftConflict(
                f"Draft {draft} is not open: it was discarded, or somebody else has published it.",
                remedy="List the drafts; sync again to bring what is missing.",
            )
        return found

    def mend_index(self, progress: Progress) -> None:
        """Rebuild an index that was lost. A draft's rows alone would make it look whole."""
        if index_is_behind(self._records, self._index):
            self._reconcile(None, progress)

    def mend(self, progress: Progress) -> None:
        """Finish what a kill has left half done."""
        self.mend_index(progress)
        for draft in self._records.drafts():
            if draft.ending:
                self.discard(draft.id, draft.opened_by, " ".join(draft.reasons))

    def check(self, draft: str, progress: Progress) -> Draft:
        """Index a draft and find its rivals among what the newest release holds; from then on it may be published."""
        newest = self._records.traffic().newest
        comparing = lambda done, total: progress.stage("Comparing", done, total)  # noqa: E731
        self._reconcile(newest, progress)
        RivalFinder(self._records, self._declarations.company).run(self.found(draft).number, comparing)
        with self._records.writing() as tx:
            checked = tx.held_draft(draft).model_copy(update={"base": newest, "stale": False, "checked": True})
            tx.put_draft(checked)
        return checked

    def changes_nothing(self, draft: Draft) -> bool:
        """Whether every document it touches is again as the newest release has it, processed under the same rules."""
        newest = self._records.traffic().newest
        return all(
            self._contents(documents, draft.number) == self._contents(documents, newest)
            for documents in batches(self._records.touched_documents(draft.number), DOCUMENTS_AT_ONCE)
        )

    def hold(self, draft: str, reasons: Sequence[str], by: str) -> Draft:
        """Let a draft wait for a person. Saying the same again is not audited again."""
        with self._records.writing() as tx:
            before = tx.held_draft(draft)
            held = before.model_copy(update={"state": DraftState.HELD, "reasons": tuple(reasons)})
            if held != before:
                tx.put_draft(held)
                tx.audit(self._entry(Action.DRAFT_HELD, held, by, {"reasons": [*reasons]}))
        return held

    def split(self, draft: str, sources: Collection[str], reasons: Sequence[str], by: str) -> Draft:
        """Move what a draft holds of `sources` into one of its own, which is held."""
        with self._records.writing() as tx:
            whole = tx.held_draft(draft)
            part = tx.split(whole.number, sources, self._new_id(), self._now())
            held = part.model_copy(update={"state": DraftState.HELD, "reasons": tuple(reasons)})
            tx.put_draft(held)
            detail: dict[str, JsonValue] = {"from": draft, "sources": [*sorted(sources)], "reasons": [*reasons]}
            tx.audit(self._entry(Action.DRAFT_SPLIT, held, by, detail))
        self._reconcile(self._records.traffic().newest, Silent())
        return held

    def publish(self, draft: str, how: Publishing) -> Release:
        """Make a checked draft the next release, with what it does to the conflicts and the audit entry, in one transaction.

        Raises StaleDraft when it was written to, overtaken or rolled back under since it was checked, and what `RecordWriter.publish`
        raises; nothing is lost by that.
        """
        first = self.found(draft)
        if not first.checked:
            raise StaleDraft(f"Draft {draft} was changed since it was checked.", remedy="Check it again, then publish it.")
        self._carry_over(first.number)
        self._reconcile(self._records.traffic().newest, Silent())
        at = self._now()
        regions, workflows = Regions(self._declarations.company.regions), self._declarations.workflows.values()
        moved = ConflictKeeper(self._records, regions, workflows).moved(first.number, first.base, at.date())
        with self._records.writing() as tx:
            conflicts = store(tx, moved, first.number, first.base, at, how.by)
            release = tx.publish(first.number, at, how.by, how.why, how.share)
            if how.by_person:
                tx.hold_publishing(False)
            detail = {**(how.detail or {}), "draft": draft, "share": how.share, "why": how.why, "conflicts": summary(conflicts)}
            subject = f"release:{release.number}"
            tx.audit(AuditEntry(at=at, actor=how.by, action=how.action, subject=subject, detail=detail))
        _tell_owners(conflicts)
        return release

    def discard(self, draft: str, by: str, why: str) -> Draft:
        """Undo a draft. What its syncs brought is brought again by the next ones."""
        number = self.found(draft).number
        with self._records.writing() as tx:
            tx.put_draft(tx.held_draft(draft).model_copy(update={"ending": True, "reasons": (why,)}))
        for documents in batches(self._records.touched_documents(number), DOCUMENTS_AT_ONCE):
            with self._records.writing() as tx:
                tx.bring_again(documents)
                tx.undo(number, documents)
        return self._ended(draft, by, why)

    def drop(self, draft: str, by: str) -> Draft:
        """End a draft that changes nothing; nothing has to be brought again."""
        number = self.found(draft).number
        for documents in batches(self._records.touched_documents(number), DOCUMENTS_AT_ONCE):
            with self._records.writing() as tx:
                tx.undo(number, documents)
        return self._ended(draft, by, "It changed nothing.")

    def _ended(self, draft: str, by: str, why: str) -> Draft:
        self._reconcile(self._records.traffic().newest, Silent())
        with self._records.writing() as tx:
            ended = tx.held_draft(draft).model_copy(update={"state": DraftState.DISCARDED})
            tx.put_draft(ended)
            tx.audit(self._entry(Action.DRAFT_DISCARDED, ended, by, {"why": why}))
        return ended

    def _carry_over(self, number: int) -> None:
        """See that every other draft comes after `number`, so that none of their rows is read with it."""
        for other in self._records.drafts():
            if other.number < number:
                with self._records.writing() as tx:
                    tx.carry(other.number)

    def _contents(self, documents: Sequence[str], number: int) -> dict[str, object]:
        return {document: state.content for document, state in self._records.states_of(documents, number).items()}

    def _reconcile(self, after: int | None, progress: Progress) -> None:
        indexing = lambda done, total: progress.stage("Indexing", done, total)  # noqa: E731
        reconcile(self._records, self._index, self._embedder, after=after, report=indexing)

    def _entry(self, action: Action, draft: Draft, by: str, detail: Mapping[str, JsonValue]) -> AuditEntry:
        return AuditEntry(at=self._now(), actor=by, action=action, subject=f"draft:{draft.id}", detail=dict(detail))


def _tell_owners(conflicts: Iterable[Conflict]) -> None:
    for conflict in conflicts:
        if conflict.notified:
            documents = [side.ref for side in conflict.sides]
            log.info("conflict_waits_for_its_owners", conflict=conflict.id, owners=sorted(conflict.notified), documents=documents)
