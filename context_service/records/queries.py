"""Statements that reads and transactions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, select

from context_service.model.conflict import Ruling
from context_service.records import tables

N = TypeVar("N", str, int)

NAMES_PER_QUERY = 5_000
"""Databases limit the parameters of one statement: SQLite to 32,766, PostgreSQL to 65,535."""


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
