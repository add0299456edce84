"""A release on trial beside the one that the others read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from context_service.model.audit import Action, AuditEntry
from context_service.model.release import Traffic
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.releases.trial import comparison

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TRAFFIC = Traffic(number=1, canary=2, share=0.25, newest=2)


@pytest.fixture
def records() -> Iterator[RecordStore]:
    store = open_records("sqlite://")
    with store.writing() as tx:
        tx.audit(AuditEntry(at=NOW, actor="olga", action=Action.RELEASE_TRIED, subject="release:2"))
    yield store
    store.close()


def answered(records: RecordStore, release: int, milliseconds: float, decision: str = "answer", **more: JsonValue) -> None:
    detail = {"release": release, "decision": decision, "milliseconds": milliseconds, "conflicts": [], "request": {"query": "?"}} | more
    with records.writing() as tx:
        tx.audit(AuditEntry(at=NOW, actor="agent", action=Action.CONTEXT_SERVED, subject="context", detail=detail))


def test_latencies_are_those_that_a_half_and_95_of_100_do_not_exceed(records: RecordStore) -> None:
    for milliseconds in range(100, 0, -1):
        answered(records, 1, milliseconds)
        answered(records, 2, 2 * milliseconds)
    compared = comparison(records, TRAFFIC)
    assert (compared.beside.p50_ms, compared.beside.p95_ms) == (50, 95)
    assert (compared.canary.p50_ms, compared.canary.p95_ms) == (100, 190)


def test_conflicts_are_counted_by_answer_and_each_once(records: RecordStore) -> None:
    answered(records, 2, 1, "conflicted", conflicts=["a", "b"])
    answered(records, 2, 1, conflicts=["a"])
    answered(records, 2, 1)
    answered(records, 2, 1, "insufficient")
    canary = comparison(records, TRAFFIC).canary
    assert (canary.conflicted, canary.conflicts, canary.insufficient) == (0.5, 2, 0.25)
    assert canary.decisions == {"answer": 2, "conflicted": 1, "insufficient": 1}


def test_a_side_without_answers_has_no_latency(records: RecordStore) -> None:
    answered(records, 1, 5)
    compared = comparison(records, TRAFFIC)
    assert (compared.canary.answers, compared.canary.p50_ms, compared.canary.p95_ms) == (0, None, None)
    assert (compared.beside.answers, compared.beside.p95_ms) == (1, 5)


def test_questions_that_named_their_release_are_not_counted(records: RecordStore) -> None:
    answered(records, 2, 1, request={"query": "?", "release": 2})
    answered(records, 2, 1, request={"query": "?", "as_of": "2026-11-19T00:00:00Z"})
    assert comparison(records, TRAFFIC).canary.answers == 0


def test_what_was_answered_in_an_earlier_trial_is_not_counted(records: RecordStore) -> None:
    answered(records, 1, 1)
    with records.writing() as tx:
        tx.audit(AuditEntry(at=NOW, actor="olga", action=Action.RELEASE_TRIED, subject="release:2"))
    answered(records, 1, 1)
    assert comparison(records, TRAFFIC).beside.answers == 1
