"""The records in a SQL database: SQLite for one machine, PostgreSQL for several."""
# ruff: noqa: D102 - the contract of each method stands in protocol.py

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import FromClause, Row, Select, and_, bindparam, exists, func, or_, select

from context_service.errors import StoreError
from context_service.model.access import Principal, Resource
from context_service.model.applicability import Facet
from context_service.model.audit import Action, AuditEntry, AuditRecord
from context_service.model.base import Value
from context_service.model.claim import Claim
from context_service.model.conflict import Conflict, Ruling, TextKey
from context_service.model.document import Chunk, ItemMark, Outcome, Revision, SyncRun, Version
from context_service.model.rivalry import Rivalry
from context_service.records import tables
from context_service.records.backends import open_backend, translated
from context_service.records.change_sql import SqlChangeStore
from context_service.records.columns import load, load_shared
from context_service.records.protocol import CLAIMS_PER_KEY, ChunkRange, RecordStore, RecordWriter
from context_service.records.queries import (
    RULINGS_OF,
    among,
    made,
    named_release,
    newest,
    payloads,
    states,
    touched,
    touched_after,
    visible,
)
from context_service.records.reading import ReleaseReads
from context_service.records.schedule_sql import SqlScheduleStore, last_checks
from context_service.records.schema import expected_schema, migrate, schema_of
from context_service.records.writer import SqlRecordWriter

ROWS_PER_FETCH = 1_000
"""Rows that a streamed read holds in memory."""

V = TypeVar("V", bound=Value)
N = TypeVar("N", str, int)


def open_records(url: str) -> SqlRecordStore:
    """Open the records at a SQLAlchemy URL and bring their tables up to date: `sqlite:///path`, `postgresql://...`, or `sqlite://` for a
    private database that ends with the store.

    Raises StoreError when the database cannot be reached or a newer version wrote it.
    """
    backend = open_backend(url)
    try:
        migrate(backend)
    except BaseException:
        backend.close()
        raise
    return SqlRecordStore(backend)


class SqlRecordStore(ReleaseReads, SqlScheduleStore, SqlChangeStore, RecordStore):
    """The records behind one backend. Every read is one transaction that sees one state; readers never wait for writers."""

    @contextmanager
    def writing(self) -> Iterator[RecordWriter]:
        with translated(), self._backend.writes.begin() as connection:
            yield SqlRecordWriter(connection, self._backend)

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        return self._backend.exclusive(name)

    def rules(self) -> list[Resource]:
        return [load_shared(Resource, row.payload) for row in self._rows(RULES)]

    def facets(self) -> list[Facet]:
        return [load_shared(Facet, row.payload) for row in self._rows(FACETS)]

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        return {chunk.id: chunk for chunk in self._values_named(Chunk, ids, CHUNKS)}

    def chunks_of(self, document: str, release: int) -> list[Chunk]:
        return self._values(Chunk, CHUNKS_OF, release=release, document=document)

    def chunk_ranges(self, touched_in: int | None = None, *, after: int | None = None) -> Iterator[ChunkRange]:
        column = tables.chunks.c
        ranges = select(column.id, column.added_in, column.removed_in).order_by(column.id)
        if touched_in is not None:
            ranges = ranges.where(touched(tables.chunks, touched_in))
        if after is not None:
            ranges = ranges.where(touched_after(tables.chunks, after))
        with self._reading() as connection:
            for row in connection.execute(ranges.execution_options(yield_per=ROWS_PER_FETCH)):
                yield ChunkRange(chunk=row.id, added_in=row.added_in, removed_in=row.removed_in)

    def revisions(self, ids: Sequence[str]) -> dict[str, Revision]:
        return {revision.id: revision for revision in self._values_named(Revision, ids, REVISIONS)}

    def revision_of(self, source: str, key: str, release: int) -> Revision | None:
        return self._value(Revision, REVISION_OF, release=release, source=source, key=key)

    def revisions_in(self, release: int, source: str | None = None) -> list[Revision]:
        column = tables.revisions.c
        found = _alive(tables.revisions).order_by(column.key, column.source)
        return self._values(Revision, found if source is None else found.where(column.source == source), release=release)

    def history(self, document: str) -> list[Revision]:
        column = tables.revisions.c
        return self._values(Revision, states(tables.revisions).where(column.document == document).order_by(column.added_in))

    def superseding(self, refs: Sequence[str], release: int) -> dict[str, list[Revision]]:
        asked = set(refs)
        found = self._values_named(Revision, refs, SUPERSEDING, release=release)
        superseding: dict[str, list[Revision]] = {}
        for revision in sorted(found, key=lambda revision: (revision.source, revision.key)):
            for ref in asked.intersection(revision.governance.supersedes):
                superseding.setdefault(ref, []).append(revision)
        return superseding

    def version(self, id: str) -> Version | None:  # noqa: A002 - the protocol's name
        return self._value(Version, payloads(tables.versions).where(tables.versions.c.id == id))

    def current_resources(self, documents: Sequence[str]) -> dict[str, tuple[Resource, ...]]:
        rules: dict[str, dict[Resource, None]] = {}
        for row in self._rows_named(documents, RESOURCES):
            said = [load_shared(Resource, row.payload)]
            released = [load_shared(Revision, row.released).resource] if row.released else []
            rules.setdefault(row.id, {}).update(dict.fromkeys([*said, *released]))
        return {document: tuple(both) for document, both in rules.items()}

    def customer_records(self, customer: str, release: int) -> list[Revision]:
        return self._values(Revision, CUSTOMER_RECORDS, release=release, customer=customer)

    def rivalries(self, chunks: Sequence[str], release: int) -> list[Rivalry]:
        found = self._values_named(Rivalry, chunks, RIVALRIES, release=release)
        return sorted(found, key=lambda rivalry: rivalry.id)

    def rivalries_touched(self, draft: int, release: int) -> list[Rivalry]:
        column, chunks = tables.rivalries.c, select(tables.chunks.c.id).where(touched(tables.chunks, draft))
        left, right = (select(column.id).where(side.in_(chunks)) for side in (column.left_chunk, column.right_chunk))
        return self._values(Rivalry, _both_sides_alive().where(column.id.in_(left.union(right))).order_by(column.id), release=release)

    def all_rivalries(self, release: int) -> list[Rivalry]:
        return self._values(Rivalry, _both_sides_alive().order_by(tables.rivalries.c.id), release=release)

    def claims(self, ids: Sequence[int]) -> dict[int, Claim]:
        found = self._values_named(Claim, ids, payloads(tables.claims).where(among(tables.claims.c.id)))
        return {claim.id: claim for claim in found}

    def claims_of(self, chunks: Sequence[str]) -> list[Claim]:
        found = self._values_named(Claim, chunks, payloads(tables.claims).where(among(tables.claims.c.chunk)))
        return sorted(found, key=lambda claim: (claim.chunk, claim.start, claim.end, claim.id))

    def kindred(self, keys: Sequence[Sequence[int]], release: int, limit: int) -> list[list[int]]:
        with self._reading() as connection:
            wanted = {key for some in keys for key in some}
            found = {key: connection.scalars(CLAIMS_UNDER_KEY, {"key": key, "release": release}).all() for key in wanted}
        counts = (Counter(claim for key in set(some) for claim in found[key]) for some in keys)
        return [sorted(count, key=lambda claim: (-count[claim], claim))[:limit] for count in counts]

    def conflicts(self, ids: Sequence[str] | None = None) -> list[Conflict]:
        column, kept = tables.conflicts.c, payloads(tables.conflicts)
        if ids is None:
            return self._values(Conflict, kept.order_by(column.id))
        found = self._values_named(Conflict, ids, kept.where(among(column.id)))
        return sorted(found, key=lambda conflict: conflict.id)

    def rulings_on(self, documents: Sequence[str]) -> list[Ruling]:
        return sorted(self._values_named(Ruling, documents, RULINGS_ON), key=made)

    def rulings_of(self, conflicts: Sequence[str]) -> list[Ruling]:
        return sorted(self._values_named(Ruling, conflicts, RULINGS_OF), key=made)

    def ruling(self, id: str) -> Ruling | None:  # noqa: A002 - the protocol's name
        return self._value(Ruling, payloads(tables.rulings).where(tables.rulings.c.id == id))

    def served_counts(self, documents: Sequence[str], since: datetime) -> dict[TextKey, dict[str, int]]:
        column = tables.served_sides.c
        told = select(column.document, column.text, column.workflow, func.count().label("answers")).where(column.served_at >= since)
        grouped = told.group_by(column.document, column.text, column.workflow).order_by(column.workflow)
        counts: dict[TextKey, dict[str, int]] = {}
        for row in self._rows_named(documents, grouped.where(among(column.document))):
            counts.setdefault((row.document, row.text), {})[row.workflow] = row.answers
        return counts

    def served_contexts(self, texts: Sequence[TextKey], since: datetime) -> list[str]:
        column, wanted = tables.served_sides.c, set(texts)
        told = select(column.document, column.text, column.context, column.served_at).where(column.served_at >= since)
        rows = self._rows_named([document for document, _ in texts], told.where(among(column.document)))
        newest = sorted({(row.served_at, row.context) for row in rows if (row.document, row.text) in wanted}, reverse=True)
        return [context for _, context in newest]

    def vectors(self, model_id: str, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        rows = self._rows_named(keys, VECTORS, model=model_id)
        return {row.key: np.frombuffer(row.vector, dtype="<f4").astype(np.float32) for row in rows}

    def token_vectors(self, model_id: str, keys: Sequence[str]) -> dict[str, bytes]:
        return {row.key: bytes(row.packed) for row in self._rows_named(keys, TOKEN_VECTORS, model=model_id)}

    def without_token_vectors(self, model_id: str, after: str, limit: int) -> list[str]:
        chunk, kept = tables.chunks.c, tables.token_vectors.c
        encoded = exists().where(kept.model_id == model_id, kept.key == chunk.embedding_key)
        found = select(chunk.id).where(chunk.id > after, ~encoded).order_by(chunk.id).limit(limit)
        return [row.id for row in self._rows(found)]

    def marks(self, source: str) -> dict[str, ItemMark]:
        kept = self._values(ItemMark, payloads(tables.marks).where(tables.marks.c.source == source).order_by(tables.marks.c.key))
        return {mark.key: mark for mark in kept}

    def failing_since(self, documents: Sequence[str]) -> dict[str, datetime]:
        return {row.document: row.failing_since for row in self._rows_named(documents, FAILING)}

    def cursor(self, source: str) -> str | None:
        with self._reading() as connection:
            return connection.scalar(select(tables.cursors.c.cursor).where(tables.cursors.c.source == source))

    def runs(self, source: str | None = None, limit: int = 50) -> list[SyncRun]:
        column = tables.runs.c
        newest = payloads(tables.runs).order_by(column.started_at.desc(), column.id.desc()).limit(limit)
        return self._values(SyncRun, newest if source is None else newest.where(column.source == source))

    def outcomes(self, run: str) -> list[Outcome]:
        return self._values(Outcome, payloads(tables.outcomes).where(tables.outcomes.c.run == run).order_by(tables.outcomes.c.key))

    def checked_at(self) -> dict[str, datetime]:
        return {row.source: row.at for row in self._rows(last_checks()) if row.at}

    def principal_by_key(self, key_hash: str) -> Principal | None:
        return self._value(Principal, PRINCIPAL, key_hash=key_hash)

    def principals(self) -> list[Principal]:
        return self._values(Principal, payloads(tables.principals).order_by(tables.principals.c.id))

    def audit_records(self, after: int = 0, limit: int = 1000) -> list[AuditRecord]:
        return self._audited(select(tables.audit).where(tables.audit.c.number > after).limit(limit))

    def audit_of(self, subject: str, action: Action | None = None) -> list[AuditRecord]:
        about = select(tables.audit).where(tables.audit.c.subject == subject)
        return self._audited(about if action is None else about.where(tables.audit.c.action == action))

    def audit_latest(self, action: Action, after: int, limit: int) -> list[AuditRecord]:
        column = tables.audit.c
        newest = select(tables.audit).where(column.number > after, column.action == action).order_by(column.number.desc()).limit(limit)
        return [_audit_record(row) for row in self._rows(newest)]

    def check(self) -> str:
        title = self._backend.title()
        with self._reading() as connection:
            found = schema_of(connection)
        if found != expected_schema():
            raise StoreError(
                f"The records have schema {found}; this version expects {expected_schema()}.",
                remedy="Restart the service, which migrates older records at its start; where they are newer, install the newer version.",
            )
        return f"{title}, schema {found}"

    def close(self) -> None:
        self._backend.close()

    def _audited(self, statement: Select[Any]) -> list[AuditRecord]:
        return [_audit_record(row) for row in self._rows(statement.order_by(tables.audit.c.number))]


@cache
def _alive(table: FromClause) -> Select[Any]:
    return states(table).where(visible(table, named_release()))


def _claims_under_key() -> Select[Any]:
    keyed, column = tables.claim_keys.c, tables.claims.c
    joined = tables.claim_keys.join(tables.claims, column.id == keyed.claim).join(tables.chunks, tables.chunks.c.id == column.chunk)
    living = select(keyed.claim).select_from(joined).where(keyed.key == bindparam("key"), visible(tables.chunks, named_release()))
    return living.order_by(keyed.claim).limit(CLAIMS_PER_KEY)


def _resources() -> Select[Any]:
    """Documents with the rule that stands and the last released state.

    That none came later is asked, and not that it is the latest one: SQLite would look for the number first, which many rows share.
    """
    said, column, other = tables.documents.c, tables.revisions.c, tables.revisions.alias().c
    later = select(other.id).where(other.document == said.id, other.added_in > column.added_in, other.added_in <= newest())
    released = and_(column.document == said.id, column.added_in <= newest(), ~later.exists())
    both = tables.documents.outerjoin(tables.revisions, released)
    return select(said.id, said.payload, column.payload.label("released")).select_from(both).where(among(said.id))


@cache
def _both_sides_alive() -> Select[Any]:
    sides = tables.chunks.alias(), tables.chunks.alias()
    columns = tables.rivalries.c.left_chunk, tables.rivalries.c.right_chunk
    found = payloads(tables.rivalries)
    for side, column in zip(sides, columns, strict=True):
        found = found.join(side, side.c.id == column).where(visible(side, named_release()))
    return found


_chunk, _revision, _rivalry, _declared = tables.chunks.c, tables.revisions.c, tables.rivalries.c, tables.supersessions.c
_bound, _vector, _tokens, _mark = tables.ruled_documents.c, tables.vectors.c, tables.token_vectors.c, tables.marks.c

RULES = payloads(tables.rules).order_by(tables.rules.c.label)
FACETS = payloads(tables.facets).order_by(tables.facets.c.key)
CHUNKS = states(tables.chunks).where(among(_chunk.id))
CHUNKS_OF = _alive(tables.chunks).where(_chunk.document == bindparam("document")).order_by(_chunk.ordinal)
REVISIONS = states(tables.revisions).where(among(_revision.id))
REVISION_OF = _alive(tables.revisions).where(_revision.source == bindparam("source"), _revision.key == bindparam("key"))
CUSTOMER_RECORDS = _alive(tables.revisions).where(_revision.customer == bindparam("customer")).order_by(_revision.source, _revision.key)
SUPERSEDING = _alive(tables.revisions).where(_revision.id.in_(select(_declared.revision).where(among(_declared.ref))))
RESOURCES = _resources()
RIVALRIES = _both_sides_alive().where(or_(among(_rivalry.left_chunk), among(_rivalry.right_chunk)))
CLAIMS_UNDER_KEY = _claims_under_key()
RULINGS_ON = payloads(tables.rulings).where(tables.rulings.c.id.in_(select(_bound.ruling).where(among(_bound.document))))
VECTORS = select(_vector.key, _vector.vector).where(_vector.model_id == bindparam("model"), among(_vector.key))
TOKEN_VECTORS = select(_tokens.key, _tokens.packed).where(_tokens.model_id == bindparam("model"), among(_tokens.key))
FAILING = select(_mark.document, _mark.failing_since).where(_mark.failing_since.is_not(None), among(_mark.document))
PRINCIPAL = payloads(tables.principals).where(tables.principals.c.key_hash == bindparam("key_hash"))


def _audit_record(row: Row[Any]) -> AuditRecord:
    try:
        entry = load(AuditEntry, row.payload)
    except StoreError as error:
        raise StoreError(f"Audit record {row.number} cannot be read.", remedy=error.remedy) from error
    return AuditRecord(number=row.number, entry=entry, previous=row.previous, hash=row.hash)
