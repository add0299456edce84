"""The console in a real browser: by keyboard alone, on a phone, in both colour schemes, without a complaint."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.browser.conftest import Site, Visit
from tests.companies import MARKUP

pytestmark = pytest.mark.browser

CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")
MOST_TABS = 80
CHANGED = re.compile("answers? would change")


def overview(visit: Visit) -> None:
    visit.go("/console/")


def source(visit: Visit) -> None:
    visit.go("/console/sources/helpcenter")


def document(visit: Visit) -> None:
    visit.go("/console/document?ref=handbook:returns.md")


def claims(visit: Visit) -> None:
    visit.go("/console/document?ref=handbook:plans.csv").get_by_text("What its sentences, lists").click()
    visit.page.get_by_role("cell", name="Lamps").first.wait_for()


def claims_alone(visit: Visit) -> None:
    visit.go("/console/document/claims?ref=handbook:plans.csv")


def conflicts(visit: Visit) -> None:
    visit.go("/console/conflicts")


def decided(visit: Visit) -> None:
    visit.go("/console/conflicts").get_by_role("link", name="Prices").click()
    visit.page.get_by_role("heading", name="Why this side").wait_for()


def undecided(visit: Visit) -> None:
    visit.go("/console/conflicts").get_by_role("link", name="Delivery").click()
    visit.page.get_by_role("heading", name="What was tried").wait_for()


def rule_form(visit: Visit) -> None:
    undecided(visit)
    visit.page.get_by_role("link", name="Rule on it").click()
    visit.page.get_by_role("heading", name="Rule on this conflict").wait_for()


def conditions(visit: Visit) -> None:
    rule_form(visit)
    visit.page.get_by_label("Both hold").check()
    visit.page.get_by_text("Only for some requests").click()
    assert visit.page.get_by_role("checkbox", name="EU").count() == 3
    assert visit.page.get_by_role("textbox", name="segments").count() == 3


def unreasoned(visit: Visit) -> None:
    rule_form(visit)
    visit.page.get_by_label("Not a conflict").check()
    visit.page.get_by_label("Why?").fill(" ")
    visit.page.get_by_role("button", name="See what would change").click()
    visit.page.get_by_role("alert").first.wait_for()


def preview(visit: Visit) -> None:
    answer(visit, "How many working days does standard delivery to Germany take?")
    rule_form(visit)
    visit.page.get_by_label("One side wins").check()
    visit.page.get_by_role("radio", name="A ·").check()
    visit.page.get_by_label("Why?").fill("The carrier's contract says so.")
    visit.page.get_by_role("button", name="See what would change").click()
    visit.page.get_by_role("heading", name=CHANGED).wait_for()


def changes(visit: Visit) -> None:
    visit.go("/console/document?ref=handbook:pricing.md").get_by_role("link", name="what changed").click()
    visit.page.get_by_text("and shipping").wait_for()


def question(visit: Visit) -> None:
    visit.go("/console/ask")


def answer(visit: Visit, query: str = "Within how many days can I return my kettle for a refund?") -> None:
    page = visit.go("/console/ask")
    page.get_by_label("Question").fill(query)
    page.get_by_label("Workflow").select_option("refund")
    page.get_by_label("Id").fill("C-1")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("heading", name="What an agent is told").wait_for()


def fault(visit: Visit) -> None:
    page = visit.go("/console/ask")
    page.get_by_label("Question").fill("x")
    page.get_by_label("Id").fill("C-404")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("alert").wait_for()


def missing(visit: Visit) -> None:
    visit.go("/console/nope", 404)


def freshness(visit: Visit) -> None:
    visit.go("/console/freshness").get_by_role("heading", name="What was told").wait_for()


def verify(visit: Visit) -> None:
    visit.go("/console/document?ref=handbook:returns.md").get_by_role("link", name="verify it").click()
    visit.page.get_by_role("heading", name="Verify this document").wait_for()


def unverified(visit: Visit) -> None:
    verify(visit)
    visit.page.get_by_label("For how many days?").fill("")
    visit.page.locator("form.card").evaluate("form => form.noValidate = true")
    visit.page.get_by_role("button", name="Verify").click()
    visit.page.get_by_role("alert").wait_for()


def login(visit: Visit) -> None:
    visit.go("/console/").get_by_role("button", name="Log out").click()
    visit.page.get_by_role("heading", name="Log in").wait_for()


PAGES: list[Callable[[Visit], None]] = [
    overview, source, document, claims, claims_alone, changes, conflicts, decided, undecided, rule_form, conditions, unreasoned, preview,
    question, answer, fault, freshness, verify, unverified, missing, login,
]  # fmt: skip
REFUSED = {fault, missing, unreasoned, unverified}
"""Pages that come with a status of 400 and more, which Chromium notes in its console."""


def focused(page: Page) -> str:
    """The words of what has the focus: its text or its label."""
    return str(
        page.evaluate(
            "() => { const at = document.activeElement; return (at.labels?.[0]?.innerText || at.innerText || at.value || '').trim() }"
        )
    )


def tab_to(page: Page, words: str) -> None:
    """Press Tab until what has the focus begins with `words`; each stop on the way has to show that it has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            "() => document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle === 'none'"
        )
        assert not hidden, f"the focus on {focused(page)!r} cannot be seen"
        if focused(page).startswith(words):
            return
    raise AssertionError(f"no way by keyboard to {words!r}")


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def test_a_keyboard_is_enough_to_go_through_the_console(visit: Visit) -> None:
    page = visit.go("/console/")
    tab_to(page, "Skip to the content")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    tab_to(page, "Customer handbook")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sources/handbook")
    tab_to(page, "Returns in the European Union")
    page.keyboard.press("Enter")
    page.wait_for_url("**/document**")
    assert heading(page) == "Returns in the European Union"
    tab_to(page, "Customers in the European Union can return")
    page.keyboard.press("Enter")
    page.wait_for_url("**/conflicts/*")
    tab_to(page, "Ask")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ask")
    tab_to(page, "Question")
    page.keyboard.type("What does the Plus plan cost per month?")
    tab_to(page, "Workflow")
    page.keyboard.type("Returns")
    tab_to(page, "Ask")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What an agent is told").wait_for()
    assert "9.99" in page.locator("#reply").inner_text()
    tab_to(page, "Log out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")
    assert focused(page) == "Your key"
    page.keyboard.type(visit.site.key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/")
    assert visit.complaints == []


@pytest.mark.parametrize("open_page", PAGES, ids=lambda page: page.__name__)
def test_a_page_gives_the_browser_nothing_to_complain_of(visit: Visit, open_page: Callable[[Visit], None]) -> None:
    open_page(visit)
    expected = [complaint for complaint in visit.complaints if re.search(r"status of 4\d\d", complaint)]
    assert len(expected) == (open_page in REFUSED)
    assert visit.complaints == expected
    assert visit.asked_elsewhere == []


@pytest.mark.parametrize("open_page", PAGES, ids=lambda page: page.__name__)
def test_a_phone_shows_a_page_without_scrolling_sideways(visit: Visit, open_page: Callable[[Visit], None]) -> None:
    open_page(visit)
    for width in (390, 320):
        visit.page.set_viewport_size({"width": width, "height": 844})
        assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("open_page", PAGES, ids=lambda page: page.__name__)
def test_every_text_stands_out_from_its_ground_in_light_and_dark(visit: Visit, open_page: Callable[[Visit], None]) -> None:
    open_page(visit)
    visit.page.wait_for_load_state()
    grounds = set()
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        measured = visit.page.evaluate(CONTRAST)
        assert len(measured) > 5
        assert [one for one in measured if one["ratio"] < one["needed"]] == [], scheme
        grounds.add(visit.page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_the_list_narrows_in_place_and_keeps_the_focus_and_the_way_back(visit: Visit) -> None:
    page = visit.go("/console/conflicts")
    found = page.get_by_role("status")
    expect(found).to_contain_text("3 conflicts;")
    page.get_by_label("State", exact=True).focus()
    page.keyboard.type("Open")
    expect(found).to_contain_text("1 conflict;")
    assert "state=open" in page.url
    assert focused(page).startswith("State")
    page.get_by_label("Kind", exact=True).select_option("polarity")
    expect(found).to_contain_text("0 conflicts")
    expect(page.get_by_role("link", name="Open 0")).to_be_visible()
    page.go_back()
    expect(found).to_contain_text("1 conflict;")
    assert visit.complaints == []


def test_a_claim_leads_to_its_words(visit: Visit) -> None:
    claims_alone(visit)
    visit.page.get_by_role("link", name="seven").click()
    visit.page.wait_for_url("**#claim-*")
    told = visit.page.locator(":target")
    assert told.inner_text() == "seven"
    expect(told).to_be_in_viewport()


def test_without_a_script_the_console_works_the_same(chromium: Browser, site: Site, logged_in: StorageState) -> None:
    context = chromium.new_context(storage_state=logged_in, java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url + "/console/conflicts")
    page.get_by_label("State", exact=True).select_option("open")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("status")).to_contain_text("1 conflict;")
    page.get_by_role("link", name="Delivery").click()
    page.get_by_role("link", name="Rule on it").click()
    page.get_by_label("Not a conflict").check()
    page.get_by_label("Why?").fill("Both are estimates.")
    page.get_by_role("button", name="See what would change").click()
    page.get_by_role("button", name="Answer past questions anew").click()
    expect(page.get_by_role("heading", name=CHANGED)).to_be_visible()
    expect(page.get_by_role("button", name="Rule", exact=True)).to_be_visible()
    context.close()


def test_markup_in_content_is_not_run(visit: Visit) -> None:
    visit.page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
    page = visit.go("/console/document?ref=handbook:markup.md")
    assert MARKUP in heading(page)
    assert visit.complaints == []


def test_the_documentation_works_with_this_service_alone(visit: Visit) -> None:
    page = visit.go("/docs")
    page.get_by_text("Ask for context").click()
    page.get_by_text("A caller of whom only some facts are known").first.wait_for(state="attached")
    documented = page.request.get(visit.site.url + "/openapi.json").json()["paths"]
    assert page.locator(".opblock").count() == sum(len(operations) for operations in documented.values()) >= 10
    assert visit.complaints == []
    assert visit.asked_elsewhere == []
