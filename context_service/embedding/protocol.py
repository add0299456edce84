"""What the pipeline and the retrieval ask of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from context_service.embedding.token_vectors import TokenVectors

Vector = NDArray[np.float32]


class Embedder(Protocol):
    """Maps texts to unit vectors, such that the dot product measures how near they are."""

    model_id: str
    """Name and version of the weights; vectors of two ids are never mixed."""
    dimension: int

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        """Vectors of `texts`, shape (len(texts), dimension), float32, unit length; each text's vector depends on that text alone."""
        ...

    def embed_query(self, text: str) -> Vector:
        """The vector of a question, shape (dimension,), float32, unit length."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` as this model counts them, without special tokens and without truncation."""
        ...


class Reranker(Protocol):
    """Reads a question and a passage together."""

    model_id: str

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """A logit per passage, higher is better; each depends on its pair alone."""
        ...


class TokenEncoder(Protocol):
    """Reads questions and passages apart, each as one vector per token: passages once, at ingest; see `late_interaction`."""

    model_id: str
    """Name and version of the weights and of how their output is kept; token vectors of two ids are never mixed."""

    def encode_documents(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The token vectors of each text, as they are kept; each text's depend on that text alone."""
        ...

    def encode_query(self, text: str) -> TokenVectors:
        """The token vectors of a question."""
        ...
