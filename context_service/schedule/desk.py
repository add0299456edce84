"""What people do about freshness: look, ask for a sync, pause, resume, verify. Each change is audited in its transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from context_service.declarations.company import Declarations
from context_service.errors import Forbidden, InvalidRequest, NotFound
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditEntry
from context_service.model.context import Freshness
from context_service.model.document import OutcomeKind, Revision, SyncRun
from context_service.model.schedule import Pause, ScheduleState, SyncProgress, Verification, Wish
from context_service.model.source import Source
from context_service.policy import owns
from context_service.policy.sources import answers_for, may_see, source_resource
from context_service.records.protocol import RecordStore
from context_service.schedule.board import Board, EventView, SourceFreshness
from context_service.schedule.breaches import is_failing, source_freshness
from context_service.schedule.lag import CHANGES_MEASURED, lag
from context_service.schedule.rhythm import noted, planned
from context_service.schedule.scheduler import failure, seems_dead

FAILED = {OutcomeKind.FAILED_TRANSIENT, OutcomeKind.FAILED_TERMINAL}
SILENCE = timedelta(minutes=10)
"""A sync that has not said anything for so long is taken for dead."""

LONGEST_NOTE = 2_000
LONGEST_DAYS = 3_650


class FreshnessDesk:
    """Reads and decisions about freshness. A source that a principal may not see does not exist for it."""

    def __init__(
        self,
        records: RecordStore,
        declarations: Declarations,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        chance: Callable[[], float],
    ) -> None:
        self._records = records
        self._sources = declarations.sources
        self._now = now
        self._new_id = new_id
        self._chance = chance

    def board(self, principal: Principal) -> Board:
        """The freshness of every source this principal may see, by id."""
        now, lease = self._now(), self._records.lease()
        states, checked, progress = self._records.schedules(), self._records.checked_at(), self._records.progress()
        return Board(
            at=now,
            sources=tuple(
                self._view(principal, source, states.get(source.id), checked.get(source.id), progress.get(source.id))
                for source in sorted(self._visible(principal), key=lambda one: one.id)
            ),
            schedule=lease,
            schedule_runs=not seems_dead(lease, now),
        )

    def source(self, principal: Principal, source: str) -> SourceFreshness:
        """The freshness of one source. Raises NotFound when this principal may not see it."""
        declared = self._require(principal, source)
        states, checked, progress = self._records.schedules(), self._records.checked_at(), self._records.progress()
        return self._view(principal, declared, states.get(source), checked.get(source), progress.get(source))

    def events(self, principal: Principal, limit: int) -> list[EventView]:
        """The last events about sources this principal may see, newest first."""
        visible = {source.id: source for source in self._visible(principal)}
        events = self._records.events(sorted(visible), limit)
        told = self._records.deliveries([event.id for event in events if answers_for(principal, visible[event.source])])
        return [EventView(event=event, deliveries=tuple(one for one in told if one.event == event.id)) for event in events]

    def wish(self, principal: Principal, source: str) -> None:
        """Ask the schedule to sync a source next, also while it is paused. Raises NotFound, Forbidden."""
        wish = Wish(by=principal.id, at=self._now())
        self._change(principal, source, Action.SYNC_ASKED, {"wish": wish}, "")

    def forget_wish(self, source: str) -> None:
        """The sync that was asked for has been done by who asked."""
        with self._records.writing() as tx:
            held = tx.held_schedules()
            if source in held:
                tx.put_schedules([held[source].model_copy(update={"wish": None})])

    def pause(self, principal: Principal, source: str, reason: str) -> None:
        """Sync a source no more until it is resumed; its texts go on ageing. Raises NotFound, Forbidden."""
        pause = Pause(by=principal.id, at=self._now(), reason=reason.strip()[:LONGEST_NOTE])
        self._change(principal, source, Action.SCHEDULE_PAUSED, {"paused": pause}, pause.reason)

    def resume(self, principal: Principal, source: str) -> None:
        """Sync a source on schedule again; what it missed is made up for by one sync. Raises NotFound, Forbidden."""
        self._change(principal, source, Action.SCHEDULE_RESUMED, {"paused": None}, "")

    def verify(self, principal: Principal, revision: Revision, days: int, note: str) -> Verification:
        """Take the word of who answers for a document that it holds, for so many days from now, as it stands.

        Raises Forbidden for anybody else, InvalidRequest for a period that is none. The caller has checked that it may be read.
        """
        declared = self._sources.get(revision.source)
        if not owns(principal, revision.resource) and not (declared and owns(principal, source_resource(declared))):
            raise Forbidden(f"You do not answer for `{revision.ref}`.", remedy=f"Ask {revision.governance.owner}.", field="document")
        if not 1 <= days <= LONGEST_DAYS:
            raise InvalidRequest(f"{days} days are no period.", remedy=f"Give 1 to {LONGEST_DAYS} days.", field="days")
        now = self._now()
        verification = Verification(
            id=self._new_id(),
            document=revision.document,
            ref=revision.ref,
            version=revision.version,
            by=principal.id,
            at=now,
            until=now + timedelta(days=days),
            note=note.strip()[:LONGEST_NOTE],
        )
        with self._records.writing() as tx:
            tx.add_verification(verification)
            tx.audit(_entry(principal, now, Action.DOCUMENT_VERIFIED, f"document:{revision.ref}", verification.model_dump(mode="json")))
        return verification

    def note(self, runs: Iterable[SyncRun]) -> None:
        """Let the schedule know of runs that somebody began by hand."""
        finished = [run for run in runs if run.source in self._sources]
        now, checked = self._now(), self._records.checked_at()
        with self._records.writing() as tx:
            held = tx.held_schedules()
            tx.put_schedules(self._noted(run, held.get(run.source), checked.get(run.source), now) for run in finished)

    def _noted(self, run: SyncRun, state: ScheduleState | None, checked_at: datetime | None, now: datetime) -> ScheduleState:
        promise = self._sources[run.source].freshness
        plan = planned(run.source, promise, state, checked_at, now)
        return noted(plan, promise, run.started_at, failure(run), now, self._chance())

    def _visible(self, principal: Principal) -> list[Source]:
        return [source for source in self._sources.values() if may_see(principal, source)]

    def _require(self, principal: Principal, source: str) -> Source:
        declared = self._sources.get(source)
        if declared is None or not may_see(principal, declared):
            raise NotFound(f"No source `{source}` that you may see.", remedy="List them with GET /freshness.", field="source")
        return declared

    def _change(self, principal: Principal, source: str, action: Action, change: dict[str, object], reason: str) -> None:
        declared = self._require(principal, source)
        if not principal.operator:
            raise Forbidden("Only an operator may change what the schedule does.", remedy="Ask an operator.", field="source")
        now, checked = self._now(), self._records.checked_at().get(source)
        with self._records.writing() as tx:
            state = planned(source, declared.freshness, tx.held_schedules().get(source), checked, now)
            tx.put_schedules([state.model_copy(update=change)])
            tx.audit(_entry(principal, now, action, f"source:{source}", {"reason": reason} if reason else {}))

    def _view(
        self, principal: Principal, source: Source, state: ScheduleState | None, checked_at: datetime | None, progress: SyncProgress | None
    ) -> SourceFreshness:
        now, state = self._now(), state or ScheduleState(source=source.id)
        last = next(iter(self._records.runs(source.id, 1)), None)
        outcomes = self._records.outcomes(last.id) if last and answers_for(principal, source) else []
        changes = self._records.served_changes(source.id, CHANGES_MEASURED)
        age = source_freshness(source, checked_at, now)
        return SourceFreshness(
            source=source.id,
            title=source.title,
            owner=source.owner,
            promise=source.freshness,
            state=age,
            breached=age is not Freshness.FRESH or is_failing(source, state),
            checked_at=checked_at,
            changed_at=changes[0].served_at if changes else None,
            lag=lag(changes),
            failures=state.failures,
            reason=state.reason,
            failing=tuple(outcome for outcome in outcomes if outcome.kind in FAILED),
            next_run=state.next_run,
            backing_off=state.failures > 0,
            paused=state.paused,
            wish=state.wish,
            running=progress if progress and now - progress.at < SILENCE else None,
            last_run=last,
            may_manage=principal.operator,
        )


def _entry(principal: Principal, now: datetime, action: Action, subject: str, detail: dict[str, object]) -> AuditEntry:
    return AuditEntry.model_validate({"at": now, "actor": principal.id, "action": action, "subject": subject, "detail": detail})
