"""Models that read each text once: vectors and scores are kept in a file between runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from context_service.embedding.protocol import Embedder, Reranker, TokenEncoder, Vector
from context_service.embedding.token_vectors import TokenVectors
from context_service.model.base import digest


class Kept:
    """Bytes by name in one SQLite file. Safe for threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, check_same_thread=False)
        self._file.execute("CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value BLOB NOT NULL)")
        self._lock = Lock()

    def get(self, names: Sequence[str]) -> dict[str, bytes]:
        with self._lock:
            rows = (self._file.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone() for name in names)
            return {name: row[0] for name, row in zip(names, rows, strict=True) if row}

    def put(self, values: dict[str, bytes]) -> None:
        with self._lock, self._file:
            self._file.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", values.items())


class RememberedEmbedder:
    """Satisfies `Embedder`."""

    def __init__(self, behind: Embedder, kept: Kept) -> None:
        self._behind, self._kept = behind, kept
        self.model_id, self.dimension, self.count_tokens = behind.model_id, behind.dimension, behind.count_tokens

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        names = [digest("document", self.model_id, text, length=32) for text in texts]
        known = self._kept.get(names)
        new = {name: text for name, text in zip(names, texts, strict=True) if name not in known}
        if new:
            vectors = self._behind.embed_documents(list(new.values()))
            made = {name: vector.tobytes() for name, vector in zip(new, vectors, strict=True)}
            self._kept.put(made)
            known |= made
        return np.stack([np.frombuffer(known[name], np.float32) for name in names]) if names else np.zeros((0, self.dimension), np.float32)

    def embed_query(self, text: str) -> Vector:
        name = digest("query", self.model_id, text, length=32)
        known = self._kept.get([name])
        if name not in known:
            known = {name: self._behind.embed_query(text).tobytes()}
            self._kept.put(known)
        return np.frombuffer(known[name], np.float32)


class RememberedReranker:
    """Satisfies `Reranker`."""

    def __init__(self, behind: Reranker, kept: Kept) -> None:
        self._behind, self._kept = behind, kept
        self.model_id = behind.model_id

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        names = [digest("pair", self.model_id, query, passage, length=32) for passage in passages]
        known = self._kept.get(names)
        new = {name: passage for name, passage in zip(names, passages, strict=True) if name not in known}
        if new:
            scores = self._behind.score(query, list(new.values()))
            made = {name: np.float64(score).tobytes() for name, score in zip(new, scores, strict=True)}
            self._kept.put(made)
            known |= made
        return [float(np.frombuffer(known[name], np.float64)[0]) for name in names]


class RememberedEncoder:
    """Satisfies `TokenEncoder`."""

    def __init__(self, behind: TokenEncoder, kept: Kept) -> None:
        self._behind, self._kept = behind, kept
        self.model_id, self.encode_query = behind.model_id, behind.encode_query

    def encode_documents(self, texts: Sequence[str]) -> list[TokenVectors]:
        names = [digest("tokens", self.model_id, text, length=32) for text in texts]
        known = self._kept.get(names)
        new = {name: text for name, text in zip(names, texts, strict=True) if name not in known}
        made = {name: one.pack() for name, one in zip(new, self._behind.encode_documents(list(new.values())), strict=True)}
        self._kept.put(made)
        return [TokenVectors.unpack((known | made)[name]) for name in names]
