"""What readers feel while a release of many changed chunks is filled and published, and how long a rollback takes at that size.

    python -m benchmarks.releases --chunks 100000

A generated corpus with random vectors: no model is needed, and no claims are looked for. A reader does what an answer does with its stores:
it asks what is read, searches both branches, reads the chunks and writes an audit entry. Whatever publishes runs in a process of its own.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np

from context_service.declarations.company import Declarations
from context_service.embedding.protocol import Vector
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import IndexStore, SearchFilter
from context_service.ingest.indexing import batches, reconcile
from context_service.model.access import Access, Classification, Principal, PrincipalKind
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import digest
from context_service.model.document import Chunk, ChunkKind, Governance, Revision, Span, Version
from context_service.model.release import ReleaseKind
from context_service.model.source import Company
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.releases.lifecycle import Releases
from context_service.releases.retention import Retention
from context_service.retrieval.search import Query, search

DIMENSION = 384
CHUNKS_PER_DOCUMENT = 20
DOCUMENTS_AT_ONCE = 20
WORDS = 40
VOCABULARY = 20_000
READERS = 1
OPERATOR = Principal(id="operator", kind=PrincipalKind.PERSON, operator=True)
ACCESS = Access(classification=Classification.PUBLIC, audiences=frozenset({"all"}))


class RandomEmbedder:
    """A vector for each text that no model made."""

    model_id = "random"
    dimension = DIMENSION

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        """See Embedder.embed_documents."""
        return np.stack([self.embed_query(text) for text in texts]) if texts else np.zeros((0, DIMENSION), np.float32)

    def embed_query(self, text: str) -> Vector:
        """See Embedder.embed_query."""
        vector = np.random.default_rng(int(digest(text, length=12), 16)).normal(size=DIMENSION)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def count_tokens(self, text: str) -> int:
        """See Embedder.count_tokens."""
        return len(text.split())


@dataclass
class Stores:
    """What both processes open."""

    folder: Path
    records: RecordStore
    index: IndexStore

    @property
    def releases(self) -> Releases:
        """The service over them."""
        company = Company(name="Benchmark", authority={"policy": 80}, audiences=("all",))
        declared = Declarations(company=company, sources={}, folders={}, workflows={})
        return Releases(
            self.records, self.index, RandomEmbedder(), declared, Retention(), now=lambda: datetime.now(UTC), new_id=lambda: uuid4().hex
        )


@contextmanager
def opened(folder: Path) -> Iterator[Stores]:
    """The stores in a folder."""
    with (
        closing(open_records(f"sqlite:///{folder / 'records.db'}")) as records,
        closing(open_embedded_index(folder / "index", DIMENSION)) as index,
    ):
        yield Stores(folder, records, index)


def state(number: int, edition: int, draft: int) -> tuple[Revision, Version, list[Chunk]]:
    """A document as an edition has it; no two share a sentence."""
    chance = random.Random(f"{number}-{edition}")  # noqa: S311 - the same corpus every time
    texts = [" ".join(f"w{int(VOCABULARY * chance.random() ** 2)}" for _ in range(WORDS)) for _ in range(CHUNKS_PER_DOCUMENT)]
    document, version = digest("benchmark", str(number)), Version(id=digest(*texts), text="\n".join(texts))
    revision = Revision(
        id=digest(document, str(draft)),
        document=document,
        source="benchmark",
        key=str(number),
        version=version.id,
        title=f"Document {number}",
        url="",
        media_type="text/plain",
        parser="",
        parser_version="",
        run="",
        governance=Governance(owner="", authority="policy", rank=80, access=ACCESS),
        added_in=draft,
    )
    return revision, version, [_chunk(revision, ordinal, text) for ordinal, text in enumerate(texts)]


def _chunk(revision: Revision, ordinal: int, text: str) -> Chunk:
    return Chunk(
        id=digest(revision.id, str(ordinal)),
        document=revision.document,
        revision=revision.id,
        version=revision.version,
        source=revision.source,
        ordinal=ordinal,
        kind=ChunkKind.PROSE,
        heading_path=(),
        header=revision.title,
        text=text,
        span=Span(start=0, end=len(text)),
        tokens=WORDS,
        embedding_key=digest(text),
        label=revision.resource.label,
        facet=revision.governance.facet.key,
        added_in=revision.added_in,
    )


def fill(folder: Path, documents: int, edition: int) -> None:
    """A draft with another edition of every document, indexed and ready to be published."""
    with opened(folder) as stores, stores.records.exclusive("draft"):
        records, embedder = stores.records, RandomEmbedder()
        with records.writing() as tx:
            draft = tx.open_draft(f"edition-{edition}", ReleaseKind.SYNC, datetime.now(UTC), "benchmark", sources=["benchmark"])
        for numbers in batches(range(documents), DOCUMENTS_AT_ONCE):
            states = [state(number, edition, draft.number) for number in numbers]
            texts = {chunk.embedding_key: chunk.indexed_text for _, _, chunks in states for chunk in chunks}
            vectors = embedder.embed_documents(list(texts.values()))
            with records.writing() as tx:
                tx.put_vectors(embedder.model_id, dict(zip(texts, vectors, strict=True)))
                for one in states:
                    tx.put_revision(*one)
        reconcile(records, stores.index, embedder, after=records.traffic().newest, report=lambda *_: None)
        with records.writing() as tx:
            tx.put_draft(tx.held_draft(draft.id).model_copy(update={"checked": True}))


def publish(folder: Path, edition: int) -> None:
    """Publish what `fill` has made ready."""
    with opened(folder) as stores:
        stores.releases.publish(OPERATOR, f"edition-{edition}", "benchmark")


@dataclass
class Readers:
    """Threads that answer until told to stop; `took` holds the seconds of each answer by phase."""

    stores: Stores
    phase: str = "before"
    took: dict[str, list[float]] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer while the block runs."""
        threads = [threading.Thread(target=self._read, args=[seed]) for seed in range(READERS)]
        for thread in threads:
            thread.start()
        yield
        self.stopped.set()
        for thread in threads:
            thread.join()

    def _read(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - questions, not secrets
        while not self.stopped.is_set():
            begun, phase = time.perf_counter(), self.phase
            self.answer(" ".join(f"w{int(VOCABULARY * chance.random() ** 2)}" for _ in range(6)))
            self.took.setdefault(phase, []).append(time.perf_counter() - begun)

    def answer(self, text: str) -> int:
        """What an answer does with its stores; returns how many chunks it read."""
        records = self.stores.records
        release = records.traffic().number
        view = records.view(release)
        labels = frozenset(rule.label for rule in records.rules())
        facets = frozenset(facet.key for facet in records.facets())
        found = search(self.stores.index, Query(text, RandomEmbedder().embed_query(text)), SearchFilter(labels, facets, view.base, None))
        chunks = [chunk for chunk in records.chunks(found.chunks).values() if view.holds(chunk.added_in, chunk.removed_in)]
        entry = AuditEntry(at=datetime.now(UTC), actor="reader", action=Action.CONTEXT_SERVED, subject=uuid4().hex)
        with records.writing() as tx:
            tx.audit(entry)
        if len(chunks) != len(found.chunks):
            raise SystemExit("A reader saw a part of a release.")
        return len(chunks)


def elsewhere(*arguments: str) -> float:
    """Run a step in a process of its own; returns its seconds."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "benchmarks.releases", *arguments], check=True)
    return time.perf_counter() - begun


def measure(folder: Path, chunks: int, seconds: float) -> None:
    """Everything at one size."""
    documents = chunks // CHUNKS_PER_DOCUMENT
    print(f"{chunks:,} chunks: filled in {elsewhere('--step', 'fill', str(folder), str(documents), '1'):.0f} s")
    elsewhere("--step", "publish", str(folder), str(documents), "1")
    with opened(folder) as stores:
        readers = Readers(stores)
        readers.answer("w1 w2")
        with readers.running():
            time.sleep(seconds)
            readers.phase = "while filled"
            filling = elsewhere("--step", "fill", str(folder), str(documents), "2")
            readers.phase = "again before"
            time.sleep(seconds)
            readers.phase = "while published"
            publishing = elsewhere("--step", "publish", str(folder), str(documents), "2")
            readers.phase = "after"
            time.sleep(seconds)
        print(f"  draft of {chunks:,} changed chunks filled in {filling:.0f} s, published in {publishing:.1f} s (process start included)")
        for phase, took in readers.took.items():
            p50, p99 = np.percentile(took, [50, 99]) * 1000
            print(f"  {phase:<16} {len(took):>6} answers, p50 {p50:6.1f} ms, p99 {p99:6.1f} ms, longest {max(took) * 1000:6.1f} ms")
        roll_back(stores, readers)


def roll_back(stores: Stores, readers: Readers) -> None:
    """From the pointer to the first answer out of the old release, and what restores it afterwards."""
    begun = time.perf_counter()
    stores.releases.rollback(OPERATOR, 1, "benchmark")
    moved = time.perf_counter() - begun
    readers.answer("w1 w2")
    print(f"  rollback {moved * 1000:.1f} ms, first answer after {(time.perf_counter() - begun) * 1000:.1f} ms")


def main() -> None:
    """Read the arguments; without a step, measure."""
    parser = argparse.ArgumentParser(description="What readers feel of a large release.")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--step", nargs=4, metavar=("STEP", "FOLDER", "DOCUMENTS", "EDITION"))
    arguments = parser.parse_args()
    if arguments.step:
        step, folder, documents, edition = arguments.step
        fill(Path(folder), int(documents), int(edition)) if step == "fill" else publish(Path(folder), int(edition))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.chunks, arguments.seconds)


if __name__ == "__main__":
    main()
