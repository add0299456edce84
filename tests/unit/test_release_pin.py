"""Which release a request reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from context_service.errors import InvalidRequest, NotReady, UnknownRelease
from context_service.model.context import ContextRequest
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.retrieval.release_pin import pin_release
from tests.contract.records_values import NOW, publish

HOUR = timedelta(hours=1)
LATER = NOW + 100 * HOUR


@pytest.fixture
def records() -> Iterator[RecordStore]:
    """Three releases, an hour apart; the first an hour after NOW."""
    store = open_records("sqlite://")
    for number in (1, 2, 3):
        publish(store, number)
    yield store
    store.close()


def pin(records: RecordStore, now: datetime = LATER, **asked: Any) -> int:
    return pin_release(records, ContextRequest(query="q", workflow="refund", **asked), now, "context")


def test_a_request_reads_the_current_release(records: RecordStore) -> None:
    assert pin(records) == 3


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_request_may_name_its_release(records: RecordStore, number: int) -> None:
    assert pin(records, release=number) == number


@pytest.mark.parametrize(
    ("moment", "number"),
    [(NOW + HOUR, 1), (NOW + 2 * HOUR - timedelta(microseconds=1), 1), (NOW + 2 * HOUR, 2), (NOW + 3 * HOUR, 3), (LATER, 3)],
)
def test_a_request_may_read_what_was_served_at_a_moment(records: RecordStore, moment: datetime, number: int) -> None:
    assert pin(records, as_of=moment) == number


@pytest.mark.parametrize(
    ("asked", "error", "field", "remedy"),
    [
        ({"release": 4}, UnknownRelease, "release", "The current release is 3."),
        ({"as_of": NOW}, UnknownRelease, "as_of", f"The first release is of {(NOW + HOUR).isoformat()}."),
        ({"as_of": LATER + HOUR}, InvalidRequest, "as_of", "`effective_on` looks ahead"),
        ({"as_of": NOW.replace(tzinfo=None)}, InvalidRequest, "as_of", "Add one"),
        ({"release": 1, "as_of": LATER}, InvalidRequest, "as_of", "Send one of them."),
    ],
    ids=["beyond the head", "before the first", "in the future", "no time zone", "both"],
)
def test_a_release_that_cannot_be_read_is_refused_with_the_remedy(
    records: RecordStore, asked: dict[str, Any], error: type[InvalidRequest], field: str, remedy: str
) -> None:
    with pytest.raises(error) as caught:
        pin(records, **asked)
    assert (caught.value.field, type(caught.value)) == (field, error)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("asked", [{}, {"release": 1}, {"as_of": datetime(2020, 1, 1, tzinfo=UTC)}])
def test_before_the_first_release_nothing_can_be_read(asked: dict[str, Any]) -> None:
    store = open_records("sqlite://")
    with pytest.raises(NotReady, match="Nothing has been published yet"):
        pin(store, **asked)
    store.close()
