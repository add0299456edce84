"""ColBERT-like ONNX models: a vector for every token, for the fast rerank tier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from context_service.embedding.onnx import _Model
from context_service.embedding.token_vectors import LARGEST, Floats, TokenVectors, pooled, unit
from context_service.embedding.weights import Located

POOLED = 2
"""Tokens of a text that become one vector, on average."""

QUERY_LARGEST = 127
"""Largest code of a question's vectors, which nobody keeps."""


class OnnxTokenEncoder:
    """A late-interaction model; satisfies `TokenEncoder`."""

    def __init__(self, located: Located, threads: int) -> None:
        self._model = _Model(located, threads)
        self._prefix = located.weights.query_prefix
        self._dimensions = located.weights.token_dimensions or self.states("dimensions").shape[1] // 2 * 2
        self.model_id = f"{located.model_id}/{self._dimensions}d-{LARGEST}-pooled{POOLED}"

    def encode_documents(self, texts: Sequence[str]) -> list[TokenVectors]:
        """See `TokenEncoder`."""
        return self._model.map_longest_first(self._encode, texts)

    def encode_query(self, text: str) -> TokenVectors:
        """See `TokenEncoder`; the model's own query prefix goes before the text."""
        return TokenVectors.of(self._leading(self._prefix + text), QUERY_LARGEST)

    def states(self, text: str) -> Floats:
        """The model's output for each token, shape (tokens, dimensions)."""
        return np.asarray(self._model.states(self._model.encode(text))[0], np.float32)

    def _encode(self, text: str) -> TokenVectors:
        return TokenVectors.of(pooled(self._leading(text), POOLED))

    def _leading(self, text: str) -> Floats:
        return unit(self.states(text)[:, : self._dimensions])
