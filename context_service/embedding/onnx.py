"""ONNX models on the CPU: the default, without torch.

Every text runs alone and unpadded: int8 models scale their activations over the whole batch, so a text's vector would otherwise depend
on its neighbours, and no answer could be recomputed to the same bytes. Throughput comes from one session per thread instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from context_service.embedding.protocol import Vector
from context_service.embedding.weights import Located
from context_service.errors import ModelUnavailable

COUNTS_KEPT = 5_000
"""Texts whose tokens are not counted again, the last used ones; answers tell the same texts again and again."""

T = TypeVar("T")
R = TypeVar("R")


class OnnxEmbedder:
    """A sentence embedder; satisfies `Embedder`."""

    def __init__(self, located: Located, threads: int) -> None:
        self.model_id = located.model_id
        self._weights = located.weights
        self._model = _Model(located, threads)
        self.dimension = int(self._model.states(self._model.encode("dimension")).shape[-1])

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        """See `Embedder`."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for i, vector in enumerate(self._model.map_longest_first(self._embed, texts)):
            vectors[i] = vector
        return vectors

    def embed_query(self, text: str) -> Vector:
        """See `Embedder`; the model's own query prefix goes before the text."""
        return self._embed(self._weights.query_prefix + text)

    def count_tokens(self, text: str) -> int:
        """See `Embedder`."""
        return self._model.count(text)

    def _embed(self, text: str) -> Vector:
        states = self._model.states(self._model.encode(text))[0]
        pooled = states[0] if self._weights.pooling == "cls" else states.mean(axis=0)
        return np.asarray(pooled / max(float(np.linalg.norm(pooled)), 1e-12), np.float32)


class OnnxReranker:
    """A cross-encoder; satisfies `Reranker`."""

    def __init__(self, located: Located, threads: int) -> None:
        self.model_id = located.model_id
        self._model = _Model(located, threads)

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """See `Reranker`."""
        return list(self._model.map(lambda passage: self._score(query, passage), passages))

    def _score(self, query: str, passage: str) -> float:
        return float(self._model.states(self._model.encode(query, passage))[0][0])


class _Model:
    """Session and tokenizer, with the tokenizer file's own padding and truncation switched off."""

    def __init__(self, located: Located, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(located.model), options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_file(str(located.tokenizer))
        except Exception as error:  # both libraries raise bare exceptions of their own
            raise ModelUnavailable(
                f"`{located.model.parent}` holds no model that can be loaded ({type(error).__name__}).",
                remedy="Export the model to ONNX again, with its tokenizer.json.",
            ) from error
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(located.weights.max_tokens, strategy="longest_first")
        self._counter = Tokenizer.from_file(str(located.tokenizer))
        self._counter.no_padding()
        self._counter.no_truncation()
        self.count = lru_cache(maxsize=COUNTS_KEPT)(self._count)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="model")

    def encode(self, text: str, pair: str | None = None) -> Encoding:
        return self._tokenizer.encode(text, pair)

    def _count(self, text: str) -> int:
        return len(self._counter.encode(text, add_special_tokens=False).ids)

    def states(self, encoding: Encoding) -> Any:
        feed = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
        arrays = {name: np.asarray([ids], np.int64) for name, ids in feed.items() if name in self._inputs}
        return self._session.run(None, arrays)[0]

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        if len(items) < 2:
            return [function(item) for item in items]
        return list(self._pool.map(function, items))

    def map_longest_first(self, function: Callable[[str], R], texts: Sequence[str]) -> list[R]:
        """As `map`, in the order of `texts`; long ones are begun first, so that no thread is left with one at the end."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]), reverse=True)
        done = dict(zip(order, self.map(function, [texts[place] for place in order]), strict=True))
        return [done[place] for place in range(len(texts))]
