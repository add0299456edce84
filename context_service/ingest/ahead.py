"""Fetching a source before the draft is taken, so that a source that is slow, or hangs, keeps no other from being published."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from context_service.errors import TransientSourceError
from context_service.ingest.connector import Connector, Event, Found, Pull

MOST_BYTES = 64 * 1024 * 1024
"""Bytes that are fetched ahead; a source with more goes on being fetched while it is read."""

STALL_SECONDS = 300.0
"""Seconds without any event after which a source is given up. A connector's own retries end within that."""


class Ahead:
    """The events of one pull, fetched by a thread of their own; a context manager. Read once, by one reader."""

    def __init__(
        self,
        connector: Callable[[Pull], Connector],
        pull: Pull,
        *,
        moved: Callable[[int], None] = lambda _: None,
        stall_seconds: float = STALL_SECONDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.pull = pull
        self._connector = connector
        self._moved = moved
        self._stall_seconds = stall_seconds
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._events: deque[Event] = deque()
        self._bytes = self._count = 0
        self._last = time.monotonic()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        # A connector that hangs cannot be ended: its thread must not keep the process.
        self._thread = threading.Thread(target=self._fetch, name=f"fetch-{pull.source.id}", daemon=True)

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Want no more events; whoever waits goes on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether no more events are wanted."""
        return self._closed

    @property
    def hangs(self) -> bool:
        """Whether the thread still runs; after the block that means that the connector hangs."""
        return self._thread.is_alive()

    def fits(self, pull: Pull) -> bool:
        """Whether what was fetched is what `pull` asks for: nothing of the source was stored since."""
        return (self.pull.known, self.pull.cursor, self.pull.source) == (pull.known, pull.cursor, pull.source)

    def wait(self) -> None:
        """Wait until everything was fetched, or as much as is fetched ahead, or until the source has stalled."""
        with self._changed:
            while not (self._ended or self._closed or self._bytes >= self._most_bytes or self._stalled()):
                self._changed.wait(self._patience())

    def events(self) -> Iterator[Event]:
        """The events in order. Raises what the connector raised, after the events before it; TransientSourceError when it stalls."""
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> Event | None:
        with self._changed:
            while not self._events and not self._ended:
                if self._stalled():
                    raise TransientSourceError(
                        f"The source has not answered for {self._stall_seconds:g} s.",
                        remedy="See whether it hangs; the next sync tries again.",
                    )
                self._changed.wait(self._patience())
            if not self._events:
                if self._error:
                    raise self._error
                return None
            event = self._events.popleft()
            self._bytes -= _size(event)
            self._changed.notify_all()
            return event

    def _fetch(self) -> None:
        error: BaseException | None = None
        try:
            for event in self._connector(self.pull).events():
                if not self._put(event):
                    return
                self._moved(self._count)
        except BaseException as raised:  # noqa: BLE001 - raised again where the events are read
            error = raised
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def _put(self, event: Event) -> bool:
        """Whether anybody still wants events."""
        with self._changed:
            self._events.append(event)
            self._bytes += _size(event)
            self._count += 1
            self._last = time.monotonic()
            self._changed.notify_all()
            while self._bytes >= self._most_bytes and not self._closed:
                self._changed.wait()
                self._last = time.monotonic()
            return not self._closed

    def _stalled(self) -> bool:
        return self._patience() <= 0

    def _patience(self) -> float:
        return self._last + self._stall_seconds - time.monotonic()


def _size(event: Event) -> int:
    return len(event.content.raw) if isinstance(event, Found) else 0
