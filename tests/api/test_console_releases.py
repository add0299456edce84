"""Change control in the console: releases, drafts, workspaces and golden questions, who sees what, and that nothing typed is lost."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import date
from enum import StrEnum

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from context_service.app import App
from context_service.console import change_words
from context_service.console.edit_forms import DocumentForm, SettingsForm
from context_service.console.forms import Fault
from context_service.console.text_changes import stretches_of
from context_service.ingest.progress import Silent
from context_service.model.access import Principal
from context_service.model.applicability import Applicability, Status, Window
from context_service.model.conflict import RulingOutcome
from context_service.model.context import ContextRequest
from context_service.model.golden import Expectations, FeedbackRequest, Verdict
from context_service.model.release import ReleaseKind
from context_service.model.workflow import DecidedBy, MustInclude, Risk
from context_service.model.workspace import (
    Edit,
    SetApplicability,
    SetAuthority,
    SetEffective,
    SetStatus,
    Settings,
    TextOverride,
    WorkflowSettings,
    Workspace,
    WorkspaceState,
)
from context_service.releases.views import ChangeKind, TextPart
from tests.api.conftest import browser, served
from tests.api.console_client import log_in, text_of, token_of
from tests.companies import AGENT, MARKUP, OPERATOR, OWNER, STRANGER

SUPPORT = OWNER.model_copy(update={"id": "sam", "teams": frozenset({"support-team"})})
SECOND = OPERATOR.model_copy(update={"id": "olga"})
RETURNS = "handbook:returns.md"
PASSAGE, SHORTER = "within 30 days of delivery", "within 21 days of delivery"
OVERRIDE = TextOverride(document=RETURNS, passage=PASSAGE, replacement=SHORTER)
QUESTION = ContextRequest(query="Within how many days can I return a Brightwater product for a full refund?", workflow="refund")


@pytest.fixture
def api(own_app: App) -> FastAPI:
    return served(own_app)


def visiting(app: App, api: FastAPI, person: Principal) -> TestClient:
    """A person who has logged in."""
    return log_in(browser(api), app.register(person, "test"))


@pytest.fixture
def ada(own_app: App, api: FastAPI) -> TestClient:
    """Answers for the handbook."""
    return visiting(own_app, api, OWNER)


@pytest.fixture
def sam(own_app: App, api: FastAPI) -> TestClient:
    """Answers for the help center alone."""
    return visiting(own_app, api, SUPPORT)


@pytest.fixture
def omar(own_app: App, api: FastAPI) -> TestClient:
    """An operator."""
    return visiting(own_app, api, OPERATOR)


@pytest.fixture
def stranger(own_app: App, api: FastAPI) -> TestClient:
    """Somebody whose grant admits nothing."""
    return visiting(own_app, api, STRANGER)


def post(client: TestClient, address: str, **fields: str | Sequence[str]) -> tuple[int, str]:
    """Send a form of this session: the status, and where it leads or what it shows."""
    token = token_of(client.get("/console/freshness").text)
    reply = client.post(address, data={"csrf": token, **fields})
    return reply.status_code, reply.headers.get("location", reply.text)


def staged(app: App, who: Principal, *edits: Edit, title: str = "Shorter returns") -> Workspace:
    """A workspace with these edits, staged. Whoever edits has to be known."""
    if who.id not in {one.id for one in app.records.principals()}:
        app.register(who, "test")
    workspace = app.control.workspaces.open(who, title)
    for edit in edits:
        workspace = app.control.workspaces.add(who, workspace.id, edit, edition=workspace.edition)
    return app.control.workspaces.stage(who, workspace.id, edition=workspace.edition)


def approved(app: App, *edits: Edit, title: str = "Shorter returns") -> str:
    """The draft of a workspace of ada's that an operator has approved."""
    workspace = staged(app, OWNER, *edits, title=title)
    assert workspace.draft
    app.control.gates.approve(SECOND, workspace.draft, app.control.gates.check(SECOND, workspace.draft).digest)
    return workspace.draft


def told(app: App) -> str:
    """What an agent is told about returns."""
    return "\n".join(item.text for item in app.answer(QUESTION, AGENT).items)


def fault_in(page: str, field: str) -> str:
    found = re.search(rf'<p class="fault" id="{field}-fault"[^>]*>(.*?)</p>', page)
    assert found, text_of(page)
    return html.unescape(found[1])


@pytest.mark.parametrize(
    ("table", "terms"),
    [
        (change_words.RELEASE_KINDS, ReleaseKind),
        (change_words.WORKSPACE_STATES, WorkspaceState),
        (change_words.WORKSPACE_BADGES, WorkspaceState),
        (change_words.CHANGE_KINDS, ChangeKind),
        (change_words.VERDICTS, Verdict),
    ],
)
def test_every_term_has_its_words(table: dict[str, object], terms: type[StrEnum]) -> None:
    assert set(table) == {term.value for term in terms}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("applicability", {"regions": ["EU"]}, "region EU"),
        ("applicability", {}, "everyone"),
        ("effective", {"from": "2026-05-01", "to": None}, "from 1 May 2026"),
        ("access", {"classification": "public", "audiences": ["staff"]}, "public, for staff"),
        ("status", "withdrawn", "Withdrawn"),
        ("supersedes", ["a:b", "c:d"], "a:b, c:d"),
        ("resolution", ["recency", "authority"], "the later text, then authority of the source"),
        ("must_include", [{"document": "a:b", "section": None}], "document: a:b"),
        ("author", None, "–"),
        ("items", 3, "3"),
    ],
)
def test_a_field_reads_like_one(field: str, value: object, words: str) -> None:
    assert change_words.field_value(field, value) == words  # type: ignore[arg-type]  # JSON, as the views carry it


def test_a_changed_sentence_stands_beside_what_it_was() -> None:
    parts = [
        TextPart(kind="same", text="One.\nTwo."),
        TextPart(kind="removed", text="In 30 days."),
        TextPart(kind="added", text="In 21 days.\nNew."),
    ]
    kept, changed, added = stretches_of(parts)
    assert kept.paragraphs == ["One.", "Two."]  # type: ignore[union-attr]  # the first one is kept
    assert [part.text for part in changed.before if part.differs] == ["30"]  # type: ignore[union-attr]  # an edit
    assert [part.text for part in changed.after if part.differs] == ["21"]  # type: ignore[union-attr]  # an edit
    assert not added.before  # type: ignore[union-attr]  # an edit


class TestReleases:
    def test_the_list_tells_what_each_changed_and_which_is_read(self, own_app: App, ada: TestClient) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, OVERRIDE), "The law changed")
        own_app.releases.pin(OPERATOR, 1)
        page = text_of(ada.get("/console/releases").text)
        assert "Everybody reads release 2." in page
        assert re.search(r"Release 2 read by everybody .* by omar From a workspace: Customer handbook The law changed 1 changed", page)
        assert "passed approved by olga" in page
        assert re.search(r"Release 1 pinned .* by test From syncs: .* the first", page)
        assert re.search(r"What was read when .* Release 2 from .* by omar: The law changed Release 1", page)

    def test_a_release_is_compared_with_its_base(self, own_app: App, ada: TestClient) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, OVERRIDE, SetAuthority(document=RETURNS, authority="article")))
        page = ada.get("/console/releases/2").text
        assert "What it changed of release 1 1 changed. Documents Returns changes" in text_of(page)
        assert "<del>policy</del> <ins>article</ins>" in page
        assert "Approved by olga" in text_of(page)
        address = re.search(r'href="(/console/compare/document\?[^"]+)"', page)
        assert address
        text = ada.get(html.unescape(address[1])).text
        assert "<del>30</del>" in text
        assert "<ins>21</ins>" in text
        assert "It was the first one" in text_of(ada.get("/console/releases/1").text)

    def test_any_two_are_compared_in_either_direction(self, own_app: App, ada: TestClient) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, SetEffective(document=RETURNS, effective=Window(since=date(2026, 5, 1)))))
        page = ada.get("/console/compare?base=2&number=1").text
        assert "From release 2 to release 1" in text_of(page)
        assert "<del>from 1 May 2026</del> <ins>always</ins>" in page
        assert 'value="2" selected' in page

    @pytest.mark.parametrize(
        "address",
        ["/console/releases/99", "/console/releases/99/rollback", "/console/compare?base=1&number=99", "/console/golden/run?number=99"],
    )
    def test_an_unknown_release_is_said_to_be_unknown(self, omar: TestClient, address: str) -> None:
        reply = omar.get(address)
        assert reply.status_code == 422
        assert "There is no release" in text_of(reply.text)

    @pytest.mark.parametrize("number", ["x", "0", str(10**30)])
    @pytest.mark.parametrize("address", ["releases/{}", "releases/{}/rollback", "golden/run?number={}"])
    def test_what_is_no_number_is_no_address(self, omar: TestClient, address: str, number: str) -> None:
        reply = omar.get(f"/console/{address.format(number)}")
        assert reply.status_code == 422
        assert "The address of this page is not right." in text_of(reply.text)

    def test_going_back_needs_a_reason_and_a_second_look(self, own_app: App, omar: TestClient) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, OVERRIDE))
        form = text_of(omar.get("/console/releases/1/rollback").text)
        assert "Everybody reads release 1 at once, instead of release 2. Against release 2: 1 changed." in form
        status, page = post(omar, "/console/releases/1/rollback", why=" ", sure="true")
        assert (status, fault_in(page, "why")) == (422, "Say why; it is kept with what is done.")
        status, page = post(omar, "/console/releases/1/rollback", why="Too early")
        assert (status, fault_in(page, "sure")) == (422, "Tick this when you have seen what it changes.")
        assert "Too early</textarea>" in page
        assert own_app.releases.traffic().number == 2

    def test_going_back_is_at_once_and_becomes_a_release_of_its_own(self, own_app: App, omar: TestClient) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, OVERRIDE))
        assert SHORTER in told(own_app)
        assert post(omar, "/console/releases/1/rollback", why="Too early", sure="true") == (303, "/console/releases/1?done=rolled-back")
        assert PASSAGE in told(own_app)
        assert "Rolled back. Everybody reads this release" in text_of(omar.get("/console/releases/1?done=rolled-back").text)
        page = text_of(omar.get("/console/releases").text)
        assert "An older state brought back of release 1" in page
        assert "Nothing publishes itself until a person has published" in page

    def test_a_refused_rollback_is_said_where_it_was_asked_for_and_keeps_the_reason(
        self, own_app: App, sam: TestClient, omar: TestClient
    ) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, OVERRIDE))
        status, page = post(sam, "/console/releases/1/rollback", why="I want to", sure="true")
        assert status == 403
        assert "You do not answer for everything that this changes. Ask an operator." in text_of(page)
        assert "I want to</textarea>" in page
        status, page = post(omar, "/console/releases/2/rollback", why="x", sure="true")
        assert status == 422
        assert "Release 2 is what is read." in text_of(page)
        assert own_app.releases.traffic().number == 2

    def test_a_release_is_pinned_and_unpinned_by_an_operator(self, own_app: App, omar: TestClient, ada: TestClient) -> None:
        assert post(omar, "/console/releases/1/pin") == (303, "/console/releases/1?done=pinned")
        assert own_app.releases.show(OPERATOR, 1).pinned
        assert "Unpin" in omar.get("/console/releases/1").text
        assert post(omar, "/console/releases/1/unpin")[0] == 303
        assert not own_app.releases.show(OPERATOR, 1).pinned
        assert post(ada, "/console/releases/1/pin")[0] == 403
        assert "Pin</button>" not in ada.get("/console/releases/1").text

    def test_gates_are_told_to_those_who_answer_for_what_changed(
        self, own_app: App, ada: TestClient, sam: TestClient, stranger: TestClient
    ) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, OVERRIDE))
        assert "Golden questions 0 golden questions" in text_of(ada.get("/console/releases/2").text)
        for other in (sam, stranger):
            page = text_of(other.get("/console/releases/2").text)
            assert "Told to operators, and to those who answer for some of what it changed." in page
            assert "0 golden questions" not in page
        assert "Customer handbook" not in text_of(stranger.get("/console/releases").text)
        assert "Returns" not in text_of(stranger.get("/console/releases/2").text)

    def test_a_rollback_that_was_cut_off_is_finished_by_an_operator(self, own_app: App, omar: TestClient, ada: TestClient) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, OVERRIDE))
        own_app.releases.rollback(OPERATOR, 1, "Too early")
        assert "A rollback is being finished" in text_of(ada.get("/console/releases").text)
        assert post(ada, "/console/releases/restore")[0] == 403
        assert post(omar, "/console/releases/restore") == (303, "/console/releases?done=restored")
        assert not own_app.releases.traffic().restoring


class TestTrial:
    def test_a_draft_is_tried_widened_and_read_by_everybody(self, own_app: App, omar: TestClient) -> None:
        draft = approved(own_app, OVERRIDE)
        assert post(omar, f"/console/drafts/{draft}/publish", why="Carefully", share="10") == (303, "/console/releases?done=tried")
        page = text_of(omar.get("/console/releases").text)
        assert "Release 2 is on trial: 10% of the conversations read it, the others release 1." in page
        assert "2 (on trial) 0 0% 0% none yet – 1 0 0% 0% none yet –" in page
        assert "Release 2 read by 10%" in page
        assert "Release 1 read by 90%" in page
        assert post(omar, "/console/trial/widen", share="50,5")[0] == 303
        assert own_app.releases.traffic().share == 0.505
        assert post(omar, "/console/trial/widen", share="100", why="Fine") == (303, "/console/releases?done=widened")
        assert (own_app.releases.traffic().number, own_app.releases.traffic().canary) == (2, None)

    def test_a_draft_is_not_published_to_everybody_by_an_emptied_field(self, own_app: App, omar: TestClient) -> None:
        assert post(omar, f"/console/drafts/{approved(own_app, OVERRIDE)}/publish", why="Carefully")[0] == 422
        assert own_app.releases.traffic().newest == 1

    def test_taken_back_nobody_reads_it_and_drafts_can_be_published_again(self, own_app: App, omar: TestClient) -> None:
        post(omar, f"/console/drafts/{approved(own_app, OVERRIDE)}/publish", why="Carefully", share="10")
        assert post(omar, "/console/trial/take-back", why="No") == (303, "/console/releases?done=taken-back")
        traffic = own_app.releases.traffic()
        assert traffic.canary is None
        assert not traffic.restoring
        assert PASSAGE in told(own_app)

    @pytest.mark.parametrize("share", ["", "none", "0", "101", "-1"])
    def test_what_is_no_share_is_refused_and_kept(self, own_app: App, omar: TestClient, share: str) -> None:
        draft = approved(own_app, OVERRIDE)
        status, page = post(omar, f"/console/drafts/{draft}/publish", why="Carefully", share=share)
        assert status == 422
        assert "That is no share of the conversations." in text_of(page)
        assert "Carefully</textarea>" in page
        assert own_app.releases.traffic().newest == 1

    def test_of_no_trial_nothing_is_widened(self, omar: TestClient) -> None:
        status, page = post(omar, "/console/trial/widen", share="50")
        assert status == 422
        assert "No release is on trial." in text_of(page)

    def test_while_one_runs_other_drafts_say_what_has_to_be_decided_first(self, own_app: App, omar: TestClient) -> None:
        other = staged(own_app, OWNER, SetStatus(document="handbook:pricing.md", status=Status.DRAFT), title="Prices")
        number = own_app.releases.canary(OPERATOR, approved(own_app, OVERRIDE), 0.1).number
        assert f"Release {number} is on trial. Decide about it first" in text_of(omar.get(f"/console/drafts/{other.draft}").text)


class TestDrafts:
    def test_a_draft_goes_from_its_gates_to_another_persons_yes_to_the_answers(
        self, own_app: App, ada: TestClient, omar: TestClient
    ) -> None:
        draft = staged(own_app, OWNER, OVERRIDE).draft
        here = f"/console/drafts/{draft}"
        page = text_of(ada.get(here).text)
        assert "They were not asked about it as it stands." in page
        assert "You have edited it, so somebody else has to approve it." in page
        assert "Ask the gates about it as it stands." in page
        assert post(ada, f"{here}/check") == (303, f"{here}?done=checked")
        shown = omar.get(here).text
        assert "Waits for an approval" in text_of(shown)
        seen = re.search(r'name="seen" value="(\w+)"', shown)
        assert seen
        assert post(omar, f"{here}/approve", seen=seen[1], why="Agreed") == (303, f"{here}?done=approved")
        assert "omar has approved it. “Agreed”" in text_of(ada.get(here).text)
        assert post(ada, f"{here}/publish", why="The law changed", share="100") == (303, "/console/releases/2?done=published")
        assert SHORTER in told(own_app)
        after = text_of(ada.get(here).text)
        assert "It was published as release 2" in after
        assert "3 · Publish" not in after

    def test_the_list_tells_where_each_stands(self, own_app: App, ada: TestClient) -> None:
        staged(own_app, OWNER, OVERRIDE)
        approved(own_app, SetStatus(document="handbook:pricing.md", status=Status.DRAFT), title="No prices")
        page = text_of(ada.get("/console/drafts").text)
        assert re.search(r"Shorter returns Open Draft 2 · from a workspace · opened just now by ada · edited by ada · on release 1", page)
        assert "No prices Approved Draft 3" in page

    def test_without_a_draft_the_list_says_so(self, ada: TestClient) -> None:
        assert "No draft stands" in text_of(ada.get("/console/drafts").text)

    def test_ones_own_edit_cannot_be_approved_nor_what_one_does_not_answer_for(
        self, own_app: App, ada: TestClient, sam: TestClient
    ) -> None:
        draft = staged(own_app, OWNER, OVERRIDE).draft
        assert draft
        seen = own_app.control.gates.check(OWNER, draft).digest
        for client, words in ((ada, "You have edited this draft."), (sam, "You do not answer for everything that this changes.")):
            status, page = post(client, f"/console/drafts/{draft}/approve", seen=seen, why="Mine")
            assert status == 403
            assert words in text_of(page)
        assert post(sam, f"/console/drafts/{draft}/check")[0] == 403
        assert post(sam, f"/console/drafts/{draft}/publish", why="x", share="100")[0] == 403
        assert post(sam, f"/console/drafts/{draft}/discard", sure="true")[0] == 403
        assert own_app.releases.traffic().newest == 1

    def test_an_approval_of_what_has_changed_since_is_refused_and_keeps_the_reason(self, own_app: App, omar: TestClient) -> None:
        draft = staged(own_app, OWNER, OVERRIDE).draft
        assert draft
        own_app.control.gates.check(OWNER, draft)
        status, page = post(omar, f"/console/drafts/{draft}/approve", seen="0" * 32, why="Agreed")
        assert status == 409
        assert "The draft is no longer what you saw." in text_of(page)
        assert "Agreed</textarea>" in page

    def test_it_is_not_published_without_a_reason_nor_before_it_may_be(self, own_app: App, omar: TestClient) -> None:
        draft = approved(own_app, OVERRIDE)
        status, page = post(omar, f"/console/drafts/{draft}/publish", why=" ", share="100")
        assert (status, fault_in(page, "publish-why")) == (422, "Say why; it is kept with the release.")
        other = staged(own_app, OWNER, SetStatus(document="handbook:pricing.md", status=Status.DRAFT)).draft
        status, page = post(omar, f"/console/drafts/{other}/publish", why="Now", share="100")
        assert status == 409
        assert "Check it, then publish it. Nothing was changed." in text_of(page)
        assert own_app.releases.traffic().newest == 1

    def test_why_it_is_held_is_for_operators_and_owners(
        self, own_app: App, ada: TestClient, sam: TestClient, omar: TestClient, stranger: TestClient
    ) -> None:
        for name in ("returns.md", "pricing.md", "colours.csv", "plans.csv", "markup.md", "regions/eu-returns.md", "staff/goodwill.md"):
            (own_app.declarations.folders["handbook"] / name).unlink()
        own_app.ingest(["handbook"], "test", Silent())
        (draft,) = own_app.releases.drafts(OPERATOR)
        assert draft.reasons
        here = f"/console/drafts/{draft.id}"
        for client in (ada, omar):
            page = text_of(client.get(here).text)
            assert "Held" in page
            assert "Why it is held it loses 7 of its 7 documents" in page
            assert "What to do: See whether the source is whole and sync again, or approve the draft." in page
            assert "it loses 7 of its 7 documents" in text_of(client.get("/console/drafts").text)
        for address in (here, "/console/drafts"):
            assert "it loses" not in text_of(sam.get(address).text)
        assert "It waits for those who answer for it." in text_of(sam.get("/console/drafts").text)
        assert sam.get(f"{here}/impact").status_code == 403
        assert "No draft stands" in text_of(stranger.get("/console/drafts").text)
        for address in (here, f"{here}/impact"):
            assert stranger.get(address).status_code == 404
        assert post(stranger, f"{here}/check")[0] == 404

    def test_a_syncs_draft_is_discarded_once_that_is_confirmed(self, own_app: App, omar: TestClient) -> None:
        for path in own_app.declarations.folders["handbook"].glob("*.md"):
            path.unlink()
        for path in own_app.declarations.folders["handbook"].glob("*.csv"):
            path.unlink()
        own_app.ingest(["handbook"], "test", Silent())
        (draft,) = own_app.releases.drafts(OPERATOR)
        status, page = post(omar, f"/console/drafts/{draft.id}/discard", why="A mistake")
        assert (status, fault_in(page, "sure")) == (422, "Tick this to discard it.")
        assert 'value="A mistake"' in page
        assert post(omar, f"/console/drafts/{draft.id}/discard", why="A mistake", sure="true") == (303, "/console/drafts?done=discarded")
        assert own_app.releases.drafts(OPERATOR) == []
        assert "It does not stand any more: discarded." in text_of(omar.get(f"/console/drafts/{draft.id}").text)

    def test_what_it_does_to_answers_stands_side_by_side(self, own_app: App, ada: TestClient, sam: TestClient) -> None:
        told(own_app)
        draft = staged(own_app, OWNER, OVERRIDE).draft
        page = text_of(ada.get(f"/console/drafts/{draft}/impact").text)
        assert "1 answer of the last 30 days told a document that changes; 1 was computed anew." in page
        assert "Past answers that would be another 1" in page
        assert QUESTION.query in page
        now, then = page.index(PASSAGE), page.index(SHORTER)
        assert page.index("Now") < now < page.index("With the draft") < then
        assert sam.get(f"/console/drafts/{draft}/impact").status_code == 403

    def test_an_unknown_draft_is_not_found(self, omar: TestClient) -> None:
        assert omar.get("/console/drafts/nothing").status_code == 404
        assert omar.get("/console/drafts/nothing/impact").status_code == 404
        assert post(omar, "/console/drafts/nothing/check")[0] == 404

    def test_an_edited_workspace_has_to_be_staged_again(self, own_app: App, omar: TestClient) -> None:
        workspace = staged(own_app, OWNER, OVERRIDE)
        own_app.control.workspaces.add(OWNER, workspace.id, SetStatus(document=RETURNS, status=Status.DRAFT), edition=workspace.edition)
        assert "stage the workspace again" in text_of(omar.get(f"/console/drafts/{workspace.draft}").text)
        status, page = post(omar, f"/console/drafts/{workspace.draft}/check")
        assert status == 409
        assert "Stage the workspace again, then publish it." in text_of(page)

    def test_more_readers_are_named(self, own_app: App, ada: TestClient) -> None:
        source = own_app.declarations.folders["handbook"] / "staff" / "goodwill.md"
        source.write_text(
            "---\naccess: {classification: public, audiences: [customer-agents, staff]}\n---\n" + source.read_text("utf-8"), "utf-8"
        )
        own_app.ingest(["handbook"], "test", Silent())
        (draft,) = own_app.releases.drafts(OPERATOR)
        page = text_of(ada.get(f"/console/drafts/{draft.id}").text)
        assert "More may read it" in page
        assert "could read it then: audience customer-agents" in page


class TestWorkspaces:
    def test_one_is_opened_filled_staged_and_discarded(self, own_app: App, ada: TestClient) -> None:
        status, page = post(ada, "/console/workspaces", title=" ")
        assert (status, fault_in(page, "title")) == (422, "Give it a title of 1 to 200 characters.")
        status, opened = post(ada, "/console/workspaces", title="Shorter returns")
        assert status == 303
        here = opened.partition("?")[0]
        assert "Add what you want to change." in text_of(ada.get(opened).text)
        ref = f"{here}/document?ref={RETURNS}"
        assert post(ada, ref, kind="text_override", edition="0", passage=PASSAGE, replacement=SHORTER) == (303, f"{here}?done=added")
        page = ada.get(here).text
        assert f"<del>{PASSAGE}</del>" in page
        assert f"<ins>{SHORTER}</ins>" in page
        assert post(ada, f"{here}/stage", edition="1") == (303, f"{here}?done=staged")
        assert "It is staged. See what it changes, approve and publish it" in text_of(ada.get(here).text)
        edit = re.search(r"/edits/(\w+)/remove", page)
        assert edit
        assert post(ada, f"{here}/edits/{edit[1]}/remove", edition="1") == (303, f"{here}?done=removed")
        assert "It was edited since it was staged" in text_of(ada.get(here).text)
        status, page = post(ada, f"{here}/discard", edition="2")
        assert (status, fault_in(page, "sure")) == (422, "Tick this to discard it.")
        assert post(ada, f"{here}/discard", edition="2", sure="true") == (303, f"{here}?done=discarded")
        after = text_of(ada.get(here).text)
        assert "It was discarded." in after
        assert "Change a document" not in after
        assert own_app.releases.drafts(OPERATOR) == []

    @pytest.mark.parametrize(
        ("fields", "edit"),
        [
            ({"kind": "set_authority", "authority": "article"}, SetAuthority(document=RETURNS, authority="article")),
            ({"kind": "set_status", "status": "withdrawn"}, SetStatus(document=RETURNS, status=Status.WITHDRAWN)),
            (
                {"kind": "set_effective", "since": "2026-05-01", "until": ""},
                SetEffective(document=RETURNS, effective=Window(since=date(2026, 5, 1))),
            ),
            (
                {"kind": "set_applicability", "holds": ["regions|EU", "plans|plus"]},
                SetApplicability(document=RETURNS, applicability=Applicability(regions=frozenset({"EU"}), plans=frozenset({"plus"}))),
            ),
            ({"kind": "text_override", "passage": PASSAGE, "replacement": ""}, OVERRIDE.model_copy(update={"replacement": ""})),
            ({"kind": "set_status", "status": "draft", "back": "true"}, SetStatus(document=RETURNS, status=None)),
        ],
    )
    def test_every_kind_of_edit_is_made_by_its_form(self, own_app: App, ada: TestClient, fields: dict[str, str], edit: Edit) -> None:
        workspace = own_app.control.workspaces.open(OWNER, "A change")
        here = f"/console/workspaces/{workspace.id}"
        assert post(ada, f"{here}/document?ref={RETURNS}", edition="0", **fields)[0] == 303
        assert [one.edit for one in own_app.control.workspaces.workspace(OWNER, workspace.id).edits] == [edit]
        assert change_words.EDITS[edit.kind] in text_of(ada.get(here).text)

    @pytest.mark.parametrize(
        ("fields", "field", "message"),
        [
            ({"kind": "set_effective", "since": "soon"}, "since", "Choose a day, such as 2026-11-20."),
            ({"kind": "set_effective", "since": "2026-05-01", "until": "2026-01-01"}, "until", "The last day lies before the first."),
            ({"kind": "text_override", "passage": "", "replacement": "x"}, "passage", "Fill this in."),
            ({"kind": "text_override", "passage": "x", "replacement": "x"}, "passage", "This says what is there already."),
            ({"kind": "text_override", "passage": "x" * 2_001, "replacement": "y"}, "passage", "at most 2,000 characters"),
        ],
    )
    def test_a_fault_is_said_at_its_field_and_the_rest_is_kept(
        self, own_app: App, ada: TestClient, fields: dict[str, str], field: str, message: str
    ) -> None:
        workspace = own_app.control.workspaces.open(OWNER, "A change")
        status, page = post(ada, f"/console/workspaces/{workspace.id}/document?ref={RETURNS}", edition="0", **fields)
        assert status == 422
        assert message in fault_in(page, field)
        for value in (fields.get("since"), fields.get("passage"), fields.get("replacement")):
            assert not value or value in page

    def test_what_the_service_refuses_is_said_with_what_to_do_next(self, own_app: App, ada: TestClient, sam: TestClient) -> None:
        workspace = own_app.control.workspaces.open(OWNER, "A change")
        here = f"/console/workspaces/{workspace.id}/document?ref={RETURNS}"
        status, page = post(ada, here, kind="text_override", edition="0", passage="within 99 days", replacement="at once <b>")
        assert status == 409
        assert "Read the document again" in text_of(page)
        assert "within 99 days</textarea>" in page
        assert "at once &lt;b&gt;</textarea>" in page
        status, page = post(ada, here, kind="set_status", edition="7", status="draft")
        assert status == 409
        assert "Somebody else has edited the workspace since you saw it." in text_of(page)
        assert '<option value="draft" selected>' in page
        assert 'name="edition" value="0"' in page
        status, page = post(sam, here, kind="set_status", edition="0", status="draft")
        assert status == 403
        assert "You do not answer for handbook:returns.md." in text_of(page)

    def test_staging_what_no_longer_fits_says_which(self, own_app: App, ada: TestClient) -> None:
        workspaces = own_app.control.workspaces
        workspace = workspaces.add(OWNER, workspaces.open(OWNER, "Shorter").id, OVERRIDE, edition=0)
        path = own_app.declarations.folders["handbook"] / "returns.md"
        path.write_text(path.read_text("utf-8").replace(PASSAGE, "within a month"), "utf-8")
        own_app.ingest(["handbook"], "test", Silent())
        status, page = post(ada, f"/console/workspaces/{workspace.id}/stage", edition="1")
        assert status == 409
        assert PASSAGE in text_of(page)
        assert "Nothing was changed." in text_of(page)

    def test_a_sentence_is_chosen_from_the_documents_text(self, own_app: App, ada: TestClient) -> None:
        workspace = own_app.control.workspaces.open(OWNER, "A change")
        page = ada.get(f"/console/workspaces/{workspace.id}/document?ref={RETURNS}").text
        sentences = re.findall(r'<a class="pick" href="([^"]+)">([^<]+)</a>', page)
        assert [text for _, text in sentences][1] == "Keep the box until the parcel has arrived."
        chosen = ada.get(html.unescape(sentences[1][0]).partition("#")[0]).text
        assert chosen.count("Keep the box until the parcel has arrived.</textarea>") == 2

    def test_an_override_that_stands_is_taken_back(self, own_app: App, ada: TestClient) -> None:
        own_app.releases.publish(OPERATOR, approved(own_app, OVERRIDE))
        workspace = own_app.control.workspaces.open(OWNER, "Longer again")
        here = f"/console/workspaces/{workspace.id}/document?ref={RETURNS}"
        page = ada.get(here).text
        assert "Replaced already" in page
        assert f"You can return a Brightwater product {PASSAGE} for a full refund." in page
        assert post(ada, here, kind="text_override", edition="0", passage=PASSAGE, back="true")[0] == 303
        (placed,) = own_app.control.workspaces.workspace(OWNER, workspace.id).edits
        assert placed.edit == OVERRIDE.model_copy(update={"replacement": None})

    def test_only_ones_own_documents_are_offered(self, own_app: App, ada: TestClient, sam: TestClient) -> None:
        workspace = own_app.control.workspaces.open(OWNER, "A change")
        here = f"/console/workspaces/{workspace.id}/documents"
        assert "Returns in the European Union" in text_of(ada.get(f"{here}?source=handbook&words=european").text)
        assert "Prices" not in text_of(ada.get(f"{here}?source=handbook&words=european").text)
        assert "No such document that you answer for." in text_of(sam.get(f"{here}?source=handbook").text)
        assert "You do not answer for it. Ask policy-team" in text_of(sam.get(f"{here[:-1]}?ref={RETURNS}").text)
        assert ada.get(f"{here[:-1]}?ref=handbook:nothing.md").status_code == 404

    def test_edits_of_what_one_may_not_read_are_not_shown(self, own_app: App, sam: TestClient) -> None:
        own_app.register(OPERATOR, "test")
        hidden = TextOverride(document="handbook:staff/goodwill.md", passage="EUR 15", replacement="EUR 20")
        workspace = own_app.control.workspaces.open(OWNER, "Goodwill")
        own_app.control.workspaces.add(OWNER, workspace.id, hidden, edition=0)
        page = text_of(sam.get(f"/console/workspaces/{workspace.id}").text)
        assert "goodwill" not in page
        assert "EUR 20" not in page

    def test_who_answers_for_nothing_sees_no_workspace(self, own_app: App, stranger: TestClient) -> None:
        workspace = own_app.control.workspaces.open(OWNER, "A change")
        assert stranger.get("/console/workspaces").status_code == 403
        assert stranger.get(f"/console/workspaces/{workspace.id}").status_code == 403
        assert post(stranger, "/console/workspaces", title="Mine")[0] == 403
        assert "Workspaces" not in text_of(stranger.get("/console/releases").text)

    def test_a_ruling_is_added_and_made_when_it_is_published(self, own_app: App, sam: TestClient) -> None:
        workspace = own_app.control.workspaces.open(SUPPORT, "Delivery")
        here = f"/console/workspaces/{workspace.id}"
        address = re.search(r'href="([^"]+/ruling\?conflict=\w+)">Delivery', sam.get(f"{here}/ruling").text)
        assert address
        page = sam.get(address[1]).text
        seen = re.findall(r'name="seen" value="(\w+)"', page)
        fields = {"edition": "0", "conflict": address[1].rpartition("=")[2], "outcome": "side_wins", "side": seen[0], "seen": seen}
        status, refused = post(sam, f"{here}/ruling", **fields, reason=" ")
        assert (status, fault_in(refused, "reason")[:8]) == (422, "Say why;")
        assert re.search(rf'value="{seen[0]}" checked', refused)
        status, refused = post(sam, f"{here}/ruling", **{**fields, "seen": seen[:1]}, reason="The contract says so.")
        assert status in (409, 422)
        assert "The contract says so." in refused
        assert post(sam, f"{here}/ruling", **fields, reason="The contract says so.") == (303, f"{here}?done=added")
        (placed,) = own_app.control.workspaces.workspace(SUPPORT, workspace.id).edits
        assert placed.edit.kind == "ruling"
        assert placed.edit.ruling.outcome is RulingOutcome.SIDE_WINS
        assert "One side wins · the conflict The contract says so." in text_of(sam.get(here).text)

    def test_settings_of_a_workflow_are_an_operators(self, own_app: App, ada: TestClient, omar: TestClient) -> None:
        workspace = own_app.control.workspaces.open(OPERATOR, "Longer answers")
        here = f"/console/workspaces/{workspace.id}/settings"
        assert ada.get(here).status_code == 403
        assert post(ada, here, edition="0", workflow="refund", items="3")[0] == 403
        status, page = post(omar, here, edition="0", workflow="refund", items="99", token_budget="700")
        assert status == 422
        assert fault_in(page, "items")
        assert 'value="700"' in page
        status, page = post(omar, here, edition="0", workflow="refund")
        assert (status, "Fill in what you want to change." in page) == (422, True)
        status, page = post(omar, here, edition="0", workflow="refund", must_include="handbook:nothing.md # Returns")
        assert status == 422
        assert "There is no document `handbook:nothing.md`." in text_of(page)
        assert post(omar, here, edition="0", workflow="refund", items="3", resolution=["recency", "", ""], risk="high")[0] == 303
        (placed,) = own_app.control.workspaces.workspace(OPERATOR, workspace.id).edits
        settings = Settings(items=3, risk=Risk.HIGH, resolution=(DecidedBy.RECENCY,))
        assert placed.edit == WorkflowSettings(workflow="refund", settings=settings)
        own_app.control.workspaces.stage(OPERATOR, workspace.id, edition=1)
        (draft,) = own_app.releases.drafts(OPERATOR)
        assert "refund Order of the rules as declared the later text" in text_of(omar.get(f"/console/drafts/{draft.id}").text)

    def test_an_unknown_workspace_is_not_found(self, ada: TestClient) -> None:
        assert ada.get("/console/workspaces/nothing").status_code == 404
        assert post(ada, "/console/workspaces/nothing/stage", edition="0")[0] == 404


class TestForms:
    def test_what_is_no_kind_of_edit_is_said(self) -> None:
        assert DocumentForm(kind="nonsense").edit(RETURNS) == Fault(field="", message="Choose what you want to change.")

    def test_texts_that_every_answer_carries_stand_one_per_line(self) -> None:
        edit = SettingsForm(workflow="refund", must_include="handbook:a.md\n\nhandbook:b # c.md # Legal\n").edit()
        assert isinstance(edit, WorkflowSettings)
        assert edit.settings
        assert edit.settings.must_include == (
            MustInclude(document="handbook:a.md"),
            MustInclude(document="handbook:b", section="c.md # Legal"),
        )

    def test_all_settings_are_taken_back_whatever_is_filled_in(self) -> None:
        assert SettingsForm(workflow="refund", items="3", back=True).edit() == WorkflowSettings(workflow="refund", settings=None)


class TestGolden:
    @pytest.fixture
    def report(self, own_app: App) -> str:
        """A report of an agent about an answer that told a text of the handbook."""
        reply = own_app.answer(QUESTION, AGENT)
        request = FeedbackRequest(verdict=Verdict.OUTDATED, note=f"Says {MARKUP}", expected=Expectations(must_contain=("21 days",)))
        return own_app.control.feedback.report(AGENT, reply.context_id, request).id

    def test_a_report_becomes_a_golden_question_with_one_click(self, own_app: App, ada: TestClient, report: str) -> None:
        page = text_of(ada.get("/console/golden").text)
        assert f"{QUESTION.query} outdated Returns and refunds · reported by refund-agent" in page
        assert "The answer says 21 days" in page
        assert post(ada, "/console/golden/promote", feedback=report) == (303, "/console/golden?done=promoted")
        (question,) = own_app.control.feedback.golden(OWNER)
        assert question.expect == Expectations(must_contain=("21 days",))
        page = text_of(ada.get("/console/golden").text)
        assert "golden question feedback-" in page
        assert "added by ada" in page

    def test_something_else_is_expected_where_that_is_filled_in(self, own_app: App, ada: TestClient, report: str) -> None:
        fields = {"must_contain": "30 days\nfull refund", "must_not_contain": "45 days", "winner": RETURNS, "decision": "answer"}
        assert post(ada, "/console/golden/promote", feedback=report, **fields)[0] == 303
        (question,) = own_app.control.feedback.golden(OWNER)
        assert question.expect.must_contain == ("30 days", "full refund")
        assert (question.expect.winner, question.expect.decision) == (RETURNS, "answer")

    def test_what_is_refused_is_said_and_kept(self, own_app: App, ada: TestClient, sam: TestClient, report: str) -> None:
        status, page = post(ada, "/console/golden/promote", feedback=report, must_contain="x" * 501, winner="kept:winner")
        assert status == 422
        assert "Shorten this to at most 500 characters." in text_of(page)
        assert 'value="kept:winner"' in page
        assert post(sam, "/console/golden/promote", feedback=report)[0] == 403
        assert QUESTION.query not in text_of(sam.get("/console/golden").text)
        status, page = post(ada, "/console/golden/promote", feedback="nothing")
        assert status == 404
        assert own_app.control.feedback.golden(OWNER) == []

    def test_questions_are_run_in_a_release_and_in_a_draft(self, own_app: App, omar: TestClient, ada: TestClient, report: str) -> None:
        own_app.control.feedback.promote(OWNER, report)
        staged(own_app, OWNER, OVERRIDE)
        page = text_of(omar.get("/console/golden/run?number=1").text)
        assert "1 of 1 question fails." in page
        assert "It was expected that the answer says 21 days ; it got:" in page
        assert "it got" not in text_of(ada.get("/console/golden/run?number=1").text)
        page = text_of(omar.get("/console/golden/run?number=2&workflow=refund").text)
        assert "In draft 2" in page
        assert "The one question is answered as expected." in page
        assert "There is no golden question." in text_of(omar.get("/console/golden/run?number=1&workflow=delivery").text)

    def test_a_question_is_forgotten_by_those_who_answer_for_it(self, own_app: App, ada: TestClient, sam: TestClient, report: str) -> None:
        name = own_app.control.feedback.promote(OWNER, report).id
        assert post(sam, f"/console/golden/{name}/drop")[0] == 403
        assert post(ada, f"/console/golden/{name}/drop") == (303, "/console/golden?done=dropped")
        assert own_app.control.feedback.golden(OWNER) == []
        assert post(ada, f"/console/golden/{name}/drop")[0] == 404


def test_every_form_is_refused_without_the_token_of_its_session(own_app: App, omar: TestClient) -> None:
    draft = approved(own_app, OVERRIDE)
    workspace = own_app.control.workspaces.open(OPERATOR, "A change")
    here = f"/console/workspaces/{workspace.id}"
    forms = [
        "/console/releases/restore",
        "/console/releases/1/pin",
        "/console/releases/1/unpin",
        "/console/releases/1/rollback",
        "/console/trial/widen",
        "/console/trial/take-back",
        *(f"/console/drafts/{draft}/{step}" for step in ("check", "approve", "publish", "discard")),
        "/console/workspaces",
        *(f"{here}/{step}" for step in ("stage", "discard", "edits/x/remove", f"document?ref={RETURNS}", "ruling", "settings")),
        "/console/golden/promote",
        "/console/golden/x/drop",
    ]
    fields = {"why": "x", "sure": "true", "share": "100", "edition": "0", "title": "x", "kind": "set_status", "status": "draft"}
    for address in forms:
        for token in ({}, {"csrf": "forged"}):
            reply = omar.post(address, data={**fields, **token})
            assert reply.status_code == 403, address
            assert "This form was made for another session." in text_of(reply.text), address
    assert own_app.releases.traffic().newest == 1
    assert own_app.control.workspaces.workspace(OPERATOR, workspace.id) == workspace


def test_markup_stays_words_wherever_it_is_shown(own_app: App, ada: TestClient, omar: TestClient) -> None:
    edit = TextOverride(document="handbook:markup.md", passage="they are printed as they are", replacement=f"{MARKUP} is printed")
    workspace = staged(own_app, OWNER, edit, title=MARKUP)
    own_app.answer(ContextRequest(query="Which odd signs may a label hold?", workflow="refund"), AGENT)
    assert workspace.draft
    seen = own_app.control.gates.check(SECOND, workspace.draft).digest
    own_app.control.gates.approve(SECOND, workspace.draft, seen, MARKUP)
    here = f"/console/workspaces/{workspace.id}"
    drafts = [f"/console/drafts/{workspace.draft}", f"/console/drafts/{workspace.draft}/impact", "/console/drafts"]
    shown = [ada.get(address).text for address in (here, f"{here}/document?ref=handbook:markup.md", *drafts, "/console/workspaces")]
    own_app.releases.publish(OPERATOR, workspace.draft, MARKUP)
    after = ("/console/releases", "/console/releases/2", "/console/compare/document?base=1&number=2&ref=handbook:markup.md", drafts[0])
    shown += [omar.get(address).text for address in after]
    shown.append(omar.get(f"/console/releases?done={MARKUP}").text)
    for page in shown:
        assert MARKUP not in page
        assert "alert(&#39;heard&#39;)" in page or page is shown[-1]
