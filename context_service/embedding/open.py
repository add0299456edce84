"""From a setting to a model."""

from __future__ import annotations

from context_service.embedding.late_interaction import OnnxTokenEncoder
from context_service.embedding.onnx import OnnxEmbedder, OnnxReranker
from context_service.embedding.protocol import Embedder, Reranker, TokenEncoder
from context_service.embedding.weights import locate
from context_service.errors import ModelUnavailable


def open_embedder(setting: str, threads: int) -> Embedder:
    """The embedder that `setting` names: `onnx:<name or folder>` or `sentence-transformers:<name or folder>`."""
    backend, _, name = setting.partition(":")
    if backend == "onnx":
        return OnnxEmbedder(locate(name), threads)
    if backend == "sentence-transformers":
        from context_service.embedding.sentence_transformers import SentenceTransformersEmbedder  # imports torch

        return SentenceTransformersEmbedder(name)
    raise _unknown(setting)


def open_reranker(setting: str, threads: int) -> Reranker | None:
    """The reranker that `setting` names, in the same words; None for `none`."""
    if setting == "none":
        return None
    backend, _, name = setting.partition(":")
    if backend == "onnx":
        return OnnxReranker(locate(name), threads)
    if backend == "sentence-transformers":
        from context_service.embedding.sentence_transformers import SentenceTransformersReranker  # imports torch

        return SentenceTransformersReranker(name)
    raise _unknown(setting)


def open_token_encoder(setting: str, threads: int) -> TokenEncoder | None:
    """The late-interaction model that `setting` names, `onnx:<name or folder>`; None for `none`."""
    if setting == "none":
        return None
    backend, _, name = setting.partition(":")
    if backend == "onnx":
        return OnnxTokenEncoder(locate(name), threads)
    raise ModelUnavailable(f"`{setting}` names no late-interaction backend.", remedy="Write `onnx:<name>` or `none`.")


def _unknown(setting: str) -> ModelUnavailable:
    return ModelUnavailable(f"`{setting}` names no model backend.", remedy="Write `onnx:<name>` or `sentence-transformers:<name>`.")
