"""What the retrieval asks of an index, and the contract every backend keeps (`tests/contract/test_index.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FOREVER = 2**31 - 1
"""Stands for an open end: a release that never comes, a day that never comes."""


@dataclass(frozen=True)
class Point:
    """A chunk as the index holds it."""

    chunk: str
    label: str
    facet: str
    added_in: int
    removed_in: int
    """First release that no longer reads it; FOREVER while it stands."""
    effective_from: int
    """First day it holds, as `date.toordinal()`; 0 when open."""
    effective_to: int
    """Last day it holds, as `date.toordinal()`; FOREVER when open."""
    vector: NDArray[np.float32]
    """Shape (dimension,), unit length."""
    text: str
    """What BM25 reads: context header and text."""


@dataclass(frozen=True)
class SearchFilter:
    """Which points a search may return. Every part must admit a point; an empty set of labels or facets admits none."""

    labels: frozenset[str]
    facets: frozenset[str]
    release: int
    effective_on: date | None
    """None looks at every effective window; used only to tell what was set aside."""
    draft: int | None = None
    """A draft on top of `release`: its own rows are read too, and what it removes is not."""


@dataclass(frozen=True)
class Hit:
    """A found chunk; higher scores are better."""

    chunk: str
    score: float


class IndexStore(Protocol):
    """Holds points and searches them under a filter. Hits come by falling score, then by chunk id, so equal input gives equal output.

    Written by one process at a time; any number of processes may read beside it. A reader sees a point or a removal at the latest when
    the call that wrote it has returned.
    """

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points, replacing those of the same chunk id. Durable when it returns; repeating it changes nothing."""
        ...

    def remove(self, removed_in: Mapping[str, int]) -> None:
        """Set the release from which each chunk is no longer read (FOREVER reopens it). Unknown chunks are passed over."""
        ...

    def discard(self, chunks: Sequence[str]) -> None:
        """Forget points altogether. Unknown chunks are passed over."""
        ...

    def dense(self, vector: NDArray[np.float32], where: SearchFilter, limit: int) -> list[Hit]:
        """The `limit` nearest admitted points by dot product. Exact: no admitted nearer point is missing."""
        ...

    def lexical(self, text: str, where: SearchFilter, limit: int) -> list[Hit]:
        """The `limit` best admitted points by BM25 over `analyze(text)`; points sharing no term with the text are not returned."""
        ...

    def chunks(self, touched_in: int | None = None, *, after: int | None = None) -> dict[str, tuple[int, int]]:
        """Chunk ids held with their (added_in, removed_in): all, or those that release `touched_in`, or any above `after`, added or
        removed.
        """
        ...

    def ranges(self, touched_in: int | None = None, *, after: int | None = None) -> Iterator[tuple[str, int, int]]:
        """The same, each as (chunk, added_in, removed_in) and by rising chunk id, for callers that cannot hold them all. What is written
        meanwhile may be seen or not.
        """
        ...

    def clear(self) -> None:
        """Forget everything. The one call that an index built with another dimension or analysis takes; others raise StoreError."""
        ...

    def check(self) -> str:
        """One line on the backend, its version and size. Raises StoreError when it cannot be reached."""
        ...

    def close(self) -> None:
        """Release files and connections; the object is unusable afterwards."""
        ...
