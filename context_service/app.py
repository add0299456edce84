"""The composition root: the only place that names an implementation. Every face (CLI, API, console) works through `App`."""

from __future__ import annotations

import math
import os
import random
import secrets
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType

from context_service.declarations.company import Declarations, load
from context_service.embedding.open import open_embedder, open_reranker, open_token_encoder
from context_service.embedding.protocol import Embedder, Reranker, TokenEncoder
from context_service.embedding.remembering import RememberingReranker
from context_service.errors import DraftConflict, Forbidden, StoreError, Unauthenticated
from context_service.index.open import open_index
from context_service.index.protocol import IndexStore
from context_service.ingest.ahead import Ahead
from context_service.ingest.connector import Limits
from context_service.ingest.drafts import Drafts
from context_service.ingest.indexing import Report as StageReport
from context_service.ingest.indexing import index_is_behind, reconcile
from context_service.ingest.parsing import ParserPool
from context_service.ingest.pipeline import Ingest, Report
from context_service.ingest.progress import Progress, Stepping
from context_service.ingest.serial import Serial
from context_service.ingest.token_index import TokenIndex, encode_what_stands
from context_service.ingest.watched import Watched
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditEntry
from context_service.model.conflict import Ruling, RulingRequest
from context_service.model.context import NOW, ContextReply, ContextRequest, Standpoint
from context_service.model.document import SyncRun
from context_service.model.golden import GoldenOutcome
from context_service.model.schedule import Verification
from context_service.model.source import Webhook
from context_service.model.workflow import Step
from context_service.policy.keys import SECRET_BYTES, key_hash, make_key
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.releases.control import ChangeControl
from context_service.releases.edit_checks import Tools as EditTools
from context_service.releases.lifecycle import Releases
from context_service.releases.retention import Retention
from context_service.retrieval.browse import Browse
from context_service.retrieval.overload import Admission
from context_service.retrieval.release_pin import check_reader, named_number
from context_service.retrieval.service import ContextService, Engine
from context_service.rulings.service import Rulings
from context_service.rulings.views import ConflictList, ConflictView, Filters, Preview
from context_service.schedule.board import Board
from context_service.schedule.chores import Chores, Work
from context_service.schedule.courier import Courier
from context_service.schedule.desk import FreshnessDesk
from context_service.schedule.metrics import Answering, exposition
from context_service.schedule.monitor import Monitor
from context_service.schedule.scheduler import Parts, Scheduler
from context_service.settings import Settings
from ingestors.http import Ask, GuardedClient

RETENTION = "retention"
"""Who retires releases every day, as the audit log names it."""

WEBHOOK_SECONDS = 10.0
"""Seconds that one delivery to a webhook may take in all."""


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
    desk: FreshnessDesk
    control: ChangeControl
    releases: Releases
    admission: Admission
    encoder: TokenEncoder | None = None
    now: Callable[[], datetime] = utc_now

    def answer(self, request: ContextRequest, principal: Principal, step: Step = Step.FULL) -> ContextReply:
        """See `ContextService.answer`."""
        return self.context.answer(request, principal, step)

    def conflicts(self, principal: Principal, filters: Filters, at: Standpoint = NOW) -> ConflictList:
        """See `Rulings.conflicts`."""
        return self.rulings.conflicts(principal, filters, at)

    def conflict(self, principal: Principal, conflict: str, at: Standpoint = NOW) -> ConflictView:
        """See `Rulings.conflict`."""
        return self.rulings.conflict(principal, conflict, at)

    def ask_golden(self, principal: Principal, at: Standpoint, workflow: str | None = None) -> tuple[int, list[GoldenOutcome]]:
        """The release or draft that was asked, and how the golden questions fared: see `FeedbackDesk.run` and `named_number`."""
        check_reader(principal, at)
        named = named_number(self.records, at, self.now())
        number = self.records.head() if named is None else named
        return number, self.control.feedback.run(principal, number, workflow)

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
        names = tuple(names or sorted(self.declarations.sources))
        with Watched(self.records, names, progress, self.now) as watched:
            report = self._pipeline(limits or Limits()).run(self.declarations, names, actor, watched)
        self.desk.note(report.runs)
        with suppress(DraftConflict):  # whoever has the draft now does it
            self.releases.retain(actor)
        return report

    def _pipeline(self, limits: Limits, parsers: ParserPool | None = None, ahead: Mapping[str, Ahead] | None = None) -> Ingest:
        return Ingest(
            self.records,
            self.index,
            self.embedder,
            now=self.now,
            new_id=new_id,
            limits=limits,
            gatekeeper=self.control.gates,
            parsers=parsers,
            ahead=ahead,
        )

    def reindex(self, report: StageReport) -> None:
        """Rebuild the index from the records; only texts without a vector of the present model are embedded."""
        with self.records.exclusive("draft"):
            self.index.clear()
            reconcile(self.records, self.index, self.embedder, after=None, report=report)

    def require_index(self) -> None:
        """Raise StoreError when the index lacks what the current release reads, rather than answer from a part of it."""
        if index_is_behind(self.records, self.index):
            raise StoreError("The index does not hold the current release.", remedy="Run `context-service reindex`.")

    @contextmanager
    def scheduled(self) -> Iterator[None]:
        """Re-sync each source as often as it promises while the block runs, unless the settings forbid it.

        However many processes are in such a block, one at a time runs the schedule.
        """
        if not self.settings.schedule:
            yield
            return
        serial = Serial(self.records, self.declarations, self._pipeline, now=self.now)
        with serial, Scheduler(self._schedule_parts(serial)):
            try:
                yield
            finally:
                serial.stop()

    def _schedule_parts(self, serial: Serial) -> Parts:
        def sync(name: str, actor: str) -> SyncRun | None:
            report = serial.sync(name, actor)
            return report.runs[0] if report else None

        return Parts(
            records=self.records,
            declarations=self.declarations,
            sync=sync,
            monitor=Monitor(self.records, self.declarations, now=self.now, new_id=new_id),
            courier=self._courier,
            chores=self._chores,
            now=self.now,
            chance=random.random,
            holder=f"{socket.gethostname()}:{os.getpid()}:{new_id()[:8]}",
        )

    def _chores(self) -> Chores:
        work = Work(
            restore=lambda step: self.releases.restore(Stepping(step)),
            retain=lambda step: self.releases.retain(RETENTION, Stepping(step)),
            encode=lambda step: encode_what_stands(self.records, self.encoder, step) if self.encoder else None,
        )
        return Chores(self.records, work, self.now)

    def _courier(self) -> Courier:
        return Courier(self.records, self.declarations.company.webhooks, secret=os.environ.get, post=post_webhook, now=self.now)

    def freshness(self, principal: Principal) -> Board:
        """See `FreshnessDesk.board`."""
        return self.desk.board(principal)

    def verify(self, principal: Principal, ref: str, days: int, note: str) -> Verification:
        """See `FreshnessDesk.verify`. Raises NotFound for a document that this principal may not read."""
        source, _, key = ref.partition(":")
        return self.desk.verify(principal, self.browse.document(principal, source, key).revision, days, note)

    def metrics(self, principal: Principal) -> bytes:
        """Figures in Prometheus's text format. Raises Forbidden for anybody but an operator."""
        if not principal.operator:
            raise Forbidden("Only an operator may read the figures of the service.", remedy="Let Prometheus send an operator's key.")
        load = self.admission.load()
        admitted = {step.name.lower(): count for step, count in load.admitted.items()}
        answering = Answering(inside=load.inside, step=load.step, admitted=admitted, refused=load.refused)
        board = self.desk.board(principal)
        return exposition(board, self.records.event_counts(), self.records.delivery_counts(), self.records.head(), answering)

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


def post_webhook(webhook: Webhook, headers: Mapping[str, str], body: bytes) -> int:
    """Send one delivery and return the status. Raises SourceError when there is none in time or the address is off the public internet."""
    limits = Limits(fetch_seconds=WEBHOOK_SECONDS)
    with GuardedClient(limits, allow_private=webhook.allow_private, pause=lambda _: math.inf) as client:
        ask = Ask("POST", webhook.url, headers, body, follow=lambda _: False, wanted=lambda *_: False)
        return client.send(ask).status


def records_url(settings: Settings) -> str:
    """Where the records are: the URL that is set, else a SQLite file in the data folder."""
    return settings.records_url or f"sqlite:///{settings.data.resolve() / 'records.db'}"


def open_app(settings: Settings, declarations: Declarations | None = None, *, now: Callable[[], datetime] = utc_now) -> App:
    """Wire everything as `settings` say; `declarations` stand in for the file that `settings.config` names.

    Raises InvalidDeclaration, ModelUnavailable or StoreError with what to do about it.
    """
    declarations = declarations or load(settings.config)
    threads = settings.model_threads
    embedder, reranker = open_embedder(settings.embedder, threads), open_reranker(settings.reranker, threads)
    return assemble(settings, declarations, embedder, reranker, open_token_encoder(settings.late_interaction, threads), now=now)


def assemble(
    settings: Settings,
    declarations: Declarations,
    embedder: Embedder,
    reranker: Reranker | None,
    encoder: TokenEncoder | None = None,
    *,
    now: Callable[[], datetime] = utc_now,
) -> App:
    """Wire these models to the stores that `settings` name. Raises StoreError."""
    settings.data.mkdir(parents=True, exist_ok=True)
    records = open_records(records_url(settings))
    index = open_index(settings.index_url, settings.index_api_key, settings.data / "index", embedder.model_id, embedder.dimension)
    if encoder:
        index = TokenIndex(index, records, encoder)
    engine = Engine(records, index, embedder, reranker, declarations, now, time.perf_counter, new_id, encoder)
    context = ContextService(engine)
    # A preview answers each question twice, and owners preview several wishes about the same questions.
    replays = ContextService(replace(engine, reranker=RememberingReranker(reranker))) if reranker else context
    rulings = Rulings(records, declarations, replays, now=now, new_id=new_id)
    desk = FreshnessDesk(records, declarations, now=now, new_id=new_id, chance=random.random)
    drafts = Drafts(records, index, embedder, declarations, now=now, new_id=new_id)
    control = ChangeControl.over(EditTools(records, declarations, embedder, rulings, now, new_id), declarations, drafts, context)
    retention = Retention(releases=settings.keep_releases, days=settings.keep_days)
    releases = Releases(
        records,
        index,
        embedder,
        declarations,
        retention,
        now=now,
        new_id=new_id,
        allow=control.gates.allow,
        published=control.workspaces.settle,
    )
    browse = Browse(records, declarations, now)
    admission = Admission(settings.concurrency, settings.longest_wait, time.perf_counter)
    return App(
        settings,
        declarations,
        records,
        index,
        embedder,
        reranker,
        context,
        browse,
        rulings,
        desk,
        control,
        releases,
        admission,
        encoder,
        now,
    )
