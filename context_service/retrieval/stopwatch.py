"""Milliseconds by stage."""

from __future__ import annotations

from collections.abc import Callable

from context_service.model.context import Usage


class Stopwatch:
    """Laps of a monotonic timer."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._start = self._last = timer()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """End the stage that has been running."""
        now = self._timer()
        self._laps[stage] = round((now - self._last) * 1000, 2)
        self._last = now

    def usage(self, tokens: int, budget: int) -> Usage:
        """The laps so far and their total."""
        total = round((self._last - self._start) * 1000, 2)
        return Usage(tokens=tokens, token_budget=budget, milliseconds={**self._laps, "total": total})
