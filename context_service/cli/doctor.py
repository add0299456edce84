"""`context-service doctor`: is everything there that the service needs, and what to do where it is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain as joined

from context_service.app import records_url, utc_now
from context_service.audit.chain import verify
from context_service.declarations.company import Declarations, inspect
from context_service.embedding.open import open_embedder, open_reranker, open_token_encoder
from context_service.errors import ContextServiceError
from context_service.index.open import open_index
from context_service.ingest.indexing import index_is_behind
from context_service.ingest.plugins import connector_kind
from context_service.model.audit import AuditRecord
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.settings import Settings

MIN_FREE_BYTES = 2 * 1024**3
CLOCK_SLACK = timedelta(minutes=5)
"""How far the last stored moment may lie ahead of the clock before the clock is suspected."""

AUDIT_PAGE = 1000


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it is well, what was seen, and what to do if it is not."""

    part: str
    well: bool
    seen: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at declarations, models, stores, index, sources, disk and clock, each as far as the others allow."""
    declarations, faults = inspect(settings.config)
    yield from (Finding("declarations", False, str(fault)) for fault in faults)
    if declarations:
        yield Finding("declarations", True, f"{len(declarations.sources)} sources, {len(declarations.workflows)} workflows")
        yield from _sources(declarations)
    yield from _try("embedder", lambda: open_embedder(settings.embedder, 1).model_id)
    yield from _try("reranker", lambda: model.model_id if (model := open_reranker(settings.reranker, 1)) else "none, by setting")
    encoder = settings.late_interaction
    yield from _try("late interaction", lambda: model.model_id if (model := open_token_encoder(encoder, 1)) else "none, by setting")
    yield _disk(settings)
    yield from _stores(settings)


def _try(part: str, look: Callable[[], str]) -> Iterator[Finding]:
    try:
        yield Finding(part, True, look())
    except ContextServiceError as error:
        yield Finding(part, False, error.message, error.remedy)


def _sources(declarations: Declarations) -> Iterator[Finding]:
    for name, source in declarations.sources.items():
        part, folder = f"source {name}", declarations.folders[name]
        if not folder.is_dir():
            yield Finding(part, False, f"There is no folder {folder}.", "Mend `location` in its source.yaml, or create the folder.")
        elif source.access is None:
            yield Finding(part, False, "It has no access rule, so only its owner may read it.", "Add `access` to its source.yaml.")
        else:
            yield from _try(part, lambda source=source: f"kind {source.kind}, {connector_kind(source.kind).__name__}")  # type: ignore[misc]


def _disk(settings: Settings) -> Finding:
    folder = next(parent for parent in (settings.data.resolve(), *settings.data.resolve().parents) if parent.is_dir())
    free = shutil.disk_usage(folder).free
    enough = free >= MIN_FREE_BYTES
    return Finding("disk", enough, f"{free / 1024**3:.1f} GB free", "" if enough else "Free at least 2 GB before the next ingest.")


def _stores(settings: Settings) -> Iterator[Finding]:
    try:
        records = open_records(records_url(settings)) if settings.records_url or settings.data.is_dir() else None
    except ContextServiceError as error:
        yield Finding("records", False, error.message, error.remedy)
        return
    if records is None:
        yield Finding("records", False, f"There is no data folder {settings.data}.", "Run `context-service ingest`.")
        return
    try:
        yield from _try("records", records.check)
        yield from _contents(records)
        yield from _index(settings, records)
    finally:
        records.close()


def _contents(records: RecordStore) -> Iterator[Finding]:
    head, releases = records.head(), records.releases()
    yield Finding("release", head > 0, f"release {head}" if head else "nothing published", "" if head else "Run `context-service ingest`.")
    if releases and releases[-1].published_at > utc_now() + CLOCK_SLACK:
        yield Finding("clock", False, "The last release was published in this clock's future.", "Set the clock; use NTP.")
    else:
        yield Finding("clock", True, utc_now().isoformat(timespec="seconds"))
    audit = verify(joined.from_iterable(_audit_pages(records)))
    remedy = "" if audit.broken is None else "Keep the database as it is and find out who changed it."
    yield Finding("audit chain", audit.broken is None, audit.reason or f"{audit.intact} records, unbroken", remedy)


def _audit_pages(records: RecordStore) -> Iterator[list[AuditRecord]]:
    after = 0
    while page := records.audit_records(after, AUDIT_PAGE):
        yield page
        after = page[-1].number


def _index(settings: Settings, records: RecordStore) -> Iterator[Finding]:
    try:
        embedder = open_embedder(settings.embedder, 1)
        index = open_index(settings.index_url, settings.index_api_key, settings.data / "index", embedder.model_id, embedder.dimension)
    except ContextServiceError as error:
        yield Finding("index", False, error.message, error.remedy)
        return
    try:
        seen = index.check()
        behind = index_is_behind(records, index)
        yield Finding(
            "index", not behind, seen + (", behind the records" if behind else ""), "Run `context-service reindex`." if behind else ""
        )
    except ContextServiceError as error:
        yield Finding("index", False, error.message, error.remedy)
    finally:
        index.close()
