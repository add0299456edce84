"""The embedded index as a search sees it: an immutable snapshot in memory.

A snapshot is never changed. A refresh makes the next one, which shares what has not changed, and searches that still run keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from context_service.index.bm25 import POSTING, Segment, bm25, term_counts, with_segment
from context_service.index.protocol import Hit, SearchFilter

BLOCK_ROWS = 8192
RESCORED_AT_ONCE = 4096
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
    label: NDArray[np.int32]
    facet: NDArray[np.int32]
    added_in: NDArray[np.int32]
    removed_in: NDArray[np.int32]
    effective_from: NDArray[np.int32]
    effective_to: NDArray[np.int32]
    length: NDArray[np.int32]
    """Number of terms."""

    @classmethod
    def empty(cls) -> Columns:
        """No rows."""
        return cls(np.empty(0, np.int64), np.empty(0, np.object_), *(np.empty(0, np.int32) for _ in range(7)))

    def extended(self, more: Columns) -> Columns:
        """These rows and then those."""
        pairs = cast("Iterable[tuple[NDArray[np.generic], NDArray[np.generic]]]", zip(self, more, strict=True))
        return Columns._make(np.concatenate(pair) for pair in pairs)


@dataclass(frozen=True)
class Snapshot:
    """All points as of one moment, ready to be searched."""

    dimension: int
    columns: Columns
    labels: Mapping[str, int]
    facets: Mapping[str, int]
    blocks: tuple[NDArray[np.float32], ...]
    """Vectors, BLOCK_ROWS to a block; what lies behind the last row is room for the next snapshot."""
    segments: tuple[Segment, ...]

    @classmethod
    def empty(cls, dimension: int) -> Snapshot:
        """A snapshot without points."""
        return cls(dimension, Columns.empty(), {}, {}, (), ())

    @property
    def points(self) -> int:
        """Number of points, forgotten rows left out."""
        return int(np.count_nonzero(self.columns.removed_in != FORGOTTEN))

    @property
    def wasteful(self) -> bool:
        """Whether most rows are forgotten ones, so that loading the file afresh pays."""
        return 2 * self.points < len(self.columns.id)

    def extended(self, page: Page) -> Snapshot:
        """The next snapshot, with a page of points more. Of several made from one snapshot only the last is good: they share room."""
        labels, facets = _numbered(self.labels, page.labels), _numbered(self.facets, page.facets)
        lengths = [int(postings["count"].sum(dtype=np.int64)) for postings in page.postings]
        first_row = len(self.columns.id)
        added_in, removed_in, effective_from, effective_to = page.ranges.T
        more = Columns(
            page.ids,
            page.chunks,
            np.array([labels[name] for name in page.labels], np.int32),
            np.array([facets[name] for name in page.facets], np.int32),
            added_in,
            removed_in,
            effective_from,
            effective_to,
            np.array(lengths, np.int32),
        )
        return replace(
            self,
            columns=self.columns.extended(more),
            labels=labels,
            facets=facets,
            blocks=_filled(self.blocks, first_row, page.vectors),
            segments=with_segment(self.segments, _segment(page.postings, first_row)),
        )

    def changed(self, removed_in: Mapping[int, int]) -> Snapshot:
        """The next snapshot, where the rows of these ids are removed in these releases. Ids it does not hold are passed over."""
        ids = np.array(sorted(removed_in), np.int64)
        ids = ids[np.isin(ids, self.columns.id)]
        if not len(ids):
            return self
        column = self.columns.removed_in.copy()
        column[np.searchsorted(self.columns.id, ids)] = [removed_in[int(number)] for number in ids]
        return replace(self, columns=self.columns._replace(removed_in=column))

    def dense(self, query: NDArray[np.float32], where: SearchFilter, limit: int) -> list[Hit]:
        """See IndexStore.dense. A float32 scan finds every row that rounding could have kept out; those are scored exactly."""
        rows = np.flatnonzero(self._admitted(where))
        if len(rows) > limit:
            rough = self._scan(query, rows)
            # The rounding error of a dot product of n float32 numbers is below n * 2^-24 * |a| * |b|; this allows twice that.
            slack = self.dimension * float(np.finfo(np.float32).eps) * float(np.linalg.norm(query))
            rows = rows[rough >= float(np.partition(rough, -limit)[-limit]) - 2 * slack]
        return self._best(rows, self._exact(query, rows), limit)

    def lexical(self, text: str, where: SearchFilter, limit: int) -> list[Hit]:
        """See IndexStore.lexical."""
        rows, scores = bm25(self.segments, self.columns.length, self._admitted(where), term_counts(text))
        return self._best(rows, scores, limit)

    def _admitted(self, where: SearchFilter) -> NDArray[np.bool_]:
        columns = self.columns
        admitted = _members(self.labels, where.labels)[columns.label]
        admitted &= _members(self.facets, where.facets)[columns.facet]
        admitted &= (columns.added_in <= where.release) | (columns.added_in == where.draft)
        admitted &= (columns.removed_in > where.release) & (columns.removed_in != where.draft)
        if where.effective_on is not None:
            day = where.effective_on.toordinal()
            admitted &= columns.effective_from <= day
            admitted &= columns.effective_to >= day
        return admitted

    def _scan(self, query: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
        scores = np.empty(len(rows), np.float32)
        bounds = np.searchsorted(rows, np.arange(len(self.blocks) + 1) * BLOCK_ROWS)
        for number, block in enumerate(self.blocks):
            span = slice(bounds[number], bounds[number + 1])
            scores[span] = _dots(block, rows[span] - number * BLOCK_ROWS, query)
        return scores

    def _exact(self, query: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Dot products that depend on the two vectors alone: exact products, summed from first to last."""
        scores = np.empty(len(rows))
        for start in range(0, len(rows), RESCORED_AT_ONCE):
            some = rows[start : start + RESCORED_AT_ONCE]
            vectors = np.array([self.blocks[row // BLOCK_ROWS][row % BLOCK_ROWS] for row in some], np.float64)
            scores[start : start + len(some)] = np.add.accumulate(vectors * query.astype(np.float64), axis=1)[:, -1]
        return scores

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


def _filled(blocks: tuple[NDArray[np.float32], ...], count: int, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    filled = list(blocks)
    while len(vectors):
        start = count % BLOCK_ROWS
        if count == len(filled) * BLOCK_ROWS:
            filled.append(np.zeros((BLOCK_ROWS, vectors.shape[1]), np.float32))
        room = vectors[: BLOCK_ROWS - start]
        filled[count // BLOCK_ROWS][start : start + len(room)] = room
        count += len(room)
        vectors = vectors[len(room) :]
    return tuple(filled)


def _segment(postings: tuple[NDArray[np.void], ...], first_row: int) -> Segment:
    together = np.concatenate([np.empty(0, POSTING), *postings])
    rows = np.repeat(np.arange(first_row, first_row + len(postings), dtype=np.int32), [len(terms) for terms in postings])
    return Segment.build(together["term"], rows, together["count"])


def _dots(block: NDArray[np.float32], rows: NDArray[np.intp], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the block's rows asked for; beyond half of them, the whole block is faster than gathering.

    `vecdot` stays on this thread. A matrix product would spread over all cores, where concurrent searches wait for each other.
    """
    if 2 * len(rows) > len(block):
        return np.asarray(np.vecdot(block, query)[rows], np.float32)
    return np.asarray(np.vecdot(block.take(rows, axis=0), query), np.float32)
