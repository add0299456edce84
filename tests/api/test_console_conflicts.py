"""The list of conflicts, and the page of one."""

from __future__ import annotations

import html
import re

import pytest
from starlette.testclient import TestClient

from context_service.app import App
from context_service.console.conflict_pages import CONFLICTS_SHOWN
from context_service.ingest.progress import Silent
from context_service.model.context import ContextRequest
from tests.api.conftest import browser, served
from tests.api.console_client import conflict_link, log_in, text_of
from tests.companies import OPERATOR, OWNER


def test_the_list_counts_conflicts_and_puts_those_that_wait_first(owner: TestClient) -> None:
    told = text_of(owner.get("/console/conflicts").text)
    assert "All 3 Open 1 Reopened 0 Decided by rule 2 Ruled 0 Not a conflict 0 Closed 0" in told
    assert "3 conflicts; what waits for an owner comes first" in told
    assert told.index("Delivery estimates / Delivery Open") < told.index("Decided by rule", told.index("3 conflicts"))
    assert "depends on region" in told


def test_the_list_tells_week_by_week_what_was_found_and_settled(owner: TestClient) -> None:
    told = text_of(owner.get("/console/conflicts").text)
    (row,) = re.findall(r"Ruled or closed (\d+ \w+ \d{4}) (\d+) (\d+)", told)
    assert row[1:] == ("3", "0")


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ("state=waits", {"Delivery estimates / Delivery"}),
        ("state=open", {"Delivery estimates / Delivery"}),
        ("state=resolved_by_rule", {"Returns in the European Union / Returns", "Prices / Questions we hear often"}),
        ("state=closed", set()),
        ("mine=true", {"Returns in the European Union / Returns", "Prices / Questions we hear often"}),
        ("mine=true&source=helpcenter", {"Prices / Questions we hear often"}),
        ("kind=polarity", set()),
        ("kind=value&severity=0.45", {"Returns in the European Union / Returns"}),
        ("state=&source=handbook&kind=&severity=0", {"Returns in the European Union / Returns", "Prices / Questions we hear often"}),
    ],
)  # fmt: skip
def test_the_list_can_be_narrowed(owner: TestClient, filters: str, titles: set[str]) -> None:
    page = owner.get(f"/console/conflicts?{filters}").text
    assert {text_of(found).strip() for found in re.findall(r"<h3>(.*?)</h3>", page)} == titles
    assert f"{len(titles)} conflict" in text_of(page)


@pytest.mark.parametrize("filters", ["state=nope", "kind=nope", "severity=2", "page=0"])
def test_a_filter_that_is_none_is_a_friendly_error(owner: TestClient, filters: str) -> None:
    reply = owner.get(f"/console/conflicts?{filters}")
    assert reply.status_code == 422
    assert "follow its links" in reply.text


def test_a_long_list_of_conflicts_comes_in_pages_that_keep_the_filters(own_app: App) -> None:
    folder = own_app.declarations.folders["handbook"]
    for number in range(CONFLICTS_SHOWN + 1):
        lamp = f"lamp{chr(97 + number)}x"
        for copy, days in (("a", 3), ("b", 5)):
            (folder / f"{lamp}-{copy}.md").write_text(f"# The {lamp} {copy}\n\nThe {lamp} lasts {days} years in the garden.\n", "utf-8")
    own_app.ingest(["handbook"], "test", Silent())
    client = log_in(browser(served(own_app)), own_app.register(OWNER, "test"))
    first = client.get("/console/conflicts?state=waits&mine=true").text
    assert first.count("<h3>") == CONFLICTS_SHOWN
    (link,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = client.get("/console/conflicts" + html.unescape(link)).text
    assert "Page 2 of" in second
    assert 0 < second.count("<h3>") <= CONFLICTS_SHOWN
    assert 'value="waits" selected' in second


def test_a_source_narrows_what_is_shown(owner: TestClient) -> None:
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
    assert "At the source 1 Mar 2026 the source does not say by whom As it stands since release 1" in told
    assert re.search(r"Severity .* Distance 0\.\d+ .* counts 35%", told)
    assert re.search(r"History Found \d+ \w+ \d{4}", told)
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


HOSTILE = "<img src=x onerror=alert(1)>"


def write_delivery(app: App, words: str, *, around: str = "") -> None:
    """Let the conflict about delivery stand in plain text that says `words` more."""
    for name, days in (("delivery", 2), ("delivery-estimates", 4)):
        path = app.declarations.folders["helpcenter"] / f"{name}.md"
        path.unlink()
        text = f"Delivery\n\n{around}Standard delivery to Germany{words} takes {days} working days. {around}\n"
        path.with_suffix(".txt").write_text(text, "utf-8")
    assert app.ingest(["helpcenter"], "test", Silent()).release


@pytest.mark.parametrize("words", [f" {HOSTILE}", " {{ 7 * 7 }}", " &lt;b&gt;", ' " onfocus="x'])
def test_disputed_words_that_look_like_markup_stay_words_on_every_page(own_app: App, words: str) -> None:
    write_delivery(own_app, words)
    client = log_in(browser(served(own_app)), own_app.register(OPERATOR, "test"))
    conflict = conflict_link(client, "Standard delivery")
    for address in ("/console/conflicts", conflict, f"{conflict}/rule", "/console/document?ref=helpcenter:delivery.txt"):
        page = client.get(address).text
        assert HOSTILE not in page, address
        assert 'onfocus="x' not in page, address
        assert words.strip() in html.unescape(re.sub(r"</?(?:mark|span|a)[^>]*>", "", page)), address


def test_a_side_in_a_very_long_text_is_shown_in_its_surroundings_only(own_app: App) -> None:
    write_delivery(own_app, "", around="We pack every lamp and every kettle by hand in the old mill by the river. " * 700)
    client = log_in(browser(served(own_app)), own_app.register(OPERATOR, "test"))
    page = client.get(conflict_link(client, "Standard delivery"))
    assert "…" in page.text
    assert len(page.content) < 40_000
    assert len(client.get("/console/conflicts").content) < 60_000


def test_words_that_run_from_right_to_left_keep_their_direction(own_app: App) -> None:
    write_delivery(own_app, " (משלוח רגיל)", around="המשלוח יוצא מהמחסן. ")
    client = log_in(browser(served(own_app)), own_app.register(OPERATOR, "test"))
    page = client.get(conflict_link(client, "Standard delivery")).text
    assert re.search(r'<blockquote[^>]* dir="auto">[^<]*המשלוח יוצא מהמחסן\.', page)
    assert "משלוח רגיל" in text_of(page)


def test_a_side_tells_what_stands_for_it_where_it_comes_from_and_what_last_changed(own_app: App) -> None:
    own_app.answer(ContextRequest(query="What does the Plus plan cost per month?", workflow="refund"), OWNER)
    front = "---\nreviewed: 2026-09-01\nsupersedes: [old-prices.md]\n---\n"
    path = own_app.declarations.folders["handbook"] / "pricing.md"
    path.write_text(front + path.read_text("utf-8"), "utf-8")
    assert own_app.ingest(["handbook"], "test", Silent()).release
    client = log_in(browser(served(own_app)), own_app.register(OWNER, "test"))
    page = client.get(conflict_link(client, "7.99")).text
    told = text_of(page)
    assert (
        "Status Current, fresh Owner policy-team confirmed it 1 Sep 2026 Holds for everyone, always Replaces handbook:old-prices.md" in told
    )
    assert "support-team has not confirmed it" in told
    assert re.search(r"As it stands since release 2 \d+ \w+ \d{4}, \d\d:\d\d UTC What changed on side A", told)
    assert re.search(r"As it stands since release 1 \d+ \w+ \d{4}, \d\d:\d\d UTC Answers", told), "side B never changed"
    assert "Answers that told it 1 Returns and refunds 1" in told
    revision = own_app.records.revision_of("handbook", "pricing.md", 2)
    assert revision
    assert f"Version of the text {revision.version} Place characters " in told
    assert f"Sync run {revision.run} Parsed by {revision.parser} {revision.parser_version}" in told
    (changes,) = re.findall(r'href="([^"]+/changes[^"]+)"', page)
    assert "Confirmed by its owner – 1 Sep 2026" in text_of(client.get(html.unescape(changes)).text)
    assert "Customer handbook" in told


def test_a_closed_conflict_is_shown_as_it_was_though_a_side_is_gone(own_app: App, owner: TestClient) -> None:
    address = conflict_link(owner, "7.99")
    (own_app.declarations.folders["handbook"] / "pricing.md").unlink()
    assert own_app.ingest(["handbook"], "test", Silent()).release
    client = log_in(browser(served(own_app)), own_app.register(OWNER, "test"))
    page = client.get(address)
    assert page.status_code == 200
    assert "As it stands since release 1" in text_of(page.text)
