"""The ladder: what each step of the ranking is worth, from BM25 alone to the service's own reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality.company import Company, covered
from benchmarks.quality.corpora import Asked
from benchmarks.quality.metrics import Ranked
from context_service.embedding.protocol import Embedder, Reranker
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import FOREVER, IndexStore, Point, SearchFilter
from context_service.model.base import digest
from context_service.model.document import Chunk
from context_service.retrieval import search as ranking

EVERYTHING = SearchFilter(labels=frozenset({"all"}), facets=frozenset({"all"}), release=1, effective_on=None)
DEPTH = 12
"""Candidates that the reranker reads, as in a workflow's default."""

EXPANDED = 3
"""Leading candidates whose neighbours in the document join the candidates."""

Rank = Callable[[str], list[str]]
"""Question -> chunks, best first."""

VARIANTS: dict[str, Callable[[Chunk], str]] = {
    "text": lambda chunk: chunk.text,
    "headings": lambda chunk: "\n".join([" › ".join(chunk.heading_path), chunk.text]),
    "header": lambda chunk: chunk.indexed_text,
}
"""What is indexed of a chunk: its text, under its headings, under the header of the service (title, headings, for whom, table head)."""


@dataclass(frozen=True)
class Variant:
    """The chunks of a set, indexed in one of the ways."""

    index: IndexStore
    embedder: Embedder

    def found(self, question: str) -> list[ranking.Candidate]:
        return ranking.search(self.index, ranking.Query(question, self.embedder.embed_query(question)), EVERYTHING).candidates

    def lexical(self, question: str) -> list[str]:
        return [hit.chunk for hit in self.index.lexical(question, EVERYTHING, ranking.BRANCH_LIMIT)]

    def dense(self, question: str) -> list[str]:
        return [hit.chunk for hit in self.index.dense(self.embedder.embed_query(question), EVERYTHING, ranking.BRANCH_LIMIT)]

    def fused(self, question: str) -> list[str]:
        return [one.chunk for one in self.found(question)]


def rungs(company: Company, folder: Path, reranker: Reranker) -> Iterator[tuple[str, list[Ranked]]]:
    """Each rung, and what every question gets on it."""
    for name, rank in ranks(company, folder, reranker).items():
        yield name, [ranked(company, asked, rank(asked.question)) for asked in company.corpus.asked]


def ranks(company: Company, folder: Path, reranker: Reranker) -> dict[str, Rank]:
    """The rungs in order, each with the ones before it."""
    bare, headed, full = (indexed(company, folder, name) for name in VARIANTS)
    reading = Reading(company, full, reranker)
    return {
        "BM25": bare.lexical,
        "dense": bare.dense,
        "fused": bare.fused,
        "with headings": headed.fused,
        "with title": full.fused,
        "reranker alone": reading.alone,
        "with reranker": reading.fused,
        "with neighbours": reading.expanded,
    }


@dataclass(frozen=True)
class Reading:
    """Rungs on which a reranker reads."""

    company: Company
    full: Variant
    reranker: Reranker

    def fused(self, question: str) -> list[str]:
        return self._read(question, self.full.found(question))

    def alone(self, question: str) -> list[str]:
        found = self.full.found(question)
        read = ranking.rerank(found[:DEPTH], self._logits(question, found[:DEPTH]))
        by_logit = sorted(read, key=lambda one: -(one.scores.reranked or 0))
        return [one.chunk for one in [*by_logit, *found[DEPTH:]]]

    def expanded(self, question: str) -> list[str]:
        """Neighbours stand right behind the candidate that brought them, and are read at the cost of the last ones."""
        found = self.full.found(question)
        joined = [other for n, one in enumerate(found) for other in (one, *(self._neighbours(one) if n < EXPANDED else ()))]
        return self._read(question, list({one.chunk: one for one in reversed(joined)}.values())[::-1])

    def _read(self, question: str, found: Sequence[ranking.Candidate]) -> list[str]:
        head = found[:DEPTH]
        return [one.chunk for one in [*ranking.rerank(head, self._logits(question, head)), *found[DEPTH:]]]

    def _logits(self, question: str, head: Sequence[ranking.Candidate]) -> list[float]:
        return self.reranker.score(question, [self.company.chunks[one.chunk].indexed_text for one in head])

    def _neighbours(self, one: ranking.Candidate) -> Iterator[ranking.Candidate]:
        chunk = self.company.chunks[one.chunk]
        for other in self.company.app.records.chunks_of(chunk.document, self.company.app.records.head()):
            if abs(other.ordinal - chunk.ordinal) == 1:
                yield ranking.Candidate(other.id, one.scores)


def ranked(company: Company, asked: Asked, chunks: Sequence[str]) -> Ranked:
    """What the chunks cover. Where the answer is a whole document, its chunks count as one result."""
    if any(place.quote for place in asked.places):
        return Ranked([company.covers(asked, chunk) for chunk in chunks], parts(asked))
    documents = dict.fromkeys(company.keys[chunk] for chunk in chunks)
    return Ranked([covered(asked, document, "") for document in documents], parts(asked))


def parts(asked: Asked) -> list[frozenset[int]]:
    """The numbers of the places that answer each part."""
    numbers = iter(range(len(asked.places)))
    return [frozenset(next(numbers) for _ in part) for part in asked.parts]


def indexed(company: Company, folder: Path, variant: str) -> Variant:
    shape, embedder = VARIANTS[variant], company.app.embedder
    texts = {name: shape(chunk) for name, chunk in company.chunks.items()}
    state = digest(embedder.model_id, *(f"{name}{text}" for name, text in texts.items()), length=12)
    index = open_embedded_index(folder / "variants" / f"{variant}-{state}", embedder.dimension)
    if not index.chunks():
        vectors = embedder.embed_documents(list(texts.values()))
        pairs = zip(texts.items(), vectors, strict=True)
        index.upsert([Point(name, "all", "all", 1, FOREVER, 0, FOREVER, vector, text) for (name, text), vector in pairs])
    return Variant(index, embedder)
