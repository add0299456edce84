"""When a source is synced next: pure functions of its promise, of what happened, and of the time.

A source has *slots*, the regular moments of its interval or cron line. A run belongs to the slot that it was due for; when the run ends,
the next slot is the first one after that, so any number of slots that were missed are made up for by one run.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from context_service.model.cron import Cron
from context_service.model.schedule import ScheduleState
from context_service.model.source import Promise

JITTER_SHARE = 20
"""A sync starts up to a twentieth of its interval late, so that sources do not all start at once."""

FIRST_RETRY = timedelta(minutes=1)
"""After the first failure a source is tried again after this, or after its interval if that is shorter; each further one doubles it."""

LONGEST_RETRY = timedelta(hours=1)
"""The longest time between two tries, unless the interval itself is longer."""

MOST_DOUBLINGS = 30


def spelled(promise: Promise) -> str:
    """The rhythm in words; slots of another one do not count."""
    return f"cron {promise.cron} {promise.time_zone}" if promise.cron else f"every {promise.every.total_seconds():g} s"


def following(promise: Promise, slot: datetime, now: datetime) -> datetime:
    """The first slot after `now`; `slot` is one of them, past or future."""
    if promise.cron:
        return _cron(promise).after(now) or now + LONGEST_RETRY
    return slot + ((now - slot) // promise.every + 1) * promise.every


def interval(promise: Promise, now: datetime) -> timedelta:
    """The time between two slots."""
    if not promise.cron:
        return promise.every
    first = following(promise, now, now)
    return following(promise, first, first) - first


def jitter(promise: Promise) -> timedelta:
    """How late a sync may start."""
    if promise.jitter is not None:
        return promise.jitter
    return timedelta(0) if promise.cron else promise.every / JITTER_SHARE


def backoff(promise: Promise, failures: int, now: datetime) -> timedelta:
    """How long to wait after so many failures in a row."""
    usual = interval(promise, now)
    doublings: int = 2 ** min(failures - 1, MOST_DOUBLINGS)
    return min(min(usual, FIRST_RETRY) * doublings, max(usual, LONGEST_RETRY))


def planned(source: str, promise: Promise, state: ScheduleState | None, checked_at: datetime | None, now: datetime) -> ScheduleState:
    """The state with a next run. A source that was never synced is due at once; one whose rhythm changed follows the new one."""
    state = state or ScheduleState(source=source)
    rhythm = spelled(promise)
    if state.rhythm == rhythm and state.next_run:
        return state
    last = state.last_run or checked_at
    slot = now if last is None else following(promise, last, last)
    return state.model_copy(update={"rhythm": rhythm, "slot": slot, "next_run": slot})


def is_due(state: ScheduleState, now: datetime) -> bool:
    """Whether a run is to begin: somebody asked, or it is time and nobody paused it."""
    if state.wish:
        return True
    return state.paused is None and state.next_run is not None and state.next_run <= now


def begun(state: ScheduleState, now: datetime) -> ScheduleState:
    """The state with a run under way. Its slot stays until the run has ended, so that a process that dies leaves it due."""
    return state.model_copy(update={"started_at": now})


def ended(state: ScheduleState, promise: Promise, started_at: datetime, failed: str | None, now: datetime, chance: float) -> ScheduleState:
    """The state after a run, which failed for the reason `failed` or, None, succeeded. `chance` lies in [0, 1)."""
    failures = state.failures + 1 if failed else 0
    slot = following(promise, state.slot or now, now)
    later = backoff(promise, failures, now) if failed else slot - now
    return state.model_copy(
        update={
            "slot": slot,
            "next_run": now + later + chance * jitter(promise),
            "started_at": None,
            "last_run": started_at,
            "failures": failures,
            "reason": failed,
            "wish": state.wish if state.wish and state.wish.at > started_at else None,
        }
    )


def noted(state: ScheduleState, promise: Promise, started_at: datetime, failed: str | None, now: datetime, chance: float) -> ScheduleState:
    """The state after a run out of turn that the schedule did not begin; one that it has begun is still under way."""
    after = ended(state, promise, started_at, failed, now, chance)
    return after.model_copy(update={"started_at": state.started_at, "wish": state.wish})


def put_off(state: ScheduleState, seconds: float, now: datetime) -> ScheduleState:
    """The state after a run that could not begin, through no fault of its source."""
    return state.model_copy(update={"next_run": now + timedelta(seconds=seconds), "started_at": None})


def _cron(promise: Promise) -> Cron:
    return Cron(promise.cron or "", ZoneInfo(promise.time_zone))
