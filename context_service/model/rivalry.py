"""Two chunks that say parallel things: the stored half of a conflict, waiting to be resolved for a customer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from context_service.model.base import Value, digest


class RivalryKind(StrEnum):
    """What makes two passages rivals."""

    VALUE = "value"
    POLARITY = "polarity"
    ENUMERATION = "enumeration"
    INTERNAL = "internal"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    STALE_COPY = "stale_copy"

    @property
    def contradicts(self) -> bool:
        """Whether both sides cannot hold; copies of one text can."""
        return self not in (RivalryKind.DUPLICATE, RivalryKind.NEAR_DUPLICATE, RivalryKind.STALE_COPY)


class Relation(StrEnum):
    """How the two sides stand to each other: both for the same case, one for a narrower one, or one after the other in time."""

    CONFLICT = "conflict"
    EXCEPTION = "exception"
    SUCCESSION = "succession"


class Passage(Value):
    """Characters `start` to `end` of a chunk's text; empty where a heading above the text is meant."""

    chunk: str
    start: int
    end: int


class Rivalry(Value):
    """Two passages that cannot both be told. It is alive in a release exactly when both chunks are."""

    left: Passage
    right: Passage
    kind: RivalryKind
    similarity: float
    relation: Relation = Relation.CONFLICT

    def told_apart(self, left: Mapping[str, frozenset[str]], right: Mapping[str, frozenset[str]]) -> bool:
        """Whether one side is an exception by its own words, not by what its document applies to (`left` and `right`): whoever reads it
        sees when it holds, so both are told.
        """
        return self.relation is Relation.EXCEPTION and left == right

    @property
    def id(self) -> str:
        """Stable name, whichever side is named first."""
        sides = sorted(f"{side.chunk}:{side.start}:{side.end}" for side in (self.left, self.right))
        return digest(self.kind, *sides, length=24)
