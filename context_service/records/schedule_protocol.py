"""The part of the records' contract that schedules, verifications and events need (`tests/contract/test_records_schedule.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from context_service.model.schedule import Delivery, Event, Lease, ScheduleState, ServedChange, SyncProgress, Verification


class ScheduleWriter(Protocol):
    """Writes of a transaction; see `RecordWriter`."""

    def held_schedules(self) -> dict[str, ScheduleState]:
        """The state of each source that has one, as this transaction sees it. Nobody else reads them so until it ends."""
        ...

    def put_schedules(self, states: Iterable[ScheduleState]) -> None:
        """Store states; each replaces that of its source."""
        ...

    def forget_outcomes(self, source: str, kept: int) -> None:
        """Forget how single items ended in all but the last `kept` runs of a source, some runs at a time; the runs keep their counts."""
        ...

    def put_progress(self, progress: SyncProgress) -> None:
        """Tell how far a sync is; replaces what was told of its source."""
        ...

    def drop_progress(self, source: str | None = None) -> None:
        """The source's sync has ended; without a source, all have."""
        ...

    def put_lease(self, lease: Lease) -> None:
        """Tell which process runs the schedule."""
        ...

    def add_verification(self, verification: Verification) -> None:
        """Store a verification."""
        ...

    def add_event(self, event: Event, deliveries: Sequence[Delivery]) -> None:
        """Store an event with its deliveries."""
        ...

    def put_delivery(self, delivery: Delivery) -> None:
        """Replace a stored delivery by what became of it."""
        ...


class ScheduleStore(Protocol):
    """Reads; see `RecordStore`."""

    def schedules(self) -> dict[str, ScheduleState]:
        """The state of each source that has one."""
        ...

    def progress(self) -> dict[str, SyncProgress]:
        """How far each running sync said it was; a process that died leaves its last word behind."""
        ...

    def lease(self) -> Lease | None:
        """Which process runs the schedule, or ran it last."""
        ...

    def verified_until(self, versions: Mapping[str, str]) -> dict[str, datetime]:
        """For documents by id with the version that stands: the latest end of a verification of that version, where there is any."""
        ...

    def verifications(self, document: str) -> list[Verification]:
        """Every verification of a document, newest first."""
        ...

    def events(self, sources: Sequence[str], limit: int = 100) -> list[Event]:
        """The last events about these sources, newest first."""
        ...

    def event_counts(self) -> dict[tuple[str, str], int]:
        """How many events of each kind each source has had, by source and kind."""
        ...

    def deliveries(self, events: Sequence[str]) -> list[Delivery]:
        """The deliveries of these events, by id."""
        ...

    def delivery_counts(self) -> dict[str, int]:
        """Deliveries by state."""
        ...

    def due_deliveries(self, now: datetime, limit: int = 100) -> list[tuple[Event, Delivery]]:
        """Deliveries that are to be tried by `now`, the longest due first."""
        ...

    def served_changes(self, source: str, limit: int) -> list[ServedChange]:
        """The last changes of a source that were published, deletions too, newest first."""
        ...
