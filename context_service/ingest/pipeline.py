"""The ingest, top to bottom: sync each source into a draft, index the draft, find its rivals, judge it, publish what passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from context_service.declarations.company import Declarations
from context_service.embedding.protocol import Embedder
from context_service.errors import DraftConflict, InvalidRequest
from context_service.index.protocol import IndexStore
from context_service.ingest.ahead import Ahead
from context_service.ingest.connector import Limits
from context_service.ingest.desk import Desk
from context_service.ingest.drafts import Drafts, Publishing
from context_service.ingest.gatekeeper import Gatekeeper, OpenGate
from context_service.ingest.parsing import ParserPool
from context_service.ingest.progress import Progress
from context_service.ingest.restore import Restorer
from context_service.ingest.sync import Sync, Tools
from context_service.model.document import SyncRun
from context_service.model.release import Draft, DraftState, Release
from context_service.records.protocol import RecordStore


@dataclass(frozen=True)
class Report:
    """What an ingest did. `releases` are those it published, oldest first; `held` the drafts that wait for a person."""

    runs: tuple[SyncRun, ...]
    releases: tuple[Release, ...] = ()
    held: tuple[Draft, ...] = ()

    @property
    def release(self) -> Release | None:
        """The last release that it published; None when nothing had changed, or nothing passed."""
        return self.releases[-1] if self.releases else None


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
        gatekeeper: Gatekeeper | None = None,
        parsers: ParserPool | None = None,
        ahead: Mapping[str, Ahead] | None = None,
    ) -> None:
        self._records = records
        self._index = index
        self._embedder = embedder
        self._now = now
        self._new_id = new_id
        self._limits = limits
        self._gatekeeper = gatekeeper or OpenGate()
        self._parsers = parsers
        self._ahead = ahead or {}

    def run(self, declarations: Declarations, names: Sequence[str], actor: str, progress: Progress) -> Report:
        """Sync the sources called `names`, then publish what passes the gates, if anything changed.

        A source that fails does not stop the others; its run says why. A run that was killed is finished by the next one: the draft keeps
        what was done. A rollback that waits is finished first. Raises InvalidRequest for a source that is not declared, DraftConflict
        while another ingest runs.
        """
        _check(declarations, names)
        with self._records.exclusive("draft"):
            drafts = self._drafts(declarations)
            with self._records.writing() as tx:
                tx.interrupt_runs(self._now())
            drafts.mend(progress)
            Restorer(self._records, drafts, now=self._now, new_id=self._new_id).run(progress)
            desk = Desk(self._records, actor, now=self._now, new_id=self._new_id)
            runs = self._sync_all(declarations, names, desk, progress)
            settling = Settling(self._records, drafts, self._gatekeeper, runs, actor, progress)
            standing = [draft for draft in desk.standing() if draft.state is DraftState.OPEN or draft.sources & {*names}]
            ends = [end for draft in standing for end in settling.settle(draft.id)]
        releases = tuple(end for end in ends if isinstance(end, Release))
        return Report(runs, releases, tuple(end for end in ends if isinstance(end, Draft)))

    def _drafts(self, declarations: Declarations) -> Drafts:
        return Drafts(self._records, self._index, self._embedder, declarations, now=self._now, new_id=self._new_id)

    def _sync_all(self, declarations: Declarations, names: Sequence[str], desk: Desk, progress: Progress) -> tuple[SyncRun, ...]:
        with nullcontext(self._parsers) if self._parsers else ParserPool(self._limits) as parsers:
            tools = Tools(self._records, self._embedder, parsers, declarations.company, self._limits, progress, self._now, self._ahead)
            return tuple(self._sync(declarations, name, desk, tools) for name in names)

    def _sync(self, declarations: Declarations, name: str, desk: Desk, tools: Tools) -> SyncRun:
        run = SyncRun(id=self._new_id(), source=name, started_at=self._now())
        return Sync(tools, declarations.sources[name], declarations.folders[name], run, desk.slot(name)).execute()


@dataclass(frozen=True)
class Settling:
    """What becomes of the drafts that syncs have filled."""

    records: RecordStore
    drafts: Drafts
    gatekeeper: Gatekeeper
    runs: Sequence[SyncRun]
    actor: str
    progress: Progress

    def settle(self, draft: str) -> list[Release | Draft]:
        """The release it becomes, and what is held of it; nothing when it changes nothing."""
        if not self.records.draft_touched(self.drafts.found(draft).number):
            self.drafts.drop(draft, self.actor)
            return []
        checked = self.drafts.check(draft, self.progress)
        if self.drafts.changes_nothing(checked):
            self.drafts.drop(draft, self.actor)
            return []
        return self._judged(checked)

    def _judged(self, draft: Draft) -> list[Release | Draft]:
        touched = [source for source in sorted(draft.sources) if self.records.touched_documents(draft.number, [source])]
        verdict = self.gatekeeper.judge(draft.number, touched, self.runs)
        with self.records.writing() as tx:
            tx.put_draft(tx.held_draft(draft.id).model_copy(update={"gates": dict(verdict.gates)}))
        holds = {source: reasons for source, reasons in verdict.holds.items() if source in touched}
        barred = self._barred()
        if barred or len(holds) == len(touched):
            return [self.drafts.hold(draft.id, barred or [reason for reasons in holds.values() for reason in reasons], self.actor)]
        parts = [self.drafts.split(draft.id, [source], reasons, self.actor) for source, reasons in holds.items()]
        return [*parts, self._published(draft)]

    def _published(self, draft: Draft) -> Release | Draft:
        try:
            return self.drafts.publish(draft.id, Publishing(self.actor, detail={"runs": [run.id for run in self.runs]}))
        except DraftConflict as conflict:  # a rollback that came between
            return self.drafts.hold(draft.id, [conflict.message], self.actor)

    def _barred(self) -> list[str]:
        """Why nothing publishes itself now."""
        traffic = self.records.traffic()
        if traffic.canary is not None:
            return [f"Release {traffic.canary} is being tried on a share of the conversations."]
        if traffic.publishing_held or traffic.restoring:
            return ["A release was rolled back; nothing publishes itself until a person has published."]
        return []


def _check(declarations: Declarations, names: Sequence[str]) -> None:
    for name in names:
        if name not in declarations.sources:
            raise InvalidRequest(
                f"No source `{name}` is declared.", remedy=f"Use one of {', '.join(sorted(declarations.sources))}.", field="source"
            )
