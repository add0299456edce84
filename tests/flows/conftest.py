"""The demo company, ingested once for the whole run with real models from a website served here, on the day of its answer key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from context_service.app import App, open_app
from context_service.cli.demo import AGENT, COMPANY, SITE_BASE, pointed_at
from context_service.cli.site import serve_site
from context_service.declarations.company import Declarations, load
from context_service.ingest.pipeline import Report
from context_service.ingest.progress import Silent
from context_service.model.context import ContextReply
from context_service.settings import Settings
from tests.flows.notes import install
from tests.flows.truth import Question, truth

ROOT = Path(__file__).resolve().parents[2]
Answer = Callable[[Question], ContextReply]


@pytest.fixture(scope="session")
def site_url() -> Iterator[str]:
    """Where the demo company's website is."""
    with serve_site(COMPANY / "website" / "site", SITE_BASE) as site:
        yield site.url


@pytest.fixture(scope="session")
def tidewell(site_url: str) -> Declarations:
    """The demo company's declarations."""
    return pointed_at(load(COMPANY / "context.yaml"), site_url)


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory, tidewell: Declarations) -> tuple[Path, Report]:
    """The data folder after the first ingest, and what that did. Not to be changed."""
    data = tmp_path_factory.mktemp("tidewell") / "data"
    with open_tidewell(data, tidewell) as app:
        return data, app.ingest([], "test", Silent())


@pytest.fixture(scope="session")
def app(ingested: tuple[Path, Report], tidewell: Declarations) -> Iterator[App]:
    """The service over the ingested company."""
    with open_tidewell(ingested[0], tidewell) as opened:
        yield opened


@pytest.fixture(scope="session")
def answer(app: App) -> Answer:
    """The reply to a question of the key; each is asked once."""
    replies: dict[str, ContextReply] = {}

    def ask(question: Question) -> ContextReply:
        if question.id not in replies:
            replies[question.id] = app.answer(question.request, AGENT)
        return replies[question.id]

    return ask


def open_tidewell(data: Path, tidewell: Declarations, **settings: Any) -> App:
    """The service with its real models over `data`, on the day of the key."""
    return open_app(Settings(config=COMPANY / "context.yaml", data=data, **settings), tidewell, now=truth().now)


@pytest.fixture(scope="session", autouse=True)
def _notes_installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The kind `notes` is known here and to the processes started from here, as if its package were installed."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(ROOT)]))
        yield
