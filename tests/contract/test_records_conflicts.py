"""The contract of `RecordStore` for conflicts, rulings and what answers told, on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from context_service.model.conflict import Conflict, Ruling
from context_service.records.protocol import RecordStore, ServedSide
from context_service.records.sql import open_records
from tests.conflict_values import NOW, conflict, conflict_side, ruling_on
from tests.contract.records_values import database

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


@pytest.fixture(params=["sqlite-private", "sqlite-file", POSTGRES])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[RecordStore]:
    store = open_records(url)
    yield store
    store.close()


def between(left: str, right: str, name: str) -> Conflict:
    return conflict(conflict_side(left, "within 30 days"), conflict_side(right, "within 14 days"), name=name)


FIRST, SECOND = between("a.md", "b.md", "c1"), between("b.md", "c.md", "c2")


def keep(store: RecordStore, *values: Conflict | Ruling) -> None:
    with store.writing() as tx:
        tx.put_conflicts(one for one in values if isinstance(one, Conflict))
        for one in values:
            if isinstance(one, Ruling):
                tx.put_ruling(one)


class TestConflicts:
    def test_they_are_found_by_id_and_all_together(self, store: RecordStore) -> None:
        keep(store, SECOND, FIRST)
        assert store.conflicts() == [FIRST, SECOND]
        assert store.conflicts(["c2", "none", "c2"]) == [SECOND]
        assert store.conflicts([]) == []

    def test_a_later_state_replaces_the_earlier(self, store: RecordStore) -> None:
        keep(store, FIRST, SECOND)
        closed = FIRST.model_copy(update={"closed": True})
        keep(store, closed)
        assert store.conflicts() == [closed, SECOND]

    def test_a_transaction_reads_what_it_wrote_and_leaves_nothing_when_it_fails(self, store: RecordStore) -> None:
        with pytest.raises(ZeroDivisionError):
            self._write_and_fail(store)
        assert store.conflicts() == []
        assert store.rulings_of(["c1"]) == []

    @staticmethod
    def _write_and_fail(store: RecordStore) -> None:
        with store.writing() as tx:
            tx.hold_conflicts()
            tx.put_conflicts([FIRST])
            tx.put_ruling(ruling_on(FIRST))
            assert tx.held_conflicts(["c1", "none"]) == {"c1": FIRST}
            assert tx.held_rulings(["c1"]) == [ruling_on(FIRST)]
            assert store.conflicts() == []
            raise ZeroDivisionError

    def test_who_holds_them_keeps_others_waiting_who_then_see_what_was_written(self, store: RecordStore) -> None:
        keep(store, FIRST)
        held = Event()

        def second() -> list[Ruling]:
            held.wait()
            with store.writing() as tx:
                tx.hold_conflicts()
                return tx.held_rulings(["c1"])

        with ThreadPoolExecutor(1) as pool:
            with store.writing() as tx:
                tx.hold_conflicts()
                other = pool.submit(second)
                held.set()
                with pytest.raises(TimeoutError):
                    other.result(timeout=0.2)
                tx.put_ruling(ruling_on(FIRST))
            assert other.result(timeout=60) == [ruling_on(FIRST)]


class TestRulings:
    def test_they_are_found_by_id_by_conflict_and_by_whose_words_they_bind(self, store: RecordStore) -> None:
        first, second = ruling_on(FIRST, id="r2"), ruling_on(SECOND, id="r1", made_at=NOW + timedelta(hours=1))
        keep(store, FIRST, SECOND, second, first)
        assert store.ruling("r1") == second
        assert store.ruling("none") is None
        assert store.rulings_of(["c1", "c2"]) == [first, second], "oldest first"
        assert store.rulings_of(["c2"]) == [second]
        assert store.rulings_on(["b.md", "a.md", "d.md"]) == [first, second], "each once"
        assert store.rulings_on(["c.md"]) == [second]
        assert store.rulings_on([]) == []

    def test_one_that_was_revoked_is_kept_with_its_end(self, store: RecordStore) -> None:
        made = ruling_on(FIRST)
        keep(store, made)
        revoked = made.model_copy(update={"revoked_at": NOW, "revoked_by": "ada"})
        keep(store, revoked)
        assert store.rulings_on(["a.md"]) == store.rulings_of(["c1"]) == [revoked]


class TestServed:
    def add(self, store: RecordStore, text: tuple[str, str], context: str, workflow: str, hours_ago: float) -> None:
        with store.writing() as tx:
            tx.add_served([ServedSide(text, context, workflow, NOW - timedelta(hours=hours_ago))])

    def test_answers_are_counted_by_text_and_workflow_since_a_moment(self, store: RecordStore) -> None:
        rows = [("x", "refund", 1), ("y", "refund", 2), ("z", "billing", 3), ("old", "billing", 5)]
        for context, workflow, hours in rows:
            self.add(store, ("a.md", "t1"), context, workflow, hours)
        self.add(store, ("a.md", "t2"), "x", "refund", 1)
        self.add(store, ("b.md", "t1"), "x", "refund", 1)
        since = NOW - timedelta(hours=4)
        assert store.served_counts(["a.md", "c.md"], since) == {
            ("a.md", "t1"): {"billing": 1, "refund": 2},
            ("a.md", "t2"): {"refund": 1},
        }
        assert store.served_contexts([("a.md", "t1")], since) == ["x", "y", "z"]
        assert store.served_contexts([("a.md", "t2"), ("b.md", "t1")], since) == ["x"]
        assert store.served_contexts([], since) == []

    def test_what_was_told_before_a_moment_can_be_forgotten(self, store: RecordStore) -> None:
        for hours in (3, 4, 5, 6):
            self.add(store, ("a.md", "t1"), f"context-{hours}", "refund", hours)
        with store.writing() as tx:
            assert tx.forget_served(NOW - timedelta(hours=4), 1) == 1
            assert tx.forget_served(NOW - timedelta(hours=4), 10) == 1
            assert tx.forget_served(NOW - timedelta(hours=4), 10) == 0
        assert store.served_contexts([("a.md", "t1")], NOW - timedelta(days=9)) == ["context-3", "context-4"]

    def test_the_moment_itself_counts(self, store: RecordStore) -> None:
        self.add(store, ("a.md", "t1"), "x", "refund", 4)
        assert store.served_contexts([("a.md", "t1")], NOW - timedelta(hours=4)) == ["x"]

    def test_a_text_counts_once_for_an_answer(self, store: RecordStore) -> None:
        for _ in range(2):
            self.add(store, ("a.md", "t1"), "x", "refund", 1)
        assert store.served_counts(["a.md"], NOW - timedelta(days=1)) == {("a.md", "t1"): {"refund": 1}}
