"""Making the index agree with the records: the same steps after a sync, after a crash, and after the index was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar, cast

from context_service.embedding.protocol import Embedder
from context_service.index.protocol import FOREVER, IndexStore, Point
from context_service.model.document import Chunk
from context_service.records.protocol import RecordStore

BATCH = 256
T = TypeVar("T")
_Named = tuple[str, tuple[int, int]]

Report = Callable[[int, int], None]
"""Called with the number of points done and their total."""


def reconcile(records: RecordStore, index: IndexStore, embedder: Embedder, *, after: int | None, report: Report) -> None:
    """Bring the index to what the records say, for the rows that any number above `after` added or removed, or for all.

    Idempotent: only what differs is written, so a run that was killed is finished by the next one. Vectors come from the records; one
    that is missing (a new embedding model) is computed and kept. Holds a batch of chunks at a time, however many there are.
    """
    total, done = sum(1 for row in _differing(records, index, after) if row.wanted and not row.right_text), 0
    for some in batches(_differing(records, index, after), BATCH):
        unexpected = _unexpected(records, some)
        differing = [row if row.wanted else row.known_to(unexpected) for row in some]
        if forgotten := [row.chunk for row in differing if not row.wanted]:
            index.discard(forgotten)
        missing = [row.chunk for row in differing if row.wanted and not row.right_text]
        if ended := {row.chunk: row.wanted[1] for row in differing if row.wanted and row.right_text and row.wanted != row.held}:
            index.remove(ended)
        if missing:
            index.upsert(_points(records, embedder, list(records.chunks(missing).values())))
            done += len(missing)
            report(done, total)


@dataclass(frozen=True)
class _Row:
    """A chunk with the releases that it stands in: as the records want it, and as the index holds it."""

    chunk: str
    wanted: tuple[int, int] | None
    held: tuple[int, int] | None

    @property
    def right_text(self) -> bool:
        """Whether the index holds what the records want, but perhaps for its end."""
        return self.wanted is not None and self.held is not None and self.wanted[0] == self.held[0]

    def known_to(self, records: Mapping[str, tuple[int, int]]) -> _Row:
        """The same, wanted as `records` has it."""
        return replace(self, wanted=records.get(self.chunk))


def _differing(records: RecordStore, index: IndexStore, after: int | None) -> Iterator[_Row]:
    wanted = ((row.chunk, (row.added_in, row.removed_in or FOREVER)) for row in records.chunk_ranges(after=after))
    held = ((chunk, (added_in, removed_in)) for chunk, added_in, removed_in in index.ranges(after=after))
    return (row for row in _side_by_side(wanted, held) if row.wanted != row.held)


def _side_by_side(wanted: Iterator[_Named], held: Iterator[_Named]) -> Iterator[_Row]:
    """Every chunk of either side, both of which come by rising chunk."""
    left, right = next(wanted, None), next(held, None)
    while left or right:
        if right is None or (left is not None and left[0] < right[0]):
            yield _Row(*cast("_Named", left), None)
            left = next(wanted, None)
        elif left is None or right[0] < left[0]:
            yield _Row(right[0], None, right[1])
            right = next(held, None)
        else:
            yield _Row(*left, right[1])
            left, right = next(wanted, None), next(held, None)


def _unexpected(records: RecordStore, rows: Iterable[_Row]) -> dict[str, tuple[int, int]]:
    """What the records want of chunks that only the index touched: one that a draft removed and took back is as it was; one that the
    records do not know is missing.
    """
    found = records.chunks([row.chunk for row in rows if not row.wanted])
    return {chunk.id: (chunk.added_in, chunk.removed_in or FOREVER) for chunk in found.values()}


def index_is_behind(records: RecordStore, index: IndexStore) -> bool:
    """Whether the index differs from the records in what the newest release added and removed."""
    newest = records.traffic().newest
    wanted = ((row.chunk, (0, 0)) for row in records.chunk_ranges(newest))
    held = ((chunk, (0, 0)) for chunk, _, _ in index.ranges(newest))
    return any(row.wanted != row.held for row in _side_by_side(wanted, held))


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
