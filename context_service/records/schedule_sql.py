"""Schedules, verifications and events in a SQL database."""
# ruff: noqa: D102 - the contract of each method stands in schedule_protocol.py

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, select, update

from context_service.model.document import Revision, RunState, SyncRun
from context_service.model.release import Release, ReleaseKind
from context_service.model.schedule import Delivery, Event, Lease, ScheduleState, ServedChange, SyncProgress, Verification
from context_service.records import tables
from context_service.records.backends import Backend
from context_service.records.columns import dump, load
from context_service.records.queries import among, in_parts
from context_service.records.schedule_protocol import ScheduleStore, ScheduleWriter

RUNS_FORGOTTEN = 200
"""Runs whose outcomes are forgotten at once."""

INSTANT = timedelta(microseconds=1)
RELEASES_LOOKED_AT = 2_000
"""Releases that are searched for changes of one source."""


class SqlScheduleWriter(ScheduleWriter):
    """Writes on the open transaction of `_connection`."""

    _connection: Connection
    _backend: Backend

    @abstractmethod
    def _replace(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None: ...

    def held_schedules(self) -> dict[str, ScheduleState]:
        self._backend.queue(self._connection, "schedules")
        return _schedules(self._connection)

    def put_schedules(self, states: Iterable[ScheduleState]) -> None:
        self._replace(tables.schedule_state, [{"source": state.source, "payload": dump(state)} for state in states])

    def forget_outcomes(self, source: str, kept: int) -> None:
        column = tables.runs.c
        old = select(column.id).where(column.source == source).order_by(column.started_at.desc()).offset(kept).limit(RUNS_FORGOTTEN)
        runs = self._connection.scalars(old).all()
        self._connection.execute(delete(tables.outcomes).where(tables.outcomes.c.run.in_(runs)))

    def put_progress(self, progress: SyncProgress) -> None:
        self._replace(tables.sync_progress, [{"source": progress.source, "payload": dump(progress)}])

    def drop_progress(self, source: str | None = None) -> None:
        gone = delete(tables.sync_progress)
        self._connection.execute(gone if source is None else gone.where(tables.sync_progress.c.source == source))

    def put_lease(self, lease: Lease) -> None:
        self._replace(tables.schedule_lease, [{"row": 1, "payload": dump(lease)}])

    def add_verification(self, verification: Verification) -> None:
        names = {name: getattr(verification, name) for name in ("id", "document", "version", "until")}
        self._connection.execute(tables.verifications.insert(), {**names, "payload": dump(verification)})

    def add_event(self, event: Event, deliveries: Sequence[Delivery]) -> None:
        row = {"id": event.id, "source": event.source, "kind": event.kind, "at": event.at, "payload": dump(event)}
        self._connection.execute(tables.events.insert(), row)
        if deliveries:
            self._connection.execute(tables.deliveries.insert(), [_delivery_row(one) for one in deliveries])

    def put_delivery(self, delivery: Delivery) -> None:
        self._connection.execute(update(tables.deliveries).where(tables.deliveries.c.id == delivery.id).values(_delivery_row(delivery)))


_verified = tables.verifications.c
VERIFIED = (
    select(_verified.document, _verified.version, func.max(_verified.until).label("until"))
    .where(among(_verified.document))
    .group_by(_verified.document, _verified.version)
)
"""Until when the versions of documents are verified."""


class SqlScheduleStore(ScheduleStore):
    """Reads; each is one transaction."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]: ...

    def schedules(self) -> dict[str, ScheduleState]:
        with self._reading() as connection:
            return _schedules(connection)

    def progress(self) -> dict[str, SyncProgress]:
        with self._reading() as connection:
            told = connection.scalars(select(tables.sync_progress.c.payload))
            return {one.source: one for one in (load(SyncProgress, payload) for payload in told)}

    def lease(self) -> Lease | None:
        with self._reading() as connection:
            payload = connection.scalar(select(tables.schedule_lease.c.payload))
            return load(Lease, payload) if payload else None

    def verified_until(self, versions: Mapping[str, str]) -> dict[str, datetime]:
        with self._reading() as connection:
            rows = in_parts(connection, list(versions), VERIFIED)
        return {row.document: row.until for row in rows if versions[row.document] == row.version}

    def verifications(self, document: str) -> list[Verification]:
        column = tables.verifications.c
        with self._reading() as connection:
            found = [
                load(Verification, payload) for payload in connection.scalars(select(column.payload).where(column.document == document))
            ]
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)

    def events(self, sources: Sequence[str], limit: int = 100) -> list[Event]:
        column = tables.events.c
        newest = select(column.payload).where(column.source.in_(sources)).order_by(column.at.desc(), column.id.desc()).limit(limit)
        with self._reading() as connection:
            return [load(Event, payload) for payload in connection.scalars(newest)]

    def event_counts(self) -> dict[tuple[str, str], int]:
        column = tables.events.c
        counts = select(column.source, column.kind, func.count().label("events")).group_by(column.source, column.kind)
        with self._reading() as connection:
            return {(row.source, row.kind): row.events for row in connection.execute(counts)}

    def deliveries(self, events: Sequence[str]) -> list[Delivery]:
        column = tables.deliveries.c
        with self._reading() as connection:
            rows = in_parts(connection, events, select(column.id, column.payload).where(among(column.event)))
        return [load(Delivery, row.payload) for row in sorted(rows, key=lambda row: row.id)]

    def delivery_counts(self) -> dict[str, int]:
        column = tables.deliveries.c
        with self._reading() as connection:
            rows = connection.execute(select(column.state, func.count().label("deliveries")).group_by(column.state))
            return {row.state: row.deliveries for row in rows}

    def due_deliveries(self, now: datetime, limit: int = 100) -> list[tuple[Event, Delivery]]:
        event, delivery = tables.events.c, tables.deliveries.c
        both = select(event.payload.label("event"), delivery.payload.label("delivery")).join_from(tables.deliveries, tables.events)
        due = both.where(delivery.next_at <= now).order_by(delivery.next_at, delivery.id).limit(limit)
        with self._reading() as connection:
            return [(load(Event, row.event), load(Delivery, row.delivery)) for row in connection.execute(due)]

    def served_changes(self, source: str, limit: int) -> list[ServedChange]:
        with self._reading() as connection:
            served = _served(connection, source, limit)
            found = [*_brought(connection, source, served, limit), *_deleted(connection, source, served, limit)]
        return sorted(found, key=lambda change: (change.served_at, change.ref), reverse=True)[:limit]


@cache
def last_checks() -> Select[Any]:
    """Each source with the end of its last succeeded run. Every answer asks for these: it hops from source to source in the index, where
    grouping would read every run that there ever was.
    """
    column = tables.runs.c
    names = select(func.min(column.source).label("source")).cte("names", recursive=True)
    following = select(func.min(column.source)).where(column.source > names.c.source).scalar_subquery()
    names = names.union_all(select(following).where(names.c.source.is_not(None)))
    last = select(func.max(column.finished_at)).where(column.source == names.c.source, column.state == RunState.SUCCEEDED)
    return select(names.c.source, last.scalar_subquery().label("at")).where(names.c.source.is_not(None))


def _schedules(connection: Connection) -> dict[str, ScheduleState]:
    kept = connection.scalars(select(tables.schedule_state.c.payload))
    return {state.source: state for state in (load(ScheduleState, payload) for payload in kept)}


def _delivery_row(delivery: Delivery) -> dict[str, object]:
    return {
        "id": delivery.id,
        "event": delivery.event,
        "state": delivery.state,
        "next_at": delivery.next_at,
        "payload": dump(delivery),
    }


def _served(connection: Connection, source: str, limit: int) -> dict[int, datetime]:
    """When the last releases were published that brought what syncs of a source had found, by number."""
    newest = select(tables.releases.c.payload).order_by(tables.releases.c.number.desc()).limit(RELEASES_LOOKED_AT)
    releases = (load(Release, payload) for payload in connection.scalars(newest))
    brought = (release for release in releases if release.kind is ReleaseKind.SYNC and source in release.sources)
    return {release.number: release.published_at for release in islice(brought, limit)}


def _brought(connection: Connection, source: str, served: Mapping[int, datetime], limit: int) -> list[ServedChange]:
    column = tables.revisions.c
    states = select(column.payload).where(column.source == source, column.added_in.in_(served))
    rows = connection.scalars(states.order_by(column.added_in.desc(), column.id).limit(limit)).all()
    revisions = [load(Revision, payload) for payload in rows]
    runs = {run.id: run for run in _runs(connection, {revision.run for revision in revisions})}
    return [
        _change(connection, revision, served[revision.added_in], runs[revision.run].started_at, deleted=False)
        for revision in revisions
        if revision.run in runs
    ]


def _deleted(connection: Connection, source: str, served: Mapping[int, datetime], limit: int) -> list[ServedChange]:
    """Documents that a release took out and gave no new state; the run that found it is the last before its publication."""
    column, after = tables.revisions.c, tables.revisions.alias()
    successor = select(after.c.id).where(after.c.document == column.document, after.c.added_in == column.removed_in)
    ended = select(column.payload, column.removed_in).where(column.source == source, column.removed_in.in_(served), ~successor.exists())
    rows = connection.execute(ended.order_by(column.removed_in.desc(), column.id).limit(limit)).all()
    return [
        _change(connection, load(Revision, row.payload), served[row.removed_in], seen_at, deleted=True)
        for row in rows
        if (seen_at := _started_before(connection, source, served[row.removed_in] + INSTANT))
    ]


def _change(connection: Connection, revision: Revision, served_at: datetime, seen_at: datetime, *, deleted: bool) -> ServedChange:
    return ServedChange(
        ref=revision.ref,
        deleted=deleted,
        changed_at=None if deleted else revision.changed_at,
        seen_at=seen_at,
        checked_before=_started_before(connection, revision.source, seen_at),
        served_at=served_at,
    )


def _runs(connection: Connection, ids: Iterable[str]) -> list[SyncRun]:
    rows = in_parts(connection, sorted(ids), select(tables.runs.c.payload).where(among(tables.runs.c.id)))
    return [load(SyncRun, row.payload) for row in rows]


def _started_before(connection: Connection, source: str, moment: datetime) -> datetime | None:
    """When the last successful run of a source began that began before `moment`."""
    column = tables.runs.c
    earlier = select(column.started_at).where(column.source == source, column.state == RunState.SUCCEEDED, column.started_at < moment)
    return connection.scalar(earlier.order_by(column.started_at.desc()).limit(1))
