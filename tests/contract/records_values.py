"""Values for the record tests, and the databases they are stored in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import JsonValue
from sqlalchemy import create_engine, make_url, text

from context_service.model.access import Access, Classification
from context_service.model.applicability import Applicability
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import digest
from context_service.model.claim import Claim, TypedValue, ValueKind
from context_service.model.document import Chunk, ChunkKind, Governance, Revision, Span, Version
from context_service.model.release import ReleaseKind
from context_service.model.rivalry import Passage, Rivalry, RivalryKind
from context_service.records.protocol import RecordStore

NOW = datetime(2026, 11, 20, 9, 30, 0, 123456, tzinfo=UTC)
PUBLIC = Access(classification=Classification.PUBLIC, audiences=frozenset({"customer-agents"}))

State = tuple[Revision, Version, tuple[Chunk, ...]]


def state(
    key: str,
    draft: int,
    *,
    words: str = "You can return a doorbell.",
    source: str = "handbook",
    pieces: int = 2,
    access: Access | None = PUBLIC,
    facts: dict[str, JsonValue] | None = None,
    supersedes: tuple[str, ...] = (),
    regions: frozenset[str] = frozenset(),
) -> State:
    """A document as `draft` shall have it. Like the pipeline's, its ids name the draft."""
    document = digest(source, key)
    version = Version(id=digest(words), text=words)
    revision = Revision(
        id=digest(document, str(draft), words),
        document=document,
        source=source,
        key=key,
        version=version.id,
        title=f"Title of {key}",
        url=f"https://example.org/{key}",
        media_type="text/markdown",
        parser="markdown",
        parser_version="1",
        run="run-1",
        governance=Governance(
            owner="policy-team",
            authority="policy",
            rank=80,
            access=access,
            applicability=Applicability(regions=regions),
            supersedes=supersedes,
            modified=NOW,
        ),
        facts=facts or {},
        added_in=draft,
    )
    return revision, version, tuple(_chunk(revision, ordinal, words) for ordinal in range(pieces))


def _chunk(revision: Revision, ordinal: int, words: str) -> Chunk:
    return Chunk(
        id=digest(revision.id, str(ordinal)),
        document=revision.document,
        revision=revision.id,
        version=revision.version,
        source=revision.source,
        ordinal=ordinal,
        kind=ChunkKind.PROSE,
        heading_path=("Returns", "Windows"),
        header=revision.title,
        text=words,
        span=Span(start=0, end=len(words), page_from=1, page_to=2),
        tokens=len(words.split()),
        embedding_key=digest(words, str(ordinal)),
        flags=frozenset({"instructing"}),
        label=revision.resource.label,
        facet=revision.governance.facet.key,
        added_in=revision.added_in,
    )


def opened(store: RecordStore, number: int) -> None:
    """See that a draft of that number stands, if it is the next one."""
    with store.writing() as tx:
        if number > store.traffic().newest and number not in {draft.number for draft in store.drafts(ended=True)}:
            tx.open_draft(f"draft-{number}", ReleaseKind.SYNC, NOW, "test", sources=["handbook"])


def put(store: RecordStore, *states: State) -> None:
    for number in sorted({revision.added_in for revision, _, _ in states}):
        opened(store, number)
    with store.writing() as tx:
        for revision, version, chunks in states:
            tx.put_revision(revision, version, chunks)


def remove(store: RecordStore, key: str, draft: int, source: str = "handbook") -> None:
    opened(store, draft)
    with store.writing() as tx:
        tx.remove_document(digest(source, key), draft)


def publish(store: RecordStore, draft: int) -> None:
    """Each release is published an hour after the one before it."""
    opened(store, draft)
    with store.writing() as tx:
        tx.publish(draft, NOW + timedelta(hours=draft), "test")


def rivals(left: Chunk, right: Chunk) -> Rivalry:
    sides = (Passage(chunk=chunk.id, start=0, end=len(chunk.text)) for chunk in (left, right))
    return Rivalry(left=next(sides), right=next(sides), kind=RivalryKind.VALUE, similarity=0.1 + 0.2)


def claim(chunk: Chunk, number: int) -> Claim:
    """A claim of a chunk under a number of the test's choice."""
    value = TypedValue(kind=ValueKind.MONEY, canonical="5 EUR", magnitude="5", unit="EUR")
    subject = frozenset({"fee", "late"})
    return Claim(id=number, chunk=chunk.id, document=chunk.document, start=0, end=4, subject=subject, values=(value,), signature="a fee")


def entry(subject: str, **detail: JsonValue) -> AuditEntry:
    return AuditEntry(at=NOW, actor="agent-7", action=Action.CONTEXT_SERVED, subject=subject, detail=detail)


@contextmanager
def database(backend: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of one kind; skips the test where PostgreSQL is wanted and not running."""
    match backend:
        case "sqlite-private":
            yield "sqlite://"
        case "sqlite-file":
            yield f"sqlite:///{folder / 'records.db'}"
        case _:
            with _schema() as url:
                yield url


@contextmanager
def _schema() -> Iterator[str]:
    """A schema of its own on the server, so that tests do not see each other."""
    server = os.environ.get("CONTEXT_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("PostgreSQL is not running; set CONTEXT_TEST_POSTGRES_URL=postgresql://... (CI starts one)")
    url = make_url(server).set(drivername="postgresql+psycopg")
    name = f"records_{uuid4().hex}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
            try:
                yield url.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)
            finally:
                connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()
