"""What the console shows, to whom, and that content stays content."""

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
from tests.api.test_console_sessions import log_in, token_of
from tests.companies import MARKUP, OWNER, open_test_app, small_company

SECRET = "postgresql://admin:hunter2@db.internal"


@pytest.fixture
def owner(api: FastAPI, keys: dict[str, str]) -> TestClient:
    return log_in(browser(api), keys["owner"])


@pytest.fixture
def operator(api: FastAPI, keys: dict[str, str]) -> TestClient:
    return log_in(browser(api), keys["operator"])


def text_of(page: str) -> str:
    """The words of a page, without its markup."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def conflict_link(client: TestClient, words: str) -> str:
    """The address of the conflict whose entry in the list holds `words`."""
    entries = client.get("/console/conflicts").text.split('<li class="card">')[1:]
    (entry,) = [entry for entry in entries if words in text_of(entry)]
    found = re.search(r'href="(/console/conflicts/\w+)"', entry)
    assert found
    return found[1]


def ask(client: TestClient, **fields: str) -> tuple[int, str]:
    """The status and the words of the page that answers a question."""
    token = token_of(client.get("/console/ask").text)
    reply = client.post("/console/ask", data={"csrf": token, "workflow": "refund", "channel": "chat", **fields})
    return reply.status_code, text_of(reply.text)


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
    assert "Checked every 6 hours. Unchecked for 14 days its text counts as stale" in told
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


def test_a_document_page_tells_rules_lineage_history_and_conflicts(owner: TestClient) -> None:
    told = text_of(owner.get("/console/document?ref=handbook:regions/eu-returns.md").text)
    assert "Holds for region EU" in told
    assert "1 conflict here" in told
    assert "Since release 1" in told
    assert "unstructured.md" in told
    assert "characters" in told


def test_a_table_is_shown_as_one_and_a_table_of_one_column_as_text(owner: TestClient) -> None:
    page = owner.get("/console/document?ref=handbook:plans.csv").text
    assert '<th scope="col">Lamps</th>' in page
    assert "<td>seven</td>" in page
    assert "moss green" in owner.get("/console/document?ref=handbook:colours.csv").text


def test_a_disputed_sentence_leads_to_its_conflict(owner: TestClient) -> None:
    page = owner.get("/console/document?ref=helpcenter:faq.md").text
    (link,) = re.findall(r'<a class="disputed" href="([^"]+)"[^>]*>The Plus plan costs EUR 7.99', page)
    assert owner.get(link).status_code == 200


@pytest.mark.parametrize("ref", ["handbook:nope.md", "nope:returns.md", "handbook", ":", "", "handbook:\x00", "handbook:../returns.md"])
def test_a_document_that_does_not_exist_is_a_friendly_page(owner: TestClient, ref: str) -> None:
    reply = owner.get("/console/document", params={"ref": ref})
    assert reply.status_code == 404
    assert "To the overview" in reply.text


def test_a_document_for_others_looks_as_if_it_did_not_exist(operator: TestClient, owner: TestClient) -> None:
    assert operator.get("/console/document?ref=handbook:staff/goodwill.md").status_code == 404
    assert owner.get("/console/document?ref=handbook:staff/goodwill.md").status_code == 200
    assert owner.get("/console/document?ref=crm:Account/C-1").status_code == 404


def test_content_is_shown_as_words_and_never_as_markup(owner: TestClient) -> None:
    for path in ("/console/sources/handbook", "/console/document?ref=handbook:markup.md"):
        page = owner.get(path).text
        assert MARKUP in html.unescape(page), path
        assert "<script" not in page, path
    page = owner.post(
        "/console/ask",
        data={"csrf": token_of(owner.get("/console/ask").text), "workflow": "refund", "query": f"Which signs may a label hold? {MARKUP}"},
    ).text
    assert "<script" not in page
    assert page.count(html.escape(MARKUP, quote=False).replace("'", "&#39;")) >= 2


def test_the_list_counts_conflicts_and_puts_the_open_ones_first(owner: TestClient) -> None:
    told = text_of(owner.get("/console/conflicts").text)
    assert re.search(r"\d+ conflicts: 1 open, 1 depending on the customer, 1 decided by rule", told)
    assert told.index("Open 1") < told.index("Depends on the customer 1") < told.index("Decided by rule 1")
    assert "depends on region" in told


def test_the_list_can_be_narrowed_to_a_source(owner: TestClient) -> None:
    told = text_of(owner.get("/console/conflicts?source=handbook").text)
    assert "within 30 days" in told
    assert "working days" not in told
    assert "No two texts disagree here" in owner.get("/console/conflicts?source=nope").text


def test_a_decided_conflict_shows_both_sides_what_differs_and_which_rule_decided(owner: TestClient) -> None:
    page = owner.get(conflict_link(owner, "7.99")).text
    told = text_of(page)
    assert "<mark>9.99</mark>" in page
    assert "<mark>7.99</mark>" in page
    assert "You can pay by card" in told
    assert "Agents are told Prices . What decided: authority of the source." in told
    assert re.search(r"The text for the narrower group did not decide .* Authority of the source decided policy \(80\) outranks", told)
    assert "Changed at the source 1 Mar 2026" in told
    assert told.index(" told ") < told.index("not told")


def test_an_open_conflict_says_that_nobody_decided_and_what_an_owner_can_do(owner: TestClient) -> None:
    told = text_of(owner.get(conflict_link(owner, "Standard delivery")).text)
    assert "Nobody has decided" in told
    assert "What an owner can do" in told
    assert told.count("undecided") == 2


def test_a_conflict_that_depends_on_the_customer_names_the_attribute(owner: TestClient) -> None:
    told = text_of(owner.get(conflict_link(owner, "within 45 days")).text)
    assert "It depends on the customer’s region" in told
    assert "What an owner can do" not in told


def test_a_conflict_that_does_not_exist_is_a_friendly_page(owner: TestClient) -> None:
    assert owner.get("/console/conflicts/none").status_code == 404


def test_asking_for_a_known_customer_shows_the_answer_and_why(owner: TestClient) -> None:
    status, told = ask(owner, query="Within how many days can I return my kettle for a refund?", customer="C-1")
    assert status == 200
    assert "Answer An agent can answer from the texts below." in told
    assert "region DE" in told
    assert "within 45 days of delivery" in told
    assert "is told, not" in told
    assert "Customer handbook · policy" in told
    assert "holds for region EU" in told


def test_asking_without_the_region_says_what_to_ask_for(owner: TestClient) -> None:
    status, told = ask(owner, query="Within how many days can I return my kettle for a refund?")
    assert status == 200
    assert "Ask the customer for: region" in told


def test_asking_about_what_nobody_decided_shows_both_sides(owner: TestClient) -> None:
    _, told = ask(owner, query="How many working days does standard delivery to Germany take?", customer="C-1")
    assert "Sources disagree" in told
    assert "nobody has decided" in told
    assert "2 working days" in told
    assert "4 working days" in told


def test_asking_what_nobody_answers_says_so(owner: TestClient) -> None:
    _, told = ask(owner, query="zebra xylophone quartz")
    assert "Not enough to answer" in told


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"query": ""}, "query", "Fill this in."),
        ({"query": "a" * 4_001}, "query", "at most 4,000 characters"),
        ({"query": "x", "customer": "C-2"}, "customer", "customer"),
        ({"query": "x", "customer": "c" * 129}, "customer", "at most 128 characters"),
        ({"query": "x", "effective_on": "soon"}, "effective_on", "Choose a day"),
        ({"query": "x", "workflow": "nope"}, "workflow", "No workflow"),
        ({"query": "x", "workflow": "delivery", "channel": "voice"}, "channel", "channel"),
    ],
)
def test_a_question_that_cannot_be_asked_comes_back_with_the_fault_at_its_field(
    owner: TestClient, fields: dict[str, str], field: str, message: str
) -> None:
    token = token_of(owner.get("/console/ask").text)
    reply = owner.post("/console/ask", data={"csrf": token, "workflow": "refund", "channel": "chat", **fields})
    assert 400 <= reply.status_code < 500
    found = re.search(rf'<p class="fault" id="{field}-fault" role="alert">(.*?)</p>', reply.text)
    assert found
    assert message in html.unescape(found[1])
    assert f'aria-describedby="{field}-fault' in reply.text
    assert html.escape(fields["query"]) in reply.text


def test_one_asks_with_ones_own_grant(operator: TestClient) -> None:
    status, told = ask(operator, query="Can I return it?", customer="C-1")
    assert status == 422
    assert "customer" in told


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
        assert "<script" not in page, address
        assert "<style" not in page, address
        assert not re.search(r"\s(?:style|on\w+)=\"", page), address
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
