"""Two chunks that say parallel things: the stored half of a conflict, waiting to be resolved for a customer."""

from __future__ import annotations

from enum import StrEnum

from context_service.model.base import Value, digest


class RivalryKind(StrEnum):
    """What makes two chunks rivals."""

    DUPLICATE = "duplicate"
    EDITED_COPY = "edited_copy"
    POLARITY = "polarity"
    ENUMERATION = "enumeration"


class Passage(Value):
    """Characters `start` to `end` of a chunk's text."""

    chunk: str
    start: int
    end: int


class Rivalry(Value):
    """Two passages that cannot both be told. It is alive in a release exactly when both chunks are."""

    left: Passage
    right: Passage
    kind: RivalryKind
    similarity: float

    @property
    def id(self) -> str:
        """Stable name, whichever side is named first."""
        sides = sorted(f"{side.chunk}:{side.start}:{side.end}" for side in (self.left, self.right))
        return digest(self.kind, *sides, length=24)
