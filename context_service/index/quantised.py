"""Vectors with a short form of each: eight bits a number, which tell within known bounds how near a vector can be.

A scan of the short forms reads a quarter of the bytes. It leaves the few rows whose bounds reach the best, and only those are compared in
full, so what is found is exactly what a scan of the whole vectors finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simsimd
from numpy.typing import NDArray

BLOCK_ROWS = 16_384
"""Rows of a block; memory that no row has been written to is not taken."""

FEWEST = 512
"""With fewer rows the short forms save nothing."""

ROUNDING = 1e-5
"""Allowed for sums in float32, which the bounds do not cover; some ten times what they can amount to."""

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Block:
    """Room for BLOCK_ROWS vectors. `codes * scales` is the short form, which lies within `errors` of the vector."""

    vectors: Floats
    codes: NDArray[np.int8]
    scales: Floats
    errors: Floats

    @classmethod
    def empty(cls, dimension: int) -> Block:
        """Room for vectors of `dimension` numbers."""
        shape = (BLOCK_ROWS, dimension)
        return cls(
            np.zeros(shape, np.float32), np.zeros(shape, np.int8), np.zeros(BLOCK_ROWS, np.float32), np.zeros(BLOCK_ROWS, np.float32)
        )

    def write(self, start: int, vectors: Floats) -> None:
        """Put vectors into the rows from `start` on."""
        span = slice(start, start + len(vectors))
        self.vectors[span] = vectors
        self.codes[span], self.scales[span], self.errors[span] = _shortened(vectors)


@dataclass(frozen=True)
class Vectors:
    """A growing list of vectors. Of several lists made from one only the last is good: they share room."""

    dimension: int
    count: int
    blocks: tuple[Block, ...]

    @classmethod
    def empty(cls, dimension: int) -> Vectors:
        """No vectors."""
        return cls(dimension, 0, ())

    def extended(self, more: Floats) -> Vectors:
        """The same list and then those."""
        blocks, count = list(self.blocks), self.count
        while len(more):
            start = count % BLOCK_ROWS
            if count == len(blocks) * BLOCK_ROWS:
                blocks.append(Block.empty(self.dimension))
            room = more[: BLOCK_ROWS - start]
            blocks[-1].write(start, room)
            count += len(room)
            more = more[len(room) :]
        return Vectors(self.dimension, count, tuple(blocks))

    def take(self, rows: Rows) -> Floats:
        """The vectors of `rows`, which rise."""
        parts = [block.vectors.take(some, axis=0) for block, some in self._parts(rows)]
        return np.concatenate([np.empty((0, self.dimension), np.float32), *parts])

    def near(self, query: Floats, rows: Rows, limit: int) -> Rows:
        """Those of `rows`, which rise, that can be among the `limit` nearest to the query by dot product; never fewer than `limit`."""
        if len(rows) <= max(limit, FEWEST):
            return rows
        codes, scales, left = _query(query)
        length = float(np.linalg.norm(query)) + left
        rough, error = np.empty(len(rows)), np.empty(len(rows))
        start = 0
        for block, some in self._parts(rows):
            span = slice(start, start + len(some))
            products = np.asarray(simsimd.cdist(codes, block.codes.take(some, axis=0), "dot"))
            rough[span] = (scales @ products) * block.scales[some]
            error[span] = length * block.errors[some]
            start += len(some)
        # The short forms leave the query's own rest out too; vectors have unit length, give or take what is accepted as that.
        error += 1.01 * left + ROUNDING * length
        low = rough - error
        return np.asarray(rows[rough + error >= np.partition(low, -limit)[-limit]], np.intp)

    def _parts(self, rows: Rows) -> list[tuple[Block, Rows]]:
        bounds = np.searchsorted(rows, np.arange(len(self.blocks) + 1) * BLOCK_ROWS)
        parts = ((block, rows[bounds[number] : bounds[number + 1]] - number * BLOCK_ROWS) for number, block in enumerate(self.blocks))
        return [(block, some) for block, some in parts if len(some)]


def _shortened(vectors: Floats) -> tuple[NDArray[np.int8], Floats, Floats]:
    scales = np.abs(vectors).max(axis=1, initial=0.0) / 127
    scales[scales == 0] = 1.0
    codes = np.rint(vectors / scales[:, None]).astype(np.int8)
    errors = np.linalg.norm(vectors - codes * scales[:, None], axis=1)
    return codes, scales.astype(np.float32), errors.astype(np.float32)


def _query(query: Floats) -> tuple[NDArray[np.int8], NDArray[np.float64], float]:
    """The query's short form, the short form of what that leaves, their scales, and the length of what both leave."""
    codes, scales, _ = _shortened(query[None])
    rest = query - codes[0] * scales[0]
    more, more_scales, left = _shortened(rest[None])
    return np.concatenate([codes, more]), np.array([scales[0], more_scales[0]], np.float64), float(left[0])
