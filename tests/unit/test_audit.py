"""Following the audit chain to the first record that does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.audit.chain import Finding, verify
from context_service.model.audit import GENESIS, Action, AuditEntry, AuditRecord, chain

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def entry(subject: str, actor: str = "agent-7") -> AuditEntry:
    return AuditEntry(at=NOW, actor=actor, action=Action.CONTEXT_SERVED, subject=subject, detail={"release": 3})


def log(length: int) -> list[AuditRecord]:
    records: list[AuditRecord] = []
    for number in range(1, length + 1):
        records.append(chain(entry(f"context-{number}"), number, records[-1].hash if records else GENESIS))
    return records


def test_an_untouched_log_holds_to_its_end() -> None:
    records = log(5)
    assert verify(records) == Finding(intact=5, last_hash=records[-1].hash)


def test_an_empty_log_holds() -> None:
    assert verify([]) == Finding(intact=0, last_hash=GENESIS)


@given(
    place=st.integers(0, 4),
    change=st.sampled_from(
        [
            {"entry": entry("context-1", actor="somebody-else")},
            {"entry": entry("context-1").model_copy(update={"detail": {"release": 4}})},
            {"hash": "f" * 64},
            {"previous": "f" * 64},
            {"number": 77},
        ]
    ),
)
def test_any_changed_record_is_the_first_that_does_not_hold(place: int, change: dict[str, object]) -> None:
    records = log(5)
    records[place] = records[place].model_copy(update=change)
    found = verify(records)
    assert (found.intact, found.broken) == (place, records[place].number)
    assert found.reason


@given(place=st.integers(0, 3))
def test_a_removed_record_is_missed_at_its_place(place: int) -> None:
    records = log(5)
    del records[place]
    found = verify(records)
    assert (found.intact, found.broken) == (place, place + 2)
    assert found.reason is not None
    assert found.reason.startswith(f"Record {place + 1} is missing")


def test_a_forged_record_with_a_fitting_hash_breaks_the_next_one() -> None:
    records = log(5)
    records[2] = chain(entry("forged"), 3, records[1].hash)
    assert verify(records).broken == 4


def test_exchanged_records_are_found() -> None:
    records = log(5)
    records[1], records[2] = records[2], records[1]
    assert verify(records).intact == 1


def test_a_log_cut_at_its_end_shows_only_in_the_last_hash() -> None:
    whole, cut = verify(log(5)), verify(log(4))
    assert cut.broken is None
    assert cut.last_hash != whole.last_hash


def test_reading_stops_at_the_first_record_that_does_not_hold() -> None:
    def records() -> Iterator[AuditRecord]:
        yield from log(2)
        yield log(2)[0]
        pytest.fail("read on")

    assert verify(records()).intact == 2
