"""The contract of IndexStore, on every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from context_service.embedding.protocol import Vector
from context_service.errors import StoreError
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import FOREVER, Hit, IndexStore, SearchFilter
from context_service.index.qdrant import open_qdrant_index
from tests.contract.qdrant_server import qdrant_collection
from tests.index_points import DIMENSION, dense_chunks, lexical_chunks, point, random_units, unit, where


class Open(Protocol):
    """Opens the same stored index, as often as called."""

    def __call__(self, dimension: int = DIMENSION) -> IndexStore: ...


Search = Callable[..., list[str]]


@pytest.fixture(params=["embedded", pytest.param("qdrant", marks=pytest.mark.qdrant)])
def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as opened:
        if request.param == "embedded":
            yield lambda dimension=DIMENSION: opened.enter_context(closing(open_embedded_index(tmp_path, dimension)))
        else:
            url, name = opened.enter_context(qdrant_collection())
            yield lambda dimension=DIMENSION: opened.enter_context(closing(open_qdrant_index(url, "", dimension, name)))


@pytest.fixture
def index(open_index: Open) -> IndexStore:
    return open_index()


@pytest.fixture(params=[dense_chunks, lexical_chunks], ids=["dense", "lexical"])
def search(request: pytest.FixtureRequest) -> Search:
    """One leg of the search; both keep the same filter."""
    leg: Search = request.param
    return leg


def test_a_search_returns_only_admitted_labels(index: IndexStore, search: Search) -> None:
    index.upsert([point("a", label="public"), point("b", label="internal"), point("c", label="restricted")])
    assert search(index, where(labels=["public"])) == ["a"]
    assert search(index, where(labels=["public", "restricted", "unheard-of"])) == ["a", "c"]


def test_a_search_returns_only_admitted_facets(index: IndexStore, search: Search) -> None:
    index.upsert([point("a", facet="everyone"), point("b", facet="premium"), point("c", facet="eu")])
    assert search(index, where(facets=["premium"])) == ["b"]
    assert search(index, where(facets=["eu", "everyone", "unheard-of"])) == ["a", "c"]


@pytest.mark.parametrize("allowed", [where(labels=[]), where(facets=[]), where(labels=[], facets=[]), where(labels=["unheard-of"])])
def test_a_filter_that_admits_nothing_finds_nothing(index: IndexStore, search: Search, allowed: SearchFilter) -> None:
    index.upsert([point("a"), point("b", label="", facet="")])
    assert search(index, allowed) == []


def test_label_and_facet_must_both_admit(index: IndexStore, search: Search) -> None:
    index.upsert([point("a", label="public", facet="premium"), point("b", label="internal", facet="everyone")])
    assert search(index, where(labels=["public"], facets=["everyone"])) == []


def test_a_release_reads_what_was_added_up_to_it_and_not_yet_removed(index: IndexStore, search: Search) -> None:
    index.upsert([point("a", releases=(1, 3)), point("b", releases=(2, FOREVER)), point("c", releases=(3, 4))])
    assert {release: search(index, where(release=release)) for release in range(6)} == {
        0: [],
        1: ["a"],
        2: ["a", "b"],
        3: ["b", "c"],
        4: ["b"],
        5: ["b"],
    }


def test_a_day_admits_what_holds_on_it_ends_included(index: IndexStore, search: Search) -> None:
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    index.upsert([point("a", days=(first, last)), point("b", days=(None, last)), point("c", days=(first, None)), point("d")])
    found = {day: search(index, where(effective_on=day)) for day in (date(2025, 12, 31), first, last, date(2027, 1, 1))}
    assert found == {
        date(2025, 12, 31): ["b", "d"],
        first: ["a", "b", "c", "d"],
        last: ["a", "b", "c", "d"],
        date(2027, 1, 1): ["c", "d"],
    }


def test_without_a_day_every_effective_window_is_looked_at(index: IndexStore, search: Search) -> None:
    index.upsert([point("a", days=(date(2031, 1, 1), None)), point("b", days=(None, date(1999, 1, 1)))])
    assert search(index, where(effective_on=None)) == ["a", "b"]


def test_thousands_of_admitted_names_are_no_matter(index: IndexStore, search: Search) -> None:
    index.upsert([point("a", label="label-4999", facet="facet-7"), point("b", label="label-5000", facet="facet-7")])
    many = where(labels=[f"label-{number}" for number in range(5000)], facets=[f"facet-{number}" for number in range(5000)])
    assert search(index, many) == ["a"]


def test_dense_returns_the_nearest_points_with_their_dot_products(index: IndexStore) -> None:
    index.upsert(
        [point("far", vector=unit(0, 1)), point("near", vector=unit(4, 3)), point("same", vector=unit(1)), point("back", vector=unit(-1))]
    )
    hits = index.dense(unit(1), where(), 3)
    assert [hit.chunk for hit in hits] == ["same", "near", "far"]
    assert [hit.score for hit in hits] == pytest.approx([1, 0.8, 0], abs=1e-6)


def test_lexical_prefers_the_rarer_term_the_repeated_term_and_the_shorter_text(index: IndexStore) -> None:
    common = [point(f"common-{number}", "an invoice about something else") for number in range(5)]
    index.upsert(
        [
            *common,
            point("rare", "warranty about something else"),
            point("repeated", "warranty warranty about something"),
            point("long", "warranty " + "and other matters " * 30),
        ]
    )
    found = [hit.chunk for hit in index.lexical("warranty invoice", where(), 8)]
    assert found[:2] == ["repeated", "rare"]
    assert found.index("long") > 1
    assert found.index("rare") < found.index("common-0")


def test_lexical_counts_a_term_asked_for_twice_twice(index: IndexStore) -> None:
    index.upsert([point("a", "camera"), point("b", "hub")])
    once, twice = (index.lexical(text, where(), 1)[0] for text in ("camera", "camera camera"))
    assert twice.score == pytest.approx(2 * once.score)


def test_lexical_analyses_the_question_as_the_texts(index: IndexStore) -> None:
    index.upsert([point("a", "Refunds are paid out."), point("b", "Plus costs €9.99 per month"), point("c", "")])
    assert [hit.chunk for hit in index.lexical("REFUNDED?", where(), 5)] == ["a"]
    assert [hit.chunk for hit in index.lexical("9.99", where(), 5)] == ["b"]


@pytest.mark.parametrize("text", ["", "the of and", "zebra", "?!"])
def test_lexical_returns_no_point_that_shares_no_term(index: IndexStore, text: str) -> None:
    index.upsert([point("a", "the refund"), point("b", "")])
    assert index.lexical(text, where(), 5) == []


def test_equal_scores_are_ordered_by_chunk_id_and_cut_there(index: IndexStore, search: Search) -> None:
    names = [f"chunk-{number:02}" for number in range(30)]
    shuffled = [str(name) for name in np.random.default_rng(4).permutation(names)]
    index.upsert([point(name) for name in shuffled[:11]])
    index.upsert([point(name) for name in shuffled[11:]])
    assert search(index, where(), 10) == names[:10]
    assert search(index, where(), 100) == names


def test_no_point_beyond_the_limit_is_returned(index: IndexStore, search: Search) -> None:
    index.upsert([point(f"chunk-{number}") for number in range(5)])
    assert len(search(index, where(), 1)) == 1
    assert len(search(index, where(), 5)) == 5


def test_an_empty_index_finds_nothing(index: IndexStore, search: Search) -> None:
    assert search(index, where()) == []
    assert index.chunks() == {}


def test_dense_misses_nothing_among_many_points(index: IndexStore) -> None:
    vectors = random_units(3000, seed=1)
    index.upsert([point(f"chunk-{row:04}", vector=vector, label=f"label-{row % 3}") for row, vector in enumerate(vectors)])
    for number, question in enumerate(random_units(5, seed=2)):
        label = number % 3
        scores = vectors.astype(np.float64) @ question.astype(np.float64)
        expected = sorted((-scores[row], f"chunk-{row:04}") for row in range(label, 3000, 3))[:20]
        assert [hit.chunk for hit in index.dense(question, where(labels=[f"label-{label}"]), 20)] == [chunk for _, chunk in expected]


def test_repeating_an_upsert_changes_nothing(index: IndexStore) -> None:
    points = [point("a", "refund of an order", vector=unit(1, 2)), point("b", "refund")]
    index.upsert(points)
    before = _answers(index)
    index.upsert(points)
    index.upsert([])
    assert _answers(index) == before


def test_an_upsert_replaces_every_part_of_the_point(index: IndexStore) -> None:
    index.upsert([point("a", "refund", vector=unit(1)), point("b", "refund", vector=unit(0, 1))])
    index.upsert(
        [point("a", "invoice", vector=unit(0, 0, 1), label="internal", facet="eu", releases=(2, 5), days=(date(2026, 1, 1), None))]
    )
    changed = where(labels=["internal"], facets=["eu"], release=2, effective_on=date(2026, 1, 1))
    assert index.dense(unit(0, 0, 1), changed, 5) == [Hit("a", 1.0)]
    assert [hit.chunk for hit in index.lexical("invoice", changed, 5)] == ["a"]
    assert index.lexical("refund", changed, 5) == []
    assert dense_chunks(index, where()) == lexical_chunks(index, where()) == ["b"]
    assert index.chunks() == {"a": (2, 5), "b": (1, FOREVER)}


def test_of_a_chunk_given_twice_the_last_counts(index: IndexStore) -> None:
    index.upsert([point("a", "refund"), point("a", "invoice", releases=(3, 4))])
    assert index.chunks() == {"a": (3, 4)}
    assert lexical_chunks(index, where(release=3)) == []


def test_a_removed_chunk_stays_readable_to_earlier_releases_and_can_be_reopened(index: IndexStore, search: Search) -> None:
    index.upsert([point("a"), point("b")])
    index.remove({"a": 4, "unheard-of": 4})
    assert (search(index, where(release=3)), search(index, where(release=4))) == (["a", "b"], ["b"])
    assert index.chunks() == {"a": (1, 4), "b": (1, FOREVER)}
    index.remove({"a": FOREVER, "b": 2})
    assert (search(index, where(release=1)), search(index, where(release=4))) == (["a", "b"], ["a"])
    index.remove({})
    assert index.chunks() == {"a": (1, FOREVER), "b": (1, 2)}


def test_a_discarded_chunk_is_gone_from_every_release(index: IndexStore, search: Search) -> None:
    index.upsert([point("a"), point("b"), point("c")])
    assert search(index, where()) == ["a", "b", "c"]
    index.discard(["b", "unheard-of"])
    index.discard([])
    assert search(index, where()) == ["a", "c"]
    assert sorted(index.chunks()) == ["a", "c"]
    index.upsert([point("b")])
    assert search(index, where()) == ["a", "b", "c"]


def test_an_index_mostly_discarded_still_answers(index: IndexStore, search: Search) -> None:
    index.upsert([point(f"chunk-{number:02}") for number in range(40)])
    assert len(search(index, where(), 100)) == 40
    index.discard([f"chunk-{number:02}" for number in range(38)])
    assert search(index, where()) == ["chunk-38", "chunk-39"]
    index.remove({"chunk-38": 2})
    index.upsert([point("chunk-00")])
    assert search(index, where(release=2)) == ["chunk-00", "chunk-39"]


def test_chunks_touched_in_a_release_are_those_it_added_or_removed(index: IndexStore) -> None:
    index.upsert(
        [point("a", releases=(1, 2)), point("b", releases=(2, 3)), point("c", releases=(3, FOREVER)), point("d", releases=(1, FOREVER))]
    )
    assert index.chunks(touched_in=2) == {"a": (1, 2), "b": (2, 3)}
    assert index.chunks(touched_in=3) == {"b": (2, 3), "c": (3, FOREVER)}
    assert index.chunks(touched_in=9) == {}
    assert index.chunks(after=2) == {"b": (2, 3), "c": (3, FOREVER)}
    assert index.chunks(after=3) == {}
    assert list(index.ranges(touched_in=2)) == [("a", 1, 2), ("b", 2, 3)]
    assert list(index.ranges(after=2)) == [("b", 2, 3), ("c", 3, FOREVER)]

    assert len(index.chunks()) == 4


def test_more_points_than_a_batch_are_all_written_listed_removed_and_discarded(index: IndexStore) -> None:
    names = [f"chunk-{number:04}" for number in range(1200)]
    index.upsert([point(name) for name in names])
    assert sorted(index.chunks()) == names
    index.remove(dict.fromkeys(names[:700], 2))
    assert dense_chunks(index, where(release=2), 2000) == names[700:]
    index.discard(names[600:])
    assert sorted(index.chunks()) == names[:600]


def test_a_cleared_index_is_empty_and_takes_points_again(index: IndexStore, search: Search) -> None:
    index.upsert([point("a"), point("b")])
    assert search(index, where()) == ["a", "b"]
    index.clear()
    assert search(index, where()) == []
    assert index.chunks() == {}
    index.upsert([point("c")])
    assert search(index, where()) == ["c"]


def test_a_reopened_index_answers_as_before(open_index: Open) -> None:
    first = open_index()
    first.upsert([point("a", "refund of an order", vector=unit(1, 2)), point("b", "refund"), point("c"), point("d")])
    first.remove({"c": 1})
    first.discard(["d"])
    before = _answers(first)
    first.close()
    assert _answers(open_index()) == before


def test_another_reader_sees_a_write_when_the_call_has_returned(open_index: Open, search: Search) -> None:
    writer, reader = open_index(), open_index()
    assert search(reader, where()) == []
    writer.upsert([point("a"), point("b")])
    assert search(reader, where()) == ["a", "b"]
    writer.remove({"a": 1})
    assert search(reader, where()) == ["b"]
    writer.remove({"a": FOREVER})
    assert search(reader, where()) == ["a", "b"]
    writer.discard(["b"])
    assert search(reader, where()) == ["a"]
    writer.clear()
    assert search(reader, where()) == []
    writer.upsert([point("c")])
    assert search(reader, where()) == ["c"]


def test_an_index_of_another_dimension_takes_nothing_but_clear(open_index: Open) -> None:
    open_index().upsert([point("a")])
    other = open_index(dimension=3)
    question = np.array([1, 0, 0], np.float32)
    calls: list[Callable[[], object]] = [
        lambda: other.upsert([point("b", vector=question)]),
        lambda: other.remove({"a": 2}),
        lambda: other.discard(["a"]),
        lambda: other.dense(question, where(), 5),
        lambda: other.lexical("refund", where(), 5),
        lambda: other.chunks(),
        lambda: other.check(),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="reindex"):
            call()
    assert lexical_chunks(open_index(), where()) == ["a"]
    other.clear()
    other.upsert([point("b", vector=question)])
    assert other.dense(question, where(), 5) == [Hit("b", 1.0)]
    with pytest.raises(StoreError, match="reindex"):
        open_index().chunks()


@pytest.mark.parametrize(
    "vector",
    [np.zeros(DIMENSION, np.float32), np.full(DIMENSION, 9, np.float32), np.full(DIMENSION, np.nan, np.float32), np.ones(1, np.float32)],
)
def test_a_vector_that_is_not_of_unit_length_and_the_right_dimension_is_refused(index: IndexStore, vector: Vector) -> None:
    with pytest.raises(StoreError, match="chunk odd"):
        index.upsert([point("a"), point("odd", vector=vector)])
    assert index.chunks() == {}


@pytest.mark.parametrize("vector", [np.full(DIMENSION, np.nan, np.float32), np.ones(1, np.float32)])
def test_a_question_that_does_not_fit_is_refused(index: IndexStore, vector: Vector) -> None:
    with pytest.raises(StoreError, match="question"):
        index.dense(vector, where(), 5)


def test_check_names_the_backend_and_its_size(index: IndexStore) -> None:
    index.upsert([point("a"), point("b"), point("c")])
    index.upsert([point("b", "again")])
    index.discard(["c"])
    assert f"2 points of {DIMENSION} numbers" in index.check()


def _answers(index: IndexStore) -> tuple[list[Hit], list[Hit], dict[str, tuple[int, int]]]:
    return index.dense(unit(1), where(), 10), index.lexical("refund order", where(), 10), index.chunks()


def test_a_draft_reads_the_release_and_its_own_rows_and_no_other_drafts(index: IndexStore) -> None:
    ranges = {"stays": (1, FOREVER), "gone": (1, 2), "ended": (1, 7), "own": (7, FOREVER), "other": (8, FOREVER), "ended-elsewhere": (1, 8)}
    index.upsert([point(chunk, releases=span) for chunk, span in ranges.items()])
    for draft, expected in {
        None: {"stays", "ended", "ended-elsewhere"},
        7: {"stays", "own", "ended-elsewhere"},
        8: {"stays", "ended", "other"},
        9: {"stays", "ended", "ended-elsewhere"},
    }.items():
        allowed = where(release=3, draft=draft)
        assert set(dense_chunks(index, allowed)) == set(lexical_chunks(index, allowed)) == expected
