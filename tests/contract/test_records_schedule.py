"""The contract of schedules, verifications, events and served changes, on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from context_service.model.context import Freshness
from context_service.model.document import Outcome, OutcomeKind, RunState, SyncRun
from context_service.model.schedule import (
    Attempt,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Lease,
    Pause,
    ScheduleState,
    SyncProgress,
    Verification,
    Wish,
)
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from tests.contract.records_values import NOW, database

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite-file", POSTGRES])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[RecordStore]:
    store = open_records(url)
    yield store
    store.close()


def schedule(source: str, **fields: object) -> ScheduleState:
    return ScheduleState.model_validate({"source": source, "rhythm": "every 60 s", "slot": NOW, "next_run": NOW, **fields})


def event(name: str, source: str = "docs", kind: EventKind = EventKind.WORSENED, at: datetime = NOW) -> Event:
    return Event(
        id=name,
        at=at,
        kind=kind,
        source=source,
        title="Docs",
        owner="docs-team",
        before=None,
        after=Freshness.STALE,
        failures=0,
        reason=None,
        message="Docs is stale.",
        told=("docs-team",),
    )


def verification(name: str, document: str, version: str, days: int) -> Verification:
    until = NOW + timedelta(days=days)
    return Verification(id=name, document=document, ref=f"docs:{document}", version=version, by="ada", at=NOW + days * HOUR, until=until)


class TestSchedules:
    def test_a_state_is_read_back_whole_and_replaced(self, store: RecordStore) -> None:
        whole = schedule(
            "docs", failures=2, reason="naïve \x00", paused=Pause(by="omar", at=NOW), wish=Wish(by="ada", at=NOW), told=Freshness.DUE
        )
        with store.writing() as tx:
            tx.put_schedules([whole, schedule("web")])
        assert store.schedules() == {"docs": whole, "web": schedule("web")}
        with store.writing() as tx:
            tx.put_schedules([schedule("docs")])
        assert store.schedules()["docs"] == schedule("docs")

    def test_two_that_hold_the_schedules_wait_for_each_other(self, url: str) -> None:
        def count_up(store: RecordStore) -> None:
            for _ in range(20):
                with store.writing() as tx:
                    held = tx.held_schedules()["docs"]
                    tx.put_schedules([held.model_copy(update={"failures": held.failures + 1})])

        stores = [open_records(url) for _ in range(3)]
        with stores[0].writing() as tx:
            tx.put_schedules([schedule("docs")])
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(count_up, stores))
        assert stores[0].schedules()["docs"].failures == 60
        for store in stores:
            store.close()

    def test_progress_is_told_and_forgotten(self, store: RecordStore) -> None:
        told = [SyncProgress(source=name, started_at=NOW, stage="Reading", done=7, total=None, at=NOW) for name in ("docs", "web")]
        with store.writing() as tx:
            for one in told:
                tx.put_progress(one)
        assert store.progress() == {one.source: one for one in told}
        with store.writing() as tx:
            tx.drop_progress("docs")
        assert store.progress().keys() == {"web"}
        with store.writing() as tx:
            tx.drop_progress()
        assert store.progress() == {}

    def test_the_last_lease_is_known(self, store: RecordStore) -> None:
        assert store.lease() is None
        for holder in ("a:1", "b:2"):
            with store.writing() as tx:
                tx.put_lease(Lease(holder=holder, since=NOW, seen_at=NOW))
        assert store.lease() == Lease(holder="b:2", since=NOW, seen_at=NOW)


class TestRuns:
    def run(self, store: RecordStore, number: int, source: str = "docs", state: RunState = RunState.SUCCEEDED) -> None:
        at = NOW + number * HOUR
        run = SyncRun(id=f"{source}-{number}", source=source, started_at=at, finished_at=at + HOUR, state=state)
        with store.writing() as tx:
            tx.start_run(run)
            tx.add_outcomes(run.id, [Outcome(key="a", kind=OutcomeKind.UNCHANGED)])

    def test_the_last_check_of_each_source_is_the_end_of_its_last_run_that_succeeded(self, store: RecordStore) -> None:
        assert store.checked_at() == {}
        for number, state in enumerate((RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED)):
            self.run(store, number, state=state)
        self.run(store, 5, "web")
        self.run(store, 9, "never", RunState.FAILED)
        assert store.checked_at() == {"docs": NOW + 2 * HOUR, "web": NOW + 6 * HOUR}

    def test_how_items_ended_is_kept_for_the_last_runs_of_each_source(self, store: RecordStore) -> None:
        for number in range(5):
            self.run(store, number)
        self.run(store, 0, "web")
        with store.writing() as tx:
            tx.forget_outcomes("docs", 2)
        assert [len(store.outcomes(f"docs-{number}")) for number in range(5)] == [0, 0, 0, 1, 1]
        assert len(store.outcomes("web-0")) == 1
        assert len(store.runs("docs")) == 5


class TestVerifications:
    def test_the_latest_end_counts_for_the_version_that_stands(self, store: RecordStore) -> None:
        with store.writing() as tx:
            for one in (("1", "a", "v1", 10), ("2", "a", "v1", 5), ("3", "a", "v2", 90), ("4", "b", "v1", 1)):
                tx.add_verification(verification(*one))
        assert store.verified_until({"a": "v1", "b": "v2", "c": "v1"}) == {"a": NOW + timedelta(days=10)}
        assert store.verified_until({}) == {}
        assert [one.id for one in store.verifications("a")] == ["3", "1", "2"]


class TestEvents:
    def test_events_are_read_newest_first_for_the_sources_that_are_asked_for(self, store: RecordStore) -> None:
        with store.writing() as tx:
            for number in range(3):
                tx.add_event(event(f"e{number}", at=NOW + number * HOUR), [])
            tx.add_event(event("w", "web", EventKind.FAILING), [])
        assert [one.id for one in store.events(["docs"])] == ["e2", "e1", "e0"]
        assert [one.id for one in store.events(["docs", "web"], 2)] == ["e2", "e1"]
        assert store.events([]) == []
        assert store.event_counts() == {("docs", "freshness_worsened"): 3, ("web", "source_failing"): 1}

    def test_deliveries_are_due_until_they_end(self, store: RecordStore) -> None:
        pending = [Delivery(id=f"e:{name}", event="e", webhook=name, next_at=NOW + hours * HOUR) for name, hours in (("b", 0), ("a", 1))]
        with store.writing() as tx:
            tx.add_event(event("e"), pending)
        assert [(found.id, delivery) for found, delivery in store.due_deliveries(NOW)] == [("e", pending[0])]
        assert [delivery.webhook for _, delivery in store.due_deliveries(NOW + HOUR)] == ["b", "a"]
        assert [delivery.webhook for _, delivery in store.due_deliveries(NOW + HOUR, 1)] == ["b"]
        done = pending[0].model_copy(update={"state": DeliveryState.DELIVERED, "next_at": None, "attempts": (Attempt(at=NOW, status=204),)})
        with store.writing() as tx:
            tx.put_delivery(done)
        assert [delivery.webhook for _, delivery in store.due_deliveries(NOW + HOUR)] == ["a"]
        assert store.deliveries(["e", "none"]) == [pending[1], done]
        assert store.delivery_counts() == {"pending": 1, "delivered": 1}
