"""The embedded index as a search sees it: an immutable snapshot in memory.

A snapshot is never changed. A refresh makes the next one, which shares what has not changed, and searches that still run keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from context_service.index.bm25 import POSTING, Segment, Statistics, bm25, term_counts, with_segment
from context_service.index.kinds import REMOVED_IN, Kinds
from context_service.index.protocol import Hit, SearchFilter
from context_service.index.quantised import Vectors
from context_service.index.remembered import Remembered

RESCORED_AT_ONCE = 4096
FILTERS_KEPT = 16
FORGOTTEN = -(2**31)
"""Stands as `removed_in` of a discarded row: no release reads it."""


class Page(NamedTuple):
    """A run of points as the file holds them, by rising id."""

    ids: NDArray[np.int64]
    chunks: NDArray[np.object_]
    labels: tuple[str, ...]
    facets: tuple[str, ...]
    ranges: NDArray[np.int32]
    """Shape (points, 4): added_in, removed_in, effective_from, effective_to."""
    vectors: NDArray[np.float32]
    postings: tuple[NDArray[np.void], ...]


class Columns(NamedTuple):
    """One entry a row, in the order in which the file gave the points."""

    id: NDArray[np.int64]
    chunk: NDArray[np.object_]
    kind: NDArray[np.int32]
    """Which of the kinds a row is of: rows of one kind pass the same filters."""
    length: NDArray[np.int32]
    """Number of terms."""

    @classmethod
    def empty(cls) -> Columns:
        """No rows."""
        return cls(np.empty(0, np.int64), np.empty(0, np.object_), np.empty(0, np.int32), np.empty(0, np.int32))

    def extended(self, more: Columns) -> Columns:
        """These rows and then those."""
        pairs = cast("Iterable[tuple[NDArray[np.generic], NDArray[np.generic]]]", zip(self, more, strict=True))
        return Columns._make(np.concatenate(pair) for pair in pairs)


@dataclass(frozen=True)
class Admitted:
    """What a filter admits: a mark for each row, the rows that have it, rising, and their number of terms together."""

    marks: NDArray[np.bool_]
    rows: NDArray[np.intp]
    terms: int


@dataclass(frozen=True)
class Snapshot:
    """All points as of one moment, ready to be searched."""

    columns: Columns
    labels: Mapping[str, int]
    facets: Mapping[str, int]
    kinds: Kinds
    vectors: Vectors
    segments: tuple[Segment, ...]
    admitted: Remembered[SearchFilter, Admitted] = field(compare=False)
    """What the last filters admit: an answer searches with each of its filters twice."""

    @classmethod
    def empty(cls, dimension: int) -> Snapshot:
        """A snapshot without points."""
        return cls(Columns.empty(), {}, {}, Kinds.none(), Vectors.empty(dimension), (), Remembered(FILTERS_KEPT))

    @property
    def dimension(self) -> int:
        """Numbers of a vector."""
        return self.vectors.dimension

    @property
    def points(self) -> int:
        """Number of points, forgotten rows left out."""
        return int(np.count_nonzero(self.kinds.removed_in[self.columns.kind] != FORGOTTEN))

    @property
    def wasteful(self) -> bool:
        """Whether most rows are forgotten ones, so that loading the file afresh pays."""
        return 2 * self.points < len(self.columns.id)

    def extended(self, page: Page) -> Snapshot:
        """The next snapshot, with a page of points more. Of several made from one snapshot only the last is good: they share room."""
        labels, facets = _numbered(self.labels, page.labels), _numbered(self.facets, page.facets)
        lengths = [int(postings["count"].sum(dtype=np.int64)) for postings in page.postings]
        named = np.array([[labels[name] for name in page.labels], [facets[name] for name in page.facets]], np.int32)
        kinds, kind = self.kinds.numbered(np.concatenate([named.T, page.ranges], axis=1))
        return replace(
            self,
            columns=self.columns.extended(Columns(page.ids, page.chunks, kind, np.array(lengths, np.int32))),
            labels=labels,
            facets=facets,
            kinds=kinds,
            vectors=self.vectors.extended(page.vectors),
            segments=with_segment(self.segments, _segment(page.postings, len(self.columns.id))),
            admitted=Remembered(FILTERS_KEPT),
        )

    def changed(self, removed_in: Mapping[int, int]) -> Snapshot:
        """The next snapshot, where the rows of these ids are removed in these releases. Ids it does not hold are passed over."""
        ids = np.array(sorted(removed_in), np.int64)
        ids = ids[np.isin(ids, self.columns.id)]
        if not len(ids):
            return self
        rows, kind = np.searchsorted(self.columns.id, ids), self.columns.kind.copy()
        changed = self.kinds.table[kind[rows]]
        changed[:, REMOVED_IN] = [removed_in[int(number)] for number in ids]
        kinds, kind[rows] = self.kinds.numbered(changed)
        return replace(self, columns=self.columns._replace(kind=kind), kinds=kinds, admitted=Remembered(FILTERS_KEPT))

    def dense(self, query: NDArray[np.float32], where: SearchFilter, limit: int) -> list[Hit]:
        """See IndexStore.dense. Short forms and then a float32 scan leave every row that rounding could have kept out; those are scored
        exactly.
        """
        rows = self.vectors.near(query, self._admitted(where).rows, limit)
        vectors = self.vectors.take(rows)
        if len(rows) > limit:
            # `vecdot` stays on this thread. A matrix product would spread over all cores, where concurrent searches wait for each other.
            rough = np.asarray(np.vecdot(vectors, query), np.float32)
            # The rounding error of a dot product of n float32 numbers is below n * 2^-24 * |a| * |b|; this allows twice that.
            slack = self.dimension * float(np.finfo(np.float32).eps) * float(np.linalg.norm(query))
            keep = rough >= float(np.partition(rough, -limit)[-limit]) - 2 * slack
            rows, vectors = rows[keep], vectors[keep]
        return self._best(rows, _exact(query, vectors), limit)

    def lexical(self, text: str, where: SearchFilter, limit: int) -> list[Hit]:
        """See IndexStore.lexical."""
        admitted = self._admitted(where)
        statistics = Statistics(len(admitted.rows), admitted.terms)
        rows, scores = bm25(self.segments, self.columns.length, admitted.marks, statistics, term_counts(text))
        return self._best(rows, scores, limit)

    def _admitted(self, where: SearchFilter) -> Admitted:
        return self.admitted.get(where, self._admit)

    def _admit(self, where: SearchFilter) -> Admitted:
        marks = self.kinds.admitted(where, _members(self.labels, where.labels), _members(self.facets, where.facets))[self.columns.kind]
        rows = np.flatnonzero(marks)
        return Admitted(marks, rows, int(self.columns.length[rows].sum(dtype=np.int64)))

    def _best(self, rows: NDArray[np.intp], scores: NDArray[np.float64], limit: int) -> list[Hit]:
        if len(rows) > limit:
            keep = scores >= np.partition(scores, -limit)[-limit]
            rows, scores = rows[keep], scores[keep]
        hits = [Hit(chunk, score) for chunk, score in zip(self.columns.chunk[rows], scores.tolist(), strict=True)]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk))[:limit]


def _numbered(numbers: Mapping[str, int], names: Iterable[str]) -> Mapping[str, int]:
    unknown = dict.fromkeys(name for name in names if name not in numbers)
    return {**numbers, **{name: len(numbers) + place for place, name in enumerate(unknown)}}


def _members(numbers: Mapping[str, int], names: Iterable[str]) -> NDArray[np.bool_]:
    members = np.zeros(len(numbers), np.bool_)
    members[[numbers[name] for name in names if name in numbers]] = True
    return members


def _segment(postings: tuple[NDArray[np.void], ...], first_row: int) -> Segment:
    together = np.concatenate([np.empty(0, POSTING), *postings])
    rows = np.repeat(np.arange(first_row, first_row + len(postings), dtype=np.int32), [len(terms) for terms in postings])
    return Segment.build(together["term"], rows, together["count"])


def _exact(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Dot products that depend on the two vectors alone: exact products, summed from first to last."""
    scores = np.empty(len(vectors))
    for start in range(0, len(vectors), RESCORED_AT_ONCE):
        some = vectors[start : start + RESCORED_AT_ONCE].astype(np.float64)
        scores[start : start + len(some)] = np.add.accumulate(some * query.astype(np.float64), axis=1)[:, -1]
    return scores
