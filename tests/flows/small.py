"""A company of one source of notes, with models that need no weights and a clock that stands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from context_service.app import App, assemble
from context_service.declarations.company import load
from context_service.embedding.protocol import Embedder, TokenEncoder, Vector
from context_service.ingest.pipeline import Report
from context_service.ingest.progress import Progress, Silent
from context_service.model.access import Classification, Grant, Principal, PrincipalKind
from context_service.model.context import ContextReply, ContextRequest
from context_service.settings import Settings
from tests.fakes import FakeEmbedder, FakeReranker

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = Principal(
    id="agent",
    kind=PrincipalKind.AGENT,
    grant=Grant(workflows="*", sources="*", audiences=frozenset({"customer-agents"}), ceiling=Classification.INTERNAL, customers="*"),
)
COMPANY = """\
name: Brightwater
authority: {policy: 80, article: 40}
audiences: [customer-agents]
sources: ["*/source.yaml"]
"""
WORKFLOW = """\
id: support
title: Support
minimum_confidence: 0.01
"""
SOURCE = """\
id: notes
kind: notes
title: Notes
owner: support-team
authority: policy
access: {classification: public, audiences: [customer-agents]}
location: texts
"""
WRITTEN_NS = NOW.timestamp() * 1_000_000_000
"""When a text was last changed, as far as its file says."""


class CountingEmbedder:
    """An embedder that remembers what it was asked to embed."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.model_id = embedder.model_id
        self.dimension = embedder.dimension
        self.documents: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        """See Embedder.embed_documents."""
        self.documents += texts
        return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> Vector:
        """See Embedder.embed_query."""
        return self._embedder.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """See Embedder.count_tokens."""
        return self._embedder.count_tokens(text)


class SmallCompany:
    """The company in a folder, its data beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.texts = folder / "notes" / "texts"

    @classmethod
    def write(cls, folder: Path, texts: Mapping[str, str]) -> SmallCompany:
        """A new company with these texts, by name without suffix."""
        company = cls(folder)
        company.texts.mkdir(parents=True)
        (folder / "workflows").mkdir()
        (folder / "context.yaml").write_text(COMPANY)
        (folder / "workflows" / "support.yaml").write_text(WORKFLOW)
        company.declare("")
        company.change(texts)
        return company

    @property
    def index_file(self) -> Path:
        """Where the index is."""
        (found,) = (self.data / "index").rglob("*.sqlite3")
        return found

    def declare(self, more: str) -> None:
        """Declare the source anew, with more lines."""
        (self.folder / "notes" / "source.yaml").write_text(SOURCE + more)

    def change(self, texts: Mapping[str, str | None]) -> None:
        """Write texts, or delete those that are None. A written file always looks changed, whatever the clock's resolution."""
        for name, text in texts.items():
            path = self.texts / f"{name}.txt"
            stamp = path.stat().st_mtime_ns + 1 if path.exists() else int(WRITTEN_NS)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
                os.utime(path, ns=(stamp, stamp))

    def copied(self, folder: Path) -> SmallCompany:
        """The company as it stands, in another folder."""
        shutil.copytree(self.folder, folder)
        return SmallCompany(folder)

    def open(self, embedder: Embedder | None = None, encoder: TokenEncoder | None = None) -> App:
        """The service over it."""
        settings = Settings(config=self.folder / "context.yaml", data=self.data)
        return assemble(settings, load(settings.config), embedder or FakeEmbedder(), FakeReranker(), encoder, now=lambda: NOW)

    def ingest(self, embedder: Embedder | None = None, progress: Progress | None = None) -> Report:
        """Sync and publish."""
        with self.open(embedder) as app:
            return app.ingest([], "test", progress or Silent())


def ask(app: App, question: str, release: int | None = None) -> ContextReply:
    """What the agent gets."""
    return app.answer(ContextRequest(query=question, workflow="support", release=release), AGENT)


def documents(reply: ContextReply) -> list[str]:
    """The documents told, in order."""
    return [item.document for item in reply.items]
