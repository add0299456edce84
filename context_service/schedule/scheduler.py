"""The process that syncs on schedule: one of all that serve, the others stand by.

Who holds the records' lock `schedule` runs it; the lock ends with its process, whatever ends that, and a standby takes over. What is due
and what happened stands in the records, so that a new holder goes on where the last one stopped, and a pause or a wish from any process
is heard.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from context_service.declarations.company import Declarations
from context_service.errors import ContextServiceError, DraftConflict, StoreError
from context_service.model.document import RunState, SyncRun
from context_service.model.schedule import Lease, ScheduleState
from context_service.records.protocol import RecordStore
from context_service.schedule.chores import Chores
from context_service.schedule.courier import Courier
from context_service.schedule.monitor import Monitor
from context_service.schedule.rhythm import begun, ended, is_due, planned, put_off

TICK_SECONDS = 0.25
"""How often the scheduler looks what is due."""

WATCH_SECONDS = 1.0
"""How often it looks at promises and deliveries."""

STANDBY_SECONDS = 1.0
"""How often a standby tries to take over."""

SEEN_SECONDS = 5.0
"""How often the holder says that it is alive."""

BUSY_SECONDS = 5.0
"""How long a sync is put off that could not begin for no fault of its source: the draft was in use, the records were away."""

RUNS_KEPT = 50
"""Last runs of a source of which is kept how every single item ended; of the others the counts are."""

ENTRY = "schedule"
"""Who asks for scheduled syncs, as the audit log names it."""

log = structlog.get_logger(__name__)

SyncOne = Callable[[str, str], SyncRun | None]
"""Syncs a source for an actor; None when the service ends before that. Raises DraftConflict when something else keeps the draft."""


@dataclass(frozen=True)
class Parts:
    """What a scheduler works with. `chance` returns a number in [0, 1); `holder` names this process."""

    records: RecordStore
    declarations: Declarations
    sync: SyncOne
    monitor: Monitor
    courier: Callable[[], Courier]
    chores: Callable[[], Chores]
    now: Callable[[], datetime]
    chance: Callable[[], float]
    holder: str


class Scheduler:
    """Runs the schedule while no other process does; a context manager. Leaving it waits for the sync under way."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="schedule", daemon=True)

    def __enter__(self) -> Scheduler:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                with self._parts.records.exclusive("schedule"), Shift(self._parts) as shift:
                    while not self._stop.wait(TICK_SECONDS) and not shift.lost.is_set():
                        pass
            except DraftConflict:
                pass  # somebody else has it
            except ContextServiceError as error:
                log.warning("schedule_interrupted", reason=str(error))
            self._stop.wait(STANDBY_SECONDS)


class Shift:
    """The time in which this process holds the schedule. `lost` is set when another one has taken it over."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._since = parts.now()
        self._running: set[str] = set()
        self._exit = ExitStack()
        self.lost = threading.Event()

    def __enter__(self) -> Shift:
        parts = self._parts
        self._take_over()
        courier = self._exit.enter_context(parts.courier())
        self._exit.enter_context(parts.chores())
        # Each source has a thread to be fetched in, so that one which hangs keeps no other waiting.
        executors = {"default": ThreadPoolExecutor(4), "syncs": ThreadPoolExecutor(max(1, len(parts.declarations.sources)))}
        self._jobs = BackgroundScheduler(
            executors=executors, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}, timezone="UTC"
        )
        for work, seconds in ((self._tick, TICK_SECONDS), (parts.monitor.look, WATCH_SECONDS), (courier.deliver, WATCH_SECONDS)):
            self._jobs.add_job(_told(work), "interval", seconds=seconds)
        self._jobs.add_job(_told(self._be_seen), "interval", seconds=SEEN_SECONDS)
        self._jobs.start()
        self._exit.callback(self._jobs.shutdown, wait=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._exit.close()

    def _take_over(self) -> None:
        """What a holder that died had begun is due again."""
        parts = self._parts
        with parts.records.writing() as tx:
            tx.drop_progress()
            tx.put_schedules(state.model_copy(update={"started_at": None}) for state in tx.held_schedules().values() if state.started_at)
            tx.put_lease(self._lease())

    def _be_seen(self) -> None:
        """Say that this process is alive, unless another one has said so since: then its lock was lost with its connection."""
        lease = self._parts.records.lease()
        if lease and lease.holder != self._parts.holder:
            log.warning("schedule_lost", to=lease.holder)
            self.lost.set()
            return
        with self._parts.records.writing() as tx:
            tx.put_lease(self._lease())

    def _lease(self) -> Lease:
        return Lease(holder=self._parts.holder, since=self._since, seen_at=self._parts.now())

    def _tick(self) -> None:
        """Begin what is due."""
        if self.lost.is_set():
            return
        now, states = self._parts.now(), self._parts.records.schedules()
        if not any(self._due(state, now) for state in states.values()) and self._all_planned(states):
            return
        for state in self._claimed(now):
            self._running.add(state.source)
            self._jobs.add_job(self._run, args=[state], executor="syncs", id=f"sync-{state.source}", replace_existing=True)

    def _all_planned(self, states: Mapping[str, ScheduleState]) -> bool:
        now = self._parts.now()
        return all(
            name in states and planned(name, source.freshness, states[name], None, now) is states[name]
            for name, source in self._parts.declarations.sources.items()
        )

    def _due(self, state: ScheduleState, now: datetime) -> bool:
        return state.source in self._parts.declarations.sources and state.source not in self._running and is_due(state, now)

    def _claimed(self, now: datetime) -> list[ScheduleState]:
        """Plan what has no plan, and take what is due. The longest due comes first."""
        checked = self._parts.records.checked_at()
        with self._parts.records.writing() as tx:
            held = tx.held_schedules()
            states = [
                planned(name, source.freshness, held.get(name), checked.get(name), now)
                for name, source in self._parts.declarations.sources.items()
            ]
            due = [begun(state, now) if self._due(state, now) else state for state in states]
            tx.put_schedules(state for state in due if state != held.get(state.source))
        claimed = [state for state, before in zip(due, states, strict=True) if state is not before]
        return sorted(claimed, key=lambda state: (state.next_run or now, state.source))

    def _run(self, claim: ScheduleState) -> None:
        name, started_at = claim.source, claim.started_at or self._parts.now()
        try:
            run = self._parts.sync(name, claim.wish.by if claim.wish else ENTRY)
            # A sync that the end of the service cut off stays claimed, and whoever takes over does it.
            if run:
                self._settle(name, started_at, failure(run))
        except StoreError as error:  # the draft is in use, or the records are away: nothing that the source could help
            log.info("sync_put_off", source=name, reason=str(error))
            self._change(name, lambda state: put_off(state, BUSY_SECONDS, self._parts.now()))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with one source, the others go on
            log.warning("sync_failed", source=name, reason=str(error), kind=type(error).__name__)
            self._settle(name, started_at, str(error) or type(error).__name__)
        finally:
            self._running.discard(name)

    def _settle(self, name: str, started_at: datetime, failed: str | None) -> None:
        promise, parts = self._parts.declarations.sources[name].freshness, self._parts
        self._change(name, lambda state: ended(state, promise, started_at, failed, parts.now(), parts.chance()))

    def _change(self, name: str, change: Callable[[ScheduleState], ScheduleState]) -> None:
        with told(), self._parts.records.writing() as tx:
            tx.put_schedules([change(tx.held_schedules()[name])])
            tx.forget_outcomes(name, RUNS_KEPT)


def failure(run: SyncRun) -> str | None:
    """Why a run failed; None when it did not."""
    return None if run.state is RunState.SUCCEEDED else run.reason or run.state.value


def seems_dead(lease: Lease | None, now: datetime) -> bool:
    """Whether no process runs the schedule, as far as one can tell from outside."""
    return lease is None or now - lease.seen_at > timedelta(seconds=6 * SEEN_SECONDS)


@contextmanager
def told() -> Iterator[None]:
    """Errors of the stores are logged: the next tick tries again."""
    try:
        yield
    except ContextServiceError as error:
        log.warning("schedule_failed", reason=str(error))


def _told(work: Callable[[], object]) -> Callable[[], None]:
    def tick() -> None:
        with told():
            work()

    return tick
