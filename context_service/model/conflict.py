"""Conflicts as their owners see them, lasting over releases, and the rulings that settle them."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from enum import StrEnum

from pydantic import Field, model_validator

from context_service.model.applicability import Applicability
from context_service.model.base import Names, NameSet, Value, digest
from context_service.model.rivalry import Passage, Relation, RivalryKind

TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Classes of characters that can make a reason look like another one."""

MAX_REASON = 2_000
"""Characters of the reason that a ruling gives."""


TextKey = tuple[str, str]
"""A document's id and the digest of a passage's words (`text_digest`)."""


class ConflictState(StrEnum):
    """Where a conflict stands; the first two wait for an owner."""

    OPEN = "open"
    REOPENED = "reopened"
    RESOLVED_BY_RULE = "resolved_by_rule"
    RULED = "ruled"
    DISMISSED = "dismissed"
    CLOSED = "closed"

    @property
    def waits(self) -> bool:
        """Whether an owner has to do something."""
        return self in (ConflictState.OPEN, ConflictState.REOPENED)


class Happening(StrEnum):
    """What can happen to a conflict when a release is published, or when an owner acts."""

    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"
    RETURNED = "returned"
    RULED = "ruled"
    REVOKED = "revoked"


class ConflictEvent(Value):
    """One thing that happened to a conflict. `release` is the one that brought it; `actor` a person, or who ran the ingest.

    `other` names the conflict whose place this one took when it opened or returned, or that took this one's place when it closed: after an
    edit that changed words and value at once.
    """

    at: datetime
    happening: Happening
    actor: str
    release: int
    ruling: str | None = None
    other: str | None = None


class ConflictSide(Value):
    """One side: what a document says of the subject, wherever it says it. `texts` are digests of the passages' words.

    `id` follows from document and words, so it changes exactly when the side does.
    """

    document: str
    ref: str = Field(description="How people name the document: `source:key`.")
    source: str
    owner: str
    authority: str
    rank: int
    passages: tuple[Passage, ...]
    texts: NameSet

    @property
    def id(self) -> str:
        """Names the side as it stands."""
        return digest("side", self.document, *sorted(self.texts), length=16)


class Conflict(Value):
    """Sides that cannot all hold, found when content arrived. It keeps its id while documents are chunked anew and values change."""

    id: str
    kind: RivalryKind
    relation: Relation = Relation.CONFLICT
    sides: tuple[ConflictSide, ...]
    distance: float = Field(description="How far apart the sides are, from 0 to 1.")
    first_seen: datetime
    release: int = Field(description="The release that brought the sides as they stand, or the last one in which a closed conflict lived.")
    closed: bool = False
    returned: bool = Field(False, description="Whether it had been closed and came back.")
    unsettled: bool = Field(False, description="Whether it took the place of one that had been ruled on.")
    told_apart: bool = Field(False, description="Whether the sides' own words say for which case each holds, so that both are told.")
    undecided_in: NameSet = Field(frozenset(), description="Workflows whose own order of rules decides nothing here.")
    events: tuple[ConflictEvent, ...]
    notified: NameSet = Field(frozenset(), description="Owners that were told of it because no rule decides.")

    @property
    def owners(self) -> tuple[str, ...]:
        """Who answers for the sides."""
        return tuple(sorted({side.owner for side in self.sides}))


class RulingOutcome(StrEnum):
    """What an owner decides."""

    SIDE_WINS = "side_wins"
    BOTH_HOLD = "both_hold"
    NOT_A_CONFLICT = "not_a_conflict"
    FIX_AT_SOURCE = "fix_at_source"


class RulingScope(Value):
    """For which requests a ruling decides; left out, for all."""

    workflows: Names = Field("*", description="Workflows, or `*`.")
    applicability: Applicability = Field(Applicability(), description="Customers and situations, in the words of applicability.")


class RulingRequest(Value):
    """What an owner wants to rule."""

    outcome: RulingOutcome = Field(
        description=(
            "`side_wins`: `side` is told, the others are not. `both_hold`: each side holds under its own `conditions`. "
            "`not_a_conflict`: both are told, unmarked. "
            "`fix_at_source`: `side` is wrong and is not told until it changes or nothing contradicts it."
        )
    )
    seen: tuple[str, ...] = Field(
        min_length=2, max_length=20, description="Ids of the sides as you saw them; refused when one has changed."
    )
    side: str | None = Field(None, max_length=64, description="Id of the side that wins, or that is to be fixed at its source.")
    conditions: dict[str, Applicability] = Field({}, max_length=20, description="For `both_hold`: id of a side -> when it holds.")
    scope: RulingScope = Field(RulingScope(), description="For which requests it decides.")
    reason: str = Field(min_length=1, max_length=MAX_REASON, description="Why; it is shown with every answer that it decides.")
    expires_at: datetime | None = Field(None, description="When it ends (with time zone); left out, it stays.")

    @model_validator(mode="after")
    def _fits_its_outcome(self) -> RulingRequest:
        names_a_side = self.outcome in (RulingOutcome.SIDE_WINS, RulingOutcome.FIX_AT_SOURCE)
        if names_a_side != (self.side is not None):
            raise ValueError(f"{self.outcome.value} needs {'a' if names_a_side else 'no'} `side`")
        if (self.outcome is RulingOutcome.BOTH_HOLD) != any(value.conditions() for value in self.conditions.values()):
            raise ValueError("`both_hold` needs `conditions` for at least one side, every other outcome none")
        if not {*self.conditions, *([self.side] if self.side else [])} <= set(self.seen):
            raise ValueError("`side` and `conditions` name sides out of `seen`")
        if not self.reason.strip():
            raise ValueError("`reason` is blank")
        if any(_steers(char) for char in self.reason):
            raise ValueError("`reason` holds a character that steers a screen instead of being read")
        if self.expires_at and self.expires_at.tzinfo is None:
            raise ValueError("`expires_at` has no time zone")
        return self


class RuledSide(Value):
    """A side as it stood when it was ruled on. The ruling binds these words of this document, and no others."""

    id: str
    document: str
    ref: str
    texts: NameSet


class Ruling(Value):
    """An owner's decision about a conflict. It holds while the sides' words stay, until it expires or is revoked."""

    id: str
    conflict: str
    outcome: RulingOutcome
    side: str | None = None
    conditions: dict[str, Applicability] = {}
    scope: RulingScope = RulingScope()
    reason: str
    author: str
    made_at: datetime
    expires_at: datetime | None = None
    sides: tuple[RuledSide, ...]
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def stands_at(self, moment: datetime) -> bool:
        """Whether it had been made, was not revoked and had not expired at `moment`."""
        ended = [end for end in (self.revoked_at, self.expires_at) if end]
        return self.made_at <= moment and all(moment < end for end in ended)


class Severity(Value):
    """How much a conflict matters, from 0 to 1, and the parts it is made of, each from 0 to 1 (see `conflicts/severity.py`)."""

    score: float
    distance: float
    authority: float
    served: float
    risk: float


def _steers(char: str) -> bool:
    """Whether a character is a control, turns the direction of what follows, or is half of one."""
    return (unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\n\r") or unicodedata.bidirectional(char) in TURNING


def text_digest(text: str) -> str:
    """Names a passage's words, whatever white space stands between them."""
    return digest(" ".join(text.split()), length=16)
