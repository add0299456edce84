"""Change control on the demo company, with its real models: what publishes itself, what is held, and who lets it go."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path

import pytest

from context_service.app import App, open_app
from context_service.cli.demo import COMPANY, pointed_at
from context_service.declarations.company import load
from context_service.errors import NotAnApprover
from context_service.ingest.pipeline import Report
from context_service.ingest.progress import Silent
from context_service.model.access import Classification, Grant, Principal, PrincipalKind
from context_service.model.applicability import Window
from context_service.model.context import ContextReply, ContextRequest, CustomerRef
from context_service.model.release import DraftState
from context_service.model.workspace import SetEffective, TextOverride
from context_service.settings import Settings
from tests.flows.changes import approved, releases, said, staged
from tests.flows.truth import truth

GRANT = Grant(workflows="*", sources="*", audiences=frozenset({"customer-agents"}), ceiling=Classification.CONFIDENTIAL, customers="*")
AGENT = Principal(id="demo-agent", kind=PrincipalKind.AGENT, grant=GRANT)
POLICY = Principal(id="pia", kind=PrincipalKind.PERSON, teams=frozenset({"policy-team"}), grant=GRANT)
FIRST, SECOND = (
    Principal(id=name, kind=PrincipalKind.PERSON, operator=True, grant=GRANT.model_copy(update={"ceiling": Classification.RESTRICTED}))
    for name in ("olga", "omar")
)
RETURN = "How many days do I have to return a Tidewell product for a full refund?"
RETURNS = "handbook:returns.md"
DOCS = ["handbook", "helpcenter", "operations"]
GOLDEN = """\
workflow: refund
audiences: [customer-agents]
questions:
  - id: thirty-days
    query: How many days do I have to return a Tidewell product for a full refund?
    customer: {id: C-1002}
    must_contain: [within 30 days of delivery]
    must_not_contain: [within 100 days of delivery]
    winner: "handbook:returns.md"
    decision: answer
"""

Open = Callable[[], AbstractContextManager[App]]


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """The company's files, to be changed."""
    return Path(shutil.copytree(COMPANY, tmp_path / "company"))


@pytest.fixture
def opened(company: Path, tmp_path: Path, ingested: tuple[Path, Report], site_url: str) -> Open:
    """Opens the service over the ingested company, with whatever the files declare then."""
    data = Path(shutil.copytree(ingested[0], tmp_path / "data"))

    @contextmanager
    def opening() -> Iterator[App]:
        settings = Settings(config=company / "context.yaml", data=data, schedule=False)
        with open_app(settings, pointed_at(load(settings.config), site_url), now=truth().now) as app:
            for person in (POLICY, FIRST, SECOND):
                app.register(person, "test")
            yield app

    return opening


def ask(app: App, query: str = RETURN, customer: str = "C-1002", **more: object) -> ContextReply:
    request = ContextRequest.model_validate({"query": query, "customer": CustomerRef(id=customer), "workflow": "refund", **more})
    return app.answer(request, AGENT)


def sync(app: App, *names: str) -> Report:
    return app.ingest([*(names or DOCS)], "schedule", Silent())


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_without_a_change_nothing_is_held_and_nothing_published(opened: Open) -> None:
    with opened() as app:
        report = sync(app)
        assert (report.releases, report.held) == ((), ())


def test_an_owners_words_are_told_after_approval_and_at_every_later_sync(opened: Open, company: Path) -> None:
    with opened() as app:
        shorter = TextOverride(document=RETURNS, passage="within 30 days of delivery", replacement="within 33 days of delivery")
        workspace = staged(app, POLICY, shorter)
        releases(app).publish(POLICY, approved(app, workspace, FIRST), "the new law")
        reply = ask(app)
        assert "within 33 days of delivery" in said(reply)
        assert "within 30 days of delivery" not in said(reply)
        assert "within 30 days of delivery" in said(ask(app, release=1))
        edit(company / "docs/handbook/returns.md", "help us to build better doorbells", "help us to build better cameras")
        assert sync(app).release
        assert "within 33 days of delivery" in said(ask(app))


def test_a_rule_moved_to_next_year_no_longer_holds_today_and_does_then(opened: Open) -> None:
    with opened() as app:
        workspace = staged(app, POLICY, SetEffective(document=RETURNS, effective=Window(since=date(2027, 1, 1))))
        releases(app).publish(POLICY, approved(app, workspace, FIRST))
        assert RETURNS not in {item.document for item in ask(app).items}
        assert RETURNS in {item.document for item in ask(app, effective_on=date(2027, 2, 1)).items}


def test_a_source_that_loses_most_of_its_pages_is_held_and_the_others_publish(opened: Open, company: Path) -> None:
    articles = sorted((company / "docs/helpcenter").glob("*.*"))
    gone = [path for path in articles if path.name != "source.yaml"][: int(len(articles) * 0.8)]
    for path in gone:
        path.unlink()
    edit(company / "docs/handbook/returns.md", "help us to build better doorbells", "help us to build better cameras")
    with opened() as app:
        report = sync(app)
        (held,) = app.records.drafts()
        assert report.release
        assert report.release.sources == {"handbook"}
        assert held.sources == {"helpcenter"}
        assert held.state is DraftState.HELD
        assert "documents" in held.reasons[0]
        left = {one.key for one in app.records.revisions_in(app.records.head(), "helpcenter")}
        assert {path.name for path in gone} <= left
        check = app.control.gates.check(FIRST, held.id)
        assert [result.gate for result in check.results if not result.passed] == ["coverage"]
        app.control.gates.approve(FIRST, held.id, check.digest, "we cleaned up")
        assert releases(app).publish(SECOND, held.id)
        assert len(app.records.revisions_in(app.records.head(), "helpcenter")) == len(left) - len(gone)


def test_what_is_held_publishes_itself_once_the_source_is_whole_again(opened: Open, company: Path, tmp_path: Path) -> None:
    shelter = Path(shutil.copytree(company / "docs/helpcenter", tmp_path / "shelter"))
    for path in (company / "docs/helpcenter").glob("*.md"):
        path.unlink()
    with opened() as app:
        sync(app)
        assert app.records.drafts()
        shutil.copytree(shelter, company / "docs/helpcenter", dirs_exist_ok=True)
        edit(company / "docs/helpcenter/contact.md", "# ", "# Our ")
        report = sync(app)
        assert report.release
        assert app.records.drafts() == []


def test_a_wider_access_waits_for_a_person(opened: Open, company: Path) -> None:
    edit(
        company / "docs/operations/source.yaml",
        """  - match: "goodwill-limits.csv"
    owner: risk-team
    modified: 2026-06-11
    access: {classification: restricted, audiences: [staff]}""",
        """  - match: "goodwill-limits.csv"
    owner: risk-team
    modified: 2026-06-11
    access: {classification: internal, audiences: [staff, customer-agents]}""",
    )
    with opened() as app:
        report = sync(app, "operations")
        (held,) = app.records.drafts()
        assert report.release is None
        check = app.control.gates.check(FIRST, held.id)
        access = next(result for result in check.results if result.gate == "access")
        assert "operations:goodwill-limits.csv could be read by" in access.sources["operations"]
        with pytest.raises(NotAnApprover):
            releases(app).publish(FIRST, held.id)
        app.control.gates.approve(FIRST, held.id, check.digest)
        assert releases(app).publish(FIRST, held.id)


def test_a_golden_question_blocks_the_source_that_breaks_it(opened: Open, company: Path) -> None:
    (company / "golden").mkdir()
    (company / "golden" / "refund.yaml").write_text(GOLDEN)
    edit(company / "docs/handbook/returns.md", "within 30 days of delivery", "within 20 days of delivery")
    edit(company / "docs/helpcenter/contact.md", "# ", "# Our ")
    with opened() as app:
        assert [one.passed for one in app.control.feedback.run(FIRST, app.records.head())] == [True]
        report = sync(app)
        (held,) = app.records.drafts()
        assert held.sources == {"handbook"}
        assert "thirty-days" in held.reasons[0]
        assert report.release
        assert report.release.sources == {"helpcenter"}
        assert "within 30 days of delivery" in said(ask(app))
        (outcome,) = app.control.feedback.run(FIRST, held.number)
        assert {miss.what for miss in outcome.misses} >= {"must_contain"}
        edit(company / "golden/refund.yaml", "within 30 days of delivery", "within 20 days of delivery")
    with opened() as app:
        assert sync(app).release
        assert "within 20 days of delivery" in said(ask(app))


def test_a_source_that_is_not_trusted_waits_for_its_approver(opened: Open, company: Path) -> None:
    declaration = company / "docs/handbook/source.yaml"
    declaration.write_text(declaration.read_text() + "trusted: false\n")
    with opened() as app:
        assert sync(app).releases == (), "that alone changes no document"
        edit(company / "docs/handbook/returns.md", "within 30 days of delivery", "within 20 days of delivery")
        sync(app)
        (held,) = app.records.drafts()
        assert held.reasons == ("`handbook` is not trusted to publish itself.",)
        check = app.control.gates.check(POLICY, held.id)
        assert check.passed
        app.control.gates.approve(POLICY, held.id, check.digest)
        assert releases(app).publish(POLICY, held.id)
        assert "within 20 days of delivery" in said(ask(app))
