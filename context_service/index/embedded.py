"""The embedded index: exact vector search and BM25 in this process, kept in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from context_service.index.embedded_file import IndexFile, Position
from context_service.index.embedded_memory import Snapshot
from context_service.index.protocol import Hit, Point, SearchFilter
from context_service.index.vectors import question

FILE_NAME = "index.sqlite3"


class EmbeddedIndex:
    """The IndexStore of one machine. Complete and deterministic: scores depend on the points a filter admits and on nothing else.

    Safe for threads. The first search reads the whole file into memory, later ones what was written since; it takes 4 bytes for each number
    of a vector and 6 for each distinct term of a text.
    """

    def __init__(self, file: IndexFile) -> None:
        self._file = file
        self._lock = Lock()
        self._snapshot = Snapshot.empty(file.dimension)
        self._position = Position(0, 0, 0)
        self._version: int | None = None

    def upsert(self, points: Sequence[Point]) -> None:
        """See IndexStore.upsert. All points are written or none."""
        self._file.write(points)

    def remove(self, removed_in: Mapping[str, int]) -> None:
        """See IndexStore.remove."""
        self._file.remove(removed_in)

    def discard(self, chunks: Sequence[str]) -> None:
        """See IndexStore.discard."""
        self._file.discard(chunks)

    def dense(self, vector: NDArray[np.float32], where: SearchFilter, limit: int) -> list[Hit]:
        """See IndexStore.dense. Scores are sums of exact products, the same on every machine."""
        return self._current().dense(question(vector, self._file.dimension), where, limit)

    def lexical(self, text: str, where: SearchFilter, limit: int) -> list[Hit]:
        """See IndexStore.lexical. Statistics are those of the admitted points, see `bm25`."""
        return self._current().lexical(text, where, limit)

    def chunks(self, touched_in: int | None = None, *, after: int | None = None) -> dict[str, tuple[int, int]]:
        """See IndexStore.chunks."""
        return {chunk: (added_in, removed_in) for chunk, added_in, removed_in in self.ranges(touched_in, after=after)}

    def ranges(self, touched_in: int | None = None, *, after: int | None = None) -> Iterator[tuple[str, int, int]]:
        """See IndexStore.ranges. Reads a part at a time, and lets searches and writers in between."""
        last = ""
        while True:
            with self._lock, self._file.reading():
                some = self._file.ranges(touched_in, after, last)
            if not some:
                return
            yield from some
            last = some[-1][0]

    def clear(self) -> None:
        """See IndexStore.clear."""
        self._file.clear()

    def check(self) -> str:
        """See IndexStore.check. Reads the file into memory, so the first search after it need not."""
        snapshot = self._current()
        size = f"{snapshot.points} points of {snapshot.dimension} numbers"
        return f"embedded index in {self._file.path}, SQLite {sqlite3.sqlite_version}: {size}"

    def close(self) -> None:
        """See IndexStore.close."""
        with self._lock:
            self._file.close()

    def _current(self) -> Snapshot:
        with self._lock:
            version = self._file.version()
            if version != self._version:
                self._catch_up()
                self._version = version
            return self._snapshot

    def _catch_up(self) -> None:
        with self._file.reading() as epoch:
            nothing = (Snapshot.empty(self._file.dimension), Position(epoch, 0, 0))
            known = epoch == self._position.epoch
            snapshot, position = self._read_on(*((self._snapshot, self._position) if known else nothing))
            if snapshot.wasteful:
                snapshot, position = self._read_on(*nothing)
        self._snapshot, self._position = snapshot, position

    def _read_on(self, snapshot: Snapshot, seen: Position) -> tuple[Snapshot, Position]:
        last_id = seen.id
        for page in self._file.pages(seen.id):
            snapshot = snapshot.extended(page)
            last_id = int(page.ids[-1])
        changes, last_seq = self._file.changes(seen.seq)
        return snapshot.changed(changes), Position(seen.epoch, last_id, last_seq)


def open_embedded_index(folder: Path, dimension: int) -> EmbeddedIndex:
    """The index in `folder`, created where there is none.

    An index built with another dimension or analysis opens, and every call but `clear` raises StoreError until it is cleared.
    """
    return EmbeddedIndex(IndexFile(folder / FILE_NAME, dimension))
