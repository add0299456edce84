"""Keeping the conflicts that owners see in step with the rivals that a draft holds.

What changes is worked out before the release is published and written in the transaction that publishes it: nobody sees a conflict
before its release, and a kill leaves both or neither. Only conflicts that touch a chunk the draft adds or removes are looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from context_service.conflicts.around import Surroundings, spot
from context_service.conflicts.lasting import About, conflict_id, passage_words, signature, successors
from context_service.conflicts.lifecycle import state
from context_service.conflicts.resolve import Claimant
from context_service.conflicts.severity import distance
from context_service.model.base import admits
from context_service.model.conflict import Conflict, ConflictEvent, ConflictSide, Happening, Ruling, text_digest
from context_service.model.document import Chunk, Revision
from context_service.model.rivalry import Passage, Relation, Rivalry, RivalryKind
from context_service.model.workflow import RANKING_RULES, DecidedBy, Workflow
from context_service.policy.applies import Regions, conditions
from context_service.records.protocol import RecordStore, RecordWriter


@dataclass(frozen=True)
class Sighting:
    """A conflict as the draft holds it. `decided`: the rules choose a side without any ruling; `told_apart`: both are told, as each says
    for which case it holds; `takes_place_of` names one that the draft ended by rewriting a side.
    """

    kind: RivalryKind
    relation: Relation
    sides: tuple[ConflictSide, ...]
    distance: float
    decided: bool
    told_apart: bool
    undecided_in: frozenset[str]
    takes_place_of: str | None = None


Moved = Mapping[str, Sighting | None]
"""What a release does to conflicts, by id; None for one that has no living sides in it."""


class ConflictKeeper:
    """Works out what a draft does to the conflicts, and stores it with the release."""

    def __init__(self, records: RecordStore, regions: Regions, workflows: Iterable[Workflow]) -> None:
        self._records = records
        self._regions = regions
        self._own_orders = [workflow for workflow in workflows if workflow.resolution != RANKING_RULES]

    def moved(self, draft: int, base: int, day: date) -> Moved:
        """Every conflict with a side that the draft adds to its base or removes from it, as the draft holds it."""
        touched = self._records.rivalries_touched(draft, draft)
        before = self._by_conflict(self._records.rivalries_touched(draft, base))
        after = self._by_conflict(touched)
        known = self._records.conflicts(sorted(before.keys() | after.keys()))
        elsewhere = [passage.chunk for conflict in known for side in conflict.sides for passage in side.passages]
        living = self._by_conflict({one.id: one for one in (*touched, *self._records.rivalries(elsewhere, draft))}.values())
        around = [one for some in living.values() for one in some]
        texts = Texts.around(self._records, around)
        surroundings = Surroundings(around, partial(self._claimant, texts), day)
        names = sorted(before.keys() | after.keys())
        seen = {name: self._sighting(living[name], texts, surroundings) if name in living else None for name in names}
        return {**seen, **self._taking_places(seen, {one.id for one in known if not one.closed}, before, living)}

    def _taking_places(
        self, seen: Moved, stood: Collection[str], before: Mapping[str, Sequence[Rivalry]], living: Mapping[str, Sequence[Rivalry]]
    ) -> Moved:
        """The sightings of conflicts that the draft puts in the place of others, which it ends."""
        gone = {name: before[name] for name, sighting in seen.items() if not sighting and name in stood and name in before}
        come = {name: living[name] for name, sighting in seen.items() if sighting and name not in stood} if gone else {}
        ended, begun = self._abouts(gone), self._abouts(come)
        found = successors(ended, begun)
        return {new: replace(sighting, takes_place_of=old) for new, old in found.items() if (sighting := seen[new])}

    def _abouts(self, conflicts: Mapping[str, Sequence[Rivalry]]) -> dict[str, set[About]]:
        texts = Texts.around(self._records, (one for some in conflicts.values() for one in some))
        return {name: {texts.about(side) for one in some for side in (one.left, one.right)} for name, some in conflicts.items()}

    def _by_conflict(self, rivalries: Iterable[Rivalry]) -> dict[str, list[Rivalry]]:
        every = list(rivalries)
        return Texts.around(self._records, every).by_conflict(every)

    def _sighting(self, rivalries: Sequence[Rivalry], texts: Texts, surroundings: Surroundings) -> Sighting:
        passages = {side for one in rivalries for side in (one.left, one.right)}

        def decides(order: Sequence[DecidedBy]) -> bool:
            # Of copies one is told in any case.
            return not rivalries[0].kind.contradicts or surroundings.decides(passages, order)

        sources = {texts.revision(passage).source for passage in passages}
        concerned = [one for one in self._own_orders if all(admits(one.sources, source) for source in sources)]
        return Sighting(
            kind=rivalries[0].kind,
            relation=min((one.relation for one in rivalries), key=list(Relation).index),
            sides=texts.sides(rivalries),
            distance=max(distance(one.kind, texts.words(one.left), texts.words(one.right)) for one in rivalries),
            decided=decides(RANKING_RULES),
            told_apart=all(self._told_apart(texts, one) for one in rivalries),
            undecided_in=frozenset(one.id for one in concerned if not decides(one.resolution)),
        )

    def _told_apart(self, texts: Texts, rivalry: Rivalry) -> bool:
        left, right = (self._claimant(texts, side).conditions for side in (rivalry.left, rivalry.right))
        return rivalry.told_apart(left, right)

    def _claimant(self, texts: Texts, passage: Passage) -> Claimant:
        revision = texts.revision(passage)
        governance = revision.governance
        return Claimant(
            passage=passage,
            ref=revision.ref,
            authority=governance.authority,
            rank=governance.rank,
            conditions=conditions(governance.applicability, self._regions),
            effective=governance.effective,
            status=governance.status,
            supersedes=governance.supersedes,
            modified=governance.modified,
        )


@dataclass(frozen=True)
class Texts:
    """The chunks around some rivalries, with their revisions."""

    chunks: Mapping[str, Chunk]
    revisions: Mapping[str, Revision]

    @classmethod
    def around(cls, records: RecordStore, rivalries: Iterable[Rivalry]) -> Texts:
        """Those of the sides of `rivalries`."""
        chunks = records.chunks(sorted({side.chunk for one in rivalries for side in (one.left, one.right)}))
        return cls(chunks, records.revisions(sorted({chunk.revision for chunk in chunks.values()})))

    def by_conflict(self, rivalries: Iterable[Rivalry]) -> dict[str, list[Rivalry]]:
        """The rivalries by the conflict that they belong to; duplicates are none."""
        found: dict[str, list[Rivalry]] = defaultdict(list)
        for one in rivalries:
            if one.kind is not RivalryKind.DUPLICATE:
                found[conflict_id(one.kind, [self.about(one.left), self.about(one.right)])].append(one)
        return found

    def revision(self, passage: Passage) -> Revision:
        """The state of the passage's document."""
        return self.revisions[self.chunks[passage.chunk].revision]

    def words(self, passage: Passage) -> str:
        """What the passage says."""
        return passage_words(passage, self.chunks[passage.chunk].text, self._headings(passage))

    def about(self, passage: Passage) -> tuple[str, str]:
        """The passage's document, and what it is about."""
        return self.chunks[passage.chunk].document, signature(self.words(passage), self._headings(passage))

    def sides(self, rivalries: Sequence[Rivalry]) -> tuple[ConflictSide, ...]:
        """The passages by side: by document and subject, or by their words where a document contradicts itself in one sentence."""
        passages = sorted({side for one in rivalries for side in (one.left, one.right)}, key=spot)
        by_side: dict[tuple[str, str], list[Passage]] = defaultdict(list)
        for passage in passages:
            by_side[self.about(passage)].append(passage)
        if len(by_side) == 1:
            (document, _), passages = next(iter(by_side.items()))
            by_side = defaultdict(list)
            for passage in passages:
                by_side[document, text_digest(self.words(passage))].append(passage)
        return tuple(sorted((self._side(passages) for passages in by_side.values()), key=lambda side: (side.ref, side.id)))

    def _side(self, passages: Sequence[Passage]) -> ConflictSide:
        revision = self.revision(passages[0])
        return ConflictSide(
            document=revision.document,
            ref=revision.ref,
            source=revision.source,
            owner=revision.governance.owner,
            authority=revision.governance.authority,
            rank=revision.governance.rank,
            passages=tuple(passages),
            texts=frozenset(text_digest(self.words(passage)) for passage in passages),
        )

    def _headings(self, passage: Passage) -> tuple[str, ...]:
        return (self.revision(passage).title, *self.chunks[passage.chunk].heading_path)


def store(tx: RecordWriter, moved: Moved, release: int, base: int, at: datetime, actor: str) -> list[Conflict]:
    """Bring the stored conflicts to what a release holds, within the transaction that publishes it; returns those that something
    happened to. Owners of those that nothing decides are told by being named in `notified`.
    """
    tx.hold_conflicts()
    known = tx.held_conflicts(list(moved))
    rulings: dict[str, list[Ruling]] = defaultdict(list)
    for ruling in tx.held_rulings(list(known)):
        rulings[ruling.conflict].append(ruling)
    stored, happened = [], []
    heirs = {sighting.takes_place_of: name for name, sighting in moved.items() if sighting and sighting.takes_place_of}
    for name, sighting in moved.items():
        was = known.get(name)
        if sighting:
            now = _living(name, was, sighting, _ruled_on(sighting.takes_place_of, known, rulings), release, at, actor)
            if state(now, rulings[name], sighting.decided, (), at).waits:
                now = now.model_copy(update={"notified": now.notified | set(now.owners)})
        elif was and not was.closed:
            now = _closed(was, heirs.get(name), release, base, at, actor)
        else:
            continue
        stored.append(now)
        if was is None or len(now.events) > len(was.events):
            happened.append(now)
    tx.put_conflicts(stored)
    return happened


def _ruled_on(name: str | None, known: Mapping[str, Conflict], rulings: Mapping[str, Sequence[Ruling]]) -> bool:
    """Whether somebody had settled the conflict of that name, or one whose place it had taken."""
    if name is None:
        return False
    return known[name].unsettled or any(one.revoked_at is None for one in rulings.get(name, ()))


def _living(
    name: str,
    was: Conflict | None,
    sighting: Sighting,
    unsettled: bool,  # noqa: FBT001 - a fact of the conflict
    release: int,
    at: datetime,
    actor: str,
) -> Conflict:
    seen = {
        "relation": sighting.relation,
        "sides": sighting.sides,
        "distance": sighting.distance,
        "told_apart": sighting.told_apart,
        "undecided_in": sighting.undecided_in,
        "release": release,
        "notified": frozenset[str](),
    }
    before = sighting.takes_place_of
    if was is None:
        opened = ConflictEvent(at=at, happening=Happening.OPENED, actor=actor, release=release, other=before)
        return Conflict(id=name, kind=sighting.kind, first_seen=at, events=(opened,), unsettled=unsettled, **seen)
    same = not was.closed and {side.id for side in was.sides} == {side.id for side in sighting.sides}
    happening = Happening.RETURNED if was.closed else Happening.CHANGED
    event = ConflictEvent(at=at, happening=happening, actor=actor, release=release, other=before)
    lasting = {"closed": False, "returned": was.returned or was.closed, "unsettled": was.unsettled or unsettled}
    return was.model_copy(update={**seen, **lasting, "events": was.events if same else (*was.events, event)})


def _closed(was: Conflict, heir: str | None, release: int, base: int, at: datetime, actor: str) -> Conflict:
    event = ConflictEvent(at=at, happening=Happening.CLOSED, actor=actor, release=release, other=heir)
    return was.model_copy(update={"closed": True, "release": base, "events": (*was.events, event), "notified": frozenset()})


def summary(conflicts: Iterable[Conflict]) -> dict[str, list[str]]:
    """The ids of conflicts by what happened to them last, for the audit log."""
    found: dict[str, list[str]] = defaultdict(list)
    for conflict in conflicts:
        found[conflict.events[-1].happening.value].append(conflict.id)
    return dict(sorted(found.items()))
