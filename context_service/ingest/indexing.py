"""Making the index agree with the records: the same steps after a sync, after a crash, and after the index was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from context_service.embedding.protocol import Embedder
from context_service.index.protocol import FOREVER, IndexStore, Point
from context_service.model.document import Chunk
from context_service.records.protocol import RecordStore

BATCH = 256
T = TypeVar("T")

Report = Callable[[int, int], None]
"""Called with the number of points done and their total."""


def reconcile(records: RecordStore, index: IndexStore, embedder: Embedder, *, after: int | None, report: Report) -> None:
    """Bring the index to what the records say, for the rows that any number above `after` added or removed, or for all.

    Idempotent: only what differs is written, so a run that was killed is finished by the next one. Vectors come from the records; one
    that is missing (a new embedding model) is computed and kept.
    """
    held = index.chunks(after=after)
    wanted = {row.chunk: (row.added_in, row.removed_in or FOREVER) for row in records.chunk_ranges(after=after)}
    # A chunk that a draft removed and took back is touched in the index alone; only one the records do not know is forgotten.
    surplus = [chunk for chunk in held if chunk not in wanted]
    wanted |= {chunk.id: (chunk.added_in, chunk.removed_in or FOREVER) for chunk in records.chunks(surplus).values()}
    index.discard([chunk for chunk in surplus if chunk not in wanted])
    missing = [chunk for chunk, (added_in, _) in wanted.items() if chunk not in held or held[chunk][0] != added_in]
    total, done = len(missing), 0
    for ids in batches(missing, BATCH):
        index.upsert(_points(records, embedder, list(records.chunks(ids).values())))
        done += len(ids)
        report(done, total)
    ended = {chunk: wanted[chunk][1] for chunk, (_, removed_in) in held.items() if chunk in wanted and wanted[chunk][1] != removed_in}
    for chunks in batches(ended, BATCH):
        index.remove({chunk: ended[chunk] for chunk in chunks})


def index_is_behind(records: RecordStore, index: IndexStore) -> bool:
    """Whether the index differs from the records in what the newest release added and removed."""
    newest = records.traffic().newest
    return {row.chunk for row in records.chunk_ranges(newest)} != index.chunks(newest).keys()


def missing_texts(records: RecordStore, embedder: Embedder, chunks: Sequence[Chunk]) -> dict[str, str]:
    """The texts among `chunks` that have no vector of this model yet, by embedding key."""
    texts = {chunk.embedding_key: chunk.indexed_text for chunk in chunks}
    kept = records.vectors(embedder.model_id, list(texts))
    return {key: text for key, text in texts.items() if key not in kept}


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _points(records: RecordStore, embedder: Embedder, chunks: Sequence[Chunk]) -> list[Point]:
    missing = missing_texts(records, embedder, chunks)
    if missing:
        vectors = embedder.embed_documents(list(missing.values()))
        with records.writing() as tx:
            tx.put_vectors(embedder.model_id, dict(zip(missing, vectors, strict=True)))
    kept = records.vectors(embedder.model_id, [chunk.embedding_key for chunk in chunks])
    return [
        Point(
            chunk=chunk.id,
            label=chunk.label,
            facet=chunk.facet,
            added_in=chunk.added_in,
            removed_in=chunk.removed_in or FOREVER,
            effective_from=chunk.effective.since.toordinal() if chunk.effective.since else 0,
            effective_to=chunk.effective.until.toordinal() if chunk.effective.until else FOREVER,
            vector=kept[chunk.embedding_key],
            text=chunk.indexed_text,
        )
        for chunk in chunks
    ]
