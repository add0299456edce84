"""Deleting what nobody can read any more."""
# ruff: noqa: D102 - the contract of each method stands in release_protocol.py

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, or_, select, tuple_, update

from context_service.records import tables
from context_service.records.release_protocol import Orphans, ReleaseWriter


class Sweeping(ReleaseWriter):
    """Deletes on the open transaction of `connection`."""

    _connection: Connection

    def delete_unread(self, revisions: Sequence[str]) -> None:
        row = tables.revisions.c
        found = self._connection.execute(select(row.document, row.added_in).where(row.id.in_(revisions))).all()
        chunk = tables.chunks.c
        for document, added_in in found:
            self._connection.execute(delete(tables.chunks).where(chunk.document == document, chunk.added_in == added_in))
        self._connection.execute(delete(tables.revisions).where(row.id.in_(revisions)))

    def delete_orphans(self, table: str, after: tuple[str | int, ...] | None, limit: int) -> Orphans:
        swept = tables.metadata.tables[table]
        name = list(swept.primary_key)
        page = select(*name).order_by(*name).limit(limit)
        keys = [tuple(row) for row in self._connection.execute(page if after is None else page.where(tuple_(*name) > after))]
        if not keys:
            return Orphans(0, None)
        orphans = delete(swept).where(tuple_(*name) >= keys[0], tuple_(*name) <= keys[-1], _ORPHAN[table](swept))
        return Orphans(self._connection.execute(orphans).rowcount, keys[-1] if len(keys) == limit else None)

    def mark_swept(self, releases: Sequence[int]) -> None:
        self._connection.execute(update(tables.releases).where(tables.releases.c.number.in_(releases)).values(swept=True))


def _no_chunk(column: ColumnElement[str]) -> ColumnElement[bool]:
    return ~exists().where(tables.chunks.c.id == column)


def _no_text(key: ColumnElement[str]) -> ColumnElement[bool]:
    return ~exists().where(tables.chunks.c.embedding_key == key)


_ORPHAN: dict[str, Callable[[Table], ColumnElement[bool]]] = {
    "claims": lambda table: _no_chunk(table.c.chunk),
    "claim_keys": lambda table: ~exists().where(tables.claims.c.id == table.c.claim),
    "rivalries": lambda table: or_(_no_chunk(table.c.left_chunk), _no_chunk(table.c.right_chunk)),
    "versions": lambda table: ~exists().where(tables.revisions.c.version == table.c.id),
    "vectors": lambda table: _no_text(table.c.key),
    "token_vectors": lambda table: _no_text(table.c.key),
}
"""What makes a row of each table useless."""
