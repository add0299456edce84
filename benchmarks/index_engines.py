"""How fast the embedded index searches, beside plainer ways to do the same.

    python -m benchmarks.index_engines --points 10000 100000

Synthetic chunks: 384 numbers, 80 terms out of a Zipf vocabulary of 50,000 whose first words stand in nearly every chunk, 200 labels, 10
facets, half of the chunks removed before the release asked for. A filter of 40 labels admits 10% of them, one facet of that 1%; every query
has another filter, another vector and another six terms. All engines answer one query after the other, in turn, with the 50 best; on a busy
machine trust the processor time. "NumPy full scan" multiplies every row and masks the scores; "SQLite FTS5" joins its full-text table with
the filter and takes its statistics from all texts.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from context_service.index.embedded import EmbeddedIndex, open_embedded_index
from context_service.index.protocol import FOREVER, Hit, Point, SearchFilter

DIMENSION, TERMS, VOCABULARY, LIMIT = 384, 80, 50_000, 50
LABELS, FACETS = [f"label-{number}" for number in range(200)], [f"facet-{number}" for number in range(10)]
WRITE_BATCH = 2000
FTS_QUERY = """
    SELECT chunk, -bm25(body) AS score FROM body JOIN point ON point.id = body.rowid
    WHERE body MATCH ? AND label IN (SELECT value FROM json_each(?)) AND facet IN (SELECT value FROM json_each(?))
    AND added_in <= ? AND removed_in > ? ORDER BY score DESC, chunk LIMIT ?
"""


@dataclass(frozen=True)
class Query:
    """One question under one filter."""

    vector: NDArray[np.float32]
    text: str
    where: SearchFilter


@dataclass
class Engine:
    """A way to answer, and what it took each time: elapsed and processor milliseconds (of all threads)."""

    name: str
    answer: Callable[[Query], list[Hit]]
    elapsed: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


class Corpus:
    """The same chunks and questions at every run."""

    def __init__(self, count: int) -> None:
        self.rng = np.random.default_rng(count)
        self.odds = 1 / np.arange(1, VOCABULARY + 1)
        self.odds /= self.odds.sum()
        self.vectors = self.units(count)
        words = self.rng.choice(VOCABULARY, size=(count, TERMS), p=self.odds)
        self.points = [self.point(row, words[row]) for row in range(count)]

    def units(self, count: int) -> NDArray[np.float32]:
        """Random unit vectors."""
        vectors = self.rng.normal(size=(count, DIMENSION)).astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def point(self, row: int, words: NDArray[np.intp]) -> Point:
        """One chunk."""
        label, facet = LABELS[self.rng.integers(len(LABELS))], FACETS[self.rng.integers(len(FACETS))]
        removed_in = 2 if self.rng.random() < 0.5 else FOREVER
        text = " ".join(f"w{word}" for word in words)
        return Point(f"chunk-{row:07}", label, facet, 1, removed_in, 0, FOREVER, self.vectors[row], text)

    def query(self, facets: int) -> Query:
        """A question whose filter admits one in ten chunks of `facets` facets out of ten."""
        words = self.rng.choice(VOCABULARY, size=6, p=self.odds)
        labels = frozenset(self.rng.choice(LABELS, size=40, replace=False).tolist())
        allowed = SearchFilter(labels, frozenset(self.rng.choice(FACETS, size=facets, replace=False).tolist()), 2, None)
        return Query(self.units(1)[0], " ".join(f"w{word}" for word in words), allowed)


class FullScan:
    """Every row multiplied, then masked."""

    def __init__(self, corpus: Corpus) -> None:
        self.vectors = corpus.vectors
        self.chunks = np.array([point.chunk for point in corpus.points])
        self.labels = np.array([LABELS.index(point.label) for point in corpus.points])
        self.facets = np.array([FACETS.index(point.facet) for point in corpus.points])
        self.removed_in = np.array([point.removed_in for point in corpus.points])

    def answer(self, query: Query) -> list[Hit]:
        """The nearest admitted rows."""
        labels = np.isin(np.arange(len(LABELS)), [LABELS.index(label) for label in query.where.labels])
        facets = np.isin(np.arange(len(FACETS)), [FACETS.index(facet) for facet in query.where.facets])
        admitted = labels[self.labels] & facets[self.facets] & (self.removed_in > query.where.release)
        scores = np.where(admitted, self.vectors @ query.vector, -np.inf)
        best = np.argpartition(scores, -LIMIT)[-LIMIT:]
        return [Hit(str(self.chunks[row]), float(scores[row])) for row in best[np.argsort(-scores[best])]]


class FullText:
    """SQLite FTS5 joined with a table of what the filter looks at."""

    def __init__(self, corpus: Corpus, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute("CREATE TABLE point (id INTEGER PRIMARY KEY, chunk, label, facet, added_in, removed_in)")
        self.connection.execute("CREATE VIRTUAL TABLE body USING fts5 (text)")
        rows = [(row, point.chunk, point.label, point.facet, 1, point.removed_in) for row, point in enumerate(corpus.points)]
        self.connection.executemany("INSERT INTO point VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.connection.executemany("INSERT INTO body (rowid, text) VALUES (?, ?)", ((row, p.text) for row, p in enumerate(corpus.points)))
        self.connection.commit()

    def answer(self, query: Query) -> list[Hit]:
        """The best admitted rows."""
        labels, facets = (json.dumps(sorted(names)) for names in (query.where.labels, query.where.facets))
        values = (" OR ".join(query.text.split()), labels, facets, query.where.release, query.where.release, LIMIT)
        return [Hit(*row) for row in self.connection.execute(FTS_QUERY, values)]


@contextmanager
def measured(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"  {what}: {time.perf_counter() - start:.2f} s")


def run(engines: list[Engine], queries: list[Query]) -> None:
    """Let every engine answer every query, in turn."""
    for query in queries:
        for engine in engines:
            start, burnt = time.perf_counter(), time.process_time()
            engine.answer(query)
            engine.elapsed.append(1000 * (time.perf_counter() - start))
            engine.processor.append(1000 * (time.process_time() - burnt))


def fill(index: EmbeddedIndex, corpus: Corpus) -> None:
    """Write the corpus and read it once."""
    with measured("embedded index written (analysis included)"):
        for start in range(0, len(corpus.points), WRITE_BATCH):
            index.upsert(corpus.points[start : start + WRITE_BATCH])
    with measured("read into memory by a new process"):
        index.check()


def report(count: int, share: str, engines: list[Engine]) -> None:
    """One line an engine."""
    for engine in engines:
        p50, p95 = np.percentile(engine.elapsed, [50, 95])
        print(f"  {count:>9,}  {share:>4}  {engine.name:<24} {p50:8.2f} {p95:8.2f} {np.median(engine.processor):10.2f}")


def updates(index: EmbeddedIndex, corpus: Corpus, rounds: int = 30) -> Engine:
    """How long the first search takes after ten chunks were written."""
    query, engine = (
        corpus.query(len(FACETS)),
        Engine("search after ten writes", lambda query: index.lexical(query.text, query.where, LIMIT)),
    )
    for number in range(rounds):
        index.upsert(corpus.points[10 * number : 10 * number + 10])
        run([engine], [query])
    return engine


def measure(count: int, queries: int, folder: Path) -> None:
    """Everything at one size."""
    print(f"{count:,} chunks")
    corpus = Corpus(count)
    with closing(open_embedded_index(folder, DIMENSION)) as index:
        fill(index, corpus)
        with measured("SQLite FTS5 written"):
            full_text = FullText(corpus, folder / "fts.sqlite3")
        full_scan = FullScan(corpus)
        print(f"  {'chunks':>9}  {'kept':>4}  {'engine':<24} {'p50 ms':>8} {'p95 ms':>8} {'cpu p50 ms':>10}")
        for share, facets in {"10%": len(FACETS), "1%": 1}.items():
            engines = [
                Engine("embedded dense", lambda query: index.dense(query.vector, query.where, LIMIT)),
                Engine("NumPy full scan", full_scan.answer),
                Engine("embedded BM25", lambda query: index.lexical(query.text, query.where, LIMIT)),
                Engine("SQLite FTS5", full_text.answer),
            ]
            run(engines, [corpus.query(facets) for _ in range(queries)])
            report(count, share, engines)
        report(count, "10%", [updates(index, corpus)])
        full_text.connection.close()


def main() -> None:
    """Read the arguments and print one table a size."""
    parser = argparse.ArgumentParser(description="How fast the embedded index searches, beside plainer ways to do the same.")
    parser.add_argument("--points", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    print(f"NumPy {np.__version__}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores, {arguments.queries} queries each")
    for count in arguments.points:
        with tempfile.TemporaryDirectory() as folder:
            measure(count, arguments.queries, Path(folder))


if __name__ == "__main__":
    main()
