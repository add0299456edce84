"""Conflicts and rulings for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from context_service.model.conflict import Conflict, ConflictEvent, ConflictSide, Happening, RuledSide, Ruling, RulingOutcome, text_digest
from context_service.model.rivalry import Passage, RivalryKind

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def conflict_side(document: str, words: str, *, chunk: str = "") -> ConflictSide:
    """What `document` says."""
    return ConflictSide(
        document=document,
        ref=f"handbook:{document}",
        source="handbook",
        owner="policy-team",
        authority="policy",
        rank=80,
        passages=(Passage(chunk=chunk or f"{document}-1", start=0, end=len(words)),),
        texts=frozenset({text_digest(words)}),
    )


def conflict(*sides: ConflictSide, name: str = "c1") -> Conflict:
    """A conflict between sides, open since the first release."""
    opened = ConflictEvent(at=NOW, happening=Happening.OPENED, actor="test", release=1)
    return Conflict(id=name, kind=RivalryKind.VALUE, sides=sides, distance=0.5, first_seen=NOW, release=1, events=(opened,))


def ruling_on(stored: Conflict, outcome: RulingOutcome = RulingOutcome.SIDE_WINS, **more: object) -> Ruling:
    """A ruling on a conflict; where an outcome names a side, the first one."""
    names_one = outcome in (RulingOutcome.SIDE_WINS, RulingOutcome.FIX_AT_SOURCE)
    given: dict[str, object] = {
        "id": "r1",
        "conflict": stored.id,
        "outcome": outcome,
        "side": stored.sides[0].id if names_one else None,
        "reason": "because",
        "author": "ada",
        "made_at": NOW,
        "sides": tuple(RuledSide(id=side.id, document=side.document, ref=side.ref, texts=side.texts) for side in stored.sides),
    }
    return Ruling.model_validate(given | more)
