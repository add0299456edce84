"""The console's overview and sources, its errors, and what holds for every page."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from context_service.app import App
from context_service.console.source_pages import DOCUMENTS_SHOWN
from context_service.errors import StoreError
from context_service.ingest.progress import Silent
from context_service.model.access import Principal
from context_service.retrieval.browse import Browse, SourceView
from tests.api.conftest import browser, served
from tests.api.console_client import ask, conflict_link, log_in, text_of, token_of
from tests.companies import MARKUP, OWNER, open_test_app, small_company

SECRET = "postgresql://admin:hunter2@db.internal"


def test_the_overview_shows_ones_own_sources_first(owner: TestClient) -> None:
    told = text_of(owner.get("/console/").text)
    assert told.index("Your sources") < told.index("Customer handbook") < told.index("Other sources") < told.index("Help center")


def test_the_overview_tells_release_freshness_counts_and_what_failed(owner: TestClient) -> None:
    told = text_of(owner.get("/console/").text)
    assert "Release 1 published just now" in told or re.search(r"Release 1 published \d+ minutes? ago", told)
    assert "Fresh" in told
    assert "7 new" in told
    assert "1 item could not be read cracked.docx : it is called .docx and is really text" in told
    assert "Open conflicts 1" in told


def test_what_failed_at_a_source_is_told_to_those_who_answer_for_it(owner: TestClient, api: FastAPI, keys: dict[str, str]) -> None:
    assert "broken.docx" not in owner.get("/console/").text
    assert "broken.docx" in log_in(browser(api), keys["operator"]).get("/console/").text


def test_those_who_answer_for_a_source_are_told_how_much_it_holds_though_they_may_not_read_it(app: App) -> None:
    held = {revision.key for revision in app.records.revisions_in(app.records.head(), "crm")}
    crm_team = OWNER.model_copy(update={"teams": frozenset({"crm-team"})})
    counted = {view.id: view.documents for view in app.browse.sources(crm_team)}
    assert counted["crm"] == len(held) > 0
    assert app.browse.documents(crm_team, "crm") == []


def test_whoever_may_see_nothing_is_told_what_to_do(api: FastAPI, keys: dict[str, str]) -> None:
    client = log_in(browser(api), keys["stranger"])
    assert "Ask your operator to widen your grant" in text_of(client.get("/console/").text)
    assert "Your grant covers no workflow" in text_of(client.get("/console/ask").text)
    assert client.get("/console/sources/handbook").status_code == 404


def test_a_source_page_tells_of_its_documents_runs_and_promise(owner: TestClient) -> None:
    told = text_of(owner.get("/console/sources/handbook").text)
    assert "7 documents that you may read" in told
    assert "Returns returns.md Current policy always public, for customer-agents 1 Sep 2026" in told
    assert "Checked every 6 hours; due after 2 days, stale after 14 days (marked), expired after 60 days (marked)" in told
    assert "Succeeded" in told


def test_a_source_page_counts_only_what_its_reader_may_read(operator: TestClient) -> None:
    told = text_of(operator.get("/console/sources/handbook").text)
    assert "6 documents that you may read" in told
    assert "goodwill" not in told.lower()


@pytest.mark.parametrize("page", ["0", "-1", "x", "9999999999"])
def test_a_page_number_that_is_none_is_a_friendly_error(owner: TestClient, page: str) -> None:
    reply = owner.get(f"/console/sources/handbook?page={page}")
    assert reply.status_code == 422
    assert "follow its links" in reply.text


def test_a_page_number_past_the_end_shows_the_last_page(owner: TestClient) -> None:
    assert "7 documents" in owner.get("/console/sources/handbook?page=999").text


def test_a_long_list_of_documents_comes_in_pages(own_app: App) -> None:
    folder = own_app.declarations.folders["handbook"]
    for number in range(DOCUMENTS_SHOWN):
        (folder / f"note-{number:03}.md").write_text(f"# Note {number}\n\nThe lamp of batch {number} is blue.\n", "utf-8")
    own_app.ingest(["handbook"], "test", Silent())
    client = log_in(browser(served(own_app)), own_app.register(OWNER, "test"))
    first, second = (client.get(f"/console/sources/handbook?page={number}").text for number in (1, 2))
    assert first.count('<th scope="row"><a') == DOCUMENTS_SHOWN
    assert second.count('<th scope="row"><a') == 7
    assert "Page 1 of 2" in first
    assert 'rel="next" href="?page=2"' in first
    assert 'rel="prev" href="?page=1"' in second


def test_a_source_page_counts_its_conflicts_and_leads_to_them(owner: TestClient) -> None:
    page = owner.get("/console/sources/helpcenter").text
    assert "Conflicts 1 open 1 decided by rule" in text_of(page)
    (link,) = re.findall(r'href="([^"]+state=open)"', page)
    assert owner.get(html.unescape(link)).text.count("<h3>") == 1


def test_content_is_shown_as_words_and_never_as_markup(owner: TestClient) -> None:
    for path in ("/console/sources/handbook", "/console/document?ref=handbook:markup.md"):
        page = owner.get(path).text
        assert MARKUP in html.unescape(page), path
        assert MARKUP not in page, path
    page = owner.post(
        "/console/ask",
        data={"csrf": token_of(owner.get("/console/ask").text), "workflow": "refund", "query": f"Which signs may a label hold? {MARKUP}"},
    ).text
    assert MARKUP not in page
    assert page.count(html.escape(MARKUP, quote=False).replace("'", "&#39;")) >= 2


def test_before_the_first_release_every_page_says_so_or_is_empty(tmp_path: Path) -> None:
    small_company(tmp_path)
    with open_test_app(tmp_path) as app:
        client = log_in(browser(served(app)), app.register(OWNER, "test"))
        assert "nothing has been published yet" in text_of(client.get("/console/").text)
        assert "No two texts disagree here" in client.get("/console/conflicts").text
        assert "This source has not been checked yet" in client.get("/console/sources/crm").text
        status, told = ask(client, query="Can I return it?")
        assert status == 503
        assert "published" in told


class Failing(Browse):
    """Reads that end in an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def sources(self, principal: Principal) -> list[SourceView]:
        raise self._error


@pytest.mark.parametrize("error", [RuntimeError(SECRET), StoreError(SECRET, remedy=SECRET)])
def test_a_page_that_cannot_be_made_is_an_incident_that_leaks_nothing(app: App, keys: dict[str, str], error: Exception) -> None:
    client = log_in(browser(served(replace(app, browse=Failing(error)))), keys["owner"])
    with capture_logs() as logs:
        reply = client.get("/console/")
    assert reply.status_code == 500
    assert "hunter2" not in reply.text
    (cause,) = [entry for entry in logs if "incident" in entry]
    assert cause["incident"] in reply.text
    assert SECRET in str(cause)


def test_a_path_that_does_not_exist_is_a_friendly_page(client: TestClient, owner: TestClient) -> None:
    for visitor in (client, owner):
        reply = visitor.get("/console/nope")
        assert reply.status_code == 404
        assert "There is nothing here" in reply.text
    assert "Log out" in reply.text


def test_the_root_leads_to_the_console(client: TestClient) -> None:
    for path in ("/", "/console"):
        assert client.get(path).headers["location"] == "/console/"


def every_page(client: TestClient) -> dict[str, str]:
    """The pages by their address."""
    addresses = [
        "/console/",
        "/console/sources/handbook",
        "/console/sources/helpcenter",
        "/console/document?ref=handbook:returns.md",
        "/console/conflicts",
        conflict_link(client, "7.99"),
        conflict_link(client, "7.99") + "/rule",
        "/console/document/changes?ref=handbook:returns.md&old=1&new=1",
        "/console/ask",
        "/console/nope",
    ]
    return {address: client.get(address).text for address in addresses}


def test_every_page_has_one_main_heading_a_title_and_a_way_past_the_menu(owner: TestClient) -> None:
    for address, page in every_page(owner).items():
        assert len(re.findall(r"<h1[ >]", page)) == 1, address
        assert re.search(r"<title>[^<]+ · Brightwater</title>", page), address
        assert page.index('href="#main"') < page.index("<nav") if "<nav" in page else True, address
        assert '<main id="main"' in page, address
        assert '<html lang="en">' in page, address


def test_every_page_passes_a_strict_content_policy(owner: TestClient) -> None:
    for address, page in every_page(owner).items():
        assert re.findall(r"<script.*?</script>", page, re.DOTALL) == ['<script src="/console/static/htmx.min.js" defer></script>'], address
        assert "<style" not in page, address
        assert not re.search(r"\s(?:style|on\w+|hx-on[\w:-]*)=\"", page), address
        assert "http://" not in page.replace("http://testserver", ""), address


def test_every_input_has_a_label_and_every_id_is_its_own(owner: TestClient) -> None:
    for address, page in every_page(owner).items():
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), address
        for name in re.findall(r'<(?:input|select|textarea)(?![^>]*type="hidden")[^>]*\sid="([^"]+)"', page):
            assert f'<label for="{name}">' in page, (address, name)
        for named in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', page):
            assert set(named.split()) <= set(ids), (address, named)


def test_every_link_of_the_console_leads_somewhere(owner: TestClient) -> None:
    for address, page in every_page(owner).items():
        for link in set(re.findall(r'href="(/[^"#]*)', page)):
            assert owner.get(html.unescape(link)).status_code == 200, (address, link)
