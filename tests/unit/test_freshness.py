"""Freshness at the edges of a source's promise, by its two clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from context_service.freshness import freshness
from context_service.model.context import Freshness
from context_service.model.source import Promise

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)
PROMISE = Promise(due=2 * DAY, stale=14 * DAY, expired=60 * DAY, review_within=100 * DAY)
FRESH, DUE, STALE, EXPIRED = Freshness


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(0), FRESH),
        (2 * DAY - MOMENT, FRESH),
        (2 * DAY, DUE),
        (14 * DAY - MOMENT, DUE),
        (14 * DAY, STALE),
        (60 * DAY - MOMENT, STALE),
        (60 * DAY, EXPIRED),
        (-DAY, FRESH),
    ],
)
def test_the_age_of_the_last_check_runs_against_the_promise(age: timedelta, state: Freshness) -> None:
    assert freshness(PROMISE, checked_at=NOW - age, reviewed=None, now=NOW) is state


@pytest.mark.parametrize(
    ("days", "state"),
    [(0, FRESH), (99, FRESH), (100, STALE), (199, STALE), (200, EXPIRED), (-1, FRESH)],
)
def test_the_age_of_the_last_review_runs_from_the_start_of_its_day(days: int, state: Freshness) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    reviewed = (midnight - days * DAY).date()
    assert freshness(PROMISE, checked_at=midnight, reviewed=reviewed, now=midnight) is state


def test_a_review_turns_stale_at_midnight_and_not_a_moment_before() -> None:
    reviewed = date(2026, 8, 12)
    edge = datetime(2026, 8, 12, tzinfo=UTC) + 100 * DAY
    assert freshness(PROMISE, checked_at=edge, reviewed=reviewed, now=edge - MOMENT) is FRESH
    assert freshness(PROMISE, checked_at=edge, reviewed=reviewed, now=edge) is STALE


@pytest.mark.parametrize(
    ("check", "review", "state"),
    [(0, 100, STALE), (14, 0, STALE), (2, 0, DUE), (2, 200, EXPIRED), (60, 0, EXPIRED)],
)
def test_the_worse_clock_counts(check: int, review: int, state: Freshness) -> None:
    assert freshness(PROMISE, checked_at=NOW - check * DAY, reviewed=NOW.date() - review * DAY, now=NOW) is state


def test_what_was_never_checked_has_expired() -> None:
    assert freshness(PROMISE, checked_at=None, reviewed=NOW.date(), now=NOW) is EXPIRED


def test_an_old_review_says_nothing_where_no_review_was_promised() -> None:
    promise = PROMISE.model_copy(update={"review_within": None})
    assert freshness(promise, checked_at=NOW, reviewed=date(1999, 1, 1), now=NOW) is FRESH


def test_states_are_ordered_from_best_to_worst() -> None:
    assert [state.value for state in Freshness] == ["fresh", "due", "stale", "expired"]
