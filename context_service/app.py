"""The composition root: the only place that names an implementation. Every face (CLI, API, console) works through `App`."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType

from context_service.declarations.company import Declarations, load
from context_service.embedding.open import open_embedder, open_reranker
from context_service.embedding.protocol import Embedder, Reranker
from context_service.embedding.remembering import RememberingReranker
from context_service.errors import StoreError, Unauthenticated
from context_service.index.open import open_index
from context_service.index.protocol import IndexStore
from context_service.ingest.connector import Limits
from context_service.ingest.indexing import Report as StageReport
from context_service.ingest.indexing import index_is_behind, reconcile
from context_service.ingest.pipeline import Ingest, Report
from context_service.ingest.progress import Progress, Silent
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditEntry
from context_service.model.conflict import Ruling, RulingRequest
from context_service.model.context import ContextReply, ContextRequest
from context_service.policy.keys import SECRET_BYTES, key_hash, make_key
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.retrieval.browse import Browse
from context_service.retrieval.service import ContextService, Engine
from context_service.rulings.service import Rulings
from context_service.rulings.views import ConflictList, ConflictView, Filters, Preview
from context_service.schedule.resync import Resync
from context_service.settings import Settings


def utc_now() -> datetime:
    """The moment it is, with time zone."""
    return datetime.now(UTC)


def new_id() -> str:
    """A new random id."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class App(AbstractContextManager["App"]):
    """Everything wired together. Use as a context manager, or call `close()`."""

    settings: Settings
    declarations: Declarations
    records: RecordStore
    index: IndexStore
    embedder: Embedder
    reranker: Reranker | None
    context: ContextService
    browse: Browse
    rulings: Rulings
    now: Callable[[], datetime] = utc_now

    def answer(self, request: ContextRequest, principal: Principal) -> ContextReply:
        """See `ContextService.answer`."""
        return self.context.answer(request, principal)

    def conflicts(self, principal: Principal, filters: Filters) -> ConflictList:
        """See `Rulings.conflicts`."""
        return self.rulings.conflicts(principal, filters)

    def conflict(self, principal: Principal, conflict: str) -> ConflictView:
        """See `Rulings.conflict`."""
        return self.rulings.conflict(principal, conflict)

    def rule(self, principal: Principal, conflict: str, request: RulingRequest) -> Ruling:
        """See `Rulings.rule`."""
        return self.rulings.rule(principal, conflict, request)

    def revoke(self, principal: Principal, ruling: str) -> Ruling:
        """See `Rulings.revoke`."""
        return self.rulings.revoke(principal, ruling)

    def preview(self, principal: Principal, conflict: str, request: RulingRequest) -> Preview:
        """See `Rulings.preview`."""
        return self.rulings.preview(principal, conflict, request)

    def ingest(self, names: Sequence[str], actor: str, progress: Progress, limits: Limits | None = None) -> Report:
        """Sync the named sources (none: all) and publish what changed; see `Ingest.run`."""
        pipeline = Ingest(self.records, self.index, self.embedder, now=self.now, new_id=new_id, limits=limits or Limits())
        return pipeline.run(self.declarations, names or sorted(self.declarations.sources), actor, progress)

    def reindex(self, report: StageReport) -> None:
        """Rebuild the index from the records; only texts without a vector of the present model are embedded."""
        with self.records.exclusive("draft"):
            self.index.clear()
            reconcile(self.records, self.index, self.embedder, touched_in=None, report=report)

    def require_index(self) -> None:
        """Raise StoreError when the index lacks what the current release reads, rather than answer from a part of it."""
        if index_is_behind(self.records, self.index):
            raise StoreError("The index does not hold the current release.", remedy="Run `context-service reindex`.")

    def scheduled(self) -> AbstractContextManager[None]:
        """Re-sync each source as often as it promises while the block runs, unless the settings leave that to another process."""
        if not self.settings.schedule:
            return nullcontext()
        return Resync(self.declarations, lambda name: self.ingest([name], "schedule", Silent()))

    def register(self, principal: Principal, actor: str) -> str:
        """Register a principal and return its key, which is shown this once and stored only as a hash."""
        key = make_key(secrets.token_bytes(SECRET_BYTES))
        entry = AuditEntry(
            at=self.now(),
            actor=actor,
            action=Action.PRINCIPAL_REGISTERED,
            subject=f"principal:{principal.id}",
            detail={"principal": principal.model_dump(mode="json")},
        )
        with self.records.writing() as tx:
            tx.register(principal, key_hash(key))
            tx.audit(entry)
        return key

    def authenticate(self, key: str | None) -> Principal:
        """Who holds `key`. Raises Unauthenticated when nobody does; there is no anonymous principal."""
        principal = self.records.principal_by_key(key_hash(key)) if key else None
        if principal is None:
            raise Unauthenticated(
                "This needs the key of a registered agent or person.",
                remedy="Send `Authorization: Bearer <key>`; an operator registers you.",
            )
        return principal

    def close(self) -> None:
        """Release stores."""
        self.index.close()
        self.records.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def records_url(settings: Settings) -> str:
    """Where the records are: the URL that is set, else a SQLite file in the data folder."""
    return settings.records_url or f"sqlite:///{settings.data.resolve() / 'records.db'}"


def open_app(settings: Settings, declarations: Declarations | None = None, *, now: Callable[[], datetime] = utc_now) -> App:
    """Wire everything as `settings` say; `declarations` stand in for the file that `settings.config` names.

    Raises InvalidDeclaration, ModelUnavailable or StoreError with what to do about it.
    """
    declarations = declarations or load(settings.config)
    embedder = open_embedder(settings.embedder, settings.model_threads)
    return assemble(settings, declarations, embedder, open_reranker(settings.reranker, settings.model_threads), now=now)


def assemble(
    settings: Settings, declarations: Declarations, embedder: Embedder, reranker: Reranker | None, *, now: Callable[[], datetime] = utc_now
) -> App:
    """Wire these models to the stores that `settings` name. Raises StoreError."""
    settings.data.mkdir(parents=True, exist_ok=True)
    records = open_records(records_url(settings))
    index = open_index(settings.index_url, settings.index_api_key, settings.data / "index", embedder.model_id, embedder.dimension)
    engine = Engine(records, index, embedder, reranker, declarations, now=now, timer=time.perf_counter, new_id=new_id)
    context = ContextService(engine)
    # A preview answers each question twice, and owners preview several wishes about the same questions.
    replays = ContextService(replace(engine, reranker=RememberingReranker(reranker))) if reranker else context
    rulings = Rulings(records, declarations, replays, now=now, new_id=new_id)
    return App(settings, declarations, records, index, embedder, reranker, context, Browse(records, declarations, now), rulings, now)
