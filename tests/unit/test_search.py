"""Two branches under one filter, fused by ranks."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import Hit
from context_service.model.context import Scores
from context_service.retrieval.search import (
    DENSE_WEIGHT,
    LEXICAL_WEIGHT,
    RANK_CONSTANT,
    RERANK_WEIGHT,
    Candidate,
    Found,
    Query,
    fuse,
    rerank,
    search,
)
from tests.index_points import DIMENSION, point, unit, where

rankings = st.lists(st.sampled_from("abcdefgh"), unique=True)


def hits(chunks: str | list[str]) -> list[Hit]:
    return [Hit(chunk, 1.0 - rank / 100) for rank, chunk in enumerate(chunks)]


def order(candidates: list[Candidate]) -> str:
    return "".join(candidate.chunk for candidate in candidates)


def test_a_chunk_scores_the_weighted_inverse_of_its_ranks() -> None:
    scores = {candidate.chunk: candidate.scores for candidate in fuse(hits("ab"), hits("bc"))}
    assert scores["a"] == Scores(lexical_rank=1, dense_rank=None, fused=LEXICAL_WEIGHT / (RANK_CONSTANT + 1))
    assert scores["b"] == Scores(
        lexical_rank=2, dense_rank=1, fused=LEXICAL_WEIGHT / (RANK_CONSTANT + 2) + DENSE_WEIGHT / (RANK_CONSTANT + 1)
    )
    assert scores["c"] == Scores(lexical_rank=None, dense_rank=2, fused=DENSE_WEIGHT / (RANK_CONSTANT + 2))


@pytest.mark.parametrize(
    ("lexical", "dense", "expected"),
    [
        ("", "", ""),
        ("abc", "", "abc"),
        ("", "abc", "abc"),
        ("ab", "ba", "ab"),
        ("a", "b", "ab"),
        ("abc", "cd", "cabd"),
        ("abc", "abc", "abc"),
    ],
)
def test_what_both_branches_find_comes_before_what_one_finds(lexical: str, dense: str, expected: str) -> None:
    assert order(fuse(hits(lexical), hits(dense))) == expected


@given(rankings, rankings)
def test_fusion_holds_every_hit_once_best_first(lexical: list[str], dense: list[str]) -> None:
    candidates = fuse(hits(lexical), hits(dense))
    assert sorted(order(candidates)) == sorted({*lexical, *dense})
    assert all(left.order < right.order for left, right in pairwise(candidates))


@given(rankings, rankings)
def test_fusion_looks_at_ranks_and_not_at_scores(lexical: list[str], dense: list[str]) -> None:
    scaled = [Hit(hit.chunk, hit.score * 1_000) for hit in hits(lexical)]
    assert fuse(scaled, hits(dense)) == fuse(hits(lexical), hits(dense))


def test_a_reranker_adds_its_ranks_to_the_order_it_was_given() -> None:
    candidates = fuse(hits("abc"), hits("abc"))
    reranked = rerank(candidates, [-3.0, 0.123456, 7.0])
    fused = {candidate.chunk: candidate.scores.fused for candidate in candidates}
    assert order(reranked) == "cba"
    assert {one.chunk: one.scores.reranked for one in reranked} == {"a": -3.0, "b": 0.1235, "c": 7.0}
    for rank, candidate in enumerate(reranked, 1):
        assert candidate.scores.fused == pytest.approx(fused[candidate.chunk] + RERANK_WEIGHT / (RANK_CONSTANT + rank))
        assert candidate.scores.lexical_rank == candidate.scores.dense_rank == "abc".index(candidate.chunk) + 1


def test_equal_logits_are_ordered_by_name() -> None:
    assert order(rerank([Candidate("b", Scores()), Candidate("a", Scores())], [1.0, 1.0])) == "ab"


def test_nothing_to_rerank_is_nothing() -> None:
    assert rerank([], []) == []


def test_candidates_added_unsearched_come_last_and_once() -> None:
    found = Found(fuse(hits("ab"), []), best_cosine=0.5).including(["x", "b"])
    assert found.chunks == ["a", "b", "x"]
    assert found.added == {"x", "b"}
    assert found.candidates[-1].scores == Scores()
    assert found.best_cosine == 0.5


def test_the_same_filter_holds_in_both_branches(tmp_path: Path) -> None:
    with closing(open_embedded_index(tmp_path, DIMENSION)) as index:
        index.upsert(
            [
                point("mine", "refund of a lamp"),
                point("secret", "refund", label="staff"),
                point("other", "refund", facet="draft"),
                point("later", "refund", releases=(2, 9)),
            ]
        )
        found = search(index, Query("refund", unit(1)), where())
        assert found.chunks == ["mine"]
        assert found.candidates[0].scores.lexical_rank == found.candidates[0].scores.dense_rank == 1
        assert found.best_cosine == pytest.approx(1.0, abs=1e-6)
        assert search(index, Query("refund", unit(1)), where(labels=())) == Found([], 0.0)


def test_a_branch_is_asked_for_no_more_than_the_limit(tmp_path: Path) -> None:
    with closing(open_embedded_index(tmp_path, DIMENSION)) as index:
        index.upsert([point(f"c{number}", "refund") for number in range(5)])
        assert search(index, Query("refund", unit(1)), where(), limit=2).chunks == ["c0", "c1"]
