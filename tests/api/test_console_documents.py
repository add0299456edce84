"""The page of a document, of what changed in it, and who may see them."""

from __future__ import annotations

import html
import re
from itertools import product

import pytest
from starlette.testclient import TestClient

from context_service.app import App
from context_service.console.document_pages import CLAIMS_PER_PAGE, CLAIMS_SHOWN
from context_service.ingest.progress import Silent
from tests.api.conftest import browser, served
from tests.api.console_client import log_in, text_of
from tests.companies import OPERATOR, OWNER


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
    assert re.search(r"<td>(?:<span[^>]*>)?seven(?:</span>)?</td>", page)
    assert "moss green" in owner.get("/console/document?ref=handbook:colours.csv").text


def anchors(page: str) -> set[str]:
    """What links within a page can lead to."""
    return set(re.findall(r'\sid="([^"]+)"', page))


def test_a_document_page_tells_what_its_sentences_claim_and_leads_to_each(owner: TestClient) -> None:
    page = owner.get("/console/document?ref=handbook:pricing.md").text
    told = text_of(page)
    assert "Claims 2" in told
    assert "The Plus plan costs EUR 9.99 per month. Plus plan costs per month amount of money 9.99 EUR says so plan: plus" in told
    assert len(re.findall(r'href="#(claim-\d+)"', page)) == 2
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors(page)


def test_a_cell_of_a_table_is_a_claim_about_its_row_and_column(owner: TestClient) -> None:
    page = owner.get("/console/document?ref=handbook:plans.csv").text
    assert "seven seven plus Lamps – says so" in text_of(page)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors(page)


def test_conditions_and_prohibitions_are_told_with_a_claim(own_app: App) -> None:
    text = "# Returns\n\nYou must not return a lamp if the seal is broken.\n\nA kettle can be returned except on public holidays.\n"
    (own_app.declarations.folders["handbook"] / "seals.md").write_text(text, "utf-8")
    own_app.ingest(["handbook"], "test", Silent())
    told = text_of(log_in(browser(served(own_app)), own_app.register(OWNER, "test")).get("/console/document?ref=handbook:seals.md").text)
    assert "forbids it condition: if the seal is broken" in told
    assert "allows it exception: except on public holidays" in told


def test_the_claims_of_a_long_document_have_pages_of_their_own(own_app: App) -> None:
    lines = [f"The {name}a lamp shines all night." for name in map("".join, product("bdfgk", "aeiou", "lmnrs"))][: CLAIMS_PER_PAGE + 1]
    (own_app.declarations.folders["handbook"] / "batches.md").write_text("# Batches\n\n" + "\n\n".join(lines) + "\n", "utf-8")
    own_app.ingest(["handbook"], "test", Silent())
    client = log_in(browser(served(own_app)), own_app.register(OWNER, "test"))
    page = client.get("/console/document?ref=handbook:batches.md").text
    assert page.count("says so") == CLAIMS_SHOWN
    (link,) = re.findall(r'href="([^"]+/claims[^"]+)"', page)
    first = client.get(html.unescape(link)).text
    assert first.count("says so") == CLAIMS_PER_PAGE
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    assert client.get(html.unescape(following)).text.count("says so") == 1
    (place, *_) = re.findall(r'href="/console/document\?ref=handbook%3Abatches.md#([^"]+)"', first)
    assert place in anchors(page)


def test_claims_are_told_to_those_alone_who_may_read_the_document(owner: TestClient, operator: TestClient) -> None:
    address = "/console/document/claims?ref=handbook:staff/goodwill.md"
    assert "15 EUR" in owner.get(address).text
    assert operator.get(address).status_code == 404
    assert owner.get("/console/document/claims?ref=nope:x").status_code == 404


def test_a_disputed_cell_leads_to_its_conflict(own_app: App) -> None:
    write_tables(own_app)
    client = log_in(browser(served(own_app)), own_app.register(OWNER, "test"))
    page = client.get("/console/document?ref=helpcenter:plan-lamps.csv").text
    (link,) = re.findall(r'<td>(?:<span[^>]*>)?<a class="disputed" href="([^"]+)"[^>]*>9 lamps</a>', page)
    conflict = client.get(link).text
    assert '<td class="passage"><mark>9</mark> lamps</td>' in conflict
    assert '<td class="passage"><mark>7</mark> lamps</td>' in conflict
    assert '<th scope="col">Allowance</th>' in conflict


def write_tables(app: App) -> None:
    """Two tables that disagree in one cell."""
    for source, number in (("handbook", 7), ("helpcenter", 9)):
        text = f"Plan,Allowance\nbasic plan,1 lamp\nplus plan,{number} lamps\n"
        (app.declarations.folders[source] / "plan-lamps.csv").write_text(text, "utf-8")
    assert app.ingest(["handbook", "helpcenter"], "test", Silent()).release


def test_owners_alone_see_who_opened_a_document(owner: TestClient, operator: TestClient) -> None:
    for _ in range(2):
        operator.get("/console/document?ref=handbook:pricing.md")
    told = text_of(owner.get("/console/document?ref=handbook:pricing.md").text)
    assert re.search(r"Opened by ada \d+ times?, last just now omar \d+ times, last just now Shown to its owners only", told)
    assert "Opened by" not in operator.get("/console/document?ref=handbook:pricing.md").text


CHANGES = "/console/document/changes?ref=handbook:returns.md"


@pytest.fixture
def changed(own_app: App) -> App:
    """The company after a paragraph of the return rules was changed, one was added, and the review confirmed."""
    path = own_app.declarations.folders["handbook"] / "returns.md"
    text = path.read_text("utf-8").replace("within 30 days", "within 28 days").replace("2026-09-01", "2026-10-01")
    path.write_text(text + "\nA parcel without a label is sent back.\n", "utf-8")
    assert own_app.ingest(["handbook"], "test", Silent()).release
    return own_app


def test_a_document_leads_to_what_changed_in_it(changed: App) -> None:
    client = log_in(browser(served(changed)), changed.register(OWNER, "test"))
    page = client.get("/console/document?ref=handbook:returns.md").text
    assert "Since release 2" in text_of(page)
    (link,) = re.findall(r'href="([^"]+/changes[^"]+)"', page)
    shown = client.get(html.unescape(link)).text
    assert "<del>30</del>" in shown
    assert "<ins>28</ins>" in shown
    assert "<ins>A parcel without a label is sent back.</ins>" in shown
    assert "Confirmed by its owner 1 Sep 2026 1 Oct 2026" in text_of(shown)
    assert re.search(r"\d paragraphs? unchanged", text_of(shown))


def test_a_state_that_a_document_never_had_is_a_friendly_page(changed: App) -> None:
    client = log_in(browser(served(changed)), changed.register(OWNER, "test"))
    assert "The text is the same" in client.get(f"{CHANGES}&old=1&new=1").text
    assert client.get(f"{CHANGES}&old=1&new=3").status_code == 404
    assert client.get(f"{CHANGES}&old=x&new=1").status_code == 422
    assert client.get("/console/document/changes?ref=nope:x&old=1&new=1").status_code == 404


def test_a_state_that_was_for_others_stays_with_them(own_app: App) -> None:
    path = own_app.declarations.folders["handbook"] / "plans.md"
    path.write_text("---\naccess: {classification: internal, audiences: [staff]}\n---\n# Plans\n\nWe plan to close the shop.\n", "utf-8")
    own_app.ingest(["handbook"], "test", Silent())
    path.write_text("# Plans\n\nThe shop stays open.\n", "utf-8")
    (widened,) = own_app.ingest(["handbook"], "test", Silent()).held
    own_app.control.gates.approve(OPERATOR, widened.id, own_app.control.gates.check(OPERATOR, widened.id).digest, "It is decided.")
    own_app.releases.publish(OPERATOR, widened.id)
    owner, operator = (log_in(browser(served(own_app)), own_app.register(one, "test")) for one in (OWNER, OPERATOR))
    address = "/console/document/changes?ref=handbook:plans.md&old=2&new=3"
    assert "close the shop" in text_of(owner.get(address).text)
    assert operator.get("/console/document?ref=handbook:plans.md").status_code == 200
    assert "what changed" not in operator.get("/console/document?ref=handbook:plans.md").text
    assert operator.get(address).status_code == 404


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
