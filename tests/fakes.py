"""Models that need no weights: deterministic, quick, and near enough to the real ones for a handful of texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from context_service.embedding.protocol import Vector
from context_service.embedding.token_vectors import TokenVectors, unit
from context_service.index.analysis import analyze
from context_service.model.base import digest


class FakeEmbedder:
    """A bag of stemmed words, hashed into the dimensions; texts that share words lie near each other."""

    def __init__(self, dimension: int = 64) -> None:
        self.dimension = dimension
        self.model_id = f"fake-{dimension}"

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        """See Embedder.embed_documents."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([self.embed_query(text) for text in texts])

    def embed_query(self, text: str) -> Vector:
        """See Embedder.embed_query. A text without words points along the first dimension."""
        vector = np.zeros(self.dimension, np.float32)
        for term in analyze(text):
            vector[int(digest(term), 16) % self.dimension] += 1
        if not vector.any():
            vector[0] = 1
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def count_tokens(self, text: str) -> int:
        """Words of `text`."""
        return len(text.split())


class FakeReranker:
    """Scores a passage by the share of the question's terms that it holds, as a logit between -6 and 6."""

    model_id = "fake-reranker"

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """See Reranker.score."""
        wanted = set(analyze(query))
        return [12 * len(wanted & set(analyze(passage))) / max(1, len(wanted)) - 6 for passage in passages]


class FakeTokenEncoder:
    """Every stemmed word is a direction of its own, one of as many as there are dimensions; like those of real models, any two are near."""

    def __init__(self, dimension: int = 64) -> None:
        self._dimension = dimension
        self.model_id = f"fake-tokens-{dimension}"
        self.documents: list[str] = []
        """What it was asked to encode."""

    def encode_documents(self, texts: Sequence[str]) -> list[TokenVectors]:
        """See TokenEncoder.encode_documents."""
        self.documents += texts
        return [self.encode_query(text) for text in texts]

    def encode_query(self, text: str) -> TokenVectors:
        """See TokenEncoder.encode_query."""
        vectors = np.zeros((max(1, len(analyze(text))), self._dimension), np.float32)
        vectors[:, 0] = 0.8
        for row, term in enumerate(analyze(text)):
            vectors[row, 1 + int(digest(term), 16) % (self._dimension - 1)] = 0.6
        return TokenVectors.of(unit(vectors))
