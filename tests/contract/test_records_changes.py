"""Workspaces, golden questions, feedback and told documents, on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from context_service.model.access import Grant
from context_service.model.base import digest
from context_service.model.golden import Expectations, Feedback, GoldenQuestion, Verdict
from context_service.model.workspace import PlacedEdit, TextOverride, Workspace
from context_service.records.change_protocol import ServedDocument
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from tests.contract.records_values import database

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite-private", "sqlite-file", POSTGRES])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RecordStore]:
    with database(request.param, tmp_path) as url:
        opened = open_records(url)
        yield opened
        opened.close()


def workspace(name: str, hours: int = 0, edition: int = 0) -> Workspace:
    edit = TextOverride(document="handbook:a.md", passage="30 days", replacement="14 \x00 days")
    placed = PlacedEdit(id="e", by="ada", at=NOON, edit=edit)
    opened = NOON + timedelta(hours=hours)
    return Workspace(id=name, title="T", opened_by="ada", opened_at=opened, last_editor="ada", edition=edition, edits=(placed,))


def question(name: str) -> GoldenQuestion:
    return GoldenQuestion(id=name, workflow="refund", query="How long?", expect=Expectations(must_contain=("30 days",)), grant=Grant())


def report(name: str, context: str, minutes: int = 0) -> Feedback:
    return Feedback(
        id=name, context=context, at=NOON + timedelta(minutes=minutes), by="agent", workflow="refund", query="How?", verdict=Verdict.WRONG
    )


def test_a_workspace_is_read_back_as_it_was_and_replaced_by_its_next_edition(store: RecordStore) -> None:
    with store.writing() as tx:
        tx.put_workspace(workspace("a"))
        tx.put_workspace(workspace("b", hours=1))
    assert store.workspace("a") == workspace("a")
    with store.writing() as tx:
        assert tx.held_workspace("a") == workspace("a")
        tx.put_workspace(workspace("a", edition=1))
        assert tx.held_workspace("a") == workspace("a", edition=1)
    assert store.workspaces() == [workspace("b", hours=1), workspace("a", edition=1)]
    assert store.workspace("c") is None


def test_golden_questions_are_kept_until_they_are_dropped(store: RecordStore) -> None:
    with store.writing() as tx:
        tx.put_golden(question("b"))
        tx.put_golden(question("a"))
    assert store.golden_questions() == [question("a"), question("b")]
    with store.writing() as tx:
        tx.drop_golden("a")
        tx.drop_golden("never there")
    assert store.golden_questions() == [question("b")]


def test_feedback_is_found_by_its_answer_and_by_its_day(store: RecordStore) -> None:
    with store.writing() as tx:
        tx.put_feedback(report("1", "context-1"))
        tx.put_feedback(report("2", "context-1", minutes=1))
        tx.put_feedback(report("3", "context-2", minutes=2))
        assert [one.id for one in tx.held_feedback("context-1")] == ["1", "2"]
    assert store.feedback("2") == report("2", "context-1", minutes=1)
    assert store.feedback("9") is None
    assert [one.id for one in store.feedback_since(NOON + timedelta(minutes=1), 10)] == ["3", "2"]
    assert [one.id for one in store.feedback_since(NOON, 1)] == ["3"]


def test_reports_are_paged_through_and_counted_by_who_sent_them(store: RecordStore) -> None:
    sent = [report(str(i), f"context-{i}", minutes=i // 2) for i in range(6)]
    with store.writing() as tx:
        for one in sent:
            tx.put_feedback(one)
        tx.put_feedback(report("other", "context-9", minutes=9).model_copy(update={"by": "another"}))
        tx.held_feedback("context-1")
        counts = [tx.held_reports(by, NOON + timedelta(minutes=since)) for by, since in ((sent[0].by, 0), (sent[0].by, 1), ("another", 0))]
    assert counts == [6, 4, 1]
    first = store.feedback_since(NOON, 4)
    assert [one.id for one in first] == ["other", "4", "5", "2"]
    assert [one.id for one in store.feedback_since(NOON, 4, first[-1])] == ["3", "0", "1"]
    assert store.feedback_since(NOON, 4, sent[1]) == []


def test_answers_are_found_by_what_they_told_each_once_and_newest_first(store: RecordStore) -> None:
    told = [("a", "1", 0), ("b", "1", 0), ("a", "2", 5), ("c", "3", 6), ("b", "4", 7)]
    with store.writing() as tx:
        tx.add_served_documents(
            ServedDocument(document, context, "refund", NOON + timedelta(minutes=minutes)) for document, context, minutes in told
        )
        tx.add_served_documents([ServedDocument("a", "1", "refund", NOON)])
    assert [one.context for one in store.answers_with(["a", "b"], NOON, 10)] == ["4", "2", "1"]
    assert [one.context for one in store.answers_with(["a", "b"], NOON, 2)] == ["4", "2"]
    assert [one.context for one in store.answers_with(["a"], NOON + timedelta(minutes=1), 10)] == ["2"]
    assert store.answers_with([], NOON, 10) == []


def test_many_documents_are_asked_for_at_once(store: RecordStore) -> None:
    names = [digest(str(number)) for number in range(12_000)]
    with store.writing() as tx:
        tx.add_served_documents([ServedDocument(names[-1], "1", "refund", NOON), ServedDocument(names[0], "2", "refund", NOON)])
    assert {one.context for one in store.answers_with(names, NOON, 10)} == {"1", "2"}


def test_what_is_not_committed_is_not_kept(store: RecordStore) -> None:
    def broken_off() -> None:
        with store.writing() as tx:
            tx.put_workspace(workspace("a"))
            tx.put_golden(question("a"))
            tx.put_feedback(report("1", "context-1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert store.workspaces() == []
    assert store.golden_questions() == []
    assert store.feedback("1") is None
