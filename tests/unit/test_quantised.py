"""Short forms of vectors: what they leave out can never be among the nearest."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from context_service.index.kinds import Kinds
from context_service.index.quantised import BLOCK_ROWS, FEWEST, Vectors
from context_service.index.remembered import Remembered


def units(count: int, dimension: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("length", [1.0, 1e-4, 1e4])
@pytest.mark.parametrize("dimension", [2, 16, 384])
def test_the_nearest_are_always_among_what_is_left(dimension: int, length: float) -> None:
    vectors = units(4000, dimension, seed=dimension)
    vectors[1::7] = vectors[::7][: len(vectors[1::7])]
    stored, rows = Vectors.empty(dimension).extended(vectors[:1500]).extended(vectors[1500:]), np.arange(0, 4000, 2)
    for query in units(20, dimension, seed=99) * np.float32(length):
        scores = vectors[rows].astype(np.float64) @ query.astype(np.float64)
        best = set(rows[np.argsort(-scores, kind="stable")[:50]].tolist())
        assert best <= set(stored.near(query, rows, 50).tolist())


def test_most_of_the_far_ones_are_left_out() -> None:
    vectors = units(5000, 384, seed=1)
    left = Vectors.empty(384).extended(vectors).near(vectors[7], np.arange(5000), 50)
    assert 50 <= len(left) < 500


def test_few_rows_and_a_question_of_nothing_leave_all() -> None:
    vectors = units(1000, 8, seed=2)
    stored = Vectors.empty(8).extended(vectors)
    few = np.arange(FEWEST)
    assert stored.near(vectors[0], few, 5) is few
    assert len(stored.near(np.zeros(8, np.float32), np.arange(1000), 5)) == 1000


def test_vectors_are_taken_across_blocks() -> None:
    vectors = units(BLOCK_ROWS + 10, 4, seed=3)
    stored, rows = Vectors.empty(4).extended(vectors), np.array([0, 5, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 9])
    assert np.array_equal(stored.take(rows), vectors[rows])
    assert stored.take(rows[:0]).shape == (0, 4)


def test_equal_rows_are_of_one_kind_whenever_they_come() -> None:
    first = np.array([[0, 0, 1, 9, 0, 9], [1, 0, 1, 9, 0, 9], [0, 0, 1, 9, 0, 9]], np.int32)
    kinds, numbers = Kinds.none().numbered(first)
    assert numbers[0] == numbers[2] != numbers[1]
    more, again = kinds.numbered(np.array([[1, 0, 1, 9, 0, 9], [2, 0, 1, 9, 0, 9]], np.int32))
    assert again[0] == numbers[1]
    assert len(more.table) == 3
    assert np.array_equal(more.table[again], [[1, 0, 1, 9, 0, 9], [2, 0, 1, 9, 0, 9]])


def test_the_last_results_are_remembered_and_older_ones_made_again() -> None:
    made: list[int] = []
    remembered: Remembered[int, int] = Remembered(2)

    def double(key: int) -> int:
        made.append(key)
        return 2 * key

    assert [remembered.get(key, double) for key in (1, 2, 1, 3, 1, 2)] == [2, 4, 2, 6, 2, 4]
    assert made == [1, 2, 3, 2]
