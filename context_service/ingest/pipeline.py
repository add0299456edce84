"""The ingest, top to bottom: sync each source into the draft, index the draft, find its rivals, publish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from context_service.declarations.company import Declarations
from context_service.embedding.protocol import Embedder
from context_service.errors import InvalidRequest
from context_service.index.protocol import IndexStore
from context_service.ingest.conflicts import ConflictKeeper, Moved, store, summary
from context_service.ingest.connector import Limits
from context_service.ingest.indexing import index_is_behind, reconcile
from context_service.ingest.parsing import ParserPool
from context_service.ingest.progress import Progress
from context_service.ingest.rivals import RivalFinder
from context_service.ingest.sync import Sync, Tools
from context_service.model.audit import Action, AuditEntry
from context_service.model.conflict import Conflict
from context_service.model.document import Release, SyncRun
from context_service.policy.applies import Regions
from context_service.records.protocol import RecordStore

log = structlog.get_logger()

KEEP_SERVED = timedelta(days=31)
"""What answers told counts for 30 days; one more, so that nothing is missing while it does."""


@dataclass(frozen=True)
class Report:
    """What an ingest did. `release` is None when nothing had changed."""

    runs: tuple[SyncRun, ...]
    release: Release | None


class Ingest:
    """Runs syncs and publishes what they bring. One process at a time: a second one gets DraftConflict."""

    def __init__(
        self,
        records: RecordStore,
        index: IndexStore,
        embedder: Embedder,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        limits: Limits,
    ) -> None:
        self._records = records
        self._index = index
        self._embedder = embedder
        self._now = now
        self._new_id = new_id
        self._limits = limits

    def run(self, declarations: Declarations, names: Sequence[str], actor: str, progress: Progress) -> Report:
        """Sync the sources called `names`, then publish if anything changed.

        A source that fails does not stop the others; its run says why. A run that was killed is finished by the next one: the draft keeps
        what was done. Raises InvalidRequest for a source that is not declared, DraftConflict while another ingest runs.
        """
        _check(declarations, names)
        with self._records.exclusive("draft"):
            self._tidy_up(progress)
            draft = self._records.head() + 1
            runs = self._sync_all(declarations, names, draft, progress)
            if not self._records.draft_touched(draft):
                return Report(runs, None)
            moved = self._complete(declarations, draft, progress)
            return Report(runs, self._publish(draft, actor, runs, moved))

    def _tidy_up(self, progress: Progress) -> None:
        """Close runs that were killed, forget what answers told too long ago to count. An index that was lost is rebuilt first: the draft
        alone would make it look whole.
        """
        now = self._now()
        with self._records.writing() as tx:
            tx.interrupt_runs(now)
            tx.forget_served(now - KEEP_SERVED)
        if index_is_behind(self._records, self._index):
            self._reconcile(None, progress)

    def _sync_all(self, declarations: Declarations, names: Sequence[str], draft: int, progress: Progress) -> tuple[SyncRun, ...]:
        with ParserPool(self._limits) as parsers:
            tools = Tools(self._records, self._embedder, parsers, declarations.company, self._limits, progress, self._now)
            return tuple(self._sync(declarations, name, draft, tools) for name in names)

    def _sync(self, declarations: Declarations, name: str, draft: int, tools: Tools) -> SyncRun:
        run = SyncRun(id=self._new_id(), source=name, started_at=self._now())
        return Sync(tools, declarations.sources[name], declarations.folders[name], run, draft).execute()

    def _complete(self, declarations: Declarations, draft: int, progress: Progress) -> Moved:
        comparing = lambda done, total: progress.stage("Comparing", done, total)  # noqa: E731
        self._reconcile(draft, progress)
        RivalFinder(self._records, declarations.company).run(draft, comparing)
        keeper = ConflictKeeper(self._records, Regions(declarations.company.regions), declarations.workflows.values())
        return keeper.moved(draft, self._now().date())

    def _reconcile(self, touched_in: int | None, progress: Progress) -> None:
        indexing = lambda done, total: progress.stage("Indexing", done, total)  # noqa: E731
        reconcile(self._records, self._index, self._embedder, touched_in=touched_in, report=indexing)

    def _publish(self, draft: int, actor: str, runs: tuple[SyncRun, ...], moved: Moved) -> Release:
        at = self._now()
        with self._records.writing() as tx:
            conflicts = store(tx, moved, draft, at, actor)
            release = tx.publish(draft, at)
            detail = {"runs": [run.id for run in runs], "conflicts": summary(conflicts)}
            tx.audit(AuditEntry(at=at, actor=actor, action=Action.RELEASE_PUBLISHED, subject=f"release:{draft}", detail=detail))
        _tell_owners(conflicts)
        return release


def _tell_owners(conflicts: Iterable[Conflict]) -> None:
    for conflict in conflicts:
        if conflict.notified:
            documents = [side.ref for side in conflict.sides]
            log.info("conflict_waits_for_its_owners", conflict=conflict.id, owners=sorted(conflict.notified), documents=documents)


def _check(declarations: Declarations, names: Sequence[str]) -> None:
    for name in names:
        if name not in declarations.sources:
            raise InvalidRequest(
                f"No source `{name}` is declared.", remedy=f"Use one of {', '.join(sorted(declarations.sources))}.", field="source"
            )
