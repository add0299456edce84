"""Lines of crontab: five fields, read as cron reads them, in a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

HORIZON = timedelta(days=9 * 366)
"""A line that does not fire within nine years never does: the longest wait is for 29 February around a year without one."""

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Cron:
    """`minute hour day month weekday`. Where both day and weekday are restricted, either is enough; 0 and 7 are Sunday.

    In the hour that a clock change skips a line fires an hour later by the clock, in the hour that it repeats twice.
    """

    line: str
    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime | None:
        """The first moment after `moment` at which the line fires, in UTC; None when it never does. Raises ValueError if malformed."""
        fires = [trigger.get_next_fire_time(None, moment + TICK) for trigger in self._triggers(moment + HORIZON)]
        # Moments in local time do not compare in an hour that the clock skips or repeats.
        return min((fire.astimezone(UTC) for fire in fires if fire is not None), default=None)

    def _triggers(self, until: datetime) -> list[CronTrigger]:
        fields = self.line.split()
        if len(fields) != 5:
            raise ValueError(f"a cron line has five fields, this one has {len(fields)}")
        minute, hour, day, month, weekday = fields
        given = {"minute": minute, "hour": hour, "month": month.lower(), "timezone": self.zone, "end_date": until}
        if day.startswith("*") or weekday.startswith("*"):
            return [CronTrigger(**given, day=day, day_of_week=_weekdays(weekday))]
        return [CronTrigger(**given, day=day), CronTrigger(**given, day_of_week=_weekdays(weekday))]


def _weekdays(field: str) -> str:
    """Cron counts from Sunday, APScheduler from Monday: every weekday that `field` means, in the latter's numbers."""
    days = {(day - 1) % 7 for part in field.lower().split(",") for day in _days(part)}
    return ",".join(str(day) for day in sorted(days))


def _days(part: str) -> range:
    found = re.fullmatch(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
    if not found or found[3] == "0":
        raise ValueError(f"`{part}` is no weekday")
    first = _day(found[1]) if found[1] else 0
    last = _day(found[2]) if found[2] else 6 if not found[1] or found[3] else first
    if last < first:
        raise ValueError(f"`{part}` ends before it begins")
    return range(first, last + 1, int(found[3] or 1))


def _day(word: str) -> int:
    if word in DAYS:
        return DAYS.index(word)
    if word.isdecimal() and int(word) <= 7:
        return int(word)
    raise ValueError(f"`{word}` is no weekday; write 0 to 7 or {', '.join(DAYS)}")
