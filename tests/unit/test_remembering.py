"""The reranker that reads each pair once."""

from __future__ import annotations

from collections.abc import Sequence

from context_service.embedding.remembering import RememberingReranker
from tests.fakes import FakeReranker


class Counting(FakeReranker):
    """Notes every pair that it reads."""

    def __init__(self) -> None:
        self.read: list[tuple[str, str]] = []

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        self.read += [(query, passage) for passage in passages]
        return super().score(query, passages)


PASSAGES = ["the lamp is blue", "the kettle boils", "the lamp is blue", ""]


def test_it_scores_as_the_reranker_behind_it_and_reads_each_pair_once() -> None:
    behind = Counting()
    reranker = RememberingReranker(behind)
    for query in ("blue lamp", "kettle", "blue lamp"):
        assert reranker.score(query, PASSAGES) == FakeReranker().score(query, PASSAGES)
    assert len(behind.read) == len(set(behind.read)) == 2 * len(set(PASSAGES))
    assert reranker.model_id == behind.model_id
    assert reranker.score("blue lamp", []) == []


def test_it_forgets_what_was_used_longest_ago() -> None:
    behind = Counting()
    reranker = RememberingReranker(behind, most_pairs=2)
    for passage in ("a", "b", "a", "c", "a", "b"):
        reranker.score("x", [passage])
    assert [passage for _, passage in behind.read] == ["a", "b", "c", "b"]
