"""This service as an engine of the comparison: the real stores, the real HTTP service, one key for each access filter."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from uuid import uuid4

import numpy as np

from benchmarks.speed import sources
from benchmarks.speed.corpus import LABELS, REGIONS, ZONES, Corpus, Entry, Question, Vectors
from context_service.app import App, assemble
from context_service.cli.serving import Background
from context_service.declarations.company import Declarations
from context_service.embedding.open import open_embedder, open_reranker, open_token_encoder
from context_service.embedding.protocol import Embedder, TokenEncoder
from context_service.index.open import open_index
from context_service.index.protocol import SearchFilter
from context_service.ingest.indexing import batches, reconcile
from context_service.model.access import Access, Classification, Grant, Principal, PrincipalKind, Resource
from context_service.model.applicability import Applicability, Facet
from context_service.model.base import digest
from context_service.model.document import Chunk, ChunkKind, Governance, Revision, RunState, Span, SyncRun, Version
from context_service.model.release import ReleaseKind
from context_service.model.source import Company, Source
from context_service.model.workflow import Workflow
from context_service.policy.keys import key_hash
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.releases.lifecycle import Releases
from context_service.releases.retention import Retention
from context_service.retrieval.search import Query, search
from context_service.settings import Settings

SOURCE = "policies"
DOCUMENTS_AT_ONCE = 50
TEXTS_AT_ONCE = 1000
COMPANY = Company(name="Benchmark", authority={"policy": 80}, audiences=tuple(LABELS), regions=ZONES)
DECLARED = Declarations(
    company=COMPANY,
    sources={SOURCE: Source(id=SOURCE, kind="docs", title="Policies", owner="team", authority="policy")},
    folders={SOURCE: Path()},
    workflows={
        "plain": Workflow(id="plain", title="Without a reranker", rerank=0),
        "desk": Workflow(id="desk", title="With a reranker"),
    },
)
OPERATOR = Principal(id="operator", kind=PrincipalKind.PERSON, operator=True)
TIERS = {"none": ("plain", "chat"), "fast": ("desk", "voice"), "thorough": ("desk", "chat")}
"""Rerank tier -> the workflow and the channel that choose it."""


class Given:
    """An embedder for what has its vectors already."""

    def __init__(self, behind: Embedder) -> None:
        self._behind = behind
        self.model_id, self.dimension = behind.model_id, behind.dimension

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Every text has to have its vector."""
        raise AssertionError(f"{len(texts)} texts have no vector")

    def embed_query(self, text: str) -> Vectors:
        """See Embedder."""
        return self._behind.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """See Embedder."""
        return self._behind.count_tokens(text)


def governance(label: str, region: str) -> Governance:
    """Who may read a document of the corpus, and where it holds."""
    access = Access(classification=Classification.INTERNAL, audiences=frozenset({label}))
    return Governance(owner="team", authority="policy", rank=80, access=access, applicability=Applicability(regions=frozenset({region})))


def key_of(question: int) -> str:
    """The key with which a question is asked."""
    return f"ctx_benchmark_{question:05}"


def build(corpus: Corpus, folder: Path, embedder: Embedder) -> None:
    """Store, index and publish the corpus, and register a principal for each question's access filter."""
    given = Given(embedder)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        closing(open_records(f"sqlite:///{folder / 'records.db'}")) as records,
        closing(open_index("", "", folder / "index", embedder.model_id, embedder.dimension)) as index,
    ):
        with records.exclusive("draft"):
            _fill(corpus, records, given)
            _give_token_vectors(corpus, records)
            reconcile(records, index, given, after=0, report=lambda *_: None)
            with records.writing() as tx:
                tx.put_draft(tx.held_draft("corpus").model_copy(update={"checked": True}))
        releases = Releases(records, index, given, DECLARED, Retention(), now=lambda: datetime.now(UTC), new_id=lambda: uuid4().hex)
        releases.publish(OPERATOR, "corpus", "benchmark")
        with records.writing() as tx:
            for number, question in enumerate(corpus.questions()):
                tx.register(_principal(number, question), key_hash(key_of(number)))


def _fill(corpus: Corpus, records: RecordStore, embedder: Embedder) -> None:
    vectors, now = corpus.vectors(), datetime.now(UTC)
    run = SyncRun(id="run", source=SOURCE, started_at=now)
    with records.writing() as tx:
        tx.start_run(run)
        tx.finish_run(run.model_copy(update={"state": RunState.SUCCEEDED, "finished_at": now}))
        draft = tx.open_draft("corpus", ReleaseKind.SYNC, now, "benchmark", sources=[SOURCE])
    row = 0
    for documents in batches(_documents(corpus), DOCUMENTS_AT_ONCE):
        states = [state(entries, draft.number) for entries in documents]
        keys = [chunk.embedding_key for _, _, chunks in states for chunk in chunks]
        with records.writing() as tx:
            tx.put_vectors(embedder.model_id, dict(zip(keys, vectors[row : row + len(keys)], strict=True)))
            for one in states:
                tx.put_revision(*one)
        row += len(keys)


def _give_token_vectors(corpus: Corpus, records: RecordStore) -> None:
    """Those of its base passage for each chunk: as many, and as near to the questions, as its own would be."""
    encoder = open_token_encoder(Settings().late_interaction, 2)
    if encoder is None:
        return
    packed = _packed_passages(corpus, encoder)
    for entries in batches(corpus.entries(), TEXTS_AT_ONCE):
        with records.writing() as tx:
            tx.put_token_vectors(encoder.model_id, {digest(entry.indexed): packed[entry.passage] for entry in entries})


def _packed_passages(corpus: Corpus, encoder: TokenEncoder) -> dict[int, bytes]:
    """The token vectors of the base passages that the corpus is made of, each made once for the folder of all sizes."""
    path = corpus.folder.parent / f"tokens-{digest(encoder.model_id, length=12)}.npz"
    packed = _read_packed(path)
    missing = sorted({entry.passage for entry in corpus.entries()} - packed.keys())
    if missing:
        base = sources.base()
        texts = [f"{base[number].title}\n{' '.join(base[number].sentences)}" for number in missing]
        made = encoder.encode_documents(texts)
        packed |= {number: one.pack() for number, one in zip(missing, made, strict=True)}
        data = np.frombuffer(b"".join(packed.values()), np.uint8)
        np.savez(path, passages=list(packed), lengths=[len(one) for one in packed.values()], data=data)
    return packed


def _read_packed(path: Path) -> dict[int, bytes]:
    if not path.exists():
        return {}
    with np.load(path) as kept:
        ends, data = np.cumsum(kept["lengths"]).tolist(), kept["data"].tobytes()
        passages = kept["passages"].tolist()
    return {number: data[start:end] for number, start, end in zip(passages, [0, *ends[:-1]], ends, strict=True)}


def _documents(corpus: Corpus) -> Iterator[list[Entry]]:
    for _, entries in groupby(corpus.entries(), key=lambda entry: entry.document):
        yield list(entries)


def state(entries: Sequence[Entry], draft: int) -> tuple[Revision, Version, list[Chunk]]:
    """A document of the corpus as a draft holds it."""
    first, text = entries[0], "\n\n".join(entry.text for entry in entries)
    version = Version(id=digest(text), text=text)
    revision = Revision(
        id=digest("revision", str(first.document)),
        document=digest(SOURCE, str(first.document)),
        source=SOURCE,
        key=f"{first.document}.md",
        version=version.id,
        title=first.title,
        url=f"https://example.com/{first.document}",
        media_type="text/markdown",
        parser="benchmark",
        parser_version="1",
        run="run",
        governance=governance(first.label, first.region),
        added_in=draft,
    )
    chunks, start = [], 0
    for entry in entries:
        chunks.append(_chunk(revision, entry, start))
        start += len(entry.text) + 2
    return revision, version, chunks


def _chunk(revision: Revision, entry: Entry, start: int) -> Chunk:
    return Chunk(
        id=entry.id,
        document=revision.document,
        revision=revision.id,
        version=revision.version,
        source=SOURCE,
        ordinal=entry.ordinal,
        kind=ChunkKind.PROSE,
        heading_path=(),
        header=entry.title,
        text=entry.text,
        span=Span(start=start, end=start + len(entry.text)),
        tokens=len(entry.text.split()),
        embedding_key=digest(entry.indexed),
        label=revision.resource.label,
        facet=revision.governance.facet.key,
        added_in=revision.added_in,
    )


def _principal(number: int, question: Question) -> Principal:
    grant = Grant(workflows="*", sources="*", audiences=frozenset(question.labels), ceiling=Classification.INTERNAL)
    return Principal(id=f"agent-{number}", kind=PrincipalKind.AGENT, grant=grant)


class Ours:
    """See `benchmarks.speed.protocol.Engine`."""

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        self._corpus = corpus
        self._folder = folder
        self._questions = corpus.questions()
        self._app: App | None = None
        self._served: Background | None = None

    def build(self) -> None:
        """See Engine."""
        build(self._corpus, self._folder, open_embedder(Settings().embedder, 2))

    def open(self) -> None:
        """See Engine. Reads the index into memory."""
        settings = Settings(data=self._folder, schedule=False)
        embedder, reranker = open_embedder(settings.embedder, settings.model_threads), open_reranker(settings.reranker, 2)
        encoder = open_token_encoder(settings.late_interaction, settings.model_threads)
        self._app = assemble(settings, DECLARED, embedder, reranker, encoder)
        self._app.index.check()

    def retrieve(self, question: int, limit: int) -> list[str]:
        """See Engine."""
        app, asked = self.app, self._questions[question]
        return search(app.index, Query(asked.text, app.embedder.embed_query(asked.text)), _filter(asked)).chunks[:limit]

    def nearest(self, question: int, limit: int) -> list[str]:
        """See Engine."""
        asked = self._questions[question]
        return [hit.chunk for hit in self.app.index.dense(self.app.embedder.embed_query(asked.text), _filter(asked), limit)]

    def floor(self, question: int) -> tuple[float, float]:
        """Milliseconds of the embedder's forward pass and of the index's two searches."""
        app, asked = self.app, self._questions[question]
        begun = time.perf_counter()
        vector = app.embedder.embed_query(asked.text)
        embedded = time.perf_counter()
        search(app.index, Query(asked.text, vector), _filter(asked))
        return 1000 * (embedded - begun), 1000 * (time.perf_counter() - embedded)

    def serve(self, port: int) -> None:
        """See Engine."""
        self._served = Background(self.app, "127.0.0.1", port)
        self._served.__enter__()

    def variants(self) -> list[str]:
        """See Engine."""
        return list(TIERS)

    def request(self, question: int, variant: str) -> tuple[str, dict[str, str], dict[str, object]]:
        """See Engine."""
        asked, (workflow, channel) = self._questions[question], TIERS[variant]
        customer = {"attributes": {"region": asked.place}}
        return (
            "/context",
            {"Authorization": f"Bearer {key_of(question)}"},
            {
                "query": asked.text,
                "workflow": workflow,
                "channel": channel,
                "customer": customer,
            },
        )

    def processes(self) -> list[int]:
        """See Engine. Nothing but this process."""
        return []

    @property
    def app(self) -> App:
        """The service, which is open."""
        assert self._app is not None, "the engine is not open"
        return self._app


_RULES = {label: Resource(source=SOURCE, owner="team", access=governance(label, "").access).label for label in LABELS}
_FACETS = {region: Facet(applicability=Applicability(regions=frozenset({region}))).key for region in REGIONS}


def _filter(question: Question) -> SearchFilter:
    labels = frozenset(_RULES[label] for label in question.labels)
    return SearchFilter(labels, frozenset(_FACETS[region] for region in question.regions), 1, datetime.now(UTC).date())
