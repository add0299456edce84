"""One source's sync: every item the connector reports ends as a stored outcome, and what changed goes into the draft.

The order of writes makes an interruption harmless at any point: an item's rows, its vectors, its mark and its outcome are one
transaction, the draft is read by nobody, and the next sync passes over what the draft already holds.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog

from context_service.chunking.chunker import CHUNKER_VERSION
from context_service.embedding.protocol import Embedder
from context_service.errors import SourceError, TerminalSourceError, TransientSourceError
from context_service.ingest.ahead import Ahead
from context_service.ingest.connector import Connector, Done, Event, Failed, Found, Gone, Limits, Pull, Same
from context_service.ingest.desk import Slot
from context_service.ingest.indexing import missing_texts
from context_service.ingest.overridden import overridden
from context_service.ingest.parsing import ParserPool
from context_service.ingest.plugins import connector_kind
from context_service.ingest.prepare import PREPARE_VERSION, Prepared, document_id, prepare
from context_service.ingest.progress import Progress
from context_service.model.base import canonical_json, digest
from context_service.model.change import OwnerOverrides
from context_service.model.document import Content, ItemMark, Outcome, OutcomeKind, Parsed, RunState, SyncRun
from context_service.model.source import Company, Source
from context_service.records.protocol import RecordStore, RecordWriter

LOOK_AHEAD = 8
"""Items parsed ahead of the one being stored."""

FLUSH_CHUNKS = 64
"""New chunks that are embedded and stored together."""


log = structlog.get_logger()


@dataclass(frozen=True)
class Tools:
    """What a sync works with."""

    records: RecordStore
    embedder: Embedder
    parsers: ParserPool
    company: Company
    limits: Limits
    progress: Progress
    now: Callable[[], datetime]
    ahead: Mapping[str, Ahead] = field(default_factory=dict)
    """What was fetched before the draft was taken, by source."""


@dataclass
class _Batch:
    """Items whose outcome is known and not yet stored."""

    prepared: list[tuple[Prepared, ItemMark]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    marks: list[ItemMark] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    @property
    def chunks(self) -> int:
        return sum(len(prepared.chunks) for prepared, _ in self.prepared)


class Sync:
    """One run over one source, into the draft of its slot."""

    def __init__(self, tools: Tools, source: Source, folder: Path, run: SyncRun, slot: Slot) -> None:
        self._tools = tools
        self._source = source
        self._folder = folder
        self._run = run
        self._slot = slot
        self._connector_class = connector_kind(source.kind)
        self._governed_by = _governance_hash(tools.company, source, self._connector_class)
        self._marks = tools.records.marks(source.id)
        self._seen: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._batch = _Batch()
        self._end: Done | None = None

    def execute(self) -> SyncRun:
        """Pull the source to its end and return the finished run; a source that fails ends as a failed run with its reason."""
        with self._tools.records.writing() as tx:
            tx.start_run(self._run)
        self._tools.progress.run_started(self._run, self._source.title)
        try:
            for content, parsing in self._parsed_ahead(self._events()):
                self._store(content, parsing)
            self._sweep()
        except SourceError as error:
            return self._finish(RunState.FAILED, str(error))
        return self._finish(RunState.SUCCEEDED, None)

    def _events(self) -> Iterator[Event]:
        """What the connector reports. Whatever goes wrong in it, which anybody may have written, is the failure of this one source."""
        try:
            yield from self._pulled()
        except SourceError:
            raise
        except Exception as error:
            log.exception("connector_failed", source=self._source.id, kind=self._source.kind)
            what = f"The connector of kind `{self._source.kind}` failed ({type(error).__name__})."
            raise TerminalSourceError(what, remedy="Its traceback is in the log; tell who wrote the connector.") from error

    def _pulled(self) -> Iterator[Event]:
        tools = self._tools
        pull = pull_of(tools.records, tools.company, self._source, self._folder, self._run.started_at, tools.limits)
        ahead = tools.ahead.get(self._source.id)
        return ahead.events() if ahead and ahead.fits(pull) else self._connector_class(pull).events()

    def _parsed_ahead(self, events: Iterator[Event]) -> Iterator[tuple[Content, Future[Parsed]]]:
        """The items that changed, each with its parse under way; every other event is dealt with here.

        A source that breaks off takes nothing back of what it brought: its error is raised after that.
        """
        waiting: deque[tuple[Content, Future[Parsed]]] = deque()
        broken_by: SourceError | None = None
        try:
            for event in events:
                if isinstance(event, Found) and not self._unchanged(event.content):
                    waiting.append((event.content, self._tools.parsers.submit(self._source.kind, event.content)))
                elif not isinstance(event, Found):
                    self._note(event)
                while len(waiting) > LOOK_AHEAD:
                    yield waiting.popleft()
        except SourceError as error:
            broken_by = error
        yield from waiting
        if broken_by:
            raise broken_by

    def _note(self, event: Same | Gone | Failed | Done) -> None:
        match event:
            case Done():
                self._end = event
            case Same(key):
                self._same(self._marks[key])
            case Gone(key):
                self._gone(key)
            case Failed(key, reason, transient):
                self._failed(key, reason, transient=transient)

    def _unchanged(self, content: Content) -> bool:
        """Whether bytes and rules are those of last time; then only a new fingerprint is remembered."""
        mark = self._marks.get(content.key)
        if mark is None or mark.governance_hash != self._governed_by or mark.content_hash != digest(content.raw, content.url):
            return False
        self._same(mark.model_copy(update={"fingerprint": content.fingerprint}))
        return True

    def _same(self, mark: ItemMark) -> None:
        if mark.failing_since and not mark.reason:
            mark = mark.model_copy(update={"failing_since": None})
        if mark != self._marks[mark.key]:
            self._batch.marks.append(mark)
        kind = OutcomeKind.FAILED_TERMINAL if mark.reason else OutcomeKind.UNCHANGED
        self._ended(Outcome(key=mark.key, kind=kind, reason=mark.reason))

    def _gone(self, key: str) -> None:
        if key in self._marks:
            self._batch.gone.append(key)
            self._ended(Outcome(key=key, kind=OutcomeKind.DELETED))

    def _failed(self, key: str, reason: str, *, transient: bool) -> None:
        """What is known of the item stays, but for the day since which it ages; at the next sync it is asked for again."""
        mark = self._marks.get(key)
        if mark and not mark.failing_since:
            self._batch.marks.append(mark.model_copy(update={"failing_since": self._run.started_at}))
        kind = OutcomeKind.FAILED_TRANSIENT if transient else OutcomeKind.FAILED_TERMINAL
        self._ended(Outcome(key=key, kind=kind, reason=reason))

    def _store(self, content: Content, parsing: Future[Parsed]) -> None:
        mark = ItemMark(
            key=content.key,
            document=document_id(self._source.id, content.key),
            fingerprint=content.fingerprint,
            content_hash=digest(content.raw, content.url),
            governance_hash=self._governed_by,
        )
        try:
            prepared = self._prepare(content, parsing.result())
        except TransientSourceError as error:
            self._failed(content.key, str(error), transient=True)
        except SourceError as error:
            self._refused(mark, str(error))
        else:
            self._batch.prepared.append((prepared, mark))
            kind = OutcomeKind.CHANGED if self._stands(content.key) else OutcomeKind.NEW
            self._ended(Outcome(key=content.key, kind=kind, reason="; ".join(self._noted(prepared)) or None))
        if self._batch.chunks >= FLUSH_CHUNKS:
            self._flush()

    def _refused(self, mark: ItemMark, reason: str) -> None:
        """An item that only its owner can mend. The mark keeps it from being read again until it changes."""
        known = self._marks.get(mark.key)
        since = known.failing_since if known and known.failing_since else self._run.started_at
        self._batch.marks.append(mark.model_copy(update={"failing_since": since, "reason": reason}))
        self._ended(Outcome(key=mark.key, kind=OutcomeKind.FAILED_TERMINAL, reason=reason))

    def _stands(self, key: str) -> bool:
        """Whether some text of the item was stored before; a failure may be all that is known of it."""
        mark = self._marks.get(key)
        return mark is not None and (
            not mark.reason or self._tools.records.revision_of(self._source.id, key, self._slot.number()) is not None
        )

    def _noted(self, prepared: Prepared) -> tuple[str, ...]:
        """What was odd about an item, its owner's overrides that no longer apply included; of those the owner is told."""
        revision = prepared.revision
        orphans = revision.overridden.orphans if revision.overridden else ()
        if orphans:
            log.info("override_not_applied", document=revision.ref, owner=revision.governance.owner, why=list(orphans))
        return (*revision.notes, *orphans)

    def _prepare(self, content: Content, parsed: Parsed) -> Prepared:
        state = prepare(
            self._tools.company,
            self._source,
            content,
            parsed,
            draft=self._slot.number(),
            run=self._run.id,
            count_tokens=self._tools.embedder.count_tokens,
        )
        governed = replace(state, revision=state.revision.model_copy(update={"governed_by": self._governed_by}))
        return overridden(governed, self._overrides(content.key), self._tools.company, self._tools.embedder.count_tokens)

    def _overrides(self, key: str) -> OwnerOverrides:
        """What its owner has said of an item, also of one that was gone for a while."""
        records = self._tools.records
        past = records.history(document_id(self._source.id, key))
        if not any(revision.overridden for revision in past):
            return OwnerOverrides()
        state = records.revision_of(self._source.id, key, self._slot.number())
        if state is None:
            head = records.head()
            state = next((revision for revision in reversed(past) if revision.added_in <= head), None)
        return state.overridden.overrides if state and state.overridden else OwnerOverrides()

    def _ended(self, outcome: Outcome) -> None:
        self._seen.add(outcome.key)
        self._batch.outcomes.append(outcome)
        self._counts[outcome.kind.value] += 1
        self._tools.progress.item_ended(self._run, outcome)

    def _sweep(self) -> None:
        """What was known and has not been seen is deleted, but only if the connector saw everything there is."""
        if self._end and self._end.complete:
            for key in sorted(self._marks.keys() - self._seen):
                self._gone(key)
        self._flush()

    def _flush(self) -> None:
        batch, self._batch = self._batch, _Batch()
        chunks = [chunk for prepared, _ in batch.prepared for chunk in prepared.chunks]
        texts = missing_texts(self._tools.records, self._tools.embedder, chunks)
        vectors = self._tools.embedder.embed_documents(list(texts.values()))
        if batch.gone:
            self._slot.number()  # a draft cannot be opened within the transaction that writes into it
        draft = self._slot.number() if batch.gone else 0  # which may open one, and so cannot wait for the transaction below
        with self._tools.records.writing() as tx:
            tx.put_vectors(self._tools.embedder.model_id, dict(zip(texts, vectors, strict=True)))
            for prepared, mark in batch.prepared:
                tx.put_revision(prepared.revision, prepared.version, prepared.chunks)
                tx.put_mark(self._source.id, mark)
            for mark in batch.marks:
                tx.put_mark(self._source.id, mark)
            self._remove(tx, batch.gone, draft)
            tx.add_outcomes(self._run.id, batch.outcomes)

    def _remove(self, tx: RecordWriter, keys: list[str], draft: int) -> None:
        for key in keys:
            tx.remove_document(self._marks[key].document, draft)
            tx.drop_mark(self._source.id, key)

    def _finish(self, state: RunState, reason: str | None) -> SyncRun:
        self._flush()
        finished = self._run.model_copy(
            update={"state": state, "counts": dict(self._counts), "reason": reason, "finished_at": self._tools.now()}
        )
        with self._tools.records.writing() as tx:
            tx.finish_run(finished)
            if self._end and state is RunState.SUCCEEDED and self._end.cursor != self._tools.records.cursor(self._source.id):
                tx.set_cursor(self._source.id, self._end.cursor)
        self._tools.progress.run_finished(finished)
        return finished


def pull_of(records: RecordStore, company: Company, source: Source, folder: Path, now: datetime, limits: Limits) -> Pull:
    """What the connector of a source is asked for now."""
    governed_by, marks = _governance_hash(company, source, connector_kind(source.kind)), records.marks(source.id)
    # An item processed under other rules, or that failed for the moment, is unknown to the connector: it has to bring it again.
    known = {key: mark for key, mark in marks.items() if mark.governance_hash == governed_by}
    cursor = records.cursor(source.id) if len(known) == len(marks) else None
    return Pull(source=source, folder=folder, cursor=cursor, known=known, now=now, limits=limits)


def _governance_hash(company: Company, source: Source, connector: type[Connector]) -> str:
    """Names the rules and the code under which an item is processed; when it changes, items are processed again."""
    # How often a source is synced, who is told and what is checked before publishing decides nothing about its texts.
    words, rules = (
        company.model_dump(mode="json", exclude={"webhooks", "gates", "golden"}),
        source.model_dump(mode="json", exclude={"freshness", "trusted"}),
    )
    return digest(canonical_json(words), canonical_json(rules), connector.version, CHUNKER_VERSION, PREPARE_VERSION)
