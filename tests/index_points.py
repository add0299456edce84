"""Points and filters for tests of the index."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
from numpy.typing import NDArray

from context_service.index.protocol import FOREVER, IndexStore, Point, SearchFilter

DIMENSION = 8


def unit(*numbers: float) -> NDArray[np.float32]:
    """A unit vector of DIMENSION numbers that points where `numbers`, filled up with zeros, do."""
    vector = np.zeros(DIMENSION)
    vector[: len(numbers)] = numbers
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def random_units(count: int, seed: int) -> NDArray[np.float32]:
    """`count` random unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def point(
    chunk: str,
    text: str = "refund",
    *,
    vector: NDArray[np.float32] | None = None,
    label: str = "public",
    facet: str = "everyone",
    releases: tuple[int, int] = (1, FOREVER),
    days: tuple[date | None, date | None] = (None, None),
) -> Point:
    """A point that the plain filter of `where` admits, unless told otherwise."""
    since, until = days
    return Point(
        chunk=chunk,
        label=label,
        facet=facet,
        added_in=releases[0],
        removed_in=releases[1],
        effective_from=since.toordinal() if since else 0,
        effective_to=until.toordinal() if until else FOREVER,
        vector=unit(1) if vector is None else vector,
        text=text,
    )


def where(
    labels: Iterable[str] = ("public",),
    facets: Iterable[str] = ("everyone",),
    release: int = 1,
    effective_on: date | None = None,
    draft: int | None = None,
) -> SearchFilter:
    """A filter, by default the one that admits a plain point."""
    return SearchFilter(frozenset(labels), frozenset(facets), release, effective_on, draft)


def dense_chunks(index: IndexStore, allowed: SearchFilter, limit: int = 10) -> list[str]:
    """What the dense leg finds near the plain point's vector."""
    return [hit.chunk for hit in index.dense(unit(1), allowed, limit)]


def lexical_chunks(index: IndexStore, allowed: SearchFilter, limit: int = 10) -> list[str]:
    """What the lexical leg finds for the plain point's text."""
    return [hit.chunk for hit in index.lexical("refund", allowed, limit)]
