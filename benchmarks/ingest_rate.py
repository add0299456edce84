"""What an ingest spends its time on, and what it holds in memory.

    python -m benchmarks.ingest_rate rate --documents 2000
    python -m benchmarks.ingest_rate memory --chunks 1000000

`rate` ingests generated Markdown, made of real sentences where the shared data is there, by the real pipeline and the real models, and
prints the processor's seconds by part, parser processes included: embedding is the floor, parsing, chunking, records and index together
should cost less. `memory` stores and indexes a generated corpus with an embedder that costs nothing and prints the memory as it
goes: it should not grow with the corpus.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from benchmarks.releases import RandomEmbedder, state
from benchmarks.speed import sources
from context_service.app import assemble
from context_service.cli.starter import create
from context_service.declarations.company import load
from context_service.embedding.open import open_embedder, open_token_encoder
from context_service.embedding.protocol import Embedder, TokenEncoder, Vector
from context_service.embedding.token_vectors import TokenVectors
from context_service.index.embedded import EmbeddedIndex, open_embedded_index
from context_service.ingest import sync
from context_service.ingest.indexing import batches, index_is_behind, reconcile
from context_service.ingest.progress import Silent
from context_service.ingest.rivals import RivalFinder
from context_service.model.document import Chunk, Revision, Version
from context_service.model.release import ReleaseKind
from context_service.model.source import Company
from context_service.records.sql import open_records
from context_service.settings import Settings

SECTIONS = 3
DOCUMENTS_AT_ONCE = 50
MIB = 1024 * 1024
OWN_PARTS = ("parser start", "parsers", "chunking", "records", "index")
"""What the service does itself with a text, but for comparing what it claims."""


def times() -> tuple[float, float]:
    """Elapsed seconds and the processor's, from where nobody knows."""
    return time.perf_counter(), time.process_time()


class Clock:
    """Elapsed seconds and the processor's, of all threads, by part. A part within a part counts for itself alone."""

    def __init__(self, now: Callable[[], tuple[float, float]] = times) -> None:
        self._now = now
        self.elapsed: dict[str, float] = defaultdict(float)
        self.worked: dict[str, float] = defaultdict(float)
        self._parts: list[str] = []
        self._since = (0.0, 0.0)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what the block takes. For one thread at a time."""
        self._note()
        self._parts.append(name)
        try:
            yield
        finally:
            self._note()
            self._parts.pop()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function or method, whose calls count as a part."""

        def call(*arguments: Any, **named: Any) -> Any:
            with self.part(name):
                return function(*arguments, **named)

        return call

    def _note(self) -> None:
        now = self._now()
        if self._parts:
            self.elapsed[self._parts[-1]] += now[0] - self._since[0]
            self.worked[self._parts[-1]] += now[1] - self._since[1]
        self._since = now


class Timed:
    """An embedder whose passes are timed."""

    def __init__(self, behind: Embedder, clock: Clock) -> None:
        self._behind = behind
        self._clock = clock
        self.model_id, self.dimension = behind.model_id, behind.dimension
        self.embed_query, self.count_tokens = behind.embed_query, behind.count_tokens
        self.texts = 0

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        """See Embedder."""
        self.texts += len(texts)
        with self._clock.part("embedding"):
            return self._behind.embed_documents(texts)


class TimedEncoder:
    """A late-interaction model whose passes are timed."""

    def __init__(self, behind: TokenEncoder, clock: Clock) -> None:
        self._behind = behind
        self._clock = clock
        self.model_id, self.encode_query = behind.model_id, behind.encode_query

    def encode_documents(self, texts: Sequence[str]) -> list[TokenVectors]:
        """See TokenEncoder."""
        with self._clock.part("token vectors"):
            return self._behind.encode_documents(texts)


class Descendants:
    """The processor's seconds of the processes started below this one from now on. They are asked while they run: nobody waits for a
    parser process.
    """

    def __init__(self) -> None:
        self._older = {child.pid for child in psutil.Process().children(recursive=True)}
        self._seconds: dict[tuple[int, str], float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def seconds(self) -> dict[str, float]:
        """Of all of them together, as far as was seen. The process that loads the libraries, once, is this one's own child."""
        found: dict[str, float] = defaultdict(float)
        for (_, part), seconds in list(self._seconds.items()):
            found[part] += seconds
        return found

    def __enter__(self) -> Descendants:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._over.wait(0.5):
            for child in own.children(recursive=True):
                if child.pid in self._older:
                    continue
                with suppress(psutil.NoSuchProcess):
                    part, times = "parsers" if child.ppid() != own.pid else "parser start", child.cpu_times()
                    self._seconds[child.pid, part] = times.user + times.system


def rate(documents: int) -> None:
    """Ingest once and say where the time went."""
    clock, settings = Clock(), Settings()
    embedder = Timed(open_embedder(settings.embedder, settings.model_threads), clock)
    behind = open_token_encoder(settings.late_interaction, settings.model_threads)
    encoder = TimedEncoder(behind, clock) if behind else None
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        create(folder)
        write_pages(folder / "sources" / "handbook", documents)
        service = Settings(data=folder / "data", schedule=False)
        app = stack.enter_context(assemble(service, load(folder / "context.yaml"), embedder, None, encoder))
        for owner, name, part in ((sync, "prepare", "chunking"), (RivalFinder, "run", "claims"), (EmbeddedIndex, "upsert", "index")):
            stack.enter_context(patch.object(owner, name, clock.timed(part, getattr(owner, name))))
        with Descendants() as parsers, clock.part("records"):
            report = app.ingest([], "benchmark", Silent())
    print(f"{documents} documents, {embedder.texts} chunks, {report.runs[0].counts}")
    _tell({**clock.worked, **parsers.seconds()}, sum(clock.elapsed.values()), embedder.texts)


def _tell(worked: dict[str, float], elapsed: float, chunks: int) -> None:
    for part, seconds in sorted(worked.items(), key=lambda pair: -pair[1]):
        print(f"{part:14} {seconds:7.1f} s of a processor, {1000 * seconds / chunks:6.2f} ms a chunk")
    floor, own = worked["embedding"], sum(worked.get(part, 0.0) for part in OWN_PARTS)
    print(f"elapsed {elapsed:.1f} s, {chunks / elapsed:.0f} chunks/s")
    started = worked.get("parser start", 0.0) / floor
    print(f"parsing, chunking, records and index cost {own / floor:.2f} of embedding, {started:.2f} of it the parser's start, once")
    print(f"comparing claims costs {worked.get('claims', 0.0) / floor:.2f} of embedding")


def write_pages(folder: Path, documents: int) -> None:
    """Markdown pages of three sections each."""
    chance, base = random.Random(3), [one.sentences for one in sources.base()] if sources.available() else []  # noqa: S311 - the same pages
    for number in range(documents):
        parts = [f"# Page {number}"]
        for section in range(SECTIONS):
            body = " ".join(chance.choice(base)) if base else " ".join(f"word{int(9000 * chance.random() ** 2)}" for _ in range(110))
            parts += [f"## Section {section} of page {number}", body.replace("#", "")]
        (folder / f"page-{number:05}.md").write_text("\n\n".join(parts), encoding="utf-8")


def memory(chunks: int, folder: Path, *, claims: bool) -> None:
    """Fill the records, bring the index to them, compare the two, with or without claims; memory in MiB at every tenth of the way."""
    documents, embedder = max(1, chunks // 20), RandomEmbedder()
    with (
        closing(open_records(f"sqlite:///{folder / 'records.db'}")) as records,
        closing(open_embedded_index(folder / "index", embedder.dimension)) as index,
        records.exclusive("draft"),
    ):
        with records.writing() as tx:
            draft = tx.open_draft("benchmark", ReleaseKind.SYNC, datetime.now(UTC), "benchmark", sources=["benchmark"])
        told = teller("records", documents)
        for numbers in batches(range(documents), DOCUMENTS_AT_ONCE):
            states = [state(number, 1, draft.number) for number in numbers]
            with records.writing() as tx:
                tx.put_vectors(embedder.model_id, dict(_vectors(states, embedder)))
                for one in states:
                    tx.put_revision(*one)
            told(numbers[-1] + 1, documents)
        reconcile(records, index, embedder, after=0, report=teller("index", chunks))
        if claims:
            RivalFinder(records, Company(name="Benchmark", authority={"policy": 80}, audiences=())).run(
                draft.number, teller("claims", chunks)
            )
        print(f"differs from the records: {index_is_behind(records, index)}; {resident():.0f} MiB, at most {peak():.0f} MiB")


def _vectors(states: Sequence[tuple[Revision, Version, Sequence[Chunk]]], embedder: RandomEmbedder) -> Iterator[tuple[str, Vector]]:
    for _, _, chunks in states:
        for chunk in chunks:
            yield chunk.embedding_key, embedder.embed_query(chunk.embedding_key)


def teller(what: str, total: int, steps: int = 10) -> Callable[[int, int], None]:
    """Prints the memory each time another tenth is done."""
    begun, said = time.perf_counter(), [0]

    def tell(done: int, _: int) -> None:
        if done * steps // total > said[0]:
            said[0] = done * steps // total
            print(f"{what:8} {done:>9,} of {total:,}: {resident():7.0f} MiB after {time.perf_counter() - begun:6.0f} s", flush=True)

    return tell


def resident() -> float:
    """MiB of this process in memory now."""
    return float(psutil.Process(os.getpid()).memory_info().rss) / MIB


def peak() -> float:
    """The most MiB that this process ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rate", "memory"])
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--claims", action="store_true", help="with `memory`: compare what the chunks claim too, which takes longest")
    arguments = parser.parse_args()
    if arguments.what == "rate":
        rate(arguments.documents)
        return
    with tempfile.TemporaryDirectory() as folder:
        memory(arguments.chunks, Path(folder), claims=arguments.claims)


if __name__ == "__main__":
    main()
