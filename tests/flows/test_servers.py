"""At scale: the records on PostgreSQL and the index on Qdrant, each set by one URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from context_service.app import App
from context_service.cli.demo import AGENT
from context_service.declarations.company import Declarations
from context_service.ingest.progress import Silent
from tests.contract.qdrant_server import qdrant_url
from tests.contract.records_values import database
from tests.flows.conftest import open_tidewell
from tests.flows.truth import Question, comparable, faults, truth

pytestmark = [pytest.mark.postgres, pytest.mark.qdrant]
SHOWCASE = ("return-eu-plus", "return-us-premium", "return-region-unknown")
QUESTIONS = [question for question in truth().questions if question.id in SHOWCASE]


@pytest.fixture(scope="module")
def at_scale(tmp_path_factory: pytest.TempPathFactory, tidewell: Declarations) -> Iterator[App]:
    """The demo company, ingested into both servers."""
    folder, qdrant = tmp_path_factory.mktemp("at-scale"), qdrant_url()
    with database("postgresql", folder) as postgres, open_tidewell(folder, tidewell, records_url=postgres, index_url=qdrant) as app:
        app.index.clear()
        app.ingest([], "test", Silent())
        yield app
        app.index.clear()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_a_question_gets_the_reply_of_the_key_from_servers(at_scale: App, question: Question) -> None:
    reply = at_scale.answer(question.request, AGENT)
    assert not faults(question, reply)


def test_nothing_is_kept_in_files_beside_the_servers(at_scale: App) -> None:
    assert not [path for path in Path(at_scale.settings.data).rglob("*") if path.is_file()]
    assert at_scale.records.check().startswith("PostgreSQL")
    assert at_scale.index.check().startswith("Qdrant")


def test_a_second_ingest_and_a_reindex_change_no_answer(at_scale: App) -> None:
    before = [comparable(at_scale.answer(question.request, AGENT)) for question in QUESTIONS]
    assert at_scale.ingest([], "test", Silent()).release is None
    at_scale.reindex(lambda done, total: None)
    assert [comparable(at_scale.answer(question.request, AGENT)) for question in QUESTIONS] == before
