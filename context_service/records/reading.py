"""Reads of the records: one transaction each, which sees one state of the database."""
# ruff: noqa: D102 - the contract of each method stands in release_protocol.py

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, exists, select

from context_service.model.base import Value
from context_service.model.document import Revision
from context_service.model.release import Draft, HeadMove, Release, Traffic, View
from context_service.records import tables
from context_service.records.backends import Backend, translated
from context_service.records.columns import load, load_shared
from context_service.records.queries import (
    HEAD,
    STANDING,
    among,
    drafts_of,
    in_parts,
    named_release,
    newest,
    newest_number,
    of_sources,
    payloads,
    states,
    touched,
    traffic_of,
    visible,
)
from context_service.records.release_protocol import ReleaseReader

RANGE = ("added_in", "removed_in")

V = TypeVar("V", bound=Value)
N = TypeVar("N", str, int)


class Reads:
    """How values are read from one backend. Readers never wait for writers."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._held = threading.local()

    @contextmanager
    def steady(self) -> Iterator[None]:
        """See `RecordStore.steady`."""
        with self._reading() as connection:
            self._held.connection = connection
            try:
                yield
            finally:
                del self._held.connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        held: Connection | None = getattr(self._held, "connection", None)
        with translated(), nullcontext(held) if held else self._backend.reads.connect() as connection:
            yield connection

    def _rows(self, statement: Select[Any], **parameters: object) -> Sequence[Row[Any]]:
        with self._reading() as connection:
            return connection.execute(statement, parameters).all()

    def _rows_named(self, names: Sequence[N], statement: Select[Any], **parameters: object) -> list[Row[Any]]:
        """The rows of `statement` for each manageable part of `names`, all from one state of the records."""
        with self._reading() as connection:
            return in_parts(connection, names, statement, **parameters)

    def _values(self, kind: type[V], statement: Select[Any], **parameters: object) -> list[V]:
        return [_value_of(kind, row) for row in self._rows(statement, **parameters)]

    def _value(self, kind: type[V], statement: Select[Any], **parameters: object) -> V | None:
        """The one value there may be."""
        return next(iter(self._values(kind, statement, **parameters)), None)

    def _values_named(self, kind: type[V], names: Sequence[N], statement: Select[Any], **parameters: object) -> list[V]:
        """Each value once, although two parts of `names` may find the same one."""
        rows = dict.fromkeys(self._rows_named(names, statement, **parameters))
        return [load_shared(kind, row[0], **_range_of(row)) for row in rows]


STATES_OF = states(tables.revisions).where(visible(tables.revisions, named_release()), among(tables.revisions.c.document))


class ReleaseReads(Reads, ReleaseReader):
    """What is asked about releases and drafts."""

    def traffic(self) -> Traffic:
        with self._reading() as connection:
            return traffic_of(connection, locked=False)

    def head(self) -> int:
        with self._reading() as connection:
            number: int = connection.execute(HEAD).one().number
            return number

    def view(self, number: int) -> View:
        with self._reading() as connection:
            highest = newest_number(connection)
        return View(base=min(number, highest), draft=number if number > highest else None)

    def releases(self) -> list[Release]:
        return self._values(Release, payloads(tables.releases).order_by(tables.releases.c.number))

    def release(self, number: int) -> Release | None:
        return self._value(Release, payloads(tables.releases).where(tables.releases.c.number == number))

    def head_moves(self) -> list[HeadMove]:
        return self._values(HeadMove, payloads(tables.head_moves).order_by(tables.head_moves.c.place))

    def release_at(self, moment: datetime) -> int | None:
        column = tables.head_moves.c
        latest = select(column.number).where(column.at <= moment).order_by(column.at.desc(), column.place.desc())
        with self._reading() as connection:
            return connection.scalar(latest.limit(1))

    def drafts(self, *, ended: bool = False) -> list[Draft]:
        with self._reading() as connection:
            return drafts_of(connection, *([] if ended else [tables.drafts.c.state.in_(STANDING)]))

    def draft(self, id: str) -> Draft | None:  # noqa: A002 - the protocol's name
        with self._reading() as connection:
            return next(iter(drafts_of(connection, tables.drafts.c.id == id)), None)

    def draft_touched(self, draft: int) -> bool:
        return bool(self._rows(select(tables.revisions.c.id).where(touched(tables.revisions, draft)).limit(1)))

    def touched_documents(self, draft: int, sources: Collection[str] | None = None) -> list[str]:
        column = tables.revisions.c
        found = select(column.document).distinct().where(touched(tables.revisions, draft), *of_sources(tables.revisions, sources))
        return [row.document for row in self._rows(found.order_by(column.document))]

    def differing(self, left: int, right: int) -> list[str]:
        column = tables.revisions.c
        found = select(column.document).distinct().where(visible(tables.revisions, left) != visible(tables.revisions, right))
        return [row.document for row in self._rows(found.order_by(column.document))]

    def states_of(self, documents: Sequence[str], release: int) -> dict[str, Revision]:
        found = self._values_named(Revision, documents, STATES_OF, release=release)
        return {revision.document: revision for revision in found}

    def unread(self, limit: int) -> list[str]:
        row, kept = tables.revisions.c, tables.releases.c
        reader = exists().where(kept.retired_at.is_(None), kept.number >= row.added_in, kept.number < row.removed_in)
        found = select(row.id).where(row.removed_in <= newest(), ~reader).order_by(row.id).limit(limit)
        return [found_row.id for found_row in self._rows(found)]

    def unswept(self) -> list[int]:
        column = tables.releases.c
        left = select(column.number).where(column.retired_at.is_not(None), column.swept.is_(False))
        return [row.number for row in self._rows(left.order_by(column.number))]


def _value_of(kind: type[V], row: Row[Any]) -> V:
    """From the columns of `payloads` or `states`."""
    return load(kind, row[0], **_range_of(row))


def _range_of(row: Row[Any]) -> dict[str, int | None]:
    return dict(zip(RANGE, row[1:], strict=False))
