"""What happens when more is asked than can be answered: less is done for each question, by stated steps, and at last some are refused.

The load is measured as the time that a request can expect to wait. Each threshold is left at half its height, so that a step does not
flicker. An answer depends on its step alone, and both the reply and the audit log name it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from context_service.errors import Overloaded
from context_service.model.workflow import Step

FIRST_GUESS = 0.1
"""Seconds that an answer is expected to take before any was measured."""

MEMORY = 0.1
"""How much the newest answer counts in the mean of what they take."""

SHARES: Mapping[Step, float] = {Step.FAST: 0.25, Step.LEAN: 0.5}
"""From which share of the longest wait on each step is taken."""


@dataclass(frozen=True)
class Load:
    """What an operator sees of it."""

    inside: int
    """Requests that are computed or wait for it."""
    step: Step
    admitted: Mapping[Step, int]
    """Requests since the start of the process, by step."""
    refused: int


class Admission:
    """Decides for each request whether it is taken in, and at which step. Safe to share between threads; it never waits itself.

    `timer` returns seconds of a monotonic clock, `slots` is how many requests are computed at a time, `longest_wait` the seconds that a
    request may have to wait.
    """

    def __init__(self, slots: int, longest_wait: float, timer: Callable[[], float]) -> None:
        self.slots = slots
        self._longest_wait = longest_wait
        self._timer = timer
        self._lock = Lock()
        self._inside = 0
        self._seconds = FIRST_GUESS
        self._step = Step.FULL
        self._admitted = dict.fromkeys(Step, 0)
        self._refused = 0

    @contextmanager
    def admitted(self) -> Iterator[Step]:
        """Take a request in for as long as the block lasts. Raises Overloaded, with the seconds after which to ask again."""
        with self._lock:
            step = self._taken_in()
        try:
            yield step
        finally:
            with self._lock:
                self._inside -= 1

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Measure the block as the work on one request, without its waiting."""
        started = self._timer()
        try:
            yield
        finally:
            with self._lock:
                self._seconds += MEMORY * (self._timer() - started - self._seconds)

    def load(self) -> Load:
        """The load now."""
        with self._lock:
            return Load(self._inside, self._lowered(), dict(self._admitted), self._refused)

    def _taken_in(self) -> Step:
        wait = self._expected_wait()
        if wait > self._longest_wait:
            self._refused += 1
            seconds = max(1, math.ceil(wait - self._longest_wait))
            raise Overloaded("More is asked than can be answered.", remedy=f"Ask again after {seconds} s.", retry_after=seconds)
        self._step = self._lowered()
        self._inside += 1
        self._admitted[self._step] += 1
        return self._step

    def _lowered(self) -> Step:
        wait = self._expected_wait()
        return max((step for step, share in SHARES.items() if wait > self._threshold(step, share)), default=Step.FULL)

    def _threshold(self, step: Step, share: float) -> float:
        return self._longest_wait * (share / 2 if step <= self._step else share)

    def _expected_wait(self) -> float:
        """Seconds until a request that comes now is computed."""
        before = max(0, self._inside - self.slots + 1)
        return before * self._seconds / self.slots
