"""What the process that holds the schedule does beside the syncs: it finishes rollbacks, deletes what need not be kept
once a day, and encodes texts from before there was a fast rerank tier.

All may be killed at any moment and go on at the next look. The first two take the draft like a sync does; while one has it they wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType

import structlog

from context_service.errors import DraftConflict
from context_service.records.protocol import RecordStore

LOOK_SECONDS = 1.0
"""How often it looks whether there is something to do."""

FAILED_SECONDS = 30.0
"""How long it leaves a chore alone that went wrong."""

RETAINED_EVERY = timedelta(days=1)

log = structlog.get_logger(__name__)


Chore = Callable[[Callable[[], None]], object]
"""Does one thing, calling what it is given between its steps; raises what that raises, and DraftConflict while the draft is in use."""


@dataclass(frozen=True)
class Work:
    """The chores themselves."""

    restore: Chore
    retain: Chore
    encode: Chore


class Chores:
    """A thread that does the chores; a context manager. Leaving it ends a chore at its next step."""

    def __init__(self, records: RecordStore, work: Work, now: Callable[[], datetime]) -> None:
        self._records = records
        self._work = work
        self._now = now
        self._retained_at: datetime | None = None
        self._encoded = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="chores", daemon=True)

    def __enter__(self) -> Chores:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Do what is due. A holder that takes over retains at once, so that what a dead one had begun is finished."""
        if self._records.traffic().restoring:
            self._work.restore(self._step)
        if self._retained_at is None or self._now() - self._retained_at >= RETAINED_EVERY:
            self._work.retain(self._step)
            self._retained_at = self._now()
        if not self._encoded:
            self._work.encode(self._step)
            self._encoded = True

    def _step(self) -> None:
        if self._stop.is_set():
            raise _StoppedError

    def _keep(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = LOOK_SECONDS
            try:
                self.look()
            except DraftConflict:
                pass  # a sync has the draft
            except _StoppedError:
                return
            except Exception as error:  # noqa: BLE001 - whatever goes wrong once may go well later
                log.warning("chore_failed", reason=str(error), kind=type(error).__name__)
                pause = FAILED_SECONDS


class _StoppedError(Exception):
    """The service ends."""
