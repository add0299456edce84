"""How many conflicts were found and settled, week by week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from context_service.model.conflict import ConflictEvent, Happening

WEEKS_SHOWN = 12
FOUND = {Happening.OPENED, Happening.RETURNED}
SETTLED = {Happening.CLOSED, Happening.RULED}


@dataclass(frozen=True)
class Week:
    """What happened in the seven days from a Monday on."""

    monday: date
    found: int
    settled: int


def trend(events: Iterable[ConflictEvent], today: date) -> list[Week]:
    """The last weeks, oldest first; the last one is the present week."""
    counts = Counter((_monday(event.at.date()), event.happening in FOUND) for event in events if event.happening in FOUND | SETTLED)
    mondays = [_monday(today) - timedelta(weeks=weeks) for weeks in reversed(range(WEEKS_SHOWN))]
    return [Week(monday, counts[monday, True], counts[monday, False]) for monday in mondays]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
