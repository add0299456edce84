"""Statements that reads and transactions share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, FromClause, Row, ScalarSelect, Select, Table, case, func, or_, select

from context_service.model.conflict import Ruling
from context_service.model.release import Draft, DraftState, Traffic
from context_service.records import tables
from context_service.records.columns import load

N = TypeVar("N", str, int)

NAMES_PER_QUERY = 5_000
"""Databases limit the parameters of one statement: SQLite to 32,766, PostgreSQL to 65,535."""

STANDING = [state for state in DraftState if state.standing]


def in_parts(connection: Connection, names: Sequence[N], statement: Callable[[Sequence[N]], Select[Any]]) -> list[Row[Any]]:
    """The rows of `statement` for each manageable part of `names`."""
    unique = list(dict.fromkeys(names))
    parts = [unique[start : start + NAMES_PER_QUERY] for start in range(0, len(unique), NAMES_PER_QUERY)]
    return [row for part in parts for row in connection.execute(statement(part))]


def rulings_of(conflicts: Sequence[str]) -> Select[Any]:
    """The rulings on these conflicts."""
    return select(tables.rulings.c.payload).where(tables.rulings.c.conflict.in_(conflicts))


def made(ruling: Ruling) -> tuple[datetime, str]:
    """What rulings are sorted by."""
    return ruling.made_at, ruling.id


def newest() -> ScalarSelect[int]:
    """The highest published number, or 0."""
    return select(func.coalesce(func.max(tables.releases.c.number), 0)).scalar_subquery()


def payloads(table: FromClause) -> Select[Any]:
    """Whole values of a table."""
    return select(table.c.payload)


def states(table: FromClause) -> Select[Any]:
    """Whole values of a table of rows with release ranges."""
    return select(table.c.payload, table.c.added_in, table.c.removed_in)


def visible(table: FromClause, number: int) -> ColumnElement[bool]:
    """Whether `number`, a release's or a standing draft's, reads a row: what the newest release at or below it reads, and the rows of
    the draft that has this number.
    """
    base = case((newest() < number, newest()), else_=number)
    added = (table.c.added_in <= base) | (table.c.added_in == number)
    kept = table.c.removed_in.is_(None) | ((table.c.removed_in > base) & (table.c.removed_in != number))
    return added & kept


def touched(table: FromClause, number: int) -> ColumnElement[bool]:
    """Whether a row was added or removed in `number`."""
    return or_(table.c.added_in == number, table.c.removed_in == number)


def touched_after(table: FromClause, number: int) -> ColumnElement[bool]:
    """Whether a row was added or removed in a number above this one."""
    return or_(table.c.added_in > number, table.c.removed_in > number)


def of_sources(table: Table, sources: Collection[str] | None) -> list[ColumnElement[bool]]:
    """The condition that a revision belongs to one of `sources`; none where every source is wanted."""
    return [] if sources is None else [table.c.source.in_(sorted(sources))]


def traffic_of(connection: Connection, *, locked: bool) -> Traffic:
    """What is read now; `locked` keeps others from moving the head until the transaction ends."""
    held = select(tables.head)
    row = connection.execute(held.with_for_update() if locked else held).one()
    highest = connection.scalar(select(newest()))
    return Traffic(number=row.number, canary=row.canary, share=row.share, publishing_held=row.publishing_held, newest=highest or 0)


def drafts_of(connection: Connection, *conditions: ColumnElement[bool]) -> list[Draft]:
    """Drafts by number."""
    column = tables.drafts.c
    rows = connection.execute(select(column.number, column.state, column.payload).where(*conditions).order_by(column.number))
    return [load(Draft, row.payload, number=row.number, state=row.state) for row in rows]
