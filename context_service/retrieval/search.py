"""Hybrid search under a filter: BM25 and vectors side by side, fused by weighted reciprocal ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from context_service.embedding.protocol import Vector
from context_service.index.protocol import Hit, IndexStore, SearchFilter
from context_service.model.context import Scores

BRANCH_LIMIT = 50
"""Hits asked of each branch."""

RANK_CONSTANT = 10
"""Added to a rank before it is inverted. Cormack et al. 2009 use 60 for long lists; a small one keeps the top ranks apart."""

LEXICAL_WEIGHT = 1.0
DENSE_WEIGHT = 0.8
RERANK_WEIGHT = 3.0
INTERACTION_WEIGHT = 1.6
"""Weights of the branches; see docs/decisions for how they were measured."""


@dataclass(frozen=True)
class Candidate:
    """A chunk that was found, and how."""

    chunk: str
    scores: Scores

    @property
    def order(self) -> tuple[float, str]:
        """Sort key: best first, ties by name."""
        return (-self.scores.fused, self.chunk)


@dataclass(frozen=True)
class Query:
    """A question, and its vector: embedded once, searched with under several filters."""

    text: str
    vector: Vector


@dataclass(frozen=True)
class Found:
    """Candidates, best first, the cosine of the one nearest to the question, and the chunks that were added unsearched."""

    candidates: list[Candidate]
    best_cosine: float
    added: frozenset[str] = frozenset()
    part_of: Mapping[str, int] = field(default_factory=dict)
    """Chunk -> the question of the turn that found it, by number, where the turn asks several."""

    @property
    def chunks(self) -> list[str]:
        """Ids of the candidates, best first."""
        return [candidate.chunk for candidate in self.candidates]

    def including(self, chunks: Sequence[str]) -> Found:
        """The same with `chunks` among the candidates; those that no branch found come last."""
        missing = [Candidate(chunk, Scores()) for chunk in chunks if chunk not in self.chunks]
        return replace(self, candidates=[*self.candidates, *missing], added=frozenset(chunks))


def search(index: IndexStore, query: Query, where: SearchFilter, limit: int = BRANCH_LIMIT) -> Found:
    """Candidates from both branches. The same filter holds in each."""
    lexical = index.lexical(query.text, where, limit)
    dense = index.dense(query.vector, where, limit)
    return Found(fuse(lexical, dense), max((hit.score for hit in dense), default=0.0))


def fuse(lexical: Sequence[Hit], dense: Sequence[Hit]) -> list[Candidate]:
    """Weighted reciprocal rank fusion (Cormack, Clarke, Buettcher: Reciprocal Rank Fusion, SIGIR 2009)."""
    lexical_ranks = {hit.chunk: rank for rank, hit in enumerate(lexical, 1)}
    dense_ranks = {hit.chunk: rank for rank, hit in enumerate(dense, 1)}
    candidates = [
        Candidate(
            chunk,
            Scores(
                lexical_rank=lexical_ranks.get(chunk),
                dense_rank=dense_ranks.get(chunk),
                fused=_share(lexical_ranks.get(chunk), LEXICAL_WEIGHT) + _share(dense_ranks.get(chunk), DENSE_WEIGHT),
            ),
        )
        for chunk in lexical_ranks.keys() | dense_ranks.keys()
    ]
    return sorted(candidates, key=lambda candidate: candidate.order)


def rerank(candidates: Sequence[Candidate], logits: Sequence[float]) -> list[Candidate]:
    """The candidates in the order of a reranker's scores fused with the order they came in."""
    by_logit = sorted(range(len(candidates)), key=lambda i: (-logits[i], candidates[i].chunk))
    ranks = {i: rank for rank, i in enumerate(by_logit, 1)}
    scored = [
        replace(
            candidate,
            scores=candidate.scores.model_copy(
                update={"reranked": round(logits[i], 4), "fused": candidate.scores.fused + _share(ranks[i], RERANK_WEIGHT)}
            ),
        )
        for i, candidate in enumerate(candidates)
    ]
    return sorted(scored, key=lambda candidate: candidate.order)


def blend(candidates: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
    """The candidates in the order of their late-interaction scores, which are of one scale, added to what the search gave them."""
    blended = [
        replace(
            one, scores=one.scores.model_copy(update={"reranked": round(score, 4), "fused": one.scores.fused + INTERACTION_WEIGHT * score})
        )
        for one, score in zip(candidates, scores, strict=True)
    ]
    return sorted(blended, key=lambda candidate: candidate.order)


def _share(rank: int | None, weight: float) -> float:
    return 0.0 if rank is None else weight / (RANK_CONSTANT + rank)
