"""When sources are synced, and how far a sync is: what the processes of a service tell each other through the records."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from context_service.model.base import Value
from context_service.model.context import Freshness


class Pause(Value):
    """Who stopped the scheduled syncs of a source, and when."""

    by: str
    at: datetime
    reason: str = ""


class Wish(Value):
    """Somebody asked for a sync out of turn."""

    by: str
    at: datetime


class ScheduleState(Value):
    """Where the schedule of one source stands."""

    source: str
    rhythm: str = ""
    """The declared rhythm that `slot` follows; another one begins anew."""
    slot: datetime | None = None
    """The regular moment that the next run belongs to, before jitter and backoff."""
    next_run: datetime | None = None
    started_at: datetime | None = None
    """When the run began that is under way; left behind by a process that died, it makes the run due again."""
    last_run: datetime | None = None
    failures: int = 0
    """Failed runs in a row."""
    reason: str | None = None
    """Why the last run failed."""
    paused: Pause | None = None
    wish: Wish | None = None
    told: Freshness | None = None
    """The state that was last told of; None before the first check."""
    told_failing: bool = False


class SyncProgress(Value):
    """How far a sync is that runs somewhere."""

    source: str
    started_at: datetime
    stage: str = Field(description="What is being done: Fetching, Reading, Indexing, Comparing.")
    done: int = Field(0, description="Items, or steps of a later stage, that are done.")
    total: int | None = Field(None, description="How many there are; unknown while a source is read.")
    at: datetime = Field(description="When this was told last.")


class Lease(Value):
    """Which process runs the schedule. It is held by a lock that ends with the process; this only tells of it."""

    holder: str
    since: datetime
    seen_at: datetime


class Verification(Value):
    """An owner's word that a text holds, until a day; it binds the version that its author saw."""

    id: str
    document: str
    ref: str
    version: str
    by: str
    at: datetime
    until: datetime
    note: str = ""


class EventKind(StrEnum):
    """What can happen to a promise."""

    WORSENED = "freshness_worsened"
    RECOVERED = "freshness_recovered"
    FAILING = "source_failing"
    MENDED = "source_mended"

    @property
    def breach(self) -> bool:
        """Whether it is for the worse."""
        return self in (EventKind.WORSENED, EventKind.FAILING)


class Event(Value):
    """Something that was told once, to whom the source's promise names."""

    id: str
    at: datetime
    kind: EventKind
    source: str
    title: str
    owner: str
    before: Freshness | None
    after: Freshness | None
    failures: int
    reason: str | None
    message: str
    told: tuple[str, ...]


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    ABANDONED = "abandoned"


class Attempt(Value):
    """One try to deliver: the status that came back, or why none did."""

    at: datetime
    status: int | None = None
    error: str | None = None


class Delivery(Value):
    """An event on its way to a webhook."""

    id: str
    event: str
    webhook: str
    state: DeliveryState = DeliveryState.PENDING
    attempts: tuple[Attempt, ...] = ()
    next_at: datetime | None = None
    """When it is tried next; None when it is not tried any more."""


class ServedChange(Value):
    """A change at a source and when it began to be served."""

    ref: str
    deleted: bool
    changed_at: datetime | None = Field(description="When the item was changed, as its source says.")
    seen_at: datetime = Field(description="When the run began that found it.")
    checked_before: datetime | None = Field(description="When the last successful run before that began; None when it was the first.")
    served_at: datetime
