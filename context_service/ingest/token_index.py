"""Token vectors belong to what is indexed: an index that sees to it that they are made, once for every text, before it holds the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from context_service.embedding.protocol import TokenEncoder, Vector
from context_service.index.protocol import Hit, IndexStore, Point, SearchFilter
from context_service.model.base import digest
from context_service.records.protocol import RecordStore

BATCH = 64
"""Texts that are encoded and kept in one transaction."""


class TokenIndex:
    """The index behind it; satisfies `IndexStore`."""

    def __init__(self, behind: IndexStore, records: RecordStore, encoder: TokenEncoder) -> None:
        self._behind = behind
        self._records = records
        self._encoder = encoder

    def upsert(self, points: Sequence[Point]) -> None:
        """See `IndexStore`."""
        keep_token_vectors(self._records, self._encoder, {digest(point.text): point.text for point in points})
        self._behind.upsert(points)

    def remove(self, removed_in: Mapping[str, int]) -> None:
        """See `IndexStore`."""
        self._behind.remove(removed_in)

    def discard(self, chunks: Sequence[str]) -> None:
        """See `IndexStore`."""
        self._behind.discard(chunks)

    def dense(self, vector: Vector, where: SearchFilter, limit: int) -> list[Hit]:
        """See `IndexStore`."""
        return self._behind.dense(vector, where, limit)

    def lexical(self, text: str, where: SearchFilter, limit: int) -> list[Hit]:
        """See `IndexStore`."""
        return self._behind.lexical(text, where, limit)

    def chunks(self, touched_in: int | None = None, *, after: int | None = None) -> dict[str, tuple[int, int]]:
        """See `IndexStore`."""
        return self._behind.chunks(touched_in, after=after)

    def ranges(self, touched_in: int | None = None, *, after: int | None = None) -> Iterator[tuple[str, int, int]]:
        """See `IndexStore`."""
        return self._behind.ranges(touched_in, after=after)

    def clear(self) -> None:
        """See `IndexStore`."""
        self._behind.clear()

    def check(self) -> str:
        """See `IndexStore`."""
        return self._behind.check()

    def close(self) -> None:
        """See `IndexStore`."""
        self._behind.close()


def keep_token_vectors(records: RecordStore, encoder: TokenEncoder, texts: Mapping[str, str]) -> None:
    """Make and keep the token vectors of those `texts`, by embedding key, that have none yet. The key of a text is its digest."""
    known = records.token_vectors(encoder.model_id, list(texts)).keys()
    missing = [key for key in texts if key not in known]
    for start in range(0, len(missing), BATCH):
        keys = missing[start : start + BATCH]
        vectors = encoder.encode_documents([texts[key] for key in keys])
        with records.writing() as tx:
            tx.put_token_vectors(encoder.model_id, {key: one.pack() for key, one in zip(keys, vectors, strict=True)})


def encode_what_stands(records: RecordStore, encoder: TokenEncoder, step: Callable[[], None]) -> None:
    """Make the token vectors of every stored text that has none, such as those from before there was a fast tier.

    Calls `step` between batches; a kill loses at most one.
    """
    last = ""
    while ids := records.without_token_vectors(encoder.model_id, last, BATCH):
        step()
        keep_token_vectors(records, encoder, {one.embedding_key: one.indexed_text for one in records.chunks(ids).values()})
        last = ids[-1]
