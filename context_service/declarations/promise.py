"""What no schema says of a promise of freshness: that it can be kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from context_service.model.cron import Cron
from context_service.model.source import Promise, Treatment

LONGEST = timedelta(days=366)
SEVERITY = get_args(Treatment)
CRON_REMEDY = "Write minute, hour, day, month and weekday, such as `0 3 * * *` for every night at three."
ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)

Fault = tuple[str, str, tuple[str, ...]]
"""What is wrong, what to do about it, and where in the promise."""


def promise_faults(promise: Promise) -> Iterator[Fault]:
    """Everything that is wrong with a promise."""
    if not promise.due <= promise.stale <= promise.expired:
        yield "The ages are out of order.", "Make due <= stale <= expired.", ()
    treatments = [SEVERITY.index(one) for one in (promise.when_due, promise.when_stale, promise.when_expired)]
    if treatments != sorted(treatments):
        order = ", ".join(SEVERITY)
        yield "Older text would be treated more mildly than fresher text.", f"Raise it; from the mildest on: {order}.", (_milder(promise),)
    yield from _rhythm_faults(promise)


def _milder(promise: Promise) -> str:
    return "when_stale" if SEVERITY.index(promise.when_stale) < SEVERITY.index(promise.when_due) else "when_expired"


def _rhythm_faults(promise: Promise) -> Iterator[Fault]:
    if not timedelta(seconds=1) <= promise.every <= LONGEST:
        yield "A source is synced at most every second and at least every year.", "Write something between `1s` and `366d`.", ("every",)
    if promise.jitter and promise.jitter > LONGEST:
        yield "No sync starts more than a year late.", "Write at most `366d`.", ("jitter",)
    if promise.cron is None:
        return
    if "every" in promise.model_fields_set:
        yield "Both `every` and `cron` say when the source is synced.", "Take one of them out.", ("cron",)
    zone = _zone(promise.time_zone)
    if zone is None:
        yield f"`{promise.time_zone}` is no time zone.", "Write one of the tz database, such as `Europe/Berlin`.", ("time_zone",)
    else:
        yield from _cron_faults(Cron(promise.cron, zone))


def _cron_faults(cron: Cron) -> Iterator[Fault]:
    try:
        fires = cron.after(ANY_DAY)
    except ValueError as error:
        yield f"`{cron.line}` is no cron line: {error}.", CRON_REMEDY, ("cron",)
        return
    if fires is None:
        yield f"`{cron.line}` never fires: no such day exists.", CRON_REMEDY, ("cron",)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a name that is no path, a folder, one that is not there
        return None
