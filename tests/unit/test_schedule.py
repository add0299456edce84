"""When sources are synced next, by table; and what is told of them, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.model.context import Freshness
from context_service.model.schedule import EventKind, Pause, ScheduleState, ServedChange, Wish
from context_service.model.source import Promise, Source
from context_service.schedule.breaches import news
from context_service.schedule.lag import lag, percentile, seconds_of
from context_service.schedule.rhythm import backoff, begun, ended, following, is_due, noted, planned, put_off

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOURLY = Promise(every=HOUR, jitter=timedelta(0))
NIGHTLY = Promise(cron="0 3 * * *")


def source(**promise: object) -> Source:
    return Source(id="docs", kind="docs", title="Docs", owner="docs-team", authority="policy", freshness=Promise.model_validate(promise))


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def state(**fields: object) -> ScheduleState:
    return ScheduleState.model_validate({"source": "docs", "rhythm": "every 3600 s", "slot": NOW, "next_run": NOW, **fields})


class TestPlanning:
    def test_a_source_that_was_never_synced_is_due_at_once(self) -> None:
        plan = planned("docs", HOURLY, None, None, NOW)
        assert (plan.slot, plan.next_run, is_due(plan, NOW)) == (NOW, NOW, True)

    def test_one_that_was_synced_by_hand_is_due_an_interval_later(self) -> None:
        assert planned("docs", HOURLY, None, NOW - 20 * MINUTE, NOW).next_run == NOW + 40 * MINUTE
        assert planned("docs", NIGHTLY, None, NOW - 20 * MINUTE, NOW).next_run == datetime(2026, 11, 21, 3, tzinfo=UTC)

    def test_a_plan_stays_until_the_rhythm_is_another(self) -> None:
        plan = planned("docs", HOURLY, None, NOW, NOW)
        assert planned("docs", HOURLY, plan, NOW, NOW + 5 * HOUR) is plan
        assert planned("docs", Promise(every=2 * HOUR), plan, NOW, NOW).next_run == NOW + 2 * HOUR

    def test_a_paused_source_is_due_only_when_somebody_asks(self) -> None:
        paused = state(paused=Pause(by="omar", at=NOW))
        assert not is_due(paused, NOW + HOUR)
        assert is_due(paused.model_copy(update={"wish": Wish(by="omar", at=NOW)}), NOW)


class TestRunning:
    @pytest.mark.parametrize(("minutes", "slot"), [(0, 60), (1, 60), (59, 60), (60, 120), (61, 120), (605, 660)])
    def test_however_many_slots_were_missed_the_next_one_lies_ahead(self, minutes: int, slot: int) -> None:
        assert following(HOURLY, NOW, NOW + minutes * MINUTE) == NOW + slot * MINUTE

    def test_what_was_missed_is_made_up_for_by_one_run(self) -> None:
        later = NOW + 7 * HOUR + MINUTE
        assert is_due(state(), later)
        after = ended(begun(state(), later), HOURLY, later, None, later + MINUTE, 0.0)
        assert after.next_run == NOW + 8 * HOUR
        assert not is_due(after, later + MINUTE)

    def test_a_run_that_was_cut_off_stays_due(self) -> None:
        assert is_due(begun(state(), NOW), NOW)

    def test_a_run_may_start_late_by_the_jitter_and_the_slots_stay_where_they_were(self) -> None:
        promise = Promise(every=HOUR, jitter=10 * MINUTE)
        after = ended(state(), promise, NOW, None, NOW + MINUTE, 0.5)
        assert (after.slot, after.next_run) == (NOW + HOUR, NOW + HOUR + 5 * MINUTE)
        again = ended(after, promise, NOW + HOUR, None, NOW + HOUR + 6 * MINUTE, 0.9)
        assert again.next_run == NOW + 2 * HOUR + 9 * MINUTE

    def test_left_out_the_jitter_is_a_twentieth_of_the_interval_and_none_of_a_cron_line(self) -> None:
        assert ended(state(), Promise(every=HOUR), NOW, None, NOW, 0.999).next_run == NOW + HOUR + 0.999 * 3 * MINUTE
        assert ended(state(), NIGHTLY, NOW, None, NOW, 0.999).next_run == datetime(2026, 11, 21, 3, tzinfo=UTC)

    def test_failures_count_until_a_run_succeeds(self) -> None:
        failed = ended(ended(state(), HOURLY, NOW, "down", NOW, 0.0), HOURLY, NOW, "still down", NOW, 0.0)
        assert (failed.failures, failed.reason) == (2, "still down")
        well = ended(failed, HOURLY, NOW, None, NOW, 0.0)
        assert (well.failures, well.reason, well.next_run) == (0, None, NOW + HOUR)

    @pytest.mark.parametrize(
        ("promise", "waits"),
        [
            (HOURLY, [60, 120, 240, 480, 960, 1920, 3600, 3600]),
            (Promise(every=timedelta(seconds=5)), [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]),
            (Promise(every=24 * HOUR), [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720, 61440, 86400, 86400]),
            (NIGHTLY, [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720, 61440, 86400, 86400]),
        ],
    )
    def test_each_failure_doubles_the_wait_up_to_a_cap(self, promise: Promise, waits: list[int]) -> None:
        assert [backoff(promise, failures, NOW).total_seconds() for failures in range(1, len(waits) + 1)] == waits
        assert backoff(promise, 10**6, NOW).total_seconds() == waits[-1]

    def test_a_wish_is_met_by_a_run_that_began_after_it(self) -> None:
        wish = Wish(by="omar", at=NOW)
        assert ended(state(wish=wish), HOURLY, NOW + MINUTE, None, NOW + MINUTE, 0.0).wish is None
        assert ended(state(wish=wish), HOURLY, NOW - MINUTE, None, NOW + MINUTE, 0.0).wish == wish

    def test_a_run_by_hand_counts_and_leaves_the_one_under_way(self) -> None:
        after = noted(begun(state(failures=2, reason="down"), NOW), HOURLY, NOW, None, NOW, 0.0)
        assert (after.failures, after.started_at, after.next_run) == (0, NOW, NOW + HOUR)

    def test_a_run_that_could_not_begin_is_no_failure(self) -> None:
        later = put_off(begun(state(), NOW), 5, NOW)
        assert (later.failures, later.started_at, later.next_run, later.slot) == (0, None, NOW + timedelta(seconds=5), NOW)

    @given(st.integers(1, 10**6), st.integers(0, 10**9))
    def test_the_next_slot_is_the_first_one_ahead(self, every: int, passed: int) -> None:
        promise, now = Promise(every=timedelta(seconds=every)), NOW + timedelta(seconds=passed)
        slot = following(promise, NOW, now)
        assert now < slot <= now + timedelta(seconds=every)
        assert (slot - NOW) % timedelta(seconds=every) == timedelta(0)


class TestNews:
    promise = {"due": "1d", "stale": "7d", "expired": "30d", "alarm_after": 2}

    def kinds(self, days: float, told: Freshness | None, failures: int = 0, *, told_failing: bool = False) -> list[EventKind]:
        before = state(told=told, failures=failures, reason="down" if failures else None, told_failing=told_failing)
        ids = (str(number) for number in count())
        found = news(source(**self.promise), before, NOW - timedelta(days=days), NOW, ids)
        assert news(source(**self.promise), found.state, NOW - timedelta(days=days), NOW, ids).events == (), "nothing is told twice"
        return [event.kind for event in found.events]

    @pytest.mark.parametrize(
        ("days", "told", "kinds"),
        [
            (0, None, []),
            (1, None, [EventKind.WORSENED]),
            (0, Freshness.FRESH, []),
            (1, Freshness.FRESH, [EventKind.WORSENED]),
            (7, Freshness.DUE, [EventKind.WORSENED]),
            (30, Freshness.FRESH, [EventKind.WORSENED]),
            (1, Freshness.DUE, []),
            (0, Freshness.EXPIRED, [EventKind.RECOVERED]),
            (1, Freshness.STALE, [EventKind.RECOVERED]),
        ],
    )
    def test_a_state_is_told_when_it_changes(self, days: int, told: Freshness | None, kinds: list[EventKind]) -> None:
        assert self.kinds(days, told) == kinds

    def test_a_source_that_fails_often_enough_is_told_of_once_and_again_when_it_answers(self) -> None:
        assert self.kinds(0, Freshness.FRESH, 1) == []
        assert self.kinds(0, Freshness.FRESH, 2) == [EventKind.FAILING]
        assert self.kinds(0, Freshness.FRESH, 3, told_failing=True) == []
        assert self.kinds(0, Freshness.FRESH, 0, told_failing=True) == [EventKind.MENDED]

    def test_a_source_that_was_never_checked_is_told_of_only_when_it_fails(self) -> None:
        found = news(source(**self.promise), state(failures=2, reason="no such host"), None, NOW, iter("a"))
        assert [event.kind for event in found.events] == [EventKind.FAILING]
        assert "no such host" in found.events[0].message

    def test_the_owner_is_told_unless_the_promise_names_others(self) -> None:
        for promise, told in (({}, ("docs-team",)), ({"notify": ["ops"]}, ("ops",))):
            found = news(source(**promise), state(), NOW - timedelta(days=90), NOW, iter("a"))
            assert found.events[0].told == told


class TestLag:
    def change(self, changed: float | None, seen: float, served: float, checked: float | None = 0) -> ServedChange:
        return ServedChange(
            ref="a:b",
            deleted=False,
            changed_at=None if changed is None else after(changed),
            seen_at=after(seen),
            checked_before=None if checked is None else after(checked),
            served_at=after(served),
        )

    def test_it_runs_from_the_change_where_the_source_says_when_that_was(self) -> None:
        assert seconds_of(self.change(3, 5, 6)) == 3

    def test_else_from_when_it_was_seen(self) -> None:
        assert seconds_of(self.change(None, 5, 6)) == 1

    def test_not_from_before_the_check_that_did_not_find_it(self) -> None:
        assert seconds_of(self.change(-10_000, 5, 6)) == 6

    def test_what_the_first_sync_brought_is_not_measured(self) -> None:
        assert lag([self.change(-10_000, 5, 6, None)]).model_dump() == {
            "changes": 0, "p50_seconds": None, "p95_seconds": None, "last_seconds": None,
        }  # fmt: skip

    def test_a_clock_that_runs_ahead_makes_no_negative_lag(self) -> None:
        assert seconds_of(self.change(100, 5, 6)) == 0

    @pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.01, 1), (1.0, 100)])
    def test_a_percentile_is_one_of_the_values(self, share: float, value: float) -> None:
        assert percentile(range(100, 0, -1), share) == value

    def test_of_few_values_the_95th_percentile_is_the_largest(self) -> None:
        measured = lag([self.change(None, 0.5, served) for served in (9, 3, 1)])
        assert (measured.p50_seconds, measured.p95_seconds, measured.last_seconds) == (2.5, 8.5, 8.5)
