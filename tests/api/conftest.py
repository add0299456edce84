"""The small company, ingested once; each test of these talks HTTP to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from context_service.api.server import create_api
from context_service.app import App
from context_service.console.pages import mount_console
from context_service.ingest.progress import Silent
from context_service.model.access import Principal
from tests.api.console_client import log_in
from tests.companies import AGENT, OPERATOR, OWNER, STRANGER, open_test_app, small_company

PRINCIPALS = {"agent": AGENT, "owner": OWNER, "operator": OPERATOR, "stranger": STRANGER}


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the company, with its first release published. Not to be changed: see `own_company`."""
    folder = tmp_path_factory.mktemp("company")
    small_company(folder)
    with open_test_app(folder) as app:
        assert app.ingest([], "test", Silent()).release
    return folder


@pytest.fixture(scope="session")
def untouched(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy from before anybody asked anything."""
    folder = tmp_path_factory.mktemp("untouched") / "company"
    shutil.copytree(company, folder)
    return folder


@pytest.fixture(scope="session")
def app(company: Path, untouched: Path) -> Iterator[App]:
    with open_test_app(company) as opened:
        yield opened


@pytest.fixture(scope="session")
def keys(app: App) -> dict[str, str]:
    """Keys by the role of who holds them."""
    return {role: app.register(principal, "test") for role, principal in PRINCIPALS.items()}


@pytest.fixture(scope="session")
def api(app: App) -> FastAPI:
    return served(app)


@pytest.fixture
def client(api: FastAPI) -> TestClient:
    """A client without a key; like a real one, it sees no exception, only replies."""
    return browser(api)


@pytest.fixture
def owner(api: FastAPI, keys: dict[str, str]) -> TestClient:
    """Somebody who answers for the handbook, logged in to the console."""
    return log_in(browser(api), keys["owner"])


@pytest.fixture
def operator(api: FastAPI, keys: dict[str, str]) -> TestClient:
    """An operator, logged in to the console."""
    return log_in(browser(api), keys["operator"])


@pytest.fixture
def own_app(untouched: Path, tmp_path: Path) -> Iterator[App]:
    """The company in a copy that the test may change."""
    shutil.copytree(untouched, tmp_path / "own")
    with open_test_app(tmp_path / "own") as opened:
        yield opened


def served(app: App) -> FastAPI:
    """The API and the console over `app`."""
    api = create_api(app)
    mount_console(api, app)
    return api


def browser(api: FastAPI) -> TestClient:
    """A client that follows no redirect and raises nothing."""
    return TestClient(api, raise_server_exceptions=False, follow_redirects=False)


def bearer(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


def registered(app: App, principal: Principal) -> dict[str, str]:
    """The header of a new key of `principal`."""
    return bearer(app.register(principal, "test"))
