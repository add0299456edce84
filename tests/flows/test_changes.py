"""Owners' changes from the first edit to the published answer, and everything that may come between."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from context_service.app import App, assemble
from context_service.audit.chain import verify
from context_service.declarations.company import load
from context_service.embedding.protocol import Vector
from context_service.errors import (
    ConflictChanged,
    ContextServiceError,
    DraftChanged,
    DraftConflict,
    Forbidden,
    InvalidRequest,
    NotAnApprover,
    NotAnOwner,
    NotFound,
    StaleDraft,
    TextChanged,
    TooManyReports,
    UnknownRelease,
    UnknownWorkflow,
    WorkspaceChanged,
    WorkspaceClosed,
)
from context_service.ingest.progress import Silent
from context_service.model.access import Grant, Principal
from context_service.model.applicability import Applicability, Status, Window
from context_service.model.audit import Action
from context_service.model.claim import Modality
from context_service.model.conflict import ConflictState, RulingOutcome, RulingRequest
from context_service.model.context import ContextRequest, CustomerRef, Decision
from context_service.model.golden import Expectations, FeedbackRequest, Verdict
from context_service.model.workflow import DecidedBy, MustInclude
from context_service.model.workspace import (
    RulingEdit,
    SetApplicability,
    SetAuthority,
    SetEffective,
    SetStatus,
    Settings,
    TextOverride,
    WorkflowSettings,
    WorkspaceState,
)
from context_service.releases.views import ChangeKind
from context_service.rulings.views import Filters
from context_service.settings import Settings as AppSettings
from tests.companies import AGENT, OPERATOR, OWNER, STRANGER
from tests.fakes import FakeEmbedder, FakeReranker
from tests.flows.changes import OUTSIDER, SECOND, SUPPORT, approved, ask, published, register_people, releases, said, staged
from tests.flows.disputes import FILES, Clock, open_company, write, write_company

RETURN = "How many days do I have to return a product for a full refund?"
PRICE = "What does the Plus plan cost per month?"
RETURNS = "handbook:returns.txt"
NOBODY = STRANGER.model_copy(update={"grant": Grant(sources=frozenset({"handbook"}))})
"""May know that there is a handbook, and read none of it."""

SHORTER = TextOverride(document=RETURNS, passage="within 30 days of delivery", replacement="within 21 days of delivery")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company with its first release published. Not to be changed."""
    folder = tmp_path_factory.mktemp("changes") / "company"
    write_company(folder)
    with open_company(folder, Clock()) as app:
        register_people(app)
        assert app.ingest([], "test", Silent()).release
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "company"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(folder: Path, clock: Clock) -> Iterator[App]:
    with open_company(folder, clock) as opened:
        yield opened


@pytest.fixture
def change(app: App, folder: Path, clock: Clock) -> Callable[[str, str | None], None]:
    """Writes a text (None: deletes it), and syncs an hour later."""

    def changed(name: str, text: str | None) -> None:
        clock.pass_time(hours=1)
        if text is None:
            (folder / name).unlink()
        else:
            write(folder / name, text)
        app.ingest([], "test", Silent())

    return changed


def returns(**words: str) -> str:
    text = FILES["handbook/texts/returns.txt"]
    for old, new in words.items():
        text = text.replace(old.replace("_", " "), new)
    return text


class TestOverrides:
    def test_other_words_are_told_from_their_release_on_and_the_old_ones_before(self, app: App) -> None:
        workspace = staged(app, OWNER, SHORTER)
        draft = app.records.drafts()[0]
        assert "21 days" not in said(ask(app, RETURN, plan="plus", region="US"))
        assert "within 21 days" in said(ask(app, RETURN, number=draft.number, plan="plus", region="US"))
        release = releases(app).publish(OPERATOR, approved(app, workspace), "the law changed")
        now, before = ask(app, RETURN, plan="plus", region="US"), ask(app, RETURN, release=1, plan="plus", region="US")
        assert "within 21 days" in said(now)
        assert "30 days" not in said(now)
        assert "within 30 days" in said(before)
        item = next(item for item in now.items if item.document == RETURNS)
        version = app.records.version(item.lineage.version)
        assert version
        assert version.text[item.lineage.start : item.lineage.end] == item.text
        assert release.by == OPERATOR.id

    def test_they_stand_at_every_later_sync(self, app: App, change: Callable[[str, str | None], None]) -> None:
        published(app, OWNER, SHORTER, SetAuthority(document=RETURNS, authority="article"))
        change("handbook/texts/returns.txt", returns(Keep_the_box="Keep the whole box"))
        told = said(ask(app, RETURN, plan="plus", region="US"))
        assert "within 21 days" in told
        assert "whole box" in told
        assert {item.authority for item in ask(app, RETURN).items if item.document == RETURNS} == {"article"}

    def test_a_document_that_was_gone_for_a_while_comes_back_with_them(self, app: App, change: Callable[[str, str | None], None]) -> None:
        published(app, OWNER, SHORTER)
        change("handbook/texts/returns.txt", None)
        assert RETURNS not in {item.document for item in ask(app, RETURN).items}
        change("handbook/texts/returns.txt", returns())
        assert "within 21 days" in said(ask(app, RETURN, plan="plus", region="US"))

    def test_when_the_source_says_something_else_that_is_told_and_the_owner_hears_of_it(
        self, app: App, change: Callable[[str, str | None], None]
    ) -> None:
        published(app, OWNER, SHORTER)
        with capture_logs() as logs:
            change("handbook/texts/returns.txt", returns(within_30_days_of_delivery="up to a month after delivery"))
        told = said(ask(app, RETURN, plan="plus", region="US"))
        assert "up to a month" in told
        assert "21 days" not in told
        (heard,) = [entry for entry in logs if entry["event"] == "override_not_applied"]
        assert (heard["document"], heard["owner"]) == (RETURNS, "policy-team")
        revision = app.records.revision_of("handbook", "returns.txt", app.records.head())
        assert revision
        assert revision.overridden
        assert "within 30 days of delivery" in revision.overridden.orphans[0]

    def test_taken_back_the_sources_own_words_are_told_again(self, app: App) -> None:
        published(app, OWNER, SHORTER)
        published(app, OWNER, TextOverride(document=RETURNS, passage="within 30  days of delivery", replacement=None))
        assert "within 30 days" in said(ask(app, RETURN, plan="plus", region="US"))
        revision = app.records.revision_of("handbook", "returns.txt", app.records.head())
        assert revision
        assert revision.overridden is None

    def test_dates_status_and_applicability_bind_like_the_sources_own(self, app: App) -> None:
        published(app, OWNER, SetEffective(document=RETURNS, effective=Window(since=date(2027, 1, 1))))
        assert "within 30 days" not in said(ask(app, RETURN, plan="plus", region="US"))
        published(app, OWNER, SetEffective(document=RETURNS, effective=None))
        assert "within 30 days" in said(ask(app, RETURN, plan="plus", region="US"))
        published(app, OWNER, SetApplicability(document=RETURNS, applicability=Applicability(plans=frozenset({"basic"}))))
        assert "within 30 days" not in said(ask(app, RETURN, plan="plus", region="US"))
        assert "within 30 days" in said(ask(app, RETURN, plan="basic", region="US"))
        published(app, OWNER, SetStatus(document=RETURNS, status=Status.WITHDRAWN))
        assert "within 30 days" not in said(ask(app, RETURN, plan="basic", region="US"))

    def test_only_what_changes_is_embedded(self, app: App) -> None:
        before = {chunk.embedding_key for chunk in app.records.chunks_of(_document(app, RETURNS), 1)}
        release = published(app, OWNER, SHORTER)
        after = {chunk.embedding_key for chunk in app.records.chunks_of(_document(app, RETURNS), release.number)}
        assert len(before) == 2
        assert len(before & after) == 1


class TestWorkspaces:
    def test_of_two_editors_the_second_is_told(self, app: App) -> None:
        workspaces = app.control.workspaces
        workspace = workspaces.open(OWNER, "Shorter returns")
        workspaces.add(OWNER, workspace.id, SHORTER, edition=0)
        with pytest.raises(WorkspaceChanged, match="ada has edited"):
            workspaces.add(OPERATOR, workspace.id, SetStatus(document=RETURNS, status=Status.DRAFT), edition=0)
        seen = workspaces.workspace(OPERATOR, workspace.id)
        again = workspaces.add(OPERATOR, workspace.id, SetStatus(document=RETURNS, status=Status.DRAFT), edition=seen.edition)
        assert [placed.by for placed in again.edits] == ["ada", "omar"]
        assert again.last_editor == "omar"

    def test_a_later_edit_about_the_same_replaces_the_earlier(self, app: App) -> None:
        workspaces = app.control.workspaces
        workspace = workspaces.open(OWNER, "Shorter returns")
        workspaces.add(OWNER, workspace.id, SHORTER, edition=0)
        found = workspaces.add(OWNER, workspace.id, SHORTER.model_copy(update={"replacement": "within 10 days of delivery"}), edition=1)
        assert [placed.edit for placed in found.edits] == [SHORTER.model_copy(update={"replacement": "within 10 days of delivery"})]

    def test_an_edit_taken_out_is_not_staged(self, app: App) -> None:
        workspaces = app.control.workspaces
        workspace = staged(app, OWNER, SHORTER, SetAuthority(document=RETURNS, authority="article"))
        left = workspaces.remove(OWNER, workspace.id, workspace.edits[0].id, edition=workspace.edition)
        assert left.state is WorkspaceState.OPEN
        again = workspaces.stage(OWNER, workspace.id, edition=left.edition)
        assert again.draft == workspace.draft
        number = app.records.drafts()[0].number
        assert "within 30 days" in said(ask(app, RETURN, number=number, plan="plus", region="US"))

    @pytest.mark.parametrize(
        ("who", "edit", "error"),
        [
            (AGENT, SHORTER, Forbidden),
            (STRANGER, SHORTER, Forbidden),
            (SUPPORT, SHORTER, NotAnOwner),
            (OUTSIDER, SHORTER, NotAnOwner),
            (OWNER, SHORTER.model_copy(update={"document": "handbook:nothing.txt"}), NotFound),
            (OPERATOR, SHORTER.model_copy(update={"document": "@workflows:refund"}), NotFound),
            (OWNER, SHORTER.model_copy(update={"passage": "within 99 days"}), TextChanged),
            (OWNER, SHORTER.model_copy(update={"passage": "How to send it back"}), TextChanged),
            (OWNER, TextOverride(document=RETURNS, passage="within 30 days", replacement=None), InvalidRequest),
            (OWNER, SetAuthority(document=RETURNS, authority="gospel"), InvalidRequest),
            (OWNER, SetApplicability(document=RETURNS, applicability=Applicability(plans=frozenset({"platinum"}))), InvalidRequest),
            (OWNER, WorkflowSettings(workflow="refund", settings=Settings(items=1)), Forbidden),
            (OPERATOR, WorkflowSettings(workflow="nothing", settings=Settings(items=1)), UnknownWorkflow),
            (
                OPERATOR,
                WorkflowSettings(workflow="refund", settings=Settings(must_include=(MustInclude(document="handbook:none.txt"),))),
                InvalidRequest,
            ),
        ],
    )
    def test_what_one_may_not_or_cannot_change_is_refused(
        self, app: App, who: Principal, edit: TextOverride, error: type[ContextServiceError]
    ) -> None:
        workspace = app.control.workspaces.open(OWNER, "Some change")
        with pytest.raises(error) as caught:
            app.control.workspaces.add(who, workspace.id, edit, edition=0)
        assert caught.value.remedy
        assert app.control.workspaces.workspace(OWNER, workspace.id).edits == ()

    def test_text_that_a_sync_changed_since_is_refused_at_staging(self, app: App, change: Callable[[str, str | None], None]) -> None:
        workspaces = app.control.workspaces
        workspace = workspaces.add(OWNER, workspaces.open(OWNER, "Shorter").id, SHORTER, edition=0)
        change("handbook/texts/returns.txt", returns(within_30_days_of_delivery="within a month"))
        with pytest.raises(TextChanged, match="within 30 days of delivery"):
            workspaces.stage(OWNER, workspace.id, edition=workspace.edition)

    def test_a_sync_that_touches_its_document_makes_it_stale_until_it_is_staged_again(
        self, app: App, change: Callable[[str, str | None], None]
    ) -> None:
        workspace = staged(app, OWNER, SHORTER)
        draft = approved(app, workspace)
        change("handbook/texts/returns.txt", returns(Keep_the_box="Keep the whole box"))
        with pytest.raises(ContextServiceError) as caught:
            releases(app).publish(OPERATOR, draft)
        assert isinstance(caught.value, (StaleDraft, DraftChanged))
        assert "within 30 days" in said(ask(app, RETURN, plan="plus", region="US"))
        again = app.control.workspaces.stage(OWNER, workspace.id, edition=workspace.edition)
        releases(app).publish(OPERATOR, approved(app, again))
        told = said(ask(app, RETURN, plan="plus", region="US"))
        assert "within 21 days" in told
        assert "whole box" in told

    def test_a_discarded_one_leaves_nothing(self, app: App) -> None:
        workspace = staged(app, OWNER, SHORTER)
        closed = app.control.workspaces.discard(OWNER, workspace.id, edition=workspace.edition)
        assert closed.state is WorkspaceState.DISCARDED
        assert app.records.drafts() == []
        assert app.ingest([], "test", Silent()).release is None
        with pytest.raises(WorkspaceClosed):
            app.control.workspaces.add(OWNER, workspace.id, SHORTER, edition=closed.edition)

    def test_an_empty_one_cannot_be_staged_and_an_unknown_one_is_not_found(self, app: App) -> None:
        workspace = app.control.workspaces.open(OWNER, "Nothing")
        with pytest.raises(InvalidRequest):
            app.control.workspaces.stage(OWNER, workspace.id, edition=0)
        with pytest.raises(NotFound):
            app.control.workspaces.workspace(OWNER, "nothing")
        with pytest.raises(InvalidRequest):
            app.control.workspaces.open(OWNER, "  ")

    def test_every_step_is_audited(self, app: App) -> None:
        workspace = staged(app, OWNER, SHORTER)
        releases(app).publish(OPERATOR, approved(app, workspace))
        app.control.workspaces.settle()
        actions = [record.entry.action for record in app.records.audit_of(f"workspace:{workspace.id}")]
        assert actions == [Action.WORKSPACE_EDITED, Action.WORKSPACE_EDITED, Action.WORKSPACE_STAGED]
        decided = [record.entry.action for record in app.records.audit_of(f"draft:{workspace.draft}")]
        assert Action.DRAFT_APPROVED in decided
        assert verify(app.records.audit_records()).broken is None
        assert app.control.workspaces.workspace(OWNER, workspace.id).state is WorkspaceState.PUBLISHED


class TestSettings:
    def test_a_release_answers_with_its_own(self, app: App) -> None:
        edit = WorkflowSettings(workflow="refund", settings=Settings(minimum_confidence=1.0))
        assert ask(app, RETURN, plan="plus", region="US").decision is Decision.ANSWER
        release = published(app, OPERATOR, edit, by=SECOND)
        assert ask(app, RETURN, plan="plus", region="US").decision is Decision.INSUFFICIENT
        assert ask(app, RETURN, release=1, plan="plus", region="US").decision is Decision.ANSWER
        diff = app.control.differ.diff(OPERATOR, 1, release.number)
        (change,) = diff.settings
        assert [(one.field, one.before, one.after) for one in change.fields] == [("minimum_confidence", None, 1.0)]
        assert diff.documents == ()

    def test_what_an_edit_leaves_out_stays_and_null_takes_all_back(self, app: App) -> None:
        published(app, OPERATOR, WorkflowSettings(workflow="refund", settings=Settings(minimum_confidence=1.0)), by=SECOND)
        published(app, OPERATOR, WorkflowSettings(workflow="refund", settings=Settings(items=1)), by=SECOND)
        reply = ask(app, RETURN, plan="plus", region="US")
        assert reply.decision is Decision.INSUFFICIENT
        published(app, OPERATOR, WorkflowSettings(workflow="refund", settings=None), by=SECOND)
        assert ask(app, RETURN, plan="plus", region="US").decision is Decision.ANSWER

    def test_the_order_of_rules_decides_otherwise(self, app: App) -> None:
        edit = WorkflowSettings(workflow="refund", settings=Settings(resolution=(DecidedBy.RECENCY,)))
        published(app, OPERATOR, edit, by=SECOND)
        assert {report.rule for report in ask(app, PRICE).conflicts} == {DecidedBy.RECENCY}
        assert {report.rule for report in ask(app, PRICE, release=1).conflicts} == {DecidedBy.AUTHORITY}


class TestRulingEdits:
    def test_the_ruling_is_made_when_it_is_published(self, app: App) -> None:
        edit = _ruling(app)
        workspace = staged(app, SUPPORT, edit)
        assert app.rulings.conflict(SUPPORT, edit.conflict).rulings == ()
        releases(app).publish(OPERATOR, approved(app, workspace))
        app.control.workspaces.settle()
        (view,) = app.rulings.conflict(SUPPORT, edit.conflict).rulings
        assert view.ruling.author == SUPPORT.id
        done = app.control.workspaces.workspace(SUPPORT, workspace.id)
        assert list(done.results.values()) == [view.ruling.id]

    def test_one_that_can_no_longer_be_made_is_told_and_publishes_the_rest(self, app: App) -> None:
        edit = _ruling(app)
        workspace = staged(app, SUPPORT, edit, SetStatus(document="helpcenter:faq.txt", status=Status.WITHDRAWN))
        draft = approved(app, workspace)
        app.rulings.rule(OPERATOR, edit.conflict, edit.ruling)
        releases(app).publish(OPERATOR, draft)
        app.control.workspaces.settle()
        (result,) = app.control.workspaces.workspace(SUPPORT, workspace.id).results.values()
        assert "ruled" in result

    def test_while_its_release_is_on_trial_no_ruling_is_made(self, app: App) -> None:
        edit = _ruling(app)
        workspace = staged(app, SUPPORT, edit, SetStatus(document="helpcenter:delivery.txt", status=Status.WITHDRAWN))
        app.releases.canary(OPERATOR, approved(app, workspace), 0.1)
        assert app.control.workspaces.workspace(SUPPORT, workspace.id).state is WorkspaceState.STAGED
        assert app.rulings.conflict(SUPPORT, edit.conflict).rulings == ()
        app.releases.widen(OPERATOR, 1.0)
        assert app.control.workspaces.workspace(SUPPORT, workspace.id).state is WorkspaceState.PUBLISHED
        assert len(app.rulings.conflict(SUPPORT, edit.conflict).rulings) == 1

    def test_sides_that_were_not_seen_are_refused(self, app: App) -> None:
        edit = _ruling(app)
        other = edit.model_copy(update={"ruling": edit.ruling.model_copy(update={"seen": (*edit.ruling.seen[:1], "x"), "side": None})})
        workspace = app.control.workspaces.open(SUPPORT, "Prices")
        with pytest.raises(ConflictChanged):
            app.control.workspaces.add(SUPPORT, workspace.id, other, edition=0)


class TestApproval:
    def test_the_last_editor_cannot_approve_and_nobody_publishes_without(self, app: App) -> None:
        workspace = staged(app, OPERATOR, SHORTER)
        assert workspace.draft
        check = app.control.gates.check(OPERATOR, workspace.draft)
        assert check.waits_for_approval == {"workspace"}
        with pytest.raises(NotAnApprover, match="have edited"):
            app.control.gates.approve(OPERATOR, workspace.draft, check.digest)
        for person in (OPERATOR, SECOND):
            with pytest.raises(NotAnApprover):
                releases(app).publish(person, workspace.draft)
        app.control.gates.approve(SECOND, workspace.draft, check.digest, "read it twice")
        release = releases(app).publish(OPERATOR, workspace.draft)
        assert release.gates["approval"] == {
            "by": "olga",
            "at": "2026-11-20T12:00:00Z",
            "digest": check.digest,
            "found": [],
            "reason": "read it twice",
        }

    def test_who_answers_for_a_part_only_cannot_approve(self, app: App) -> None:
        workspace = staged(app, OPERATOR, SHORTER, SetStatus(document="helpcenter:faq.txt", status=Status.DRAFT))
        assert workspace.draft
        digest = app.control.gates.check(SUPPORT, workspace.draft).digest
        with pytest.raises(NotAnApprover, match="do not answer"):
            app.control.gates.approve(SUPPORT, workspace.draft, digest)
        with pytest.raises(Forbidden):
            app.control.gates.check(OUTSIDER, workspace.draft)

    def test_it_is_void_when_the_draft_changes_afterwards(self, app: App) -> None:
        workspace = staged(app, OWNER, SHORTER)
        draft = approved(app, workspace)
        workspaces = app.control.workspaces
        more = workspaces.add(OWNER, workspace.id, SetAuthority(document=RETURNS, authority="article"), edition=workspace.edition)
        with pytest.raises(StaleDraft):
            releases(app).publish(OPERATOR, draft)
        workspaces.stage(OWNER, workspace.id, edition=more.edition)
        with pytest.raises(ContextServiceError):
            releases(app).publish(OPERATOR, draft)
        check = app.control.gates.check(OPERATOR, draft)
        assert check.approval is None
        with pytest.raises(NotAnApprover):
            releases(app).publish(OPERATOR, draft)

    def test_what_was_not_seen_is_not_approved(self, app: App) -> None:
        workspace = staged(app, OWNER, SHORTER)
        assert workspace.draft
        with pytest.raises(DraftChanged):
            app.control.gates.approve(OPERATOR, workspace.draft, "another")

    def test_what_a_gate_finds_afterwards_is_not_covered_by_it(self, app: App, clock: Clock) -> None:
        workspace = staged(app, OWNER, SHORTER)
        draft = approved(app, workspace)
        question = _golden(app)
        found = app.control.gates.check(OPERATOR, draft)
        assert (found.passed, found.approval) == (False, None)
        with pytest.raises(NotAnApprover):
            releases(app).publish(OPERATOR, draft)
        app.control.gates.approve(SECOND, draft, found.digest, "we know")
        clock.pass_time(hours=1)
        assert app.control.gates.check(OPERATOR, draft).approval, "what it covers may be found again"
        app.control.feedback.drop(OWNER, question)
        assert app.control.gates.check(OPERATOR, draft).approval, "and may be gone"
        _golden(app)
        assert app.control.gates.check(OPERATOR, draft).approval is None, "another question was never seen"

    def test_what_a_gate_found_since_one_looked_is_not_approved(self, app: App) -> None:
        workspace = staged(app, OWNER, SHORTER)
        assert workspace.draft
        seen = app.control.gates.check(OPERATOR, workspace.draft)
        _golden(app)
        with pytest.raises(DraftChanged, match="more than you saw"):
            app.control.gates.approve(OPERATOR, workspace.draft, seen.digest)
        assert app.control.gates.check(OPERATOR, workspace.draft).digest == seen.digest
        assert app.control.gates.approve(OPERATOR, workspace.draft, seen.digest).approval

    def test_a_syncs_draft_that_was_approved_waits_again_for_a_question_that_came_later(self, app: App, folder: Path, clock: Clock) -> None:
        for name in ("delivery", "delivery-estimates"):
            (folder / f"helpcenter/texts/{name}.txt").unlink()
        _golden(app, ("Standard delivery to Germany takes",), "How long does standard delivery to Germany take?")
        clock.pass_time(hours=1)
        report = app.ingest(["helpcenter"], "test", Silent())
        (draft,) = report.held
        app.control.gates.approve(SECOND, draft.id, app.control.gates.check(SECOND, draft.id).digest)
        _golden(app, ("2 working days",), "How long does standard delivery to Germany take?")
        clock.pass_time(hours=1)
        assert app.ingest(["helpcenter"], "test", Silent()).release is None
        assert [one.id for one in app.records.drafts()] == [draft.id]

    def test_it_outlives_another_release_that_touches_none_of_it(self, app: App, change: Callable[[str, str | None], None]) -> None:
        workspace = staged(app, OWNER, SHORTER)
        draft = approved(app, workspace)
        change("helpcenter/texts/new.txt", "# New\nWe open at nine.")
        with pytest.raises(StaleDraft):
            releases(app).publish(OPERATOR, draft)
        app.releases.check(OPERATOR, draft)
        with pytest.raises(StaleDraft, match="gates were not asked"):
            releases(app).publish(OPERATOR, draft)
        assert app.control.gates.check(OWNER, draft).approval
        assert releases(app).publish(OPERATOR, draft)
        assert "within 21 days" in said(ask(app, RETURN, plan="plus", region="US"))


class TestRollback:
    def test_overrides_and_settings_are_rolled_back_and_stay_so_at_the_next_sync(
        self, app: App, change: Callable[[str, str | None], None]
    ) -> None:
        settings = WorkflowSettings(workflow="refund", settings=Settings(minimum_confidence=1.0))
        published(app, OPERATOR, SHORTER, settings, by=SECOND)
        assert ask(app, RETURN, plan="plus", region="US").decision is Decision.INSUFFICIENT
        app.releases.rollback(OPERATOR, 1, "too early")
        reply = ask(app, RETURN, plan="plus", region="US")
        assert reply.decision is Decision.ANSWER
        assert "within 30 days" in said(reply)
        app.releases.restore()
        change("handbook/texts/returns.txt", returns(Keep_the_box="Keep the whole box"))
        (held,) = app.records.drafts()
        told = said(ask(app, RETURN, number=held.number, plan="plus", region="US"))
        assert "within 30 days" in told
        assert "whole box" in told
        assert ask(app, RETURN, number=held.number, plan="plus", region="US").decision is Decision.ANSWER
        app.releases.publish(OPERATOR, held.id)
        assert "whole box" in said(ask(app, RETURN, plan="plus", region="US"))

    def test_a_staged_workspace_has_to_be_staged_again(self, app: App) -> None:
        published(app, OWNER, SetAuthority(document="handbook:pricing.txt", authority="article"))
        workspace = staged(app, OWNER, SHORTER)
        draft = approved(app, workspace)
        app.releases.rollback(OPERATOR, 1)
        app.releases.restore()
        with pytest.raises(StaleDraft):
            app.releases.publish(OPERATOR, draft)
        again = app.control.workspaces.stage(OWNER, workspace.id, edition=workspace.edition)
        app.releases.publish(OPERATOR, approved(app, again))
        assert "within 21 days" in said(ask(app, RETURN, plan="plus", region="US"))


class Interrupted(FakeEmbedder):
    """Lets something happen in the middle of the next answer."""

    meanwhile: Callable[[], object] | None = None

    def embed_query(self, text: str) -> Vector:
        act, self.meanwhile = self.meanwhile, None
        if act:
            act()
        return super().embed_query(text)


class TestReadingADraft:
    def test_an_answer_is_of_one_state_or_is_refused(self, folder: Path, clock: Clock) -> None:
        settings = AppSettings(config=folder / "context.yaml", data=folder / "data", schedule=False)
        embedder = Interrupted()
        with assemble(settings, load(settings.config), embedder, FakeReranker(), now=clock) as app:
            first = staged(app, OWNER, SHORTER)
            other = approved(app, staged(app, SUPPORT, SetStatus(document="helpcenter:faq.txt", status=Status.WITHDRAWN)))
            assert first.draft
            customer = CustomerRef(attributes={"plan": "plus", "region": "US"})
            question = ContextRequest(query=RETURN, workflow="refund", customer=customer, draft=first.draft)
            assert "within 21 days" in said(app.answer(question, OWNER))
            embedder.meanwhile = lambda: app.releases.publish(OPERATOR, other)
            with pytest.raises(DraftConflict, match="while it was read"):
                app.answer(question, OWNER)
            assert app.records.head() > 1
            assert "within 21 days" in said(app.answer(question, OWNER)), "try again"

    def test_what_is_written_into_it_meanwhile_is_no_half_of_an_answer(self, folder: Path, clock: Clock) -> None:
        settings = AppSettings(config=folder / "context.yaml", data=folder / "data", schedule=False)
        embedder = Interrupted()
        with assemble(settings, load(settings.config), embedder, FakeReranker(), now=clock) as app:
            draft = app.records.draft(staged(app, OWNER, SHORTER).draft or "")
            assert draft

            def take() -> None:
                with app.records.writing() as tx:
                    tx.undo(draft.number, app.records.touched_documents(draft.number))

            embedder.meanwhile = take
            with pytest.raises(DraftConflict, match="while it was read"):
                app.answer(ContextRequest(query=RETURN, workflow="refund", draft=draft.id), OWNER)
            with pytest.raises(StaleDraft):
                app.answer(ContextRequest(query=RETURN, workflow="refund", draft=draft.id), OWNER)


class TestDiff:
    def test_it_names_what_changes_and_for_whom(self, app: App) -> None:
        workspace = staged(app, OWNER, SHORTER, SetEffective(document=RETURNS, effective=Window(since=date(2026, 1, 1))))
        assert workspace.draft
        diff = app.control.diff_of_draft(OWNER, workspace.draft)
        (change,) = diff.documents
        assert (change.document, change.kind, change.text) == (RETURNS, ChangeKind.CHANGED, True)
        assert [(one.field, one.after) for one in change.fields] == [("effective", {"from": "2026-01-01", "to": None})]
        assert (change.chunks_added, change.chunks_removed, change.chunks_kept) == (2, 2, 0)
        assert change.claims_added == change.claims_removed == 1
        assert [(one.modality, one.comes, one.text) for one in change.directives] == [
            (Modality.MAY, False, "You can return a Brightwater product within 30 days of delivery for a full refund."),
            (Modality.MAY, True, "You can return a Brightwater product within 21 days of delivery for a full refund."),
        ]
        assert (diff.counts.changed, diff.counts.added, diff.counts.hidden) == (1, 0, 0)
        assert app.control.diff_of_draft(NOBODY, workspace.draft).documents == ()
        assert app.control.diff_of_draft(NOBODY, workspace.draft).counts.hidden == 0, "that is not theirs to know"
        with pytest.raises(UnknownRelease):
            app.control.diff_of_draft(STRANGER, workspace.draft)
        with pytest.raises(Forbidden):
            app.control.diff_of_draft(AGENT, workspace.draft)

    def test_a_text_is_compared_by_sentence(self, app: App) -> None:
        release = published(app, OWNER, SHORTER)
        found = app.control.differ.document(OWNER, "handbook", "returns.txt", 1, release.number)
        changed = [(part.kind, part.text) for part in found.parts if part.kind != "same"]
        assert changed == [
            ("removed", "You can return a Brightwater product within 30 days of delivery for a full refund."),
            ("added", "You can return a Brightwater product within 21 days of delivery for a full refund."),
        ]
        with pytest.raises(NotFound):
            app.control.differ.document(STRANGER, "handbook", "returns.txt", 1, release.number)

    def test_conflicts_open_and_close(self, app: App) -> None:
        edit = TextOverride(document="helpcenter:faq.txt", passage="EUR 7.99 per month", replacement="EUR 9.99 per month")
        workspace = staged(app, SUPPORT, edit)
        assert workspace.draft
        diff = app.control.diff_of_draft(SUPPORT, workspace.draft)
        assert [set(one.documents) for one in diff.conflicts_closed] == [{"handbook:pricing.txt", "helpcenter:faq.txt"}]
        assert diff.conflicts_opened == ()
        release = releases(app).publish(OPERATOR, approved(app, workspace))
        back = app.control.differ.diff(SUPPORT, release.number, 1)
        assert back.conflicts_opened == diff.conflicts_closed

    def test_it_comes_in_pages(self, app: App, folder: Path, clock: Clock) -> None:
        for name in ("a", "b", "c"):
            write(folder / f"handbook/texts/{name}.txt", f"# Letter {name}\nThe letter {name} is posted on Mondays.")
        clock.pass_time(hours=1)
        release = app.ingest([], "test", Silent()).release
        assert release
        first = app.control.differ.diff(OWNER, 1, release.number, limit=2)
        second = app.control.differ.diff(OWNER, 1, release.number, after=first.next, limit=2)
        assert [one.document for one in (*first.documents, *second.documents)] == [f"handbook:{name}.txt" for name in ("a", "b", "c")]
        assert (first.counts.added, second.counts.added, second.next) == (3, 3, None)
        with pytest.raises(InvalidRequest):
            app.control.differ.diff(OWNER, 1, release.number, limit=0)
        with pytest.raises(UnknownRelease):
            app.control.differ.diff(OWNER, 1, 99)


class TestImpact:
    def test_past_answers_that_told_it_are_computed_both_ways(self, app: App) -> None:
        told = ask(app, RETURN, plan="plus", region="US")
        ask(app, PRICE)
        workspace = staged(app, OWNER, SHORTER)
        assert workspace.draft
        impact = app.control.impact_of_draft(OWNER, workspace.draft)
        assert [one.context_id for one in impact.changed] == [told.context_id]
        (change,) = impact.changed
        assert "within 30 days" in change.before.items[0].text
        assert "within 21 days" in change.after.items[0].text
        assert (change.changed, change.gained, change.lost) == ((RETURNS,), (), ())
        assert impact.workflows["refund"] >= 1
        served = [record for record in app.records.audit_records() if record.entry.action is Action.CONTEXT_SERVED]
        assert len(served) == 2

    def test_who_may_not_read_the_text_is_told_no_word_of_it(self, app: App) -> None:
        ask(app, RETURN, plan="plus", region="US")
        workspace = staged(app, OPERATOR, SHORTER, SetStatus(document="helpcenter:faq.txt", status=Status.WITHDRAWN))
        assert workspace.draft
        assert "30 days" in app.control.impact_of_draft(OPERATOR, workspace.draft).model_dump_json()
        part = app.control.impact_of_draft(SUPPORT.model_copy(update={"grant": Grant()}), workspace.draft)
        assert "30 days" not in part.model_dump_json()
        assert "handbook" not in part.model_dump_json()
        with pytest.raises(UnknownRelease):
            app.control.impact_of_draft(STRANGER, workspace.draft)
        for nobody in (OUTSIDER, AGENT):
            with pytest.raises(Forbidden):
                app.control.impact_of_draft(nobody, workspace.draft)


class TestFeedback:
    def test_a_reported_answer_becomes_a_question_that_guards_the_next_release(self, app: App) -> None:
        reply = ask(app, RETURN, plan="plus", region="US")
        request = FeedbackRequest(verdict=Verdict.GOOD, note="right", expected=Expectations(must_contain=("within 30 days",)))
        feedback = app.control.feedback.report(AGENT, reply.context_id, request)
        assert [one.id for one in app.control.feedback.recent(OWNER)] == [feedback.id]
        assert app.control.feedback.recent(OUTSIDER) == []
        with pytest.raises(NotAnOwner):
            app.control.feedback.promote(OUTSIDER, feedback.id)
        question = app.control.feedback.promote(OWNER, feedback.id)
        assert all(outcome.passed for outcome in app.control.feedback.run(OWNER, 1))
        workspace = staged(app, OWNER, SHORTER)
        assert workspace.draft
        check = app.control.gates.check(OWNER, workspace.draft)
        assert not check.passed
        golden = next(result for result in check.results if result.gate == "golden")
        assert question.id in golden.reason
        impact = app.control.impact_of_draft(OWNER, workspace.draft)
        assert [one.golden for one in impact.golden] == [question.id]
        app.control.feedback.drop(OWNER, question.id)
        assert app.control.gates.check(OWNER, workspace.draft).passed

    def test_only_who_got_the_answer_reports_on_it_and_not_without_end(self, app: App) -> None:
        reply = ask(app, RETURN, plan="plus", region="US")
        request = FeedbackRequest(verdict=Verdict.WRONG)
        with pytest.raises(NotFound):
            app.control.feedback.report(AGENT.model_copy(update={"id": "another"}), reply.context_id, request)
        with pytest.raises(NotFound):
            app.control.feedback.report(AGENT, "nothing", request)
        for _ in range(20):
            feedback = app.control.feedback.report(AGENT, reply.context_id, request)
        with pytest.raises(InvalidRequest):
            app.control.feedback.report(OPERATOR, reply.context_id, request)
        with pytest.raises(InvalidRequest, match="expects nothing"):
            app.control.feedback.promote(OWNER, feedback.id)
        question = app.control.feedback.promote(OWNER, feedback.id, Expectations(must_not_contain=("within 30 days",)))
        (outcome,) = app.control.feedback.run(OPERATOR, 1)
        assert [miss.what for miss in outcome.misses] == ["must_not_contain"]
        assert app.control.feedback.golden(OWNER, "delivery") == []
        with pytest.raises(NotAnOwner):
            app.control.feedback.drop(OUTSIDER, question.id)

    def test_a_question_outlives_the_report_it_was_made_of(self, app: App, clock: Clock) -> None:
        reply = ask(app, RETURN, plan="plus", region="US")
        request = FeedbackRequest(verdict=Verdict.GOOD, expected=Expectations(must_contain=("within 30 days",)))
        feedback = app.control.feedback.report(AGENT, reply.context_id, request)
        question = app.control.feedback.promote(OWNER, feedback.id)
        clock.pass_time(days=32)
        app.ingest([], "test", Silent())
        assert app.records.feedback(feedback.id) is None
        assert app.control.feedback.golden(OWNER) == [question]
        assert app.control.feedback.golden(OUTSIDER) == []
        assert [one.passed for one in app.control.feedback.run(OWNER, app.records.head())] == [True]
        app.control.feedback.drop(OWNER, question.id)
        assert app.control.feedback.golden(OWNER) == []

    def test_a_flood_of_reports_hides_no_report_from_its_owner(self, app: App, clock: Clock) -> None:
        reply = ask(app, RETURN, plan="plus", region="US")
        mine = app.control.feedback.report(AGENT, reply.context_id, FeedbackRequest(verdict=Verdict.WRONG))
        clock.pass_time(hours=1)
        others = {"documents": (_document(app, "helpcenter:delivery.txt"),), "at": clock(), "by": "noisy"}
        with app.records.writing() as tx:
            for i in range(1_200):
                tx.put_feedback(mine.model_copy(update={**others, "id": f"flood-{i:04}"}))
        assert [one.id for one in app.control.feedback.recent(OWNER)] == [mine.id]
        assert {one.by for one in app.control.feedback.recent(SUPPORT)} == {"noisy"}

    def test_nobody_reports_without_end_within_a_day(self, app: App, clock: Clock) -> None:
        request = FeedbackRequest(verdict=Verdict.WRONG)
        contexts = [ask(app, RETURN, plan="plus", region="US").context_id for _ in range(11)]
        for number in range(200):
            app.control.feedback.report(AGENT, contexts[number // 20], request)
        with pytest.raises(TooManyReports):
            app.control.feedback.report(AGENT, contexts[-1], request)
        app.control.feedback.report(OPERATOR, contexts[-1], request)
        clock.pass_time(hours=25)
        app.control.feedback.report(AGENT, contexts[-1], request)


def _golden(app: App, words: tuple[str, ...] = ("within 30 days",), query: str = RETURN) -> str:
    """A golden question that expects words of today's text."""
    reply = ask(app, query, plan="plus", region="US")
    request = FeedbackRequest(verdict=Verdict.GOOD, note="right", expected=Expectations(must_contain=words))
    return app.control.feedback.promote(OPERATOR, app.control.feedback.report(AGENT, reply.context_id, request).id).id


def _document(app: App, ref: str) -> str:
    source, _, key = ref.partition(":")
    revision = app.records.revision_of(source, key, 1)
    assert revision
    return revision.document


def _ruling(app: App) -> RulingEdit:
    """That the help center is right about the price."""
    views = app.rulings.conflicts(SUPPORT, Filters()).items
    view = next(one for one in views if "helpcenter:faq.txt" in {side.document for side in one.sides})
    assert view.state is ConflictState.RESOLVED_BY_RULE
    side = next(one for one in view.sides if one.document == "helpcenter:faq.txt")
    request = RulingRequest(outcome=RulingOutcome.SIDE_WINS, side=side.id, seen=tuple(one.id for one in view.sides), reason="It is newer.")
    return RulingEdit(conflict=view.id, ruling=request)
