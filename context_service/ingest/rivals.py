"""Finding rivals among what a draft adds: each new chunk is compared with its nearest neighbours only, so the cost follows the change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from context_service.conflicts.compare import Subject, Vocabulary, compare, subject
from context_service.embedding.protocol import Vector
from context_service.index.protocol import IndexStore, SearchFilter
from context_service.ingest.indexing import BATCH, batches
from context_service.model.access import BOUND
from context_service.model.document import Chunk
from context_service.model.rivalry import Rivalry
from context_service.model.source import Company
from context_service.policy.applies import Regions, conditions
from context_service.records.protocol import RecordStore

NEIGHBOURS = 12
"""Nearest chunks by vector, and as many again by words, that a new chunk is compared with."""

Report = Callable[[int, int], None]


def vocabulary(company: Company) -> Vocabulary:
    """The company's own words, for telling what a sentence is about."""
    names = (*company.plans, *company.products)
    return Vocabulary(names, company.aliases)


class RivalFinder:
    """Compares the chunks a draft adds with what the draft will hold. Customers' own records are nobody's rivals."""

    def __init__(self, records: RecordStore, index: IndexStore, model_id: str, company: Company) -> None:
        self._records = records
        self._index = index
        self._model_id = model_id
        self._words = vocabulary(company)
        self._regions = Regions(company.regions)
        self._subject = lru_cache(maxsize=20_000)(self._read_subject)

    def run(self, draft: int, report: Report) -> int:
        """Store the rivalries of every chunk that `draft` adds; returns how many were found. Repeating it changes nothing."""
        where = self._everything(draft)
        added = [row.chunk for row in self._records.chunk_ranges(draft) if row.added_in == draft]
        found: set[str] = set()
        for done, ids in enumerate(batches(added, BATCH)):
            chunks = [chunk for chunk in self._records.chunks(ids).values() if chunk.label in where.labels]
            rivalries = {rivalry.id: rivalry for rivalry in self._among(chunks, where)}
            with self._records.writing() as tx:
                tx.put_rivalries(rivalries.values())
            found.update(rivalries)
            report(done * BATCH + len(ids), len(added))
        return len(found)

    def _everything(self, draft: int) -> SearchFilter:
        shared = (rule for rule in self._records.rules() if rule.access is None or rule.access.customer != BOUND)
        return SearchFilter(
            labels=frozenset(rule.label for rule in shared),
            facets=frozenset(facet.key for facet in self._records.facets()),
            release=draft,
            effective_on=None,
        )

    def _among(self, chunks: list[Chunk], where: SearchFilter) -> Iterable[Rivalry]:
        vectors = self._records.vectors(self._model_id, [chunk.embedding_key for chunk in chunks])
        for chunk in chunks:
            for neighbour in self._neighbours(chunk, vectors[chunk.embedding_key], where):
                yield from compare(self._subject(chunk.id), self._subject(neighbour))

    def _neighbours(self, chunk: Chunk, vector: Vector, where: SearchFilter) -> list[str]:
        near = self._index.dense(vector, where, NEIGHBOURS + 1)
        alike = self._index.lexical(chunk.text, where, NEIGHBOURS + 1)
        return sorted({hit.chunk for hit in (*near, *alike)} - {chunk.id})

    def _read_subject(self, chunk_id: str) -> Subject:
        chunk = self._records.chunks([chunk_id])[chunk_id]
        revision = self._records.revisions([chunk.revision])[chunk.revision]
        applicability = revision.governance.applicability
        applies_to = [value for values in applicability.conditions().values() for value in values]
        headings = (revision.title, *chunk.heading_path)
        compared = conditions(applicability, self._regions)
        return subject(chunk.id, chunk.document, chunk.text, headings, applies_to, compared, self._words)
