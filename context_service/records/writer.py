"""Writing the records: one object per transaction."""
# ruff: noqa: D102 - the contract of each method stands in protocol.py

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, Connection, Delete, Table, delete, select, tuple_, update

from context_service.errors import StoreError
from context_service.model.access import Principal
from context_service.model.audit import GENESIS, AuditEntry, AuditRecord, chain
from context_service.model.conflict import Conflict, Ruling
from context_service.model.document import Chunk, ItemMark, Outcome, Revision, RunState, SyncRun, Version
from context_service.model.rivalry import Rivalry
from context_service.records import tables
from context_service.records.backends import Backend
from context_service.records.change_sql import SqlChangeWriter
from context_service.records.columns import dump, load
from context_service.records.drafting import Drafting
from context_service.records.protocol import KeyedClaim, RecordWriter, ServedSide
from context_service.records.queries import RULINGS_OF, among, in_parts, made
from context_service.records.schedule_sql import SqlScheduleWriter
from context_service.records.sweeping import Sweeping

Row = dict[str, object]

LAST_AUDITED = select(tables.audit.c.number, tables.audit.c.hash).order_by(tables.audit.c.number.desc()).limit(1)


class SqlRecordWriter(Drafting, Sweeping, SqlScheduleWriter, SqlChangeWriter, RecordWriter):
    """Writes on the open transaction of `connection`."""

    def __init__(self, connection: Connection, backend: Backend) -> None:
        super().__init__(connection)
        self._backend = backend

    def start_run(self, run: SyncRun) -> None:
        self._connection.execute(tables.runs.insert(), _run_row(run))

    def finish_run(self, run: SyncRun) -> None:
        found = self._connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(_run_row(run)))
        if not found.rowcount:
            raise StoreError(f"The run {run.id} was never started.", remedy="Start a run before finishing it.")

    def interrupt_runs(self, at: datetime) -> int:
        running = select(tables.runs.c.payload).where(tables.runs.c.state == RunState.RUNNING)
        found = [load(SyncRun, payload) for payload in self._connection.scalars(running)]
        for run in found:
            self.finish_run(run.model_copy(update={"state": RunState.INTERRUPTED, "finished_at": at}))
        return len(found)

    def add_outcomes(self, run: str, outcomes: Iterable[Outcome]) -> None:
        self._replace(tables.outcomes, [{"run": run, "key": outcome.key, "payload": dump(outcome)} for outcome in outcomes])

    def put_mark(self, source: str, mark: ItemMark) -> None:
        row = {"source": source, "key": mark.key, "document": mark.document, "failing_since": mark.failing_since, "payload": dump(mark)}
        self._replace(tables.marks, [row])

    def drop_mark(self, source: str, key: str) -> None:
        self._connection.execute(delete(tables.marks).where(tables.marks.c.source == source, tables.marks.c.key == key))

    def set_cursor(self, source: str, cursor: str | None) -> None:
        self._replace(tables.cursors, [{"source": source, "cursor": cursor}])

    def put_revision(self, revision: Revision, version: Version, chunks: Sequence[Chunk], *, binds: bool = True) -> None:
        self._withdraw(revision.document, revision.added_in)
        stands = {"id": revision.document, "payload": dump(revision.resource)}
        if binds:
            self._replace(tables.documents, [stands])
        else:
            self._keep(tables.documents, [stands])
        self._keep(tables.versions, [{"id": version.id, "payload": dump(version)}])
        self._connection.execute(tables.revisions.insert(), _revision_row(revision))
        self._keep(tables.supersessions, [{"revision": revision.id, "ref": ref} for ref in revision.governance.supersedes])
        if chunks:
            self._file(revision)
            self._connection.execute(tables.chunks.insert(), [_chunk_row(chunk) for chunk in chunks])

    def remove_document(self, document: str, draft: int) -> None:
        self._withdraw(document, draft)

    def put_vectors(self, model_id: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        # In order, so that two writers of the same keys wait for each other instead of locking each other out.
        rows = [{"model_id": model_id, "key": key, "vector": vectors[key].astype("<f4").tobytes()} for key in sorted(vectors)]
        self._keep(tables.vectors, rows)

    def put_token_vectors(self, model_id: str, packed: Mapping[str, bytes]) -> None:
        self._keep(tables.token_vectors, [{"model_id": model_id, "key": key, "packed": packed[key]} for key in sorted(packed)])

    def put_rivalries(self, rivalries: Iterable[Rivalry]) -> None:
        self._keep(tables.rivalries, [_rivalry_row(rivalry) for rivalry in rivalries])

    def put_claims(self, claims: Iterable[KeyedClaim]) -> None:
        kept = list(claims)
        self._keep(tables.claims, [{"id": one.claim.id, "chunk": one.claim.chunk, "payload": dump(one.claim)} for one in kept])
        self._keep(tables.claim_keys, _key_rows(kept))

    def hold_conflicts(self) -> None:
        self._backend.queue(self._connection, "conflicts")

    def held_conflicts(self, ids: Sequence[str]) -> dict[str, Conflict]:
        found = in_parts(self._connection, ids, select(tables.conflicts.c.payload).where(among(tables.conflicts.c.id)))
        return {conflict.id: conflict for conflict in (load(Conflict, row.payload) for row in found)}

    def held_rulings(self, conflicts: Sequence[str]) -> list[Ruling]:
        found = in_parts(self._connection, conflicts, RULINGS_OF)
        return sorted((load(Ruling, row.payload) for row in found), key=made)

    def put_conflicts(self, conflicts: Iterable[Conflict]) -> None:
        self._replace(tables.conflicts, [{"id": conflict.id, "payload": dump(conflict)} for conflict in conflicts])

    def put_ruling(self, ruling: Ruling) -> None:
        row = {"id": ruling.id, "conflict": ruling.conflict, "made_at": ruling.made_at, "payload": dump(ruling)}
        self._replace(tables.rulings, [row])
        documents = sorted({side.document for side in ruling.sides})
        self._keep(tables.ruled_documents, [{"ruling": ruling.id, "document": document} for document in documents])

    def add_served(self, served: Iterable[ServedSide]) -> None:
        self._keep(tables.served_sides, [_served_row(one) for one in served])

    def forget_served(self, before: datetime, limit: int) -> int:
        times = tables.served_sides.c.served_at, tables.served_documents.c.served_at, tables.feedback.c.at
        return sum(self._connection.execute(_oldest(time, before, limit)).rowcount for time in times)

    def register(self, principal: Principal, key_hash: str) -> None:
        self._replace(tables.principals, [{"id": principal.id, "key_hash": key_hash, "payload": dump(principal)}])

    def audit(self, entry: AuditEntry) -> AuditRecord:
        self._backend.queue(self._connection, "audit")
        last = self._connection.execute(LAST_AUDITED).first()
        number, previous = (last.number, last.hash) if last else (0, GENESIS)
        record = chain(entry, number + 1, previous)
        self._connection.execute(tables.audit.insert(), _audit_row(record))
        return record

    def _withdraw(self, document: str, draft: int) -> None:
        self.take_over(document, draft)
        for table in (tables.revisions, tables.chunks):
            its_own = table.c.document == document
            self._connection.execute(delete(table).where(its_own, table.c.added_in == draft))
            self._connection.execute(update(table).where(its_own, table.c.removed_in.is_(None)).values(removed_in=draft))

    def _file(self, revision: Revision) -> None:
        rule, facet = revision.resource.rule, revision.governance.facet
        self._keep(tables.rules, [{"label": rule.label, "payload": dump(rule)}])
        self._keep(tables.facets, [{"key": facet.key, "payload": dump(facet)}])

    def _keep(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        if rows:
            self._connection.execute(self._backend.insert(table).on_conflict_do_nothing(), rows)

    def _replace(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        if rows:
            insert = self._backend.insert(table)
            new = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
            self._connection.execute(insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=new), rows)


def _run_row(run: SyncRun) -> Row:
    return {
        "id": run.id,
        "source": run.source,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "state": run.state,
        "payload": dump(run),
    }


def _revision_row(revision: Revision) -> Row:
    access = revision.governance.access
    return {
        "id": revision.id,
        "document": revision.document,
        "source": revision.source,
        "key": revision.key,
        "version": revision.version,
        "customer": access.customer if access and revision.facts else None,
        "added_in": revision.added_in,
        "payload": dump(revision),
    }


def _chunk_row(chunk: Chunk) -> Row:
    return {
        "id": chunk.id,
        "document": chunk.document,
        "ordinal": chunk.ordinal,
        "added_in": chunk.added_in,
        "embedding_key": chunk.embedding_key,
        "payload": dump(chunk),
    }


def _rivalry_row(rivalry: Rivalry) -> Row:
    return {
        "id": rivalry.id,
        "left_chunk": rivalry.left.chunk,
        "right_chunk": rivalry.right.chunk,
        "payload": dump(rivalry),
    }


def _key_rows(claims: Iterable[KeyedClaim]) -> list[Row]:
    """In the order of the index, in which they are written fastest."""
    pairs = sorted({(key, one.claim.id) for one in claims for key in one.keys})
    return [{"key": key, "claim": claim} for key, claim in pairs]


def _oldest(time: Column[datetime], before: datetime, limit: int) -> Delete:
    """Deletes up to `limit` rows of the time's table from before a moment."""
    name = list(time.table.primary_key)
    return delete(time.table).where(tuple_(*name).in_(select(*name).where(time < before).order_by(time).limit(limit)))


def _served_row(served: ServedSide) -> Row:
    document, text = served.text
    return {"document": document, "text": text, "context": served.context, "workflow": served.workflow, "served_at": served.at}


def _audit_row(record: AuditRecord) -> Row:
    return {
        "number": record.number,
        "subject": record.entry.subject,
        "action": record.entry.action,
        "payload": dump(record.entry),
        "previous": record.previous,
        "hash": record.hash,
    }
