"""The small company behind a real server, looked at with a real browser."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from context_service.api.server import create_api
from context_service.app import App
from context_service.console.pages import mount_console
from context_service.ingest.progress import Silent
from tests.companies import OWNER, open_test_app, small_company

SUPPORT = OWNER.model_copy(update={"id": "sam", "teams": frozenset({"support-team"})})
"""Somebody who answers for the help center alone."""

BOTH = OWNER.model_copy(update={"teams": frozenset({"policy-team", "support-team"})})
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync"
).split()
SECONDS = 10


@dataclass(frozen=True)
class Site:
    """Where the service answers, and the key of a person who may log in."""

    url: str
    key: str


@dataclass(frozen=True)
class Visit:
    """A page that is open, logged in, and what the browser complained of since."""

    page: Page
    site: Site
    complaints: list[str]
    asked_elsewhere: list[str]

    def go(self, path: str, status: int = 200) -> Page:
        """Open a path of the service, which has to answer with `status`."""
        reply = self.page.goto(self.site.url + path)
        assert reply is not None
        assert reply.status == status, path
        return self.page


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The company in its second release: a price was changed in between. Not to be ruled on."""
    folder: Path = tmp_path_factory.mktemp("company")
    with running(folder) as (app, url):
        rewrite(app, "handbook", "pricing.md", "include tax", "include tax and shipping")
        yield Site(url, app.register(BOTH, "test"))


@contextmanager
def running(folder: Path) -> Iterator[tuple[App, str]]:
    """The small company in `folder`, published and served, and its address."""
    small_company(folder)
    with open_test_app(folder) as app:
        app.ingest([], "test", Silent())
        api = create_api(app)
        mount_console(api, app)
        with served(api) as url:
            yield app, url


def rewrite(app: App, source: str, name: str, old: str, new: str) -> None:
    """Change a text at its source, and publish."""
    path = app.declarations.folders[source] / name
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    assert app.ingest([source], "test", Silent()).release


@contextmanager
def served(api: FastAPI) -> Iterator[str]:
    """Serve `api` on a free port until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(api, log_level="warning", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    deadline = time.monotonic() + SECONDS
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no `chromium` on the path; on Debian: apt-get install -y --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def logged_in(chromium: Browser, site: Site) -> StorageState:
    """The cookies of somebody who has logged in."""
    return cookies(chromium, site)


def cookies(chromium: Browser, site: Site) -> StorageState:
    """Log in through the form."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(site.url + "/console/")
    page.get_by_label("Your key").fill(site.key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(chromium: Browser, site: Site, logged_in: StorageState) -> Iterator[Visit]:
    """A browser of its own, logged in, that holds every complaint."""
    with visiting(chromium, site, logged_in) as visit:
        yield visit


@contextmanager
def visiting(chromium: Browser, site: Site, state: StorageState) -> Iterator[Visit]:
    """A browser with these cookies."""
    context = chromium.new_context(storage_state=state, viewport={"width": 1280, "height": 844})
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    visit = Visit(page, site, [], [])
    page.on("console", lambda message: visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((site.url, "data:")) else visit.asked_elsewhere.append(request.url))
    yield visit
    context.close()
