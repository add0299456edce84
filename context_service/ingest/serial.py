"""Syncs that are asked for side by side: sources are fetched at the same time, and go into the draft one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import TracebackType

from context_service.declarations.company import Declarations
from context_service.errors import DraftConflict, TransientSourceError
from context_service.ingest.ahead import STALL_SECONDS, Ahead
from context_service.ingest.connector import Limits
from context_service.ingest.parsing import ParserPool
from context_service.ingest.pipeline import Ingest, Report
from context_service.ingest.plugins import connector_kind
from context_service.ingest.progress import Progress, Silent
from context_service.ingest.sync import pull_of
from context_service.ingest.watched import Watched
from context_service.records.protocol import RecordStore

PATIENCE_SECONDS = 60.0
"""How long a sync waits for a draft that another process fills."""

PAUSE_SECONDS = 0.1
MakeIngest = Callable[[Limits, ParserPool, Mapping[str, Ahead]], Ingest]


class Serial:
    """Syncs sources on schedule; a context manager. Leaving it ends what is being fetched and waits for what goes into the draft."""

    def __init__(
        self,
        records: RecordStore,
        declarations: Declarations,
        make: MakeIngest,
        *,
        now: Callable[[], datetime],
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._records = records
        self._declarations = declarations
        self._make = make
        self._now = now
        self._stall_seconds = stall_seconds
        self._limits = Limits()
        self._parsers = ParserPool(self._limits)
        # One thread, so that sources get the draft in the order in which they were fetched.
        self._draft = ThreadPoolExecutor(1, thread_name_prefix="draft")
        self._fetching: dict[str, Ahead] = {}
        self._stopped = threading.Event()

    def __enter__(self) -> Serial:
        # Loading a parser's libraries takes seconds, in which a permission that was tightened would not be known.
        self._parsers.warm({source.kind for source in self._declarations.sources.values()})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._draft.shutdown(wait=True)
        self._parsers.close()

    @property
    def stopped(self) -> bool:
        """Whether nothing is begun any more."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Begin nothing any more; what is being fetched is given up."""
        self._stopped.set()
        for ahead in list(self._fetching.values()):
            ahead.close()

    def sync(self, name: str, actor: str) -> Report | None:
        """Sync one source and publish what it brought; None when the service ends before that.

        Raises DraftConflict when another process has kept the draft all the while, SourceError while an earlier fetch still hangs.
        """
        earlier = self._fetching.get(name)
        if earlier and earlier.hangs:
            raise TransientSourceError(f"An earlier fetch of `{name}` still hangs.", remedy="See what its connector waits for, or restart.")
        with Watched(self._records, (name,), Silent(), self._now) as progress, self._ahead(name, progress) as ahead:
            self._fetching[name] = ahead
            ahead.wait()
            if self.stopped:
                return None
            return self._draft.submit(self._ingest, name, actor, ahead, progress).result()

    def _ahead(self, name: str, progress: Watched) -> Ahead:
        source, company = self._declarations.sources[name], self._declarations.company
        pull = pull_of(self._records, company, source, self._declarations.folders[name], self._now(), self._limits)
        return Ahead(connector_kind(source.kind), pull, moved=progress.fetched, stall_seconds=self._stall_seconds)

    def _ingest(self, name: str, actor: str, ahead: Ahead, progress: Progress) -> Report:
        ingest = self._make(self._limits, self._parsers, {name: ahead})
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return ingest.run(self._declarations, [name], actor, progress)
            except DraftConflict:
                if time.monotonic() > patient_until or self.stopped:
                    raise
                self._stopped.wait(PAUSE_SECONDS)
