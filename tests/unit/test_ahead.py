"""Fetching ahead: order, bounds, a connector that fails and one that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from context_service.errors import TransientSourceError
from context_service.ingest.ahead import Ahead
from context_service.ingest.connector import Connector, Done, Event, Found, Limits, Pull, Same
from context_service.model.document import Content, Parsed
from tests.servers.syncs import pull_of

PULL = pull_of("docs", {})


def of(events: Callable[[], Iterator[Event]]) -> Callable[[Pull], Connector]:
    class Told:
        version = "1"

        def __init__(self, pull: Pull) -> None:
            pass

        def events(self) -> Iterator[Event]:
            return events()

        @staticmethod
        def parse(content: Content, limits: Limits) -> Parsed:
            raise NotImplementedError

    return Told


def found(key: str, size: int) -> Found:
    return Found(Content(key=key, raw=b"x" * size, media_type="text/plain", url=key, fingerprint=key))


def test_events_come_in_their_order_and_are_counted() -> None:
    events: list[Event] = [Same("a"), found("b", 3), Done(None, complete=True)]
    counts: list[int] = []
    with Ahead(of(lambda: iter(events)), PULL, moved=counts.append) as ahead:
        ahead.wait()
        assert list(ahead.events()) == events
    assert counts == [1, 2, 3]


def test_what_a_connector_raises_comes_after_what_it_brought() -> None:
    def broken() -> Iterator[Event]:
        yield Same("a")
        raise KeyError("b")

    with Ahead(of(broken), PULL) as ahead:
        ahead.wait()
        events = ahead.events()
        assert next(events) == Same("a")
        with pytest.raises(KeyError):
            next(events)


def test_a_source_that_stalls_is_given_up_with_a_reason() -> None:
    over = threading.Event()

    def hangs() -> Iterator[Event]:
        yield Same("a")
        over.wait(20)

    with Ahead(of(hangs), PULL, stall_seconds=0.2) as ahead:
        ahead.wait()
        with pytest.raises(TransientSourceError, match=r"0\.2 s"):
            list(ahead.events())
    assert ahead.hangs
    over.set()


def test_no_more_than_the_bound_is_kept_and_all_of_it_is_brought() -> None:
    brought: list[int] = []

    def large() -> Iterator[Event]:
        for number in range(10):
            brought.append(number)
            yield found(str(number), 100)

    with Ahead(of(large), PULL, most_bytes=300) as ahead:
        ahead.wait()
        time.sleep(0.1)
        assert len(brought) == 3
        assert len(list(ahead.events())) == 10


def test_closing_ends_the_wait_and_the_fetch() -> None:
    def endless() -> Iterator[Event]:
        while True:
            yield found("a", 100)

    with Ahead(of(endless), PULL, most_bytes=1000) as ahead:
        ahead.wait()
    ahead.wait()
    end = time.monotonic() + 10
    while ahead.hangs:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_was_fetched_fits_only_what_was_asked_for() -> None:
    ahead = Ahead(of(lambda: iter(())), PULL)
    assert ahead.fits(pull_of("docs", {}, now=PULL.now.replace(year=2030)))
    assert not ahead.fits(pull_of("docs", {}, cursor="1"))
    assert not ahead.fits(pull_of("docs", {}, folder=Path("elsewhere"), known={"a": None}))  # type: ignore[dict-item]  # any other mark
