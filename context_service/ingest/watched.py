"""Progress that every process of the service can see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType

import structlog

from context_service.errors import ContextServiceError
from context_service.ingest.progress import Progress
from context_service.model.document import Outcome, SyncRun
from context_service.model.schedule import SyncProgress
from context_service.records.protocol import RecordStore

EVERY_SECONDS = 0.5
"""Seconds between two words to the records."""

log = structlog.get_logger(__name__)


class Watched:
    """Tells the records from time to time how far the syncs of an ingest are, and `inner` of every step. Satisfies `Progress`; a context
    manager.

    A thread of its own tells: the ingest never waits for it, and may speak in the middle of a transaction.
    """

    def __init__(self, records: RecordStore, sources: Sequence[str], inner: Progress, now: Callable[[], datetime]) -> None:
        self._records = records
        self._sources = tuple(sources)
        self._inner = inner
        self._now = now
        self._started_at = now()
        self._items = 0
        self._said: dict[str, SyncProgress] = {}
        self._told: dict[str, SyncProgress] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell_on, name="progress", daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if self._told:
            with self._records.writing() as tx:
                for source in self._told:
                    tx.drop_progress(source)

    def run_started(self, run: SyncRun, title: str) -> None:
        """See `Progress`."""
        self._items = 0
        self._inner.run_started(run, title)
        self._say("Reading", 0, None, (run.source,))

    def item_ended(self, run: SyncRun, outcome: Outcome) -> None:
        """See `Progress`."""
        self._items += 1
        self._inner.item_ended(run, outcome)
        self._say("Reading", self._items, None, (run.source,))

    def run_finished(self, run: SyncRun) -> None:
        """See `Progress`."""
        self._inner.run_finished(run)

    def stage(self, name: str, done: int, total: int) -> None:
        """See `Progress`."""
        self._inner.stage(name, done, total)
        self._say(name, done, total, self._sources)

    def fetched(self, count: int) -> None:
        """`count` events of a source were fetched ahead."""
        self._say("Fetching", count, None, self._sources)

    def _say(self, stage: str, done: int, total: int | None, sources: tuple[str, ...]) -> None:
        for source in sources:
            self._said[source] = SyncProgress(
                source=source, started_at=self._started_at, stage=stage, done=done, total=total, at=self._started_at
            )

    def _tell_on(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                self._tell()
            except ContextServiceError as error:
                log.info("progress_not_told", reason=str(error))

    def _tell(self) -> None:
        if self._said == self._told:
            return
        said, now = dict(self._said), self._now()
        with self._records.writing() as tx:
            for progress in said.values():
                tx.put_progress(progress.model_copy(update={"at": now}))
        self._told = said
