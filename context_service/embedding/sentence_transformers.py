"""Any sentence-transformers model, by name or folder; needs the extra of the same name."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from context_service.embedding.protocol import Vector
from context_service.errors import ModelUnavailable


class SentenceTransformersEmbedder:
    """A SentenceTransformer behind `Embedder`. Texts run one by one, so that each vector depends on its text alone."""

    def __init__(self, name: str) -> None:
        self._model = _load("SentenceTransformer", name)
        self.model_id = _id(name, self._model)
        self.dimension = len(self.embed_query("dimension"))

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        """See `Embedder`."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([self.embed_query(text) for text in texts])

    def embed_query(self, text: str) -> Vector:
        """See `Embedder`."""
        vector = self._model.encode(text, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vector, np.float32)

    def count_tokens(self, text: str) -> int:
        """See `Embedder`."""
        return len(self._model.tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"])


class SentenceTransformersReranker:
    """A CrossEncoder behind `Reranker`; its own last step, which turns most models' logits into shares, is left out."""

    def __init__(self, name: str) -> None:
        self._model = _load("CrossEncoder", name)
        self.model_id = _id(name, self._model)

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """See `Reranker`."""
        as_it_is = importlib.import_module("torch").nn.Identity()
        pairs = [[(query, passage)] for passage in passages]
        return [float(self._model.predict(pair, show_progress_bar=False, activation_fn=as_it_is)[0]) for pair in pairs]


def _load(kind: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module("sentence_transformers"), kind)(name, device="cpu")
    except ImportError as error:
        raise ModelUnavailable(
            "The package sentence-transformers is not installed.",
            remedy="Run `pip install 'context-service[sentence-transformers]'`, or set CONTEXT_EMBEDDER=onnx:all-minilm-l6-v2.",
        ) from error
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"sentence-transformers cannot load `{name}` ({type(error).__name__}).",
            remedy="Name a model of the hub, or a folder that holds one.",
        ) from error


def _id(name: str, model: Any) -> str:
    """The last part of the name, and a hash of the weights: folders of one name may hold different models."""
    hasher, byte = hashlib.sha256(), importlib.import_module("torch").uint8
    for key, tensor in sorted(model.state_dict().items()):
        hasher.update(key.encode())
        hasher.update(tensor.reshape(-1).view(byte).numpy().data)
    return f"sentence-transformers:{name.rstrip('/').rpartition('/')[2]}@{hasher.hexdigest()[:12]}"
