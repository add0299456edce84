"""Releases, the drafts that become them, and which of them is read."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from context_service.model.base import NameSet, Value, digest

SHARE_STEPS = 2**32

HIGHEST = 2**31 - 1
"""No release or draft has a higher number."""


class ReleaseKind(StrEnum):
    """What a release came from: syncs, a person's workspace, or the restoring of an older release."""

    SYNC = "sync"
    WORKSPACE = "workspace"
    ROLLBACK = "rollback"


class DraftState(StrEnum):
    """Where a draft stands. A held one waits for a person, and is filled further by the syncs of its sources."""

    OPEN = "open"
    HELD = "held"
    PUBLISHED = "published"
    DISCARDED = "discarded"

    @property
    def standing(self) -> bool:
        """Whether it may still be filled and published."""
        return self in (DraftState.OPEN, DraftState.HELD)


class Draft(Value):
    """A proposed next release. Its rows carry `number`, which rises when another draft is published before it; `id` never changes.

    `base` is the newest release when the draft was last checked: its rivals were looked for among the texts of that one. `checked` says
    that nothing was written into it since. `stale` says that another draft took one of its documents over, or that a rollback came
    between; it has to be checked again. `restores` is the release that a rollback brings back. `notes` belong to whoever works on the
    draft.
    """

    id: str
    number: int = Field(ge=1)
    kind: ReleaseKind
    state: DraftState = DraftState.OPEN
    sources: NameSet = frozenset()
    base: int
    stale: bool = False
    checked: bool = False
    ending: bool = Field(False, description="Whether it is being discarded.")
    opened_at: datetime
    opened_by: str
    editors: NameSet = frozenset()
    reasons: tuple[str, ...] = Field((), description="Why it is held.")
    gates: dict[str, JsonValue] = {}
    notes: dict[str, JsonValue] = {}
    restores: int | None = None


class Release(Value):
    """A published, numbered state of the knowledge. Numbers rise and may have gaps; `base` is the newest release before it."""

    number: int = Field(ge=1)
    published_at: datetime
    base: int = 0
    kind: ReleaseKind = ReleaseKind.SYNC
    draft: str = ""
    sources: NameSet = frozenset()
    by: str = ""
    why: str = ""
    gates: dict[str, JsonValue] = {}
    restores: int | None = Field(None, description="The release whose state this one brought back.")
    pinned: bool = False
    retired_at: datetime | None = Field(None, description="Since when it cannot be read any more.")


class HeadMove(Value):
    """A change of what is read: from `at` on `number`, and `canary` by `share` of the conversations."""

    at: datetime
    number: int
    canary: int | None = None
    share: float = Field(0.0, ge=0.0, le=1.0)
    actor: str
    reason: str = ""


class Traffic(Value):
    """What is read now. `number` is 0 before the first release; `newest` is the highest published number."""

    number: int
    canary: int | None = None
    share: float = 0.0
    publishing_held: bool = Field(False, description="Whether nothing publishes itself until a person has published.")
    newest: int

    @property
    def restoring(self) -> bool:
        """Whether the newest release was rolled back or taken back, and what stands instead is not yet a release of its own."""
        return self.canary is None and self.number != self.newest

    def release_for(self, conversation: str) -> int:
        """The release that a conversation reads: always the same one while `canary` and `share` stay, and as `share` grows."""
        if self.canary is None:
            return self.number
        place = int(digest("canary", str(self.canary), conversation, length=8), 16)
        return self.canary if place < self.share * SHARE_STEPS else self.number


class View(Value):
    """What a release number reads: everything up to the release `base`, and the rows of `draft` where the number is a draft's."""

    base: int
    draft: int | None = None

    def began(self, added_in: int) -> bool:
        """Whether a row that was added there had been added by then."""
        return added_in <= self.base or added_in == self.draft

    def holds(self, added_in: int, removed_in: int | None) -> bool:
        """Whether a row of this range is read."""
        return self.began(added_in) and (removed_in is None or (removed_in > self.base and removed_in != self.draft))
