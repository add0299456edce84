"""Running a connector as the pipeline does, and remembering what it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from context_service.ingest.connector import Done, Event, Failed, Found, Gone, Limits, Pull
from context_service.model.base import digest
from context_service.model.document import ItemMark
from context_service.model.source import Source

TODAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def pull_of(
    kind: str,
    options: Mapping[str, JsonValue],
    *,
    folder: Path | None = None,
    cursor: str | None = None,
    known: Mapping[str, ItemMark] | None = None,
    now: datetime = TODAY,
    limits: Limits | None = None,
) -> Pull:
    source = Source(id=kind, kind=kind, title=kind, owner="team", authority="policy", options=dict(options))
    return Pull(source, folder or Path(), cursor, dict(known or {}), now, limits or Limits())


class Memory:
    """What the records know after the events of a sync, by the rules of the protocol."""

    def __init__(self) -> None:
        self.known: dict[str, ItemMark] = {}
        self.found: dict[str, Found] = {}
        self.cursor: str | None = None

    def take(self, events: Iterable[Event]) -> list[Event]:
        taken: list[Event] = []
        for event in events:
            taken.append(event)
            if isinstance(event, Found):
                content = event.content
                self.found[content.key] = event
                self.known[content.key] = ItemMark(
                    key=content.key,
                    document=content.key,
                    fingerprint=content.fingerprint,
                    content_hash=digest(content.raw),
                    governance_hash="",
                )
            elif isinstance(event, Gone):
                self._forget(event.key)
            elif isinstance(event, Done):
                self._done(event, taken)
        return taken

    def _done(self, done: Done, events: list[Event]) -> None:
        self.cursor = done.cursor
        if done.complete:
            for key in set(self.known) - set(keys(events)):
                self._forget(key)

    def _forget(self, key: str) -> None:
        self.known.pop(key, None)
        self.found.pop(key, None)


def keys(events: Iterable[Event], *kinds: type[Event]) -> list[str]:
    """The keys of the events, of these kinds where given."""
    return [
        event.content.key if isinstance(event, Found) else event.key
        for event in events
        if not isinstance(event, Done) and (not kinds or isinstance(event, kinds))
    ]


def failures(events: Iterable[Event]) -> dict[str, tuple[str, bool]]:
    """Reason and whether it is transient, by key."""
    return {event.key: (event.reason, event.transient) for event in events if isinstance(event, Failed)}


def done(events: list[Event]) -> Done:
    last = events[-1]
    assert isinstance(last, Done)
    return last
