"""A reranker that reads each pair once, for work that asks about the same passages again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from context_service.embedding.protocol import Reranker

MOST_PAIRS = 10_000
"""Scores that are kept, the last used ones; with their texts some tens of megabytes."""


class RememberingReranker:
    """Gives the scores of the reranker behind it, which depend on their pair alone. Safe to share between threads."""

    def __init__(self, behind: Reranker, most_pairs: int = MOST_PAIRS) -> None:
        self.model_id = behind.model_id
        self._behind = behind
        self._most_pairs = most_pairs
        self._scores: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = Lock()

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """See `Reranker`."""
        known = self._known(query, passages)
        new = [passage for passage in dict.fromkeys(passages) if passage not in known]
        if new:
            known.update(zip(new, self._behind.score(query, new), strict=True))
        self._keep(query, known)
        return [known[passage] for passage in passages]

    def _known(self, query: str, passages: Sequence[str]) -> dict[str, float]:
        with self._lock:
            return {passage: self._scores[query, passage] for passage in passages if (query, passage) in self._scores}

    def _keep(self, query: str, scores: dict[str, float]) -> None:
        with self._lock:
            for passage, score in scores.items():
                self._scores[query, passage] = score
                self._scores.move_to_end((query, passage))
            while len(self._scores) > self._most_pairs:
                self._scores.popitem(last=False)
