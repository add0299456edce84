"""Statements that reads and transactions share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Row,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    case,
    func,
    or_,
    select,
)

from context_service.model.conflict import Ruling
from context_service.model.release import Draft, DraftState, Traffic
from context_service.records import tables
from context_service.records.columns import load

N = TypeVar("N", str, int)

NAMES_PER_QUERY = 5_000
"""Databases limit the parameters of one statement: SQLite to 32,766, PostgreSQL to 65,535."""

NAMES, RELEASE = "names", "release"
"""Parameters of statements that are made once: making one takes longer than running it."""

STANDING = [state for state in DraftState if state.standing]


def among(column: Column[N]) -> ColumnElement[bool]:
    """Whether a column holds one of the names that `in_parts` asks for."""
    return column.in_(bindparam(NAMES, expanding=True))


def in_parts(connection: Connection, names: Sequence[N], statement: Select[Any], **values: object) -> list[Row[Any]]:
    """The rows of `statement`, which holds `among`, for each manageable part of `names`; `values` are its other parameters."""
    unique = list(dict.fromkeys(names))
    parts = [unique[start : start + NAMES_PER_QUERY] for start in range(0, len(unique), NAMES_PER_QUERY)]
    return [row for part in parts for row in connection.execute(statement, {NAMES: part, **values})]


RULINGS_OF = select(tables.rulings.c.payload).where(among(tables.rulings.c.conflict))
"""The rulings on named conflicts."""


def made(ruling: Ruling) -> tuple[datetime, str]:
    """What rulings are sorted by."""
    return ruling.made_at, ruling.id


@lru_cache(maxsize=1)
def newest() -> ScalarSelect[int]:
    """The highest published number, or 0."""
    return select(func.coalesce(func.max(tables.releases.c.number), 0)).scalar_subquery()


def payloads(table: FromClause) -> Select[Any]:
    """Whole values of a table."""
    return select(table.c.payload)


def states(table: FromClause) -> Select[Any]:
    """Whole values of a table of rows with release ranges."""
    return select(table.c.payload, table.c.added_in, table.c.removed_in)


def named_release() -> BindParameter[int]:
    """The parameter `RELEASE` of a statement."""
    return bindparam(RELEASE, type_=Integer())


def visible(table: FromClause, number: int | BindParameter[int]) -> ColumnElement[bool]:
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


HEAD, NEWEST = select(tables.head), select(newest())


def traffic_of(connection: Connection, *, locked: bool) -> Traffic:
    """What is read now; `locked` keeps others from moving the head until the transaction ends."""
    row = connection.execute(HEAD.with_for_update() if locked else HEAD).one()
    highest = newest_number(connection)
    return Traffic(number=row.number, canary=row.canary, share=row.share, publishing_held=row.publishing_held, newest=highest)


def newest_number(connection: Connection) -> int:
    """The highest published number, or 0."""
    number: int = connection.execute(NEWEST).scalar_one()
    return number


def drafts_of(connection: Connection, *conditions: ColumnElement[bool]) -> list[Draft]:
    """Drafts by number."""
    column = tables.drafts.c
    rows = connection.execute(select(column.number, column.state, column.payload).where(*conditions).order_by(column.number))
    return [load(Draft, row.payload, number=row.number, state=row.state) for row in rows]
