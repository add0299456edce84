"""Haystack over a Qdrant server: dense and BM25-like sparse vectors, fused by the server.

Haystack's own BM25 works in memory only, and the sparse model that its documentation shows for Qdrant wants a download. So the sparse
vectors are made here as that model makes them (term counts, saturated against a fixed average length; Qdrant adds the IDF), by the terms
of this project.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from haystack import Document
from haystack.dataclasses import SparseEmbedding
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.components.retrievers.qdrant import QdrantEmbeddingRetriever, QdrantHybridRetriever
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore

from benchmarks.speed.corpus import Corpus, Entry, Question, Vectors
from benchmarks.speed.peer import Peer, embedder
from context_service.index.analysis import analyze
from context_service.index.bm25 import term_key

K1, B, AVERAGE = 1.2, 0.75, 60.0
"""Of the sparse model; the average is about that of the corpus, in terms."""

AT_ONCE = 1000


class Haystack(Peer):
    """See `benchmarks.speed.protocol.Engine`."""

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        super().__init__(corpus, folder)
        self._embedder = embedder()

    def build(self) -> None:
        """See Engine."""
        store, vectors = self._store(), self.corpus.vectors()
        batch: list[Document] = []
        for row, entry in enumerate(self.corpus.entries()):
            batch.append(_document(entry, vectors[row]))
            if len(batch) == AT_ONCE:
                store.write_documents(batch, policy=DuplicatePolicy.OVERWRITE)
                batch = []
        if batch:
            store.write_documents(batch, policy=DuplicatePolicy.OVERWRITE)

    def open(self) -> None:
        """See Engine."""
        store = self._store()
        self._hybrid, self._dense = QdrantHybridRetriever(document_store=store), QdrantEmbeddingRetriever(document_store=store)

    def found(self, question: Question, limit: int) -> list[tuple[str, str]]:
        """See Peer."""
        vector, filters = self._embedder.embed_query(question.text).tolist(), _filters(question)
        sparse = _sparse(question.text, query=True)
        documents = self._hybrid.run(query_embedding=vector, query_sparse_embedding=sparse, filters=filters, top_k=limit)["documents"]
        return [(document.meta["chunk"], document.content) for document in documents]

    def nearest(self, question: int, limit: int) -> list[str]:
        """See Engine."""
        asked = self.questions[question]
        vector = self._embedder.embed_query(asked.text).tolist()
        documents = self._dense.run(query_embedding=vector, filters=_filters(asked), top_k=limit)["documents"]
        return [document.meta["chunk"] for document in documents]

    def processes(self) -> list[int]:
        """See Engine. The server."""
        return [int(os.environ["BENCHMARK_QDRANT_PID"])]

    def _store(self) -> QdrantDocumentStore:
        return QdrantDocumentStore(
            url=os.environ["BENCHMARK_QDRANT_URL"],
            index=self.folder.name,
            embedding_dim=self._embedder.dimension,
            use_sparse_embeddings=True,
            sparse_idf=True,
            progress_bar=False,
            write_batch_size=AT_ONCE,
            timeout=600,
            payload_fields_to_index=[
                {"field_name": "meta.label", "field_schema": "keyword"},
                {"field_name": "meta.region", "field_schema": "keyword"},
            ],
        )


def _document(entry: Entry, vector: Vectors) -> Document:
    return Document(
        id=entry.id,
        content=entry.indexed,
        meta={"chunk": entry.id, "label": entry.label, "region": entry.region},
        embedding=vector.tolist(),
        sparse_embedding=_sparse(entry.indexed, query=False),
    )


def _sparse(text: str, *, query: bool) -> SparseEmbedding:
    counts = Counter(term_key(term) & 0xFFFFFFFF for term in analyze(text))
    length = K1 * (1 - B + B * sum(counts.values()) / AVERAGE)
    values = [1.0 if query else count * (K1 + 1) / (count + length) for count in counts.values()]
    return SparseEmbedding(indices=list(counts), values=values)


def _filters(question: Question) -> dict[str, object]:
    return {
        "operator": "AND",
        "conditions": [
            {"field": "meta.label", "operator": "in", "value": list(question.labels)},
            {"field": "meta.region", "operator": "in", "value": list(question.regions)},
        ],
    }
