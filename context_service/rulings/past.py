"""Conflicts as they stood in another release, or as they would stand with a draft. Only those of the present are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from context_service.conflicts.severity import distance
from context_service.ingest.conflicts import Texts
from context_service.model.conflict import Conflict
from context_service.model.rivalry import Rivalry
from context_service.records.protocol import RecordStore


def conflicts_in(records: RecordStore, number: int, moment: datetime) -> list[Conflict]:
    """The conflicts that live in the release or draft `number`, by id, with what had happened to each by `moment`."""
    rivalries = records.all_rivalries(number)
    texts = Texts.around(records, rivalries)
    living = texts.by_conflict(rivalries)
    known = {one.id: one for one in records.conflicts(sorted(living))}
    return [_conflict(name, some, texts, known.get(name), number, moment) for name, some in sorted(living.items())]


def _conflict(name: str, rivalries: Sequence[Rivalry], texts: Texts, stored: Conflict | None, number: int, moment: datetime) -> Conflict:
    first = min(rivalries, key=lambda one: one.id)
    return Conflict(
        id=name,
        kind=first.kind,
        relation=first.relation,
        sides=texts.sides(rivalries),
        distance=max(distance(one.kind, texts.words(one.left), texts.words(one.right)) for one in rivalries),
        told_apart=stored.told_apart if stored else False,
        undecided_in=stored.undecided_in if stored else frozenset(),
        first_seen=min(stored.first_seen, moment) if stored else moment,
        release=number,
        events=tuple(event for event in stored.events if event.at <= moment) if stored else (),
    )
