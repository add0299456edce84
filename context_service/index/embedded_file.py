"""The file of the embedded index: points, and what a reader needs to catch up with a writer in another process.

Points are never changed in place. Writing a chunk again forgets its row and adds one under a higher id; removing or discarding adds to the
list of changes, which keeps the last change of each row. A reader that knows the highest id and the highest change it has seen reads only
what came after. `epoch` moves when everything was cleared; what a reader knows is then worth nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from time import sleep
from typing import NamedTuple

import numpy as np

from context_service.errors import StoreError
from context_service.index.analysis import ANALYSIS_VERSION
from context_service.index.bm25 import POSTING, postings_of
from context_service.index.embedded_memory import FORGOTTEN, Page
from context_service.index.protocol import FOREVER, Point
from context_service.index.vectors import stacked

LAYOUT_VERSION = 1
PAGE_POINTS = 8192
RANGES_AT_ONCE = 8192
BUSY_SECONDS = 30.0
WAL_ATTEMPTS = 100
WAL_PAUSE_SECONDS = 0.02
PAGE_BYTES = 16384
"""A point's vector and terms take about 2 KB; SQLite's usual page would hold one and waste the rest."""

SCHEMA = {
    "about": "epoch INTEGER NOT NULL, layout INTEGER NOT NULL, dimension INTEGER NOT NULL, analysis TEXT NOT NULL",
    "point": """
        id INTEGER PRIMARY KEY AUTOINCREMENT, chunk TEXT NOT NULL UNIQUE, label TEXT NOT NULL, facet TEXT NOT NULL,
        added_in INTEGER NOT NULL, removed_in INTEGER NOT NULL, effective_from INTEGER NOT NULL, effective_to INTEGER NOT NULL
    """,
    "body": "id INTEGER PRIMARY KEY REFERENCES point ON DELETE CASCADE, vector BLOB NOT NULL, postings BLOB NOT NULL",
    "change": "seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL UNIQUE, removed_in INTEGER NOT NULL",
}
ADD_POINT = """
    INSERT INTO point (chunk, label, facet, added_in, removed_in, effective_from, effective_to) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
LOG_CHANGE = "REPLACE INTO change (id, removed_in) SELECT id, ? FROM point WHERE chunk = ?"
PAGES = """
    SELECT id, chunk, label, facet, added_in, removed_in, effective_from, effective_to, vector, postings
    FROM point JOIN body USING (id) WHERE id > ? ORDER BY id
"""
RANGES = """
    SELECT chunk, added_in, removed_in FROM point
    WHERE (?1 IS NULL OR added_in = ?1 OR removed_in = ?1) AND (?2 IS NULL OR added_in > ?2 OR (removed_in > ?2 AND removed_in < ?3))
    AND chunk > ?4 ORDER BY chunk LIMIT ?5
"""


class Position(NamedTuple):
    """How far a reader has read."""

    epoch: int
    id: int
    seq: int


class IndexFile:
    """One SQLite file in WAL mode. Every method raises StoreError when the file cannot be used.

    Safe for threads where one at a time reads; writers wait for each other, in this process and between processes.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self.dimension = dimension
        self._write_lock = Lock()
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = _connect(path)
            self._reader = _connect(path)
            self._create()

    def version(self) -> int:
        """A number that moves when something was written since it was last asked for."""
        with self._guarded():
            return int(self._reader.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def reading(self) -> Iterator[int]:
        """One consistent view for the calls inside; yields the epoch. Raises StoreError where the index was built under other terms."""
        with self._guarded():
            self._reader.execute("BEGIN")
            try:
                yield self._epoch(self._reader)
            finally:
                self._reader.execute("ROLLBACK")

    def pages(self, after: int) -> Iterator[Page]:
        """Points of a higher id. Inside `reading`."""
        with closing(self._reader.execute(PAGES, (after,))) as cursor:
            while rows := cursor.fetchmany(PAGE_POINTS):
                yield _page(rows, self.dimension)

    def changes(self, after: int) -> tuple[dict[int, int], int]:
        """`removed_in` by id as later changes set it (FORGOTTEN for a discarded point), and the number of the last. Inside `reading`."""
        rows = self._reader.execute("SELECT seq, id, removed_in FROM change WHERE seq > ? ORDER BY seq", (after,)).fetchall()
        return {row[1]: row[2] for row in rows}, rows[-1][0] if rows else after

    def ranges(self, touched_in: int | None, after: int | None, beyond: str) -> list[tuple[str, int, int]]:
        """Some (chunk, added_in, removed_in) that come next after the chunk `beyond`, by chunk; none at the end. Inside `reading`."""
        return self._reader.execute(RANGES, (touched_in, after, FOREVER, beyond, RANGES_AT_ONCE)).fetchall()

    def write(self, points: Sequence[Point]) -> None:
        """Add points, replacing those of the same chunk; of a chunk given twice the last counts."""
        points = list({point.chunk: point for point in points}.values())
        vectors = stacked(points, self.dimension)
        postings = [postings_of(point.text) for point in points]
        with self._writing() as writer:
            _forget(writer, [point.chunk for point in points])
            for point, vector, terms in zip(points, vectors, postings, strict=True):
                added = writer.execute(ADD_POINT, _fields(point))
                writer.execute("INSERT INTO body VALUES (?, ?, ?)", (added.lastrowid, vector.tobytes(), terms.tobytes()))

    def remove(self, removed_in: Mapping[str, int]) -> None:
        """Set `removed_in` by chunk."""
        changes = [(release, chunk) for chunk, release in removed_in.items()]
        with self._writing() as writer:
            writer.executemany("UPDATE point SET removed_in = ? WHERE chunk = ?", changes)
            writer.executemany(LOG_CHANGE, changes)

    def discard(self, chunks: Sequence[str]) -> None:
        """Delete points by chunk."""
        with self._writing() as writer:
            _forget(writer, chunks)

    def clear(self) -> None:
        """Delete everything and take on the present layout, dimension and analysis."""
        with self._transaction() as writer:
            _lay_out(writer, self.dimension)

    def close(self) -> None:
        """Close both connections."""
        self._reader.close()
        self._writer.close()

    def _create(self) -> None:
        if self._writer.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
            return
        with self._transaction() as writer:
            if not writer.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
                _lay_out(writer, self.dimension)

    def _epoch(self, connection: sqlite3.Connection) -> int:
        epoch, *found = connection.execute("SELECT epoch, layout, dimension, analysis FROM about").fetchone()
        wanted = [LAYOUT_VERSION, self.dimension, ANALYSIS_VERSION]
        if found != wanted:
            raise StoreError(
                f"The index in {self.path} was built with layout, dimension and analysis {found}; this service uses {wanted}.",
                remedy="Run `context-service reindex`.",
            )
        return int(epoch)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._transaction() as writer:
            self._epoch(writer)
            yield writer

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock, self._guarded():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                # SQLite has already rolled back after some failures, a full disk for one.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as problem:
            raise StoreError(
                f"The index file {self.path} could not be used: {problem}.",
                remedy="Check the folder's permissions and space. A damaged file is rebuilt: delete it and run `context-service reindex`.",
            ) from problem


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    _enter_wal(connection)
    # In WAL mode only FULL keeps the last commit through a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Where two connections switch a new file at the same moment, SQLite refuses one at once instead of letting it wait."""
    for attempt in range(WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as refusal:
            if refusal.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt == WAL_ATTEMPTS - 1:
                raise
            sleep(WAL_PAUSE_SECONDS)
        else:
            return


def _lay_out(writer: sqlite3.Connection, dimension: int) -> None:
    writer.execute("CREATE TABLE IF NOT EXISTS about (epoch INTEGER)")
    last = writer.execute("SELECT max(epoch) FROM about").fetchone()[0]
    for table in reversed(SCHEMA):
        writer.execute(f"DROP TABLE IF EXISTS {table}")
    for table, columns in SCHEMA.items():
        writer.execute(f"CREATE TABLE {table} ({columns})")
    writer.execute("INSERT INTO about VALUES (?, ?, ?, ?)", ((last or 0) + 1, LAYOUT_VERSION, dimension, ANALYSIS_VERSION))


def _forget(writer: sqlite3.Connection, chunks: Sequence[str]) -> None:
    writer.executemany(LOG_CHANGE, [(FORGOTTEN, chunk) for chunk in chunks])
    writer.executemany("DELETE FROM point WHERE chunk = ?", [(chunk,) for chunk in chunks])


def _fields(point: Point) -> tuple[str | int, ...]:
    return (point.chunk, point.label, point.facet, point.added_in, point.removed_in, point.effective_from, point.effective_to)


def _page(rows: list[tuple[int, str, str, str, int, int, int, int, bytes, bytes]], dimension: int) -> Page:
    ids, chunks, labels, facets, *ranges, vectors, postings = zip(*rows, strict=True)
    return Page(
        np.array(ids, np.int64),
        np.array(chunks, np.object_),
        labels,
        facets,
        np.array(ranges, np.int32).T,
        np.frombuffer(b"".join(vectors), "<f4").reshape(len(rows), dimension),
        tuple(np.frombuffer(terms, POSTING) for terms in postings),
    )
