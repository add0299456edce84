"""Drafts, releases and what is read, as a transaction writes them."""
# ruff: noqa: D102 - the contract of each method stands in release_protocol.py

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, and_, delete, func, insert, select, update

from context_service.errors import CanaryRunning, DraftConflict, NotRestored, StaleDraft, UnknownRelease
from context_service.model.document import ItemMark, Revision
from context_service.model.release import Draft, DraftState, HeadMove, Release, ReleaseKind, Traffic
from context_service.records import tables
from context_service.records.columns import dump, in_utc, load
from context_service.records.queries import STANDING, drafts_of, of_sources, touched, traffic_of
from context_service.records.release_protocol import ReleaseWriter

RANGED = (tables.revisions, tables.chunks)
CHECK_AGAIN = "Nothing is lost: check the draft again, then publish it."


class Drafting(ReleaseWriter):
    """Writes on the open transaction of `connection`. The row of the head stays locked from the first of these calls to its end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[int, Draft] | None = None

    @abstractmethod
    def put_mark(self, source: str, mark: ItemMark) -> None:
        """See RecordWriter.put_mark."""

    @abstractmethod
    def set_cursor(self, source: str, cursor: str | None) -> None:
        """See RecordWriter.set_cursor."""

    def open_draft(
        self,
        id: str,  # noqa: A002 - the protocol's name
        kind: ReleaseKind,
        at: datetime,
        by: str,
        *,
        sources: Collection[str] = (),
        restores: int | None = None,
    ) -> Draft:
        traffic = self.held_traffic()
        if traffic.restoring and restores is None:
            raise _not_restored(traffic)
        draft = Draft(
            id=id,
            number=self._issue(),
            kind=kind,
            sources=frozenset(sources),
            base=traffic.newest,
            opened_at=at,
            opened_by=by,
            restores=restores,
        )
        self._insert(draft)
        return draft

    def held_traffic(self) -> Traffic:
        return traffic_of(self._connection, locked=True)

    def held_drafts(self) -> list[Draft]:
        return [*self._drafts().values()]

    def held_draft(self, id: str) -> Draft:  # noqa: A002 - the protocol's name
        for draft in self.held_drafts():
            if draft.id == id:
                return draft
        raise _does_not_stand(id)

    def put_draft(self, draft: Draft) -> None:
        column = tables.drafts.c
        changed = update(tables.drafts).where(column.id == draft.id).values(state=draft.state, payload=dump(draft))
        if not self._connection.execute(changed).rowcount:
            raise _does_not_stand(draft.id)
        self._known = None

    def carry(self, draft: int) -> Draft:
        carried = self.standing(draft).model_copy(update={"number": self._issue()})
        self._renumber(draft, carried.number, None)
        self._connection.execute(update(tables.drafts).where(tables.drafts.c.id == carried.id).values(number=carried.number))
        self.put_draft(carried)
        return carried

    def split(self, draft: int, sources: Collection[str], id: str, at: datetime) -> Draft:  # noqa: A002 - the protocol's name
        whole = self.standing(draft)
        part = whole.model_copy(
            update={"id": id, "number": self._issue(), "sources": frozenset(sources), "opened_at": at, "gates": {}, "reasons": ()}
        )
        self._insert(part)
        self._renumber(draft, part.number, sources)
        self.put_draft(whole.model_copy(update={"sources": whole.sources - part.sources}))
        return part

    def undo(self, draft: int, documents: Sequence[str]) -> None:
        self.put_draft(self.standing(draft).model_copy(update={"checked": False}))
        self._undo(draft, documents)

    def bring_again(self, documents: Sequence[str]) -> None:
        named = tables.revisions.c.document.in_(documents)
        rows = self._connection.scalars(select(tables.revisions.c.payload).where(named))
        unknown = ItemMark(key="", document="", fingerprint="", content_hash="", governance_hash="")
        marks = {
            (one.source, one.key): unknown.model_copy(update={"key": one.key, "document": one.document})
            for one in (load(Revision, payload) for payload in rows)
        }
        kept = select(tables.marks.c.source, tables.marks.c.payload).where(tables.marks.c.document.in_(documents))
        for row in self._connection.execute(kept):
            mark = load(ItemMark, row.payload)
            marks[row.source, mark.key] = mark.model_copy(update={"fingerprint": "", "content_hash": "", "governance_hash": ""})
        for (source, _), mark in sorted(marks.items()):
            self.put_mark(source, mark)
        for source in sorted({source for source, _ in marks}):
            self.set_cursor(source, None)

    def publish(self, draft: int, at: datetime, by: str, why: str = "", share: float = 1.0) -> Release:
        traffic, standing = self.held_traffic(), self.standing(draft)
        self._refuse(standing, traffic)
        release = Release(
            number=draft,
            published_at=in_utc(at),
            base=traffic.newest,
            kind=standing.kind,
            draft=standing.id,
            sources=standing.sources,
            by=by,
            why=why,
            gates=standing.gates,
            restores=standing.restores,
        )
        row = {"number": draft, "retired_at": None, "swept": False, "payload": dump(release)}
        self._connection.execute(insert(tables.releases), row)
        self.put_draft(standing.model_copy(update={"state": DraftState.PUBLISHED}))
        whole = HeadMove(at=at, number=draft, actor=by, reason=why)
        self.move_head(whole if share >= 1 else whole.model_copy(update={"number": traffic.number, "canary": draft, "share": share}))
        return release

    def move_head(self, move: HeadMove) -> HeadMove:
        self.held_traffic()
        for number in {move.number, move.canary} - {None}:
            column = tables.releases.c
            if not self._connection.scalar(select(column.number).where(column.number == number, column.retired_at.is_(None))):
                raise UnknownRelease(f"There is no release {number} to read.", remedy="Choose one of those that are kept.", field="release")
        self._connection.execute(update(tables.head).values(number=move.number, canary=move.canary, share=move.share))
        last = self._connection.execute(select(func.max(tables.head_moves.c.place), func.max(tables.head_moves.c.at))).one()
        # A clock that was set back: moments are looked up by `at`, so that a later move must not seem the earlier one.
        kept = move.model_copy(update={"at": max(move.at, last[1] or move.at)})
        row = {"place": (last[0] or 0) + 1, "at": kept.at, "number": kept.number, "payload": dump(kept)}
        self._connection.execute(insert(tables.head_moves), row)
        return kept

    def hold_publishing(self, held: bool) -> None:  # noqa: FBT001 - the protocol's signature
        self._connection.execute(update(tables.head).values(publishing_held=held))

    def put_release(self, release: Release) -> None:
        traffic = self.held_traffic()
        if release.retired_at and release.number in (traffic.number, traffic.canary):
            raise DraftConflict(f"Release {release.number} is being read.", remedy="Try again.")
        changed = {"retired_at": release.retired_at, "payload": dump(release)}
        self._connection.execute(update(tables.releases).where(tables.releases.c.number == release.number).values(changed))

    def standing(self, number: int) -> Draft:
        """The standing draft of that number; nobody else publishes it until this transaction ends. Raises DraftConflict."""
        drafts = self._drafts()
        if number not in drafts:
            raise _does_not_stand(str(number))
        return drafts[number]

    def take_over(self, document: str, draft: int) -> None:
        """Undo what every other standing draft does to the document, and mark it stale. Raises DraftConflict."""
        taker = self.standing(draft)
        if taker.checked:
            self.put_draft(taker.model_copy(update={"checked": False}))
        others = [number for number in self._drafts() if number != draft]
        for number in others:
            its_own = select(tables.revisions.c.id).where(tables.revisions.c.document == document, touched(tables.revisions, number))
            if self._connection.execute(its_own.limit(1)).first():
                loser = self.standing(number)
                if loser.kind is ReleaseKind.SYNC:
                    self.bring_again([document])
                self._undo(number, [document])
                self.put_draft(loser.model_copy(update={"stale": True, "checked": False}))

    def _drafts(self) -> dict[int, Draft]:
        if self._known is None:
            self.held_traffic()
            self._known = {one.number: one for one in drafts_of(self._connection, tables.drafts.c.state.in_(STANDING))}
        return self._known

    def _insert(self, draft: Draft) -> None:
        row = {"id": draft.id, "number": draft.number, "state": draft.state, "payload": dump(draft)}
        self._connection.execute(insert(tables.drafts), row)
        self._known = None

    def _issue(self) -> int:
        self.held_traffic()
        number: int = self._connection.execute(select(tables.head.c.issued)).scalar_one() + 1
        self._connection.execute(update(tables.head).values(issued=number))
        return number

    def _undo(self, draft: int, documents: Sequence[str]) -> None:
        for table in RANGED:
            named = table.c.document.in_(documents)
            self._connection.execute(delete(table).where(named, table.c.added_in == draft))
            self._connection.execute(update(table).where(named, table.c.removed_in == draft).values(removed_in=None))

    def _renumber(self, old: int, new: int, sources: Collection[str] | None) -> None:
        """Chunks first: which are of a source is known by the revisions, which still have the old number."""
        column = tables.revisions.c
        documents = select(column.document).where(touched(tables.revisions, old), *of_sources(tables.revisions, sources))
        whose = [] if sources is None else [tables.chunks.c.document.in_(documents)]
        self._move(tables.chunks, old, new, *whose)
        self._move(tables.revisions, old, new, *of_sources(tables.revisions, sources))

    def _move(self, table: Table, old: int, new: int, *whose: object) -> None:
        for column in (table.c.added_in, table.c.removed_in):
            self._connection.execute(update(table).where(and_(column == old, *whose)).values({column: new}))  # type: ignore[arg-type]

    def _refuse(self, draft: Draft, traffic: Traffic) -> None:
        if traffic.canary is not None:
            raise CanaryRunning(
                f"Release {traffic.canary} is being tried on a share of the conversations.",
                remedy="Widen it to all of them or take it back, then publish.",
            )
        if traffic.restoring and draft.restores != traffic.number:
            raise _not_restored(traffic)
        if draft.restores is not None and not traffic.restoring:
            raise DraftConflict(f"Release {draft.restores} need not be restored any more.", remedy="Discard the draft.")
        if draft.ending:
            raise _does_not_stand(draft.id)
        if draft.stale:
            raise StaleDraft(f"Draft {draft.id} is stale: some of its documents were changed elsewhere.", remedy=CHECK_AGAIN)
        if draft.base != traffic.newest:
            changed = f"Draft {draft.id} was checked against release {draft.base}, and {traffic.newest} has been published since."
            raise StaleDraft(changed, remedy=CHECK_AGAIN)
        if min(self._drafts()) != draft.number:
            raise DraftConflict(
                f"Draft {min(self._drafts())} stands before draft {draft.number}.", remedy="Carry it to a higher number first."
            )


def _does_not_stand(name: str) -> DraftConflict:
    return DraftConflict(
        f"Draft {name} is not open: it does not exist, was discarded, or somebody else has published it.",
        remedy="List the drafts; sync again to bring what is missing.",
    )


def _not_restored(traffic: Traffic) -> NotRestored:
    return NotRestored(
        f"Release {traffic.newest} was rolled back to {traffic.number}, which is not restored yet.",
        remedy="The service restores it in the background, the next sync otherwise; try again after that.",
    )
