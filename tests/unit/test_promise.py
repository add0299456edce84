"""Promises of freshness: what may be declared, when a source is synced, what its age does to its texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from context_service.declarations.company import inspect
from context_service.freshness import freshness, treatment
from context_service.model.context import Freshness
from context_service.model.cron import Cron
from context_service.model.source import Promise
from tests.unit.test_declarations import CONTEXT, SOURCE, company

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

FAULTS = {
    "a day that never comes": ('{cron: "0 3 30 2 *"}', "6:13", "never fires", "such as `0 3 * * *`"),
    "a malformed line": ('{cron: "0 3 * *"}', "6:13", "five fields, this one has 4", "such as `0 3 * * *`"),
    "a minute too many": ('{cron: "61 3 * * *"}', "6:13", "higher than the maximum value", "such as `0 3 * * *`"),
    "no weekday": ('{cron: "0 3 * * 8"}', "6:13", "`8` is no weekday", "such as `0 3 * * *`"),
    "both rhythms": ('{every: 6h, cron: "0 3 * * *"}', "6:24", "Both `every` and `cron`", "Take one"),
    "no such zone": ('{cron: "0 3 * * *", time_zone: Europe/Nowhere}', "6:32", "no time zone", "Europe/Berlin"),
    "a zone that is a path": ('{cron: "0 3 * * *", time_zone: ../etc}', "6:32", "no time zone", "Europe/Berlin"),
    "too often": ("{every: 0s}", "6:13", "at most every second", "`1s`"),
    "an interval past all time": ("{every: 999999w}", "6:13", "at least every year", "`366d`"),
    "milder when older": ("{when_stale: withhold}", "6:1", "more mildly", "serve, mark, demote, withhold"),
    "milder than due": ("{when_due: demote, when_expired: withhold}", "6:1", "more mildly", "serve, mark"),
    "an unknown treatment": ("{when_stale: hide}", "6:13", "`freshness.when_stale`", "hide"),
    "nobody to tell": ("{notify: [policy-team, ops]}", "6:35", "`ops` is nobody", "webhook"),
    "no patience": ("{alarm_after: 0}", "6:13", "`freshness.alarm_after`", "0"),
}


@pytest.mark.parametrize(("promise", "place", "message", "remedy"), FAULTS.values(), ids=FAULTS)
def test_a_promise_that_cannot_be_kept_is_refused_where_it_stands(
    tmp_path: Path, promise: str, place: str, message: str, remedy: str
) -> None:
    _, (fault, *more) = inspect(company(tmp_path, source=f"{SOURCE}freshness: {promise}\n"))
    assert not more
    assert f"{fault.path}:{fault.line}:{fault.column}" == f"handbook/source.yaml:{place}"
    assert message in fault.message
    assert remedy in fault.remedy


def test_teams_owners_and_webhooks_can_be_told(tmp_path: Path) -> None:
    context = CONTEXT + "webhooks: {pager: {url: 'https://pager.test/in', secret_env: PAGER_SECRET, teams: [on-call]}}\n"
    declarations, faults = inspect(company(tmp_path, context, SOURCE + "freshness: {notify: [pager, on-call, policy-team]}\n"))
    assert faults == []
    assert declarations
    assert declarations.company.webhooks["pager"].allow_private is False


@pytest.mark.parametrize(
    "webhook", ["{url: 'ftp://x', secret_env: A}", "{url: 'https://x', secret_env: 'not a name'}", "{url: 'https://x'}"]
)
def test_a_webhook_that_cannot_be_told_is_refused(tmp_path: Path, webhook: str) -> None:
    _, faults = inspect(company(tmp_path, f"{CONTEXT}webhooks: {{pager: {webhook}}}\n"))
    assert [fault.path for fault in faults] == ["context.yaml"]


@pytest.mark.parametrize(
    ("line", "fires"),
    [
        ("0 3 * * *", datetime(2026, 11, 21, 2, tzinfo=UTC)),
        ("0 13 * * *", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("*/15 * * * *", FRIDAY + timedelta(minutes=15)),
        ("0 0 * * 0", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("0 0 * * 7", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("0 0 * * SUN", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("0 0 * * 1-5", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("0 0 * * mon,wed", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("0 0 * * */3", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        ("0 0 1 * 2", datetime(2026, 11, 23, 23, tzinfo=UTC)),
        ("0 0 23 * 2", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 28, 23, tzinfo=UTC)),
        ("0 0 1 jan *", datetime(2026, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_line_fires_as_cron_reads_it(line: str, fires: datetime) -> None:
    assert Cron(line, BERLIN).after(FRIDAY) == fires


def test_a_line_fires_after_a_moment_and_never_at_it() -> None:
    cron = Cron("0 12 * * *", ZoneInfo("UTC"))
    assert cron.after(FRIDAY) == FRIDAY + timedelta(days=1)
    assert cron.after(FRIDAY - timedelta(microseconds=1)) == FRIDAY


def test_an_hour_that_the_clock_skips_fires_an_hour_later_and_one_that_it_repeats_twice() -> None:
    cron = Cron("30 2 * * *", BERLIN)
    assert cron.after(datetime(2026, 3, 29, 0, tzinfo=UTC)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    first = cron.after(datetime(2026, 10, 25, 0, tzinfo=UTC))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert cron.after(first) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_each_state_has_its_treatment() -> None:
    promise = Promise(when_due="mark", when_stale="demote", when_expired="withhold")
    assert [treatment(promise, state) for state in Freshness] == ["serve", "mark", "demote", "withhold"]
    assert [treatment(Promise(), state) for state in Freshness] == ["serve", "serve", "mark", "mark"]


def test_a_verification_stands_for_the_review_until_it_ends() -> None:
    promise = Promise(review_within=timedelta(days=100))
    until = FRIDAY + timedelta(days=30)

    def state(now: datetime) -> Freshness:
        return freshness(promise, checked_at=now, reviewed=FRIDAY.date() - timedelta(days=300), now=now, verified_until=until)

    assert state(FRIDAY) is Freshness.FRESH
    assert state(until - timedelta(microseconds=1)) is Freshness.FRESH
    assert state(until) is Freshness.EXPIRED


def test_a_verification_does_not_stand_for_the_check() -> None:
    ends = FRIDAY + timedelta(days=1)
    state = freshness(Promise(), checked_at=FRIDAY - timedelta(days=14), reviewed=None, now=FRIDAY, verified_until=ends)
    assert state is Freshness.STALE
