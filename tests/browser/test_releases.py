"""Change control in a real browser: from an edit to the answer it changes and back, by keyboard, on a phone, in both colour schemes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, StorageState, expect

from context_service.app import App
from context_service.model.access import Principal
from context_service.model.context import ContextRequest
from context_service.model.golden import Expectations, FeedbackRequest, Verdict
from context_service.model.workspace import Edit, SetAuthority, Settings, TextOverride, WorkflowSettings
from context_service.rulings.views import Filters
from tests.browser.conftest import SECONDS, Site, Visit, cookies, running, visiting
from tests.browser.test_console import CONTRAST, focused, tab_to
from tests.companies import AGENT, OPERATOR, OWNER

pytestmark = pytest.mark.browser

QUESTION = "Within how many days can I return a Brightwater product for a full refund?"
RETURNS = "handbook:returns.md"
SENTENCE = "You can return a Brightwater product within 30 days of delivery for a full refund."
SECOND = OPERATOR.model_copy(update={"id": "olga"})


@dataclass(frozen=True)
class Company:
    """A company whose releases a test may change, and its address."""

    app: App
    url: str

    def visit(self, chromium: Browser, person: Principal) -> tuple[Site, StorageState]:
        """The site, and the cookies of a person who has logged in."""
        site = Site(self.url, self.app.register(person, "test"))
        return site, cookies(chromium, site)

    def staged(self, who: Principal, title: str, *edits: Edit) -> str:
        """The draft of a workspace with these edits."""
        workspaces = self.app.control.workspaces
        workspace = workspaces.open(who, title)
        for edit in edits:
            workspace = workspaces.add(who, workspace.id, edit, edition=workspace.edition)
        draft = workspaces.stage(who, workspace.id, edition=workspace.edition).draft
        assert draft
        return draft

    def approved(self, draft: str) -> str:
        """The draft, approved by somebody else."""
        gates = self.app.control.gates
        gates.approve(SECOND, draft, gates.check(SECOND, draft).digest)
        return draft


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with running(tmp_path_factory.mktemp("changed")) as (app, url):
        yield Company(app, url)


@pytest.fixture
def company(changing: Company) -> Company:
    """The company, once the rollback of an earlier test is finished."""
    deadline = time.monotonic() + SECONDS
    while changing.app.releases.traffic().restoring:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return changing


@pytest.fixture
def ada(chromium: Browser, company: Company) -> Iterator[Visit]:
    """Somebody who answers for the handbook."""
    with visiting(chromium, *company.visit(chromium, OWNER)) as visit:
        yield visit


@pytest.fixture
def omar(chromium: Browser, company: Company) -> Iterator[Visit]:
    """An operator."""
    with visiting(chromium, *company.visit(chromium, OPERATOR)) as visit:
        yield visit


def ask(visit: Visit) -> str:
    """What the console answers to the question about returns."""
    page = visit.go("/console/ask")
    page.get_by_label("Question").fill(QUESTION)
    page.get_by_label("Workflow").select_option("refund")
    page.get_by_label("Region").select_option("US")
    page.get_by_role("button", name="Ask").click()
    return page.locator("#reply").inner_text()


def test_an_edit_is_staged_compared_approved_by_another_published_told_and_rolled_back(ada: Visit, omar: Visit) -> None:
    assert "within 30 days" in ask(ada)
    page = ada.go("/console/workspaces")
    page.get_by_label("Title of a new one").fill("Shorter returns")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("link", name="Change a document").click()
    page.get_by_label("Source").select_option("handbook")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Returns", exact=True).click()
    page.get_by_role("link", name=SENTENCE).click()
    expect(page.get_by_label("Words as its source says them")).to_have_value(SENTENCE)
    page.get_by_label("What is told instead").fill(SENTENCE.replace("30", "21"))
    page.get_by_role("button", name="Add Text").click()
    expect(page.get_by_role("status")).to_contain_text("Added.")
    page.get_by_role("button", name="Stage").click()
    expect(page.get_by_role("status")).to_contain_text("Staged.")
    page.get_by_role("link", name="See what it changes").click()
    draft = page.url.removeprefix(ada.site.url)
    page.get_by_role("button", name="Ask the gates").click()
    expect(page.get_by_text("You have edited it")).to_be_visible()
    page.get_by_role("link", name="See its text").click()
    assert page.locator("del").all_inner_texts() == ["30"]
    assert page.locator("ins").all_inner_texts() == ["21"]
    assert "within 30 days" in ask(ada)

    page = omar.go(draft)
    page.get_by_role("link", name="See what it does to answers").click()
    expect(page.get_by_role("heading", name="Past answers that would be another")).to_contain_text("2")
    omar.go(draft).get_by_label("Why?").fill("The law has changed.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status")).to_contain_text("Approved.")
    page.get_by_label("Why?").fill("The law has changed.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status")).to_contain_text("Published. Everybody reads it")
    assert "within 21 days" in ask(ada)

    omar.go("/console/releases").get_by_role("link", name="Release 1", exact=True).click()
    page.get_by_role("link", name="Roll back to it").click()
    page.get_by_label("Why?").fill("Too early.")
    page.get_by_label("I have seen what it changes").check()
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("status")).to_contain_text("Rolled back.")
    assert "within 30 days" in ask(ada)
    assert ada.complaints == omar.complaints == []
    assert ada.asked_elsewhere == omar.asked_elsewhere == []


def test_a_trial_is_widened_and_taken_back(company: Company, omar: Visit) -> None:
    edit = TextOverride(document=RETURNS, passage="within 30 days", replacement="within 21 days")
    draft = company.approved(company.staged(OPERATOR, "Shorter returns", edit))
    page = omar.go(f"/console/drafts/{draft}")
    page.get_by_label("Why?").fill("Carefully.")
    page.get_by_label("Percent of the conversations").fill("10")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("10% of the conversations read it")).to_be_visible()
    page.get_by_label("Percent of the conversations").fill("50")
    page.get_by_role("button", name="Change the share").click()
    expect(page.get_by_text("50% of the conversations read it")).to_be_visible()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back.")
    expect(page.get_by_text("Everybody reads release")).to_be_visible()
    assert omar.complaints == []


def test_a_keyboard_is_enough_to_edit_and_stage(ada: Visit) -> None:
    page = ada.go("/console/releases")
    tab_to(page, "Workspaces")
    page.keyboard.press("Enter")
    page.wait_for_url("**/workspaces")
    tab_to(page, "Title of a new one")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    page.wait_for_url("**?done=opened")
    tab_to(page, "Change a document")
    page.keyboard.press("Enter")
    page.wait_for_url("**/documents")
    tab_to(page, "Source")
    page.keyboard.type("Customer handbook")
    tab_to(page, "Show")
    page.keyboard.press("Enter")
    page.wait_for_url("**source=handbook**")
    tab_to(page, "Prices")
    page.keyboard.press("Enter")
    page.wait_for_url("**/document?ref=**")
    tab_to(page, "Prices include tax.")
    page.keyboard.press("Enter")
    page.wait_for_url("**&at=**")
    tab_to(page, "What is told instead")
    page.keyboard.press("Control+A")
    page.keyboard.type("Taxes are included.")
    tab_to(page, "Add")
    page.keyboard.press("Enter")
    page.wait_for_url("**?done=added")
    tab_to(page, "Stage")
    assert focused(page) == "Stage"
    page.keyboard.press("Enter")
    page.wait_for_url("**?done=staged")
    expect(page.locator("ins")).to_have_text("Taxes are included.")
    assert ada.complaints == []


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Company, dict[str, str]]]:
    """A company with something on every page, and the pages' addresses. Not to be changed."""
    with running(tmp_path_factory.mktemp("looked-at")) as (app, url):
        company = Company(app, url)
        for person in (OWNER, OPERATOR, AGENT):
            app.register(person, "test")
        for question, expected in ((QUESTION, ("21 days",)), ("What does the Plus plan cost per month?", ())):
            reply = app.answer(ContextRequest(query=question, workflow="refund"), AGENT)
            report = FeedbackRequest(
                verdict=Verdict.OUTDATED, note="The shop says something else.", expected=Expectations(must_contain=expected)
            )
            reported = app.control.feedback.report(AGENT, reply.context_id, report)
            if expected:
                app.control.feedback.promote(OPERATOR, reported.id)
        edit = TextOverride(document=RETURNS, passage="within 30 days", replacement="within 21 days")
        app.releases.publish(OPERATOR, company.approved(company.staged(OWNER, "Shorter returns", edit)), "The law has changed.")
        settings = WorkflowSettings(workflow="refund", settings=Settings(items=3))
        price = TextOverride(document="handbook:pricing.md", passage="EUR 9.99", replacement="EUR 11.99")
        rules = SetAuthority(document="handbook:pricing.md", authority="article")
        waiting = company.staged(OPERATOR, "A dearer plan", settings, price, rules)
        app.control.gates.check(OPERATOR, waiting)
        workspace = app.control.workspaces.workspaces(OPERATOR)[0].id
        (conflict,) = (view.id for view in app.conflicts(OPERATOR, Filters()).items if "Delivery" in view.sides[0].title)
        app.releases.canary(
            OPERATOR, company.approved(company.staged(OWNER, "Labels", rules.model_copy(update={"document": "handbook:markup.md"}))), 0.1
        )
        here = f"/console/workspaces/{workspace}"
        yield (
            company,
            {
                "releases": "/console/releases",
                "release": "/console/releases/2",
                "rollback": "/console/releases/1/rollback",
                "compare": "/console/compare?base=1&number=2",
                "difference": f"/console/compare/document?base=1&number=2&ref={RETURNS}",
                "drafts": "/console/drafts",
                "draft": f"/console/drafts/{waiting}",
                "impact": f"/console/drafts/{waiting}/impact",
                "workspaces": "/console/workspaces",
                "workspace": here,
                "documents": f"{here}/documents?source=handbook",
                "document": f"{here}/document?ref={RETURNS}",
                "conflicts": f"{here}/ruling",
                "ruling": f"{here}/ruling?conflict={conflict}",
                "settings": f"{here}/settings",
                "golden": "/console/golden",
                "run": "/console/golden/run?number=1",
            },
        )


@pytest.fixture(scope="module")
def operator(chromium: Browser, looked_at: tuple[Company, dict[str, str]]) -> Iterator[Visit]:
    with visiting(chromium, *looked_at[0].visit(chromium, SECOND)) as visit:
        yield visit


def fits_a_phone(visit: Visit) -> bool:
    widths = []
    for width in (320, 390, 1280):
        visit.page.set_viewport_size({"width": width, "height": 844})
        widths.append(visit.page.evaluate("() => document.documentElement.scrollWidth") <= width)
    return all(widths)


def faint(visit: Visit) -> list[object]:
    """What does not stand out from its ground, with everything unfolded."""
    visit.page.evaluate("() => document.querySelectorAll('details').forEach((details) => (details.open = true))")
    found: list[object] = []
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        measured = visit.page.evaluate(CONTRAST)
        assert len(measured) > 5
        found += [(scheme, one) for one in measured if one["ratio"] < one["needed"]]
    return found


def test_every_page_fits_a_phone_stands_out_and_gives_no_cause_to_complain(
    looked_at: tuple[Company, dict[str, str]], operator: Visit
) -> None:
    for address in looked_at[1].values():
        page = operator.go(address)
        assert page.get_by_role("heading", level=1).count() == 1, address
        assert fits_a_phone(operator), address
        assert faint(operator) == [], address
    assert operator.complaints == []
    assert operator.asked_elsewhere == []
