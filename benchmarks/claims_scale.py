"""How long one more document of 50 claims takes to check, beside 100,000 stored claims and beside 1,000,000.

    python -m benchmarks.claims_scale [folder for the databases]

The claims are generated: sentences of a support knowledge base whose products and topics grow with it, as they do in life, while a few
hundred common words do not. What is measured is the ingest's own path: keys, nearest claims, comparison, on SQLite.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from context_service.conflicts.candidates import keys
from context_service.conflicts.extract import Source, extract
from context_service.ingest.rivals import RivalFinder, vocabulary
from context_service.model.base import digest
from context_service.model.claim import Claim
from context_service.model.document import Chunk, ChunkKind, Governance, Revision, Span, Version
from context_service.model.release import Release, ReleaseKind
from context_service.model.source import Company
from context_service.records.columns import dump
from context_service.records.protocol import KeyedClaim
from context_service.records.sql import open_records

SIZES = (100_000, 1_000_000)
ADDED = 50
PER_CHUNK = 10

COMPANY = Company(name="Scale", authority={"policy": 80}, audiences=("agents",))
SUBJECTS = "refund delivery battery camera invoice warranty password account parcel deposit repair upgrade export backup".split()
VERBS = "takes costs lasts needs allows includes requires reaches covers supports".split()
PLACES = "warehouse office portal branch counter website depot workshop kiosk station".split()
UNITS = ("days", "hours", "EUR", "percent", "devices", "GB")


def sentence(draw: random.Random, products: int, topics: int) -> str:
    """One sentence; products and topics are drawn with a few of them far more often than others."""
    product, topic = (int(draw.paretovariate(0.7)) % many for many in (products, topics))
    amount = draw.randrange(1, 400)
    return (
        f"The {draw.choice(SUBJECTS)} of the model{product} {draw.choice(VERBS)} {amount} {draw.choice(UNITS)} "
        f"for topic{topic} at the {draw.choice(PLACES)} {draw.choice(PLACES)}."
    )


def document(number: int, draw: random.Random, size: int, claims: int) -> list[tuple[Chunk, list[Claim]]]:
    """A document's chunks with their claims; the extraction reads generated text as it reads any other."""
    found = []
    name = digest("document", str(number))
    for ordinal in range(claims // PER_CHUNK):
        text = "\n\n".join(sentence(draw, max(50, size // 200), max(50, size // 100)) for _ in range(PER_CHUNK))
        chunk = _chunk(name, ordinal, text)
        found.append((chunk, extract(Source(chunk.id, name, text, f"Manual {number}"), vocabulary(COMPANY))))
    return found


def _chunk(document_id: str, ordinal: int, text: str) -> Chunk:
    return Chunk(
        id=digest(document_id, str(ordinal)),
        document=document_id,
        revision=digest("revision", document_id),
        version="v",
        source="manuals",
        ordinal=ordinal,
        kind=ChunkKind.PROSE,
        heading_path=(),
        header="",
        text=text,
        span=Span(start=0, end=len(text)),
        tokens=0,
        embedding_key="",
        label="shared",
        facet="",
        added_in=1,
    )


def _revision(document_id: str) -> Revision:
    return Revision(
        id=digest("revision", document_id),
        document=document_id,
        source="manuals",
        key=document_id,
        version="v",
        title="Manual",
        url="",
        media_type="text/plain",
        parser="",
        parser_version="",
        run="",
        governance=Governance(owner="", authority="policy", rank=80, access=None),
        added_in=1,
    )


def fill(path: Path, size: int) -> None:
    """Store `size` claims, past the store's own methods: in the order of the index, which takes minutes instead of hours."""
    open_records(f"sqlite:///{path}").close()
    draw = random.Random(size)  # noqa: S311 - the same corpus every time
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("INSERT INTO versions VALUES ('v', ?)", (dump(Version(id="v", text="")),))
        pairs: list[tuple[int, int]] = []
        stored = 0
        for number in itertools.count():
            if stored >= size:
                break
            parts = document(number, draw, size, ADDED)
            stored += _insert(connection, parts, pairs)
        pairs.sort()
        connection.executemany("INSERT OR IGNORE INTO claim_keys VALUES (?, ?)", pairs)
        release = Release(number=1, published_at=datetime(2026, 11, 20, tzinfo=UTC))
        connection.execute("INSERT INTO releases VALUES (1, NULL, 0, ?)", (dump(release),))
        connection.execute("UPDATE head SET number = 1, issued = 1")


def _insert(connection: sqlite3.Connection, parts: list[tuple[Chunk, list[Claim]]], pairs: list[tuple[int, int]]) -> int:
    revision = _revision(parts[0][0].document)
    connection.execute(
        'INSERT INTO revisions (id, document, source, "key", version, added_in, payload) VALUES (?, ?, ?, ?, ?, ?, ?)',
        (revision.id, revision.document, revision.source, revision.key, "v", 1, dump(revision)),
    )
    chunks = [(chunk.id, chunk.document, chunk.ordinal, 1, dump(chunk)) for chunk, _ in parts]
    connection.executemany("INSERT INTO chunks (id, document, ordinal, added_in, payload) VALUES (?, ?, ?, ?, ?)", chunks)
    claims = [claim for _, found in parts for claim in found]
    connection.executemany("INSERT OR IGNORE INTO claims VALUES (?, ?, ?)", [(claim.id, claim.chunk, dump(claim)) for claim in claims])
    pairs += ((key, claim.id) for claim in claims for key in keys(claim))
    return len(claims)


def check(path: Path, size: int) -> Iterator[tuple[float, float, int]]:
    """Add one document of 50 claims and compare it, five times: seconds, seconds of the processor, claims."""
    store = open_records(f"sqlite:///{path}")
    try:
        for number in range(5):
            draw = random.Random(1_000_000_000 + number)  # noqa: S311 - the same documents every time
            parts = document(10**9 + number, draw, size, ADDED)
            revision = _revision(parts[0][0].document).model_copy(update={"added_in": 2})
            chunks = [chunk.model_copy(update={"added_in": 2}) for chunk, _ in parts]
            with store.writing() as tx:
                if not number:
                    tx.open_draft("benchmark", ReleaseKind.SYNC, datetime.now(UTC), "benchmark")
                tx.put_revision(revision, Version(id="v", text=""), chunks)
            claims = [claim for _, found in parts for claim in found]
            started, worked = time.perf_counter(), time.process_time()
            with store.writing() as tx:
                tx.put_claims(KeyedClaim(claim, keys(claim)) for claim in claims)
            list(RivalFinder(store, COMPANY).among(claims, 2))
            yield time.perf_counter() - started, time.process_time() - worked, len(claims)
    finally:
        store.close()


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        seconds = {}
        for size in SIZES:
            path = folder / f"claims-{size}.db"
            if not path.exists():
                fill(path, size)
            runs = list(check(path, size))
            seconds[size] = median(run[0] for run in runs)
            worked = median(run[1] for run in runs)
            print(f"{size:>9,} claims: {seconds[size]:.2f} s for a document of {runs[0][2]} claims, {worked:.2f} s of them the processor's")
    print(f"ten times the corpus takes {seconds[SIZES[1]] / seconds[SIZES[0]]:.2f} times as long")


if __name__ == "__main__":
    main()
