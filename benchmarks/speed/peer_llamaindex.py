"""LlamaIndex with its usual local store: a vector index and BM25 in memory, fused by reciprocal ranks, metadata filters on both.

Its BM25 retriever takes a filter when it is made, so each question makes one around the same index, as the documentation's own filters do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llama_index.core import Settings, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever, VectorIndexRetriever
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters
from llama_index.retrievers.bm25 import BM25Retriever
from pydantic import PrivateAttr

from benchmarks.speed.corpus import Corpus, Entry, Question, Vectors
from benchmarks.speed.peer import Peer, embedder

BRANCH = 50
"""Hits asked of each branch, as this service does."""


class GivenEmbedding(BaseEmbedding):  # type: ignore[misc]  # typed where the peers are installed
    """The embedder of this project behind LlamaIndex's interface."""

    _embedder: Any = PrivateAttr()

    def __init__(self) -> None:
        super().__init__(model_name="all-minilm-l6-v2")
        self._embedder = embedder()

    def _get_query_embedding(self, query: str) -> list[float]:
        vector: list[float] = self._embedder.embed_query(query).tolist()
        return vector

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_query_embedding(text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


class LlamaIndex(Peer):
    """See `benchmarks.speed.protocol.Engine`."""

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        super().__init__(corpus, folder)
        Settings.llm, Settings.embed_model = MockLLM(), GivenEmbedding()

    def build(self) -> None:
        """See Engine."""
        vectors = self.corpus.vectors()
        nodes = [_node(entry, vectors[row]) for row, entry in enumerate(self.corpus.entries())]
        index = VectorStoreIndex(nodes)
        index.storage_context.persist(str(self.folder / "vectors"))
        BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=BRANCH).persist(str(self.folder / "bm25"))

    def open(self) -> None:
        """See Engine."""
        self._index = load_index_from_storage(StorageContext.from_defaults(persist_dir=str(self.folder / "vectors")))
        self._bm25 = BM25Retriever.from_persist_dir(str(self.folder / "bm25")).bm25

    def found(self, question: Question, limit: int) -> list[tuple[str, str]]:
        """See Peer."""
        filters = _filters(question)
        vectors = VectorIndexRetriever(index=self._index, similarity_top_k=BRANCH, filters=filters)
        try:
            words = BM25Retriever(existing_bm25=self._bm25, similarity_top_k=BRANCH, filters=filters)
        except ValueError:  # what it says to a filter that admits nothing
            return []
        fusion = QueryFusionRetriever(
            [vectors, words],
            mode="reciprocal_rerank",
            num_queries=1,
            use_async=False,
            similarity_top_k=limit,
        )
        return [(hit.node.node_id, hit.node.get_content()) for hit in fusion.retrieve(question.text)]

    def nearest(self, question: int, limit: int) -> list[str]:
        """See Engine."""
        asked = self.questions[question]
        retriever = VectorIndexRetriever(index=self._index, similarity_top_k=limit, filters=_filters(asked))
        return [hit.node.node_id for hit in retriever.retrieve(asked.text)]


def _node(entry: Entry, vector: Vectors) -> TextNode:
    node = TextNode(id_=entry.id, text=entry.indexed, metadata={"label": entry.label, "region": entry.region}, embedding=vector.tolist())
    node.excluded_embed_metadata_keys = node.excluded_llm_metadata_keys = ["label", "region"]
    return node


def _filters(question: Question) -> MetadataFilters:
    return MetadataFilters(
        filters=[
            MetadataFilter(key="label", operator=FilterOperator.IN, value=list(question.labels)),
            MetadataFilter(key="region", operator=FilterOperator.IN, value=list(question.regions)),
        ]
    )
