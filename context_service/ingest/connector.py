"""The protocol every connector speaks. Connectors live in `ingestors/` or in other packages and are found by entry point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from context_service.model.document import Content, ItemMark, Parsed
from context_service.model.source import Source

ENTRY_POINT_GROUP = "context_service.connectors"


@dataclass(frozen=True)
class Limits:
    """Bounds on what one item may cost, so that no input can take the service down."""

    item_bytes: int = 64 * 1024 * 1024
    """Largest item that is read, in bytes."""
    unpacked_bytes: int = 256 * 1024 * 1024
    """Largest size of an archive format (docx, xlsx, pptx) once unpacked, in bytes."""
    parse_seconds: float = 60.0
    """Longest time a parser may take for one item, in seconds."""
    fetch_seconds: float = 20.0
    """Longest time one fetch over the network may take in all, in seconds."""


@dataclass(frozen=True)
class Found:
    """An item that is new or may have changed, with its bytes."""

    content: Content


@dataclass(frozen=True)
class Same:
    """An item that has not changed since `known`, seen without reading it."""

    key: str


@dataclass(frozen=True)
class Gone:
    """An item that the source says is deleted."""

    key: str


@dataclass(frozen=True)
class Failed:
    """An item that could not be fetched. A transient failure keeps what is known of it and is tried again at the next sync."""

    key: str
    reason: str
    transient: bool


@dataclass(frozen=True)
class Done:
    """The last event. `complete` says that every item the source holds was seen, so whatever was known and not seen is deleted."""

    cursor: str | None
    complete: bool


Event = Found | Same | Gone | Failed | Done


@dataclass(frozen=True)
class Pull:
    """What a connector gets for one sync: the declaration, its folder, the last cursor, and what is known of each item by key."""

    source: Source
    folder: Path
    cursor: str | None
    known: Mapping[str, ItemMark]
    now: datetime
    limits: Limits = Limits()


class Connector(Protocol):
    """Lists and fetches what changed at a source. One object per source and sync; it holds no state between syncs.

    It may have a static method `load()` that imports what `parse` needs: parser processes are forked from one that has called it.
    """

    version: str
    """Changes whenever the same bytes would parse differently; part of what decides whether an item is processed again."""

    def __init__(self, pull: Pull) -> None:
        """Check `pull.source.options`; raise TerminalSourceError naming the option that is wrong."""

    def events(self) -> Iterator[Event]:
        """Yield one event per item and finally one Done.

        Yields Same when `known[key].fingerprint` still stands. Raises TransientSourceError when the source as a whole does not
        answer and TerminalSourceError when it refuses (credentials, a folder that is not there); what was yielded before stays good.
        """
        ...

    @staticmethod
    def parse(content: Content, limits: Limits) -> Parsed:
        """Turn bytes into elements in reading order; pure, run in a separate process that is killed after `limits.parse_seconds`.

        Raises TerminalSourceError with a reason an owner understands when the bytes cannot be read.
        """
        ...
