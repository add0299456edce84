"""What people see of freshness: each source's promise, how it is kept, and what is under way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from context_service.model.base import Value
from context_service.model.context import Freshness
from context_service.model.document import Outcome, SyncRun
from context_service.model.schedule import Delivery, Event, Lease, Pause, SyncProgress, Wish
from context_service.model.source import Promise
from context_service.schedule.lag import Lag


class SourceFreshness(Value):
    """One source against its promise."""

    source: str
    title: str
    owner: str
    promise: Promise
    state: Freshness = Field(description="By the age of the last successful check; `expired` where there was none.")
    breached: bool = Field(description="Whether the promise is broken: the state is not fresh, or the source fails again and again.")
    checked_at: datetime | None = Field(description="End of the last successful check.")
    changed_at: datetime | None = Field(description="When the last change began to be served.")
    lag: Lag
    failures: int = Field(description="Failed syncs in a row.")
    reason: str | None = Field(description="Why the last sync failed; null when it did not.")
    failing: tuple[Outcome, ...] = Field(description="Items of the last run that could not be read; told to owner and operator.")
    next_run: datetime | None = Field(description="When the schedule syncs it next; null before the schedule has seen it.")
    backing_off: bool = Field(description="Whether the next run is put off because of failures.")
    paused: Pause | None = Field(description="Who paused the schedule of this source.")
    wish: Wish | None = Field(description="Who asked for a sync that has not begun.")
    running: SyncProgress | None = Field(description="The sync that is under way.")
    last_run: SyncRun | None
    may_manage: bool = Field(description="Whether you may sync, pause and resume it.")


class Board(Value):
    """The freshness of every source that the caller may see."""

    at: datetime
    sources: tuple[SourceFreshness, ...]
    schedule: Lease | None = Field(description="The process that runs the schedule, or ran it last.")
    schedule_runs: bool = Field(description="Whether some process has said so lately.")

    @property
    def breaches(self) -> Sequence[SourceFreshness]:
        """Sources whose promise is broken."""
        return [source for source in self.sources if source.breached]


class EventView(Value):
    """An event and what became of its deliveries, which those are told who answer for the source."""

    event: Event
    deliveries: tuple[Delivery, ...]
