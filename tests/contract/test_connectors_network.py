"""The contract of a connector, for those that read over a network (and the CRM export, which shares their records)."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import JsonValue
from ruamel.yaml import YAML

from context_service.cli.site import serve_site
from context_service.errors import TerminalSourceError, TransientSourceError
from context_service.ingest.connector import Connector, Event, Failed, Found, Gone, Limits, Pull, Same
from context_service.model.source import Source
from ingestors.crm import CrmConnector
from ingestors.website import WebsiteConnector
from tests.servers.hubspot import TOKEN, HubspotServer
from tests.servers.network import quick
from tests.servers.salesforce import CLIENT, SalesforceServer
from tests.servers.syncs import TODAY, Memory, done, failures, keys, pull_of
from tests.servers.web import WebServer, always, simple

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "company" / "website"
PLACEHOLDER = "https://www.tidewell.example"
NAMES = ("anna", "bert", "cleo")


class Backend(ABC):
    """A source with the items `NAMES`, each with a text, that can be changed, removed and switched off."""

    kind: type[WebsiteConnector | CrmConnector]
    options: dict[str, JsonValue]
    folder = Path()

    def __init__(self) -> None:
        self.memory = Memory()

    def sync(self) -> list[Event]:
        return self.memory.take(self.connector().events())

    def connector(self) -> Connector:
        pull = pull_of("test", self.options, folder=self.folder, cursor=self.memory.cursor, known=self.memory.known)
        environ = {"SALESFORCE_CLIENT_ID": CLIENT["client_id"], "SALESFORCE_CLIENT_SECRET": CLIENT["client_secret"], "HUBSPOT_TOKEN": TOKEN}
        if self.kind is CrmConnector:
            return CrmConnector(pull, quick()[0], environ)
        return WebsiteConnector(pull, quick()[0])

    @abstractmethod
    def key(self, name: str) -> str: ...

    @abstractmethod
    def write(self, name: str, text: str) -> None: ...

    @abstractmethod
    def remove(self, name: str) -> None: ...

    @abstractmethod
    def switch_off(self) -> type[Exception]:
        """Make the source as a whole unreadable; the error this has to end in."""


class Website(Backend):
    kind = WebsiteConnector

    def __init__(self, server: WebServer) -> None:
        super().__init__()
        self.server = server
        self.options = {"start": f"{server.url}/", "delay": 0, "allow_private": True, "include": ["/?*"]}
        server.page("/", simple("Start", *(f"/{name}" for name in NAMES)))

    def key(self, name: str) -> str:
        return f"/{name}"

    def write(self, name: str, text: str) -> None:
        self.server.page(f"/{name}", simple(name, text=text))

    def remove(self, name: str) -> None:
        del self.server.pages[f"/{name}"]

    def switch_off(self) -> type[Exception]:
        self.server.pages = {path: always(503) for path in ("/robots.txt", "/")}
        return TransientSourceError


class Export(Backend):
    kind = CrmConnector

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.rows: dict[str, str] = {}
        files: JsonValue = [{"path": "people.csv", "object": "Person", "key": "id"}]
        self.options = {"files": files, "fields": {"Person": {"text": "text"}}}

    def key(self, name: str) -> str:
        return f"Person/{name}"

    def write(self, name: str, text: str) -> None:
        self.rows[name] = text
        self._save()

    def remove(self, name: str) -> None:
        del self.rows[name]
        self._save()

    def _save(self) -> None:
        with (self.folder / "people.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("id", "text"), *self.rows.items()])

    def switch_off(self) -> type[Exception]:
        (self.folder / "people.csv").unlink()
        return TerminalSourceError


class Salesforce(Backend):
    kind = CrmConnector

    def __init__(self, server: SalesforceServer) -> None:
        super().__init__()
        self.server = server
        fields: JsonValue = {"Person": {"text": "Text__c"}}
        self.options = {
            "provider": "salesforce",
            "base_url": server.url,
            "allow_private": True,
            "objects": {"Person": {}},
            "fields": fields,
        }

    def key(self, name: str) -> str:
        return f"Person/{name}"

    def write(self, name: str, text: str) -> None:
        self.server.org.put("Person", name, Text__c=text)

    def remove(self, name: str) -> None:
        self.server.org.delete("Person", name)

    def switch_off(self) -> type[Exception]:
        self.server.limited = 1000
        return TransientSourceError


class Hubspot(Backend):
    kind = CrmConnector

    def __init__(self, server: HubspotServer) -> None:
        super().__init__()
        self.server = server
        fields: JsonValue = {"people": {"text": "text"}}
        self.options = {"provider": "hubspot", "base_url": server.url, "allow_private": True, "objects": {"people": {}}, "fields": fields}

    def key(self, name: str) -> str:
        return f"people/{NAMES.index(name) + 1}"

    def write(self, name: str, text: str) -> None:
        self.server.put("people", str(NAMES.index(name) + 1), text=text)

    def remove(self, name: str) -> None:
        self.server.archive("people", str(NAMES.index(name) + 1))

    def switch_off(self) -> type[Exception]:
        self.server.limited = 1000
        return TransientSourceError


@pytest.fixture(params=["website", "export", "salesforce", "hubspot"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with _backend(request.param, tmp_path) as backend:
        for name in NAMES:
            backend.write(name, f"This is all that there is to say about {name}.")
        yield backend


@contextmanager
def _backend(name: str, folder: Path) -> Iterator[Backend]:
    if name == "website":
        with WebServer() as web:
            yield Website(web)
    elif name == "salesforce":
        with SalesforceServer() as salesforce:
            yield Salesforce(salesforce)
    elif name == "hubspot":
        with HubspotServer() as hubspot:
            yield Hubspot(hubspot)
    else:
        yield Export(folder)


def test_the_first_sync_finds_every_item_once_and_is_complete(backend: Backend) -> None:
    events = backend.sync()
    assert sorted(keys(events)) == sorted(keys(events, Found)) == sorted(backend.key(name) for name in NAMES)
    assert done(events).complete


def test_the_last_event_is_done_and_there_is_only_one(backend: Backend) -> None:
    events = backend.sync()
    assert [type(event).__name__ for event in events].count("Done") == 1
    assert done(events) is events[-1]


def test_a_second_sync_brings_nothing_new_and_forgets_nothing(backend: Backend) -> None:
    backend.sync()
    events = backend.sync()
    assert not keys(events, Found, Gone, Failed)
    assert len(backend.memory.known) == len(NAMES)


def test_a_changed_item_is_found_alone(backend: Backend) -> None:
    backend.sync()
    backend.write("bert", "Now there is something else to say.")
    assert keys(backend.sync(), Found) == [backend.key("bert")]


def test_an_item_that_comes_and_goes_is_known_and_forgotten(backend: Backend) -> None:
    backend.sync()
    backend.remove("cleo")
    backend.sync()
    assert backend.key("cleo") not in backend.memory.known
    assert len(backend.memory.known) == 2


def test_what_is_found_parses_to_its_text_the_same_way_every_time(backend: Backend) -> None:
    backend.sync()
    for name in NAMES:
        content = backend.memory.found[backend.key(name)].content
        first, second = (backend.kind.parse(content, Limits()) for _ in range(2))
        assert first == second
        assert any(f"say about {name}" in element.text for element in first.elements)


def test_a_source_that_is_off_raises_and_deletes_nothing(backend: Backend) -> None:
    backend.sync()
    expected = backend.switch_off()
    with pytest.raises(expected):
        backend.sync()
    assert len(backend.memory.known) == len(NAMES)


def test_a_sync_that_stops_half_way_is_taken_up_again(backend: Backend) -> None:
    events = backend.connector().events()
    backend.memory.take([next(events)])
    events.close()  # type: ignore[attr-defined]  # the connectors' iterators are generators
    assert len(backend.memory.known) == 1
    second = backend.sync()
    assert len(keys(second, Same)) == 1
    assert len(keys(second, Found)) == 2


def test_every_customer_record_belongs_to_its_customer(backend: Backend) -> None:
    backend.sync()
    for key, event in backend.memory.found.items():
        expected = key.rpartition("/")[2] if backend.kind is CrmConnector else None
        assert event.content.customer == expected


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[str, Memory, list[Event]]]:
    with serve_site(DEMO / "site", PLACEHOLDER) as site:
        memory = Memory()
        yield site.url, memory, memory.take(_demo_crawl(site.url, memory).events())


def _demo_crawl(url: str, memory: Memory) -> WebsiteConnector:
    source = Source.model_validate(YAML(typ="safe").load(DEMO / "source.yaml"))
    options = {**source.options, "start": f"{url}/", "allow_private": True, "delay": 0}
    return WebsiteConnector(Pull(source.model_copy(update={"options": options}), DEMO, None, memory.known, TODAY), quick()[0])


def test_the_demo_site_is_crawled_whole(demo: tuple[str, Memory, list[Event]]) -> None:
    _, memory, events = demo
    pages = {"/" + str(file.parent.relative_to(DEMO / "site")) for file in (DEMO / "site").rglob("index.html")}
    expected = {page.replace("/.", "/") for page in pages if not page.startswith(("/internal", "/cart"))}
    assert set(memory.known) == expected
    assert done(events).complete
    assert not failures(events)


def test_the_demo_site_has_text_dates_and_no_navigation(demo: tuple[str, Memory, list[Event]]) -> None:
    url, memory, _ = demo
    for key, event in memory.found.items():
        parsed = WebsiteConnector.parse(event.content, Limits())
        text = "\n".join(element.text for element in parsed.elements)
        assert len(parsed.elements) >= 5, key
        assert event.content.modified, key
        assert event.content.url == url + key
        assert parsed.front_matter == {"language": "de" if key.startswith("/de") else "en"}
        for around in (
            "We use cookies to make this website work",
            "Newsletter",
            "Only necessary",
            "Made with joy by the harbour",
            "Basket",
        ):
            assert around not in text, key


def test_the_demo_site_is_all_the_same_at_the_next_crawl(demo: tuple[str, Memory, list[Event]]) -> None:
    url, memory, _ = demo
    assert sorted(keys(_demo_crawl(url, memory).events(), Same)) == sorted(memory.known)
