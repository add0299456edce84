"""The last few results of a function, for callers that ask the same again at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Remembered(Generic[K, R]):
    """Up to `most` results by what they were made of. Safe for threads: two that ask at once may both work, and get equal results."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: OrderedDict[K, R] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K, make: Callable[[K], R]) -> R:
        """The result for `key`, made if it is not there."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]
        result = make(key)
        with self._lock:
            self._results[key] = result
            while len(self._results) > self._most:
                self._results.popitem(last=False)
        return result
