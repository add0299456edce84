"""Owners at work in a real browser: from the list to a ruling, the answer it changes, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from context_service.app import App
from tests.browser.conftest import SUPPORT, Site, Visit, cookies, rewrite, running, visiting
from tests.browser.test_console import focused, tab_to
from tests.companies import OWNER

pytestmark = pytest.mark.browser

QUESTION = "How many working days does standard delivery to Germany take?"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, str]]:
    """A company to rule on; each test undoes its rulings."""
    with running(tmp_path_factory.mktemp("ruled")) as started:
        yield started


@pytest.fixture
def sam(chromium: Browser, company: tuple[App, str]) -> Iterator[Visit]:
    """Somebody who answers for the help center."""
    app, url = company
    site = Site(url, app.register(SUPPORT, "test"))
    with visiting(chromium, site, cookies(chromium, site)) as visit:
        yield visit


@pytest.fixture
def ada(chromium: Browser, company: tuple[App, str]) -> Iterator[Visit]:
    """Somebody who answers for the handbook."""
    app, url = company
    site = Site(url, app.register(OWNER, "test"))
    with visiting(chromium, site, cookies(chromium, site)) as visit:
        yield visit


def ask(visit: Visit) -> str:
    """What the console answers to the question about delivery."""
    page = visit.go("/console/ask")
    page.get_by_label("Question").fill(QUESTION)
    page.get_by_label("Region").select_option("DE")
    page.get_by_role("button", name="Ask").click()
    return page.locator("#reply").inner_text()


def fill_in(page: Page, side: str, reason: str) -> None:
    """Let one side win."""
    page.get_by_label("One side wins").check()
    page.get_by_role("radio", name=f"{side} ·").check()
    page.get_by_label("Why?").fill(reason)


def undo(visit: Visit, conflict: str) -> None:
    visit.go(conflict).get_by_role("button", name="Undo").click()
    expect(visit.page.get_by_role("status")).to_contain_text("The ruling is undone")


def test_an_owner_finds_a_conflict_rules_on_it_sees_the_answer_change_and_undoes_it(sam: Visit) -> None:
    assert "Sources disagree" in ask(sam)
    page = sam.go("/console/conflicts")
    page.get_by_label("State", exact=True).select_option("waits")
    page.get_by_label("Source", exact=True).select_option("helpcenter")
    page.get_by_label("Only mine").check()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("status")).to_contain_text("1 conflict;")
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="Delivery estimates").click()
    conflict = page.url.removeprefix(sam.site.url)
    assert page.locator("mark").all_inner_texts() == ["4", "2"]
    page.get_by_role("link", name="Rule on it").click()
    fill_in(page, "B", "The carrier's contract says two days.")
    page.get_by_role("button", name="See what would change").click()
    row = page.get_by_role("row").filter(has_text=QUESTION).first
    expect(row).to_contain_text("Sources disagree")
    expect(row).to_contain_text("Answer")
    expect(row).to_contain_text("helpcenter:delivery-estimates.md")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_label("Why?")).to_have_value("The carrier's contract says two days.")
    expect(page.get_by_role("radio", name="B ·")).to_be_checked()
    page.get_by_role("button", name="See what would change").click()
    page.get_by_role("button", name="Rule", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("It decides from the next answer on")
    told = ask(sam)
    assert "2 working days" in told
    assert "4 working days" not in told
    assert "An owner’s ruling" in told
    undo(sam, conflict)
    assert "Sources disagree" in ask(sam)
    assert sam.complaints == []
    assert sam.asked_elsewhere == []


def test_only_what_belongs_to_the_chosen_outcome_is_shown(sam: Visit) -> None:
    page = sam.go("/console/conflicts")
    page.get_by_role("link", name="Delivery estimates").click()
    page.get_by_role("link", name="Rule on it").click()
    sides, held = page.get_by_role("group", name="Which side"), page.get_by_role("group", name="For whom does each side hold?")
    for outcome, which, conditions in (
        ("One side wins", True, False),
        ("Both hold", False, True),
        ("Not a conflict", False, False),
        ("One side is wrong", True, False),
    ):
        page.get_by_label(outcome).check()
        assert (sides.is_visible(), held.is_visible()) == (which, conditions), outcome


def test_of_two_owners_at_once_the_second_is_told_and_loses_nothing(ada: Visit, sam: Visit) -> None:
    for visit in (ada, sam):
        visit.go("/console/conflicts").get_by_role("link", name="Prices").click()
        visit.page.get_by_role("link", name="Rule on it").click()
        fill_in(visit.page, "A" if visit is sam else "B", f"So says {'sam' if visit is sam else 'ada'}.")
        visit.page.get_by_role("button", name="See what would change").click()
        visit.page.get_by_role("heading", name="What the ruling would change").wait_for()
    sam.page.get_by_role("button", name="Rule", exact=True).click()
    sam.page.get_by_role("status").wait_for()
    ada.page.get_by_role("button", name="Rule", exact=True).click()
    expect(ada.page.get_by_role("alert")).to_contain_text("A ruling is in force")
    expect(ada.page.get_by_label("Why?")).to_have_value("So says ada.")
    expect(ada.page.get_by_role("radio", name="B ·")).to_be_checked()
    expect(ada.page.get_by_text("So says sam.")).to_be_visible()
    undo(sam, sam.page.url.removeprefix(sam.site.url))
    ada.page.get_by_role("button", name="See what would change").click()
    ada.page.get_by_role("button", name="Rule", exact=True).click()
    expect(ada.page.get_by_role("status")).to_contain_text("It decides from the next answer on")
    undo(ada, ada.page.url.removeprefix(ada.site.url))


def test_a_side_that_changes_while_an_owner_thinks_is_shown_anew(company: tuple[App, str], sam: Visit) -> None:
    page = sam.go("/console/conflicts")
    page.get_by_role("link", name="Prices").click()
    page.get_by_role("link", name="Rule on it").click()
    fill_in(page, "A", "The price list says so.")
    rewrite(company[0], "helpcenter", "faq.md", "7.99", "6.99")
    page.get_by_role("button", name="See what would change").click()
    expect(page.get_by_role("alert")).to_contain_text("A side has changed since you saw it")
    assert "6.99" in page.locator("mark").all_inner_texts()
    expect(page.get_by_label("Why?")).to_have_value("The price list says so.")
    page.get_by_role("button", name="See what would change").click()
    expect(page.get_by_role("button", name="Rule", exact=True)).to_be_visible()


def test_a_keyboard_is_enough_to_rule_and_to_undo(sam: Visit) -> None:
    page = sam.go("/console/conflicts?state=waits")
    tab_to(page, "Delivery estimates")
    page.keyboard.press("Enter")
    page.wait_for_url("**/conflicts/*")
    tab_to(page, "Rule on it")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rule")
    tab_to(page, "One side wins")
    page.keyboard.press("Space")
    tab_to(page, "A ·")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("B ·")
    tab_to(page, "Why?")
    page.keyboard.type("The carrier's contract says two days.")
    tab_to(page, "Only for some requests")
    page.keyboard.press("Enter")
    tab_to(page, "Returns and refunds")
    page.keyboard.press("Space")
    tab_to(page, "See what would change")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What the ruling would change").wait_for()
    tab_to(page, "Rule")
    page.keyboard.press("Enter")
    page.wait_for_url("**?done=ruled")
    expect(page.get_by_text("“Delivery” is told, the other side is not.").first).to_be_visible()
    expect(page.get_by_text("in refund, for everyone")).to_be_visible()
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    page.wait_for_url("**?done=undone")
    assert sam.complaints == []
