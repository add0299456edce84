"""The index is derived: whatever happens to it, the records bring the same answers back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from context_service.app import App, assemble
from context_service.cli.demo import AGENT
from context_service.declarations.company import Declarations
from context_service.embedding.open import open_embedder, open_reranker
from context_service.errors import StoreError
from context_service.ingest.pipeline import Report
from context_service.settings import Settings
from tests.fakes import FakeEmbedder
from tests.flows import corpora
from tests.flows.conftest import Answer
from tests.flows.small import CountingEmbedder, SmallCompany, ask, documents
from tests.flows.truth import comparable, truth


@pytest.fixture(scope="module")
def embedder() -> CountingEmbedder:
    return CountingEmbedder(open_embedder(Settings().embedder, 1))


@pytest.fixture(scope="module")
def without_index(
    tmp_path_factory: pytest.TempPathFactory, ingested: tuple[Path, Report], tidewell: Declarations, embedder: CountingEmbedder
) -> App:
    """The ingested company after somebody deleted its index."""
    data = tmp_path_factory.mktemp("reindexed") / "data"
    shutil.copytree(ingested[0], data)
    shutil.rmtree(data / "index")
    return assemble(Settings(data=data), tidewell, embedder, open_reranker(Settings().reranker, 1), now=truth().now)


def test_a_lost_index_is_refused_with_the_remedy_and_reindex_brings_the_same_answers(
    without_index: App, embedder: CountingEmbedder, answer: Answer
) -> None:
    with without_index as app:
        with pytest.raises(StoreError, match="`context-service reindex`"):
            app.require_index()
        app.reindex(lambda done, total: None)
        app.require_index()
        assert embedder.documents == []
        for question in truth().questions:
            assert comparable(app.answer(question.request, AGENT)) == comparable(answer(question)), question.id


def test_an_ingest_rebuilds_a_lost_index_before_it_adds_to_it(tmp_path: Path) -> None:
    company = SmallCompany.write(tmp_path / "company", corpora.before())
    company.ingest()
    shutil.rmtree(company.data / "index")
    company.change({"00-kettle": "# Kettles\nThe kettle costs EUR 120."})
    counting = CountingEmbedder(FakeEmbedder())
    company.ingest(counting)
    with company.open() as app:
        app.require_index()
        assert "EUR 120" in ask(app, "What does the kettle cost?").items[0].text
        assert documents(ask(app, "How is the router returned?"))[0] == "notes:29-router.txt"
    assert len(counting.documents) == 1


def test_another_model_gets_an_index_of_its_own(tmp_path: Path) -> None:
    company = SmallCompany.write(tmp_path / "company", corpora.before())
    company.ingest()
    other = CountingEmbedder(FakeEmbedder())
    other.model_id = "another-model-of-the-same-dimension"
    with company.open(other) as app:
        with pytest.raises(StoreError, match="`context-service reindex`"):
            app.require_index()
        app.reindex(lambda done, total: None)
        app.require_index()
        chunks = [row.chunk for row in app.records.chunk_ranges()]
        assert set(other.documents) == {chunk.indexed_text for chunk in app.records.chunks(chunks).values()}
        assert documents(ask(app, "How is the router returned?"))[0] == "notes:29-router.txt"
    with company.open() as app:
        app.require_index()


def test_a_damaged_index_is_told_with_the_remedy_that_mends_it(tmp_path: Path) -> None:
    company = SmallCompany.write(tmp_path / "company", corpora.before())
    company.ingest()
    company.index_file.write_bytes(b"no database " * 4096)
    with pytest.raises(StoreError, match="delete it and run `context-service reindex`"):
        company.open().require_index()
    shutil.rmtree(company.data / "index")
    with company.open() as app:
        app.reindex(lambda done, total: None)
        assert documents(ask(app, "How is the router returned?"))[0] == "notes:29-router.txt"
