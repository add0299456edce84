"""What is told of a source: each change of its state once, for the worse and for the better. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from context_service.freshness import freshness, worse
from context_service.model.context import Freshness
from context_service.model.schedule import Event, EventKind, ScheduleState
from context_service.model.source import Source


@dataclass(frozen=True)
class News:
    """What is to be told, and the state in which it has been."""

    state: ScheduleState
    events: tuple[Event, ...]


def source_freshness(source: Source, checked_at: datetime | None, now: datetime) -> Freshness:
    """How fresh a source is as a whole: the age of its last successful check alone."""
    return freshness(source.freshness, checked_at=checked_at, reviewed=None, now=now)


def is_failing(source: Source, state: ScheduleState) -> bool:
    """Whether it failed often enough in a row to be told of."""
    return state.failures >= source.freshness.alarm_after


def news(source: Source, state: ScheduleState, checked_at: datetime | None, now: datetime, ids: Iterator[str]) -> News:
    """What has changed since it was last told of. A source that was never checked has no state to tell of yet."""
    after = source_freshness(source, checked_at, now) if checked_at else None
    failing = is_failing(source, state)
    events: list[Event] = []
    before = state.told or Freshness.FRESH
    if after and after is not before:
        kind = EventKind.WORSENED if worse(after, before) else EventKind.RECOVERED
        events.append(_event(kind, source, state, after, now, next(ids), _about_age(source, checked_at, after, now)))
    if failing != state.told_failing:
        kind = EventKind.FAILING if failing else EventKind.MENDED
        events.append(_event(kind, source, state, after, now, next(ids), _about_failures(source, state, failing=failing)))
    return News(state.model_copy(update={"told": after, "told_failing": failing}), tuple(events))


def _about_failures(source: Source, state: ScheduleState, *, failing: bool) -> str:
    return f"{source.title} has failed {state.failures} times in a row: {state.reason}" if failing else f"{source.title} answers again."


def _about_age(source: Source, checked_at: datetime | None, after: Freshness, now: datetime) -> str:
    if after is Freshness.FRESH:
        return f"{source.title} is fresh again."
    hours = (now - checked_at).total_seconds() / 3600 if checked_at else 0.0
    return f"{source.title} was last checked {hours:.1f} hours ago and is {after.value}."


def _event(kind: EventKind, source: Source, state: ScheduleState, after: Freshness | None, now: datetime, name: str, message: str) -> Event:
    return Event(
        id=name,
        at=now,
        kind=kind,
        source=source.id,
        title=source.title,
        owner=source.owner,
        before=state.told,
        after=after,
        failures=state.failures,
        reason=state.reason,
        message=message,
        told=source.freshness.notify or (source.owner,),
    )
