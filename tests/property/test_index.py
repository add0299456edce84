"""The embedded index against a brute-force oracle, under random sequences of calls."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from context_service.embedding.protocol import Vector
from context_service.index.analysis import analyze
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import FOREVER, Hit, Point, SearchFilter
from context_service.model.release import View
from tests.index_points import DIMENSION, random_units, unit

WORDS = ("refund", "order", "invoice", "hub", "parcel")
NAMES = tuple("abcdefgh")
LABELS, FACETS = ("public", "internal", "secret"), ("everyone", "premium")
FIRST_DAY = date(2026, 1, 1).toordinal()

# Few vectors and few words, so that equal scores are common.
VECTORS = [unit(1), unit(0, 1), unit(1, 1), unit(-1, 2, 3), *random_units(4, seed=3)]
texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
releases = st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 3, 4, 5, FOREVER]))
days = st.tuples(st.sampled_from([0, FIRST_DAY, FIRST_DAY + 5]), st.sampled_from([FIRST_DAY + 2, FIRST_DAY + 9, FOREVER]))
points = st.builds(
    lambda chunk, label, facet, held, day, vector, text: Point(chunk, label, facet, held[0], held[1], day[0], day[1], vector, text),
    st.sampled_from(NAMES),
    st.sampled_from(LABELS),
    st.sampled_from(FACETS),
    releases,
    days,
    st.sampled_from(VECTORS),
    texts,
)
filters = st.builds(
    SearchFilter,
    st.frozensets(st.sampled_from(LABELS)),
    st.frozensets(st.sampled_from(FACETS)),
    st.integers(0, 6),
    st.none() | st.integers(FIRST_DAY - 1, FIRST_DAY + 10).map(date.fromordinal),
    st.none() | st.integers(1, 6),
)


def admits(where: SearchFilter, point: Point) -> bool:
    if point.label not in where.labels or point.facet not in where.facets:
        return False
    if not View(base=where.release, draft=where.draft).holds(point.added_in, point.removed_in):
        return False
    return where.effective_on is None or point.effective_from <= where.effective_on.toordinal() <= point.effective_to


def dense_oracle(held: list[Point], vector: Vector) -> dict[str, float]:
    return {point.chunk: math.fsum(float(a) * float(b) for a, b in zip(point.vector, vector, strict=True)) for point in held}


def lexical_oracle(held: list[Point], text: str) -> dict[str, float]:
    documents = {point.chunk: Counter(analyze(point.text)) for point in held}
    average = sum(terms.total() for terms in documents.values()) / max(len(documents), 1)
    scores = dict.fromkeys(documents, 0.0)
    for term in analyze(text):
        holding = sum(term in terms for terms in documents.values())
        weight = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for chunk, terms in documents.items():
            if term in terms:
                scores[chunk] += weight * terms[term] * 2.2 / (terms[term] + 1.2 * (0.25 + 0.75 * terms.total() / average))
    return {chunk: score for chunk, score in scores.items() if score}


def assert_agrees(hits: list[Hit], oracle: dict[str, float], limit: int) -> None:
    """The hits are the best of the oracle's, rightly scored and ordered; its own rounding may swap what is equal."""
    assert len(hits) == min(limit, len(oracle))
    assert [hit.score for hit in hits] == pytest.approx([oracle[hit.chunk] for hit in hits], rel=1e-12, abs=1e-15)
    assert [hit.score for hit in hits] == pytest.approx(sorted(oracle.values(), reverse=True)[:limit], rel=1e-12, abs=1e-15)
    assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.chunk))
    assert len({hit.chunk for hit in hits}) == len(hits)


class IndexUnderRandomCalls(RuleBasedStateMachine):
    """Writes go to the index and to a dictionary; every search must agree with brute force over the dictionary."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.index = open_embedded_index(Path(self.folder.name), DIMENSION)
        self.reader = open_embedded_index(Path(self.folder.name), DIMENSION)
        self.held: dict[str, Point] = {}

    def teardown(self) -> None:
        self.index.close()
        self.reader.close()
        self.folder.cleanup()

    @rule(some=st.lists(points, max_size=8))
    def upsert(self, some: list[Point]) -> None:
        self.index.upsert(some)
        self.held |= {point.chunk: point for point in some}

    @rule(removed_in=st.dictionaries(st.sampled_from(NAMES), st.sampled_from([1, 2, 3, FOREVER]), max_size=4))
    def remove(self, removed_in: dict[str, int]) -> None:
        self.index.remove(removed_in)
        self.held |= {chunk: replace(self.held[chunk], removed_in=release) for chunk, release in removed_in.items() if chunk in self.held}

    @rule(chunks=st.lists(st.sampled_from(NAMES), max_size=5))
    def discard(self, chunks: list[str]) -> None:
        self.index.discard(chunks)
        self.held = {chunk: point for chunk, point in self.held.items() if chunk not in chunks}

    @rule()
    def clear(self) -> None:
        self.index.clear()
        self.held = {}

    @rule()
    def reopen(self) -> None:
        self.index.close()
        self.index = open_embedded_index(Path(self.folder.name), DIMENSION)

    @rule(vector=st.sampled_from(VECTORS), where=filters, limit=st.integers(1, 9))
    def search_dense(self, vector: Vector, where: SearchFilter, limit: int) -> None:
        hits = self.reader.dense(vector, where, limit)
        assert hits == self.index.dense(vector, where, limit)
        assert_agrees(hits, dense_oracle([point for point in self.held.values() if admits(where, point)], vector), limit)

    @rule(text=texts, where=filters, limit=st.integers(1, 9))
    def search_lexical(self, text: str, where: SearchFilter, limit: int) -> None:
        hits = self.reader.lexical(text, where, limit)
        assert hits == self.index.lexical(text, where, limit)
        assert_agrees(hits, lexical_oracle([point for point in self.held.values() if admits(where, point)], text), limit)

    @invariant()
    def lists_what_it_holds(self) -> None:
        assert self.reader.chunks() == {chunk: (point.added_in, point.removed_in) for chunk, point in self.held.items()}


TestIndexUnderRandomCalls = IndexUnderRandomCalls.TestCase
TestIndexUnderRandomCalls.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)


@settings(max_examples=50, deadline=None)
@given(st.data(), st.lists(points, max_size=12), filters, texts, st.sampled_from(VECTORS))
def test_equal_contents_give_equal_bytes_however_they_were_written(
    data: st.DataObject, some: list[Point], where: SearchFilter, text: str, vector: Vector
) -> None:
    """In another order, in other batches, after rewrites, beside points that the filter does not admit."""
    held = {point.chunk: point for point in some}
    order = data.draw(st.permutations(sorted(held)))
    cut = data.draw(st.integers(0, len(order)))
    strangers = [replace(point, chunk=f"stranger-{point.chunk}", label="nobody's") for point in some]
    with (
        tempfile.TemporaryDirectory() as first,
        tempfile.TemporaryDirectory() as second,
        closing(open_embedded_index(Path(first), DIMENSION)) as plain,
        closing(open_embedded_index(Path(second), DIMENSION)) as other,
    ):
        plain.upsert(list(held.values()))
        other.upsert(strangers)
        other.upsert([held[chunk] for chunk in order[:cut]])
        other.check()
        other.upsert([held[chunk] for chunk in order[cut // 2 :]])
        assert plain.dense(vector, where, 5) == other.dense(vector, where, 5)
        assert plain.lexical(text, where, 5) == other.lexical(text, where, 5)
