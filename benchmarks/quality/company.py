"""A set as a company: written as declarations and files, ingested and asked by the service itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.quality.corpora import Asked, Corpus
from context_service.app import App, assemble
from context_service.declarations.company import Declarations, load
from context_service.embedding.protocol import Embedder, Reranker, TokenEncoder
from context_service.ingest.progress import Silent
from context_service.model.access import Classification, Grant, Principal, PrincipalKind
from context_service.model.context import ContextReply, ContextRequest, CustomerRef
from context_service.model.document import Chunk
from context_service.settings import Settings

CODE = Path(__file__).resolve().parents[2]
SHAPING = ("context_service/records", "context_service/index", "context_service/ingest", "context_service/chunking", "ingestors")
"""Code that decides what an ingest leaves behind; when it changes, a set is ingested again."""

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERYTHING = "everything"
"""Workflow that tells all it has, for looking at the ranking itself."""
SUPPORT = "support"
"""Workflow as it is without any setting, but never insufficient."""

AGENT = Principal(
    id="agent",
    kind=PrincipalKind.AGENT,
    grant=Grant(workflows="*", sources="*", audiences=frozenset({"customer-agents"}), ceiling=Classification.INTERNAL, customers="*"),
)
COMPANY = """\
name: Measured
authority: {policy: 80}
audiences: [customer-agents]
sources: ["*/source.yaml"]
"""
SOURCE = """\
id: texts
kind: docs
title: Texts
owner: nobody
authority: policy
access: {classification: public, audiences: [customer-agents]}
location: files
"""
WORKFLOWS = {
    EVERYTHING: "id: everything\ntitle: Everything\nitems: 20\ntoken_budget: 100000\nminimum_confidence: 0\nranking: {unread: none}\n",
    SUPPORT: "id: support\ntitle: Support\nminimum_confidence: 0\n",
}


@dataclass(frozen=True)
class Models:
    """What reads the texts."""

    embedder: Embedder
    reranker: Reranker
    encoder: TokenEncoder | None = None


@dataclass(frozen=True)
class Company:
    """A set that has been ingested."""

    corpus: Corpus
    app: App
    keys: dict[str, str]
    """Chunk -> key of its document."""
    chunks: dict[str, Chunk]

    def covers(self, asked: Asked, chunk: str) -> frozenset[int]:
        """Which of a question's places a chunk holds."""
        return covered(asked, self.keys[chunk], self.chunks[chunk].text)

    def ask(
        self, asked: Asked | str, workflow: str = EVERYTHING, budget: int | None = None, channel: str = "chat", day: date | None = None
    ) -> ContextReply:
        """What an agent gets."""
        whole = Asked(asked) if isinstance(asked, str) else asked
        customer = CustomerRef(attributes=whole.known)
        request = ContextRequest(
            query=whole.question, customer=customer, workflow=workflow, token_budget=budget, channel=channel, effective_on=day
        )
        return self.app.answer(request, AGENT)


def covered(asked: Asked, document: str, text: str) -> frozenset[int]:
    """Which of a question's places a piece of a document holds."""
    return frozenset(number for number, place in enumerate(asked.places) if place.within(document, text))


@contextmanager
def opened(corpus: Corpus, folder: Path, models: Models) -> Iterator[Company]:
    """The set under `folder`, ingested unless it is there from an earlier run."""
    home = folder / _name(corpus)
    _write(corpus, home)
    settings = Settings(config=home / "context.yaml", data=home / "data")
    with assembled(settings, load(settings.config), models) as app:
        if not app.records.head():
            app.ingest([], "benchmark", Silent())
        yield read(corpus, app)


def assembled(settings: Settings, declarations: Declarations, models: Models) -> App:
    """The service with these models, on a day that stands."""
    return assemble(settings, declarations, models.embedder, models.reranker, models.encoder, now=lambda: NOW)


def read(corpus: Corpus, app: App) -> Company:
    """The set as the service over it holds it; documents are named as its questions name them."""
    by_ref = any(":" in place.document for asked in corpus.asked for place in asked.places)
    revisions = {revision.id: revision.ref if by_ref else revision.key for revision in app.records.revisions_in(app.records.head())}
    chunks = app.records.chunks([row.chunk for row in app.records.chunk_ranges() if row.removed_in is None])
    standing = {name: chunk for name, chunk in chunks.items() if chunk.revision in revisions}
    return Company(corpus, app, {name: revisions[chunk.revision] for name, chunk in standing.items()}, standing)


def _name(corpus: Corpus) -> str:
    files = hashlib.sha256(f"{corpus.rules}{corpus.company}".encode())
    for key, raw in corpus.files.items():
        files.update(key.encode() + raw)
    return f"{corpus.name.replace(' ', '-')}-{files.hexdigest()[:8]}-{state_of()}"


def state_of(*files: Path) -> str:
    """Changes with `files` and with the code that shapes what an ingest leaves behind."""
    state = hashlib.sha256()
    code = (path for folder in SHAPING for path in sorted((CODE / folder).rglob("*.py")))
    for path in (*files, *code):
        state.update(path.read_bytes() if path.is_file() else b"")
    return state.hexdigest()[:8]


def _write(corpus: Corpus, home: Path) -> None:
    texts = {
        "context.yaml": COMPANY + corpus.company,
        "texts/source.yaml": SOURCE + (f"rules:\n{corpus.rules}" if corpus.rules else ""),
        **{f"workflows/{name}.yaml": text for name, text in WORKFLOWS.items()},
    }
    for name, raw in {**{name: text.encode() for name, text in texts.items()}, **_files(corpus)}.items():
        path = home / name
        if not path.exists() or path.read_bytes() != raw:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)


def _files(corpus: Corpus) -> dict[str, bytes]:
    return {f"texts/files/{key}": raw for key, raw in corpus.files.items()}
