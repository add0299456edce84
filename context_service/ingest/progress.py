"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from context_service.model.document import Outcome, SyncRun


class Progress(Protocol):
    """Told about each step of an ingest; the command line draws bars from it, the service logs it."""

    def run_started(self, run: SyncRun, title: str) -> None:
        """A source's sync begins."""
        ...

    def item_ended(self, run: SyncRun, outcome: Outcome) -> None:
        """An item has its outcome."""
        ...

    def run_finished(self, run: SyncRun) -> None:
        """A source's sync ended; `run.state` and `run.counts` say how."""
        ...

    def stage(self, name: str, done: int, total: int) -> None:
        """`done` of `total` steps of a later stage (embedding, indexing, comparing) are finished."""
        ...


class Silent:
    """Says nothing."""

    def run_started(self, run: SyncRun, title: str) -> None:
        """See `Progress`."""

    def item_ended(self, run: SyncRun, outcome: Outcome) -> None:
        """See `Progress`."""

    def run_finished(self, run: SyncRun) -> None:
        """See `Progress`."""

    def stage(self, name: str, done: int, total: int) -> None:
        """See `Progress`."""


class Stepping(Silent):
    """Calls `step` at each stage, which may end the work by raising."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step

    def stage(self, name: str, done: int, total: int) -> None:  # noqa: ARG002 - the protocol's signature
        """See `Progress`."""
        self._step()
