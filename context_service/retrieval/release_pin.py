"""Which release a request reads, and whose rulings."""

from __future__ import annotations

from datetime import UTC, datetime

from context_service.errors import InvalidRequest, NotReady, UnknownRelease
from context_service.model.context import ContextRequest
from context_service.records.protocol import RecordStore


def pin_release(records: RecordStore, request: ContextRequest, now: datetime) -> int:
    """The number every read of this request uses. Raises InvalidRequest, UnknownRelease or NotReady."""
    head = records.head()
    if head == 0:
        raise NotReady("Nothing has been published yet.", remedy="Run `context-service ingest` first.")
    if request.release is not None and request.as_of is not None:
        raise InvalidRequest("`release` and `as_of` are both set.", remedy="Send one of them.", field="as_of")
    if request.release is not None:
        return _numbered(request.release, head)
    if request.as_of is not None:
        return _served_at(records, request.as_of, now)
    return head


def ruled_at(records: RecordStore, request: ContextRequest, release: int, now: datetime) -> datetime:
    """The moment whose rulings a request reads: now for the current release, `as_of` for that, the end of its service for an older one."""
    if request.as_of is not None:
        return request.as_of
    following = (one.published_at for one in records.releases() if one.number == release + 1) if request.release else ()
    return next(iter(following), now)


def _numbered(number: int, head: int) -> int:
    if number > head:
        raise UnknownRelease(f"There is no release {number}.", remedy=f"The current release is {head}.", field="release")
    return number


def _served_at(records: RecordStore, moment: datetime, now: datetime) -> int:
    if moment.tzinfo is None:
        raise InvalidRequest("`as_of` has no time zone.", remedy="Add one, such as `2026-05-01T12:00:00Z`.", field="as_of")
    if _before_all_time(moment):
        raise InvalidRequest("`as_of` lies before the first year.", remedy="Send a later moment.", field="as_of")
    if moment > now:
        raise InvalidRequest("`as_of` lies in the future.", remedy="Send a past moment; `effective_on` looks ahead.", field="as_of")
    number = records.release_at(moment)
    if number is None:
        first = records.releases()[0].published_at.isoformat()
        raise UnknownRelease(f"Nothing was published at {moment.isoformat()}.", remedy=f"The first release is of {first}.", field="as_of")
    return number


def _before_all_time(moment: datetime) -> bool:
    """Whether the moment has no UTC form: its year there would be 0."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return True
    return False
