"""A conflict's life: found at an ingest, ruled on, applied to the next answer, reopened when a side changes, closed when one is gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from context_service.app import App
from context_service.audit.chain import verify
from context_service.errors import (
    AlreadyRuled,
    ConflictChanged,
    ConflictClosed,
    ContextServiceError,
    InvalidRequest,
    NotAnOwner,
    NotFound,
    UnknownWorkflow,
)
from context_service.ingest.progress import Silent
from context_service.model.access import Grant, Principal, PrincipalKind
from context_service.model.applicability import Applicability
from context_service.model.audit import Action
from context_service.model.conflict import ConflictState, Happening, Ruling, RulingOutcome, RulingRequest, RulingScope
from context_service.model.context import ContextReply, ContextRequest, CustomerRef, Decision
from context_service.model.workflow import DecidedBy
from context_service.rulings.views import ConflictView, Filters
from tests.companies import AGENT, OPERATOR, OWNER, STRANGER
from tests.flows.disputes import Clock, open_company, write, write_company

PRICE = "What does the Plus plan cost per month?"
SUPPORT = OWNER.model_copy(update={"id": "bo", "teams": frozenset({"support-team"})})
OUTSIDER = OWNER.model_copy(update={"id": "cy", "teams": frozenset({"press-team"})})
PLUS, BASIC = Applicability(plans=frozenset({"plus"})), Applicability(plans=frozenset({"basic"}))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company with its first release published. Not to be changed."""
    folder = tmp_path_factory.mktemp("disputes") / "company"
    write_company(folder)
    with open_company(folder, Clock()) as app:
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
    """Writes a text (None: deletes it), and publishes that an hour later."""

    def changed(name: str, text: str | None) -> None:
        clock.pass_time(hours=1)
        if text is None:
            (folder / name).unlink()
        else:
            write(folder / name, text)
        assert app.ingest([], "test", Silent()).release

    return changed


def ask(app: App, question: str = PRICE, **more: object) -> ContextReply:
    return app.answer(ContextRequest.model_validate({"query": question, "workflow": "refund", **more}), AGENT)


def told(reply: ContextReply) -> str:
    return " ".join(item.text for item in reply.items)


def conflict(app: App, words: str = "Plus plan", who: Principal = OWNER) -> ConflictView:
    """The one conflict whose first side says `words`."""
    (found,) = [view for view in app.conflicts(who, Filters()).items if words in view.sides[0].text]
    return found


def side(view: ConflictView, words: str) -> str:
    return next(one.id for one in view.sides if words in one.text)


def wish(view: ConflictView, outcome: RulingOutcome = RulingOutcome.SIDE_WINS, words: str = "", **more: object) -> RulingRequest:
    given = {"outcome": outcome, "seen": [one.id for one in view.sides], "reason": "The price fell."}
    return RulingRequest.model_validate(given | ({"side": side(view, words)} if words else {}) | more)


FAQ = """
    # Returns
    Gift cards cannot be returned. For everything else see the handbook.
    # Prices
    The Plus plan costs EUR {price} per month. You can pay by card.
"""
CHEAPER = FAQ.format(price="8.49")


class TestLife:
    def test_a_conflict_that_nobody_can_decide_is_opened_and_its_owners_are_told(self, tmp_path: Path) -> None:
        write_company(tmp_path)
        with open_company(tmp_path, Clock()) as app, capture_logs() as logs:
            app.ingest([], "test", Silent())
            view = conflict(app, "Standard delivery")
            assert (view.state, [event.happening for event in view.events]) == (ConflictState.OPEN, [Happening.OPENED])
            (stored,) = app.records.conflicts([view.id])
            assert stored.notified == {"support-team"}
        (event,) = [one for one in logs if one["event"] == "conflict_waits_for_its_owners"]
        assert (event["conflict"], event["owners"]) == (view.id, ["support-team"])

    def test_one_that_a_rule_decides_or_that_depends_on_the_customer_waits_for_nobody(self, app: App) -> None:
        for words in ("Plus plan", "return a Brightwater product"):
            view = conflict(app, words)
            assert view.state is ConflictState.RESOLVED_BY_RULE
            assert not app.records.conflicts([view.id])[0].notified

    def test_found_ruled_on_applied_changed_reopened(self, app: App, change: Callable[[str, str | None], None]) -> None:
        assert "9.99" in told(ask(app))
        view = conflict(app)
        ruling = app.rule(OWNER, view.id, wish(view, words="7.99"))
        reply = ask(app)
        assert "7.99" in told(reply)
        assert "9.99" not in told(reply)
        (report,) = reply.conflicts
        assert (report.rule, report.ruling, report.conflicts) == (DecidedBy.RULING, ruling.id, (view.id,))
        assert report.reasons[-1].because == "Ruled by ada on 2026-11-20: The price fell."
        assert conflict(app).state is ConflictState.RULED

        change("helpcenter/texts/faq.txt", CHEAPER)
        changed = conflict(app)
        assert (changed.id, changed.state) == (view.id, ConflictState.REOPENED)
        assert [event.happening for event in changed.events] == [Happening.OPENED, Happening.RULED, Happening.CHANGED]
        assert [one.ended for one in changed.rulings] == ["sides_changed"]
        assert "9.99" in told(ask(app))
        assert ask(app).conflicts[0].rule is DecidedBy.AUTHORITY

    def test_a_conflict_keeps_its_ruling_while_the_text_around_its_sides_changes(
        self, app: App, change: Callable[[str, str | None], None]
    ) -> None:
        view = conflict(app)
        app.rule(OWNER, view.id, wish(view, words="7.99"))
        text = FAQ.format(price="7.99").replace("Prices", "Plans and more")
        change("helpcenter/texts/faq.txt", f"{text}    # Hours\n    We answer every day.\n")
        assert (conflict(app).id, conflict(app).state) == (view.id, ConflictState.RULED)
        assert "7.99" in told(ask(app))

    def test_a_side_that_is_gone_closes_it_and_its_return_brings_it_back(
        self, app: App, change: Callable[[str, str | None], None], folder: Path
    ) -> None:
        view = conflict(app, "Standard delivery")
        text = (folder / "helpcenter/texts/delivery.txt").read_text()
        change("helpcenter/texts/delivery.txt", None)
        closed = conflict(app, "Standard delivery", SUPPORT)
        assert (closed.id, closed.state, closed.may_rule) == (view.id, ConflictState.CLOSED, False)
        with pytest.raises(ConflictClosed):
            app.rule(SUPPORT, view.id, wish(view, words="2 working"))
        change("helpcenter/texts/delivery.txt", text)
        back = conflict(app, "Standard delivery")
        assert (back.id, back.state) == (view.id, ConflictState.REOPENED)
        assert [event.happening for event in back.events] == [Happening.OPENED, Happening.CLOSED, Happening.RETURNED]

    def test_one_whose_side_is_rewritten_is_followed_by_another_that_names_it_and_waits(
        self, app: App, change: Callable[[str, str | None], None], clock: Clock
    ) -> None:
        first = conflict(app)
        ruling = app.rule(OWNER, first.id, wish(first, words="7.99"))
        clock.pass_time(hours=1)
        original = FAQ.format(price="7.99")
        with capture_logs() as logs:
            change("helpcenter/texts/faq.txt", original.replace("The Plus plan costs EUR 7.99", "Your Plus plan just costs EUR 6.49"))
        (second,) = [view for view in app.conflicts(OWNER, Filters(state=ConflictState.REOPENED)).items if view.id != first.id]
        ended = app.conflict(OWNER, first.id)
        assert (ended.state, ended.events[-1].other) == (ConflictState.CLOSED, second.id)
        assert (second.state, second.events[0].other) == (ConflictState.REOPENED, first.id), "a rule decides, and its owners had ruled"
        assert [one.ruling for one in ended.rulings] == [ruling]
        assert [one["conflict"] for one in logs if one["event"] == "conflict_waits_for_its_owners"] == [second.id]

        change("helpcenter/texts/faq.txt", original)
        back = app.conflict(OWNER, first.id)
        assert (back.state, [one.in_force for one in back.rulings]) == (ConflictState.RULED, [True]), "these words were ruled on"
        assert back.events[-1].happening is Happening.RETURNED
        assert app.conflict(OWNER, second.id).state is ConflictState.CLOSED
        assert "7.99" in told(ask(app))

    def test_who_ruled_is_told_when_a_side_changes_though_a_rule_decides(self, app: App, change: Callable[[str, str | None], None]) -> None:
        view = conflict(app)
        app.rule(OWNER, view.id, wish(view, words="7.99"))
        with capture_logs() as logs:
            change("helpcenter/texts/faq.txt", CHEAPER)
        waiting = {one["conflict"]: one["owners"] for one in logs if one["event"] == "conflict_waits_for_its_owners"}
        assert waiting == {view.id: ["policy-team", "support-team"]}

    def test_nothing_of_a_draft_is_seen_before_it_is_published(self, app: App, folder: Path) -> None:
        class Interrupted(Silent):
            """Stops before the release is published."""

            def stage(self, name: str, done: int, total: int) -> None:
                if name == "Comparing" and done == total:
                    raise KeyboardInterrupt

        before = app.records.conflicts()
        write(folder / "helpcenter/texts/faq.txt", CHEAPER)
        with pytest.raises(KeyboardInterrupt):
            app.ingest([], "test", Interrupted())
        assert app.records.conflicts() == before
        app.ingest([], "test", Silent())
        assert [event.happening for event in conflict(app).events] == [Happening.OPENED, Happening.CHANGED]

    def test_the_release_and_its_conflicts_are_published_and_audited_together(
        self, app: App, change: Callable[[str, str | None], None]
    ) -> None:
        view = conflict(app)
        change("helpcenter/texts/faq.txt", CHEAPER)
        (record,) = app.records.audit_of("release:2", Action.RELEASE_PUBLISHED)
        assert record.entry.detail["conflicts"] == {"changed": [view.id]}


class TestOutcomes:
    def test_no_conflict_tells_both_unmarked(self, app: App) -> None:
        question = "How long does standard delivery to Germany take?"
        german = CustomerRef(attributes={"region": "DE"})
        assert ask(app, question, customer=german).decision is Decision.CONFLICTED
        view = conflict(app, "Standard delivery")
        app.rule(SUPPORT, view.id, wish(view, RulingOutcome.NOT_A_CONFLICT))
        reply = ask(app, question, customer=german)
        assert reply.decision is Decision.ANSWER
        assert not any(view.id in report.conflicts for report in reply.conflicts)
        assert "2 working days" in told(reply)
        assert "4 working days" in told(reply)
        assert not any(item.marks for item in reply.items)
        assert conflict(app, "Standard delivery").state is ConflictState.DISMISSED

    def test_both_hold_each_for_its_customers_and_an_unknown_one_is_asked(self, app: App) -> None:
        view = conflict(app)
        conditions = {side(view, "9.99"): BASIC, side(view, "7.99"): PLUS}
        ruling = app.rule(OWNER, view.id, wish(view, RulingOutcome.BOTH_HOLD, conditions=conditions))
        prices = {plan: told(ask(app, customer=CustomerRef(attributes={"plan": plan}))) for plan in ("plus", "basic", "gold")}
        assert {plan: [price for price in ("9.99", "7.99") if price in text] for plan, text in prices.items()} == {
            "plus": ["7.99"],
            "basic": ["9.99"],
            "gold": [],
        }
        reply = ask(app)
        assert (reply.decision, reply.asks_for) == (Decision.NEEDS_INFORMATION, ("plan",))
        assert reply.conflicts[0].ruling == ruling.id

    def test_a_side_that_is_to_be_fixed_is_not_told_even_where_it_stands_alone(self, app: App) -> None:
        question = "How long can I return a product?"
        american = CustomerRef(attributes={"region": "US"})
        assert "30 days" in told(ask(app, question, customer=american))
        view = conflict(app, "return a Brightwater product")
        ruling = app.rule(OWNER, view.id, wish(view, RulingOutcome.FIX_AT_SOURCE, "30 days"))
        reply = ask(app, question, customer=american)
        assert "30 days" not in told(reply)
        assert ("handbook:returns.txt", "lost by ruling") in {(item.document, cut.reason) for item in reply.items for cut in item.removed}
        german = ask(app, question, customer=CustomerRef(attributes={"region": "DE"}))
        assert "45 days" in told(german)
        assert {report.ruling for report in german.conflicts} == {ruling.id}

    def test_a_ruling_decides_only_within_its_scope(self, app: App) -> None:
        view = conflict(app)
        app.rule(OWNER, view.id, wish(view, words="7.99", scope=RulingScope(workflows=frozenset({"delivery"}))))
        assert "9.99" in told(ask(app))
        assert conflict(app).state is ConflictState.RESOLVED_BY_RULE, "elsewhere it stands as before"
        app.rule(OWNER, view.id, wish(view, words="7.99", scope=RulingScope(workflows=frozenset({"refund"}))))
        assert "7.99" in told(ask(app))
        assert conflict(app).state is ConflictState.RULED, "together they cover every workflow"


class TestTime:
    def test_a_ruling_ends_when_it_expires(self, app: App, clock: Clock) -> None:
        view = conflict(app)
        app.rule(OWNER, view.id, wish(view, words="7.99", expires_at=clock.now + timedelta(days=1)))
        clock.pass_time(hours=23)
        assert "7.99" in told(ask(app))
        clock.pass_time(hours=1)
        assert "9.99" in told(ask(app))
        assert (conflict(app).state, conflict(app).rulings[0].ended) == (ConflictState.REOPENED, "expired")

    def test_undone_it_is_as_if_it_had_never_been(self, app: App, clock: Clock) -> None:
        view = conflict(app)
        ruling = app.rule(OWNER, view.id, wish(view, words="7.99"))
        clock.pass_time(hours=1)
        undone = app.revoke(SUPPORT, ruling.id)
        assert (undone.revoked_by, undone.revoked_at) == ("bo", clock.now)
        assert "9.99" in told(ask(app))
        assert conflict(app).state is view.state
        clock.pass_time(hours=1)
        assert app.revoke(OWNER, ruling.id) == undone, "a second undo changes nothing"

    def test_looking_back_reads_the_rulings_of_then(self, app: App, clock: Clock, change: Callable[[str, str | None], None]) -> None:
        start = clock.now
        change("handbook/texts/labels.txt", "# Labels\nA label holds an address.\n")
        clock.pass_time(hours=1)
        view = conflict(app)
        ruling = app.rule(OWNER, view.id, wish(view, words="7.99"))
        clock.pass_time(hours=1)
        assert "7.99" in told(ask(app)), "at once"
        assert "7.99" in told(ask(app, release=2)), "the current release by its number"
        assert "9.99" in told(ask(app, release=1)), "it had been replaced before the ruling was made"
        assert "9.99" in told(ask(app, as_of=start + timedelta(hours=1, minutes=30)))
        ruled_moment = clock.now
        clock.pass_time(hours=1)
        app.revoke(OWNER, ruling.id)
        assert "7.99" in told(ask(app, as_of=ruled_moment))
        assert "9.99" in told(ask(app))


class TestRefusals:
    @pytest.mark.parametrize(
        ("who", "error"), [(OUTSIDER, NotAnOwner), (STRANGER, NotFound), (AGENT, NotFound)], ids=["outsider", "stranger", "agent"]
    )
    def test_who_answers_for_no_side_may_not_rule(self, app: App, who: Principal, error: type[ContextServiceError]) -> None:
        view = conflict(app)
        for act in (app.rule, app.preview):
            with pytest.raises(error):
                act(who, view.id, wish(view, words="7.99"))
        assert not app.records.rulings_of([view.id])
        made = app.rule(OPERATOR, view.id, wish(view, words="7.99"))
        with pytest.raises(error):
            app.revoke(who, made.id)
        assert app.records.ruling(made.id) == made

    def test_an_agent_named_like_an_owner_owns_nothing(self, app: App) -> None:
        view = conflict(app)
        agent = Principal(
            id="policy-team", kind=PrincipalKind.AGENT, teams=frozenset({"policy-team"}), grant=Grant(sources="*", workflows="*")
        )
        with pytest.raises(NotFound):
            app.rule(agent, view.id, wish(view, words="7.99"))

    def test_a_side_that_changed_since_it_was_seen_is_not_ruled_on(self, app: App, change: Callable[[str, str | None], None]) -> None:
        view = conflict(app)
        change("helpcenter/texts/faq.txt", CHEAPER)
        with pytest.raises(ConflictChanged) as refused:
            app.rule(OWNER, view.id, wish(view, words="7.99"))
        assert "again" in refused.value.remedy
        assert not app.records.rulings_of([view.id])

    def test_an_expiry_that_has_passed_and_a_scope_that_does_not_exist_are_refused(self, app: App, clock: Clock) -> None:
        view = conflict(app)
        with pytest.raises(InvalidRequest) as late:
            app.rule(OWNER, view.id, wish(view, words="7.99", expires_at=clock.now))
        assert late.value.field == "expires_at"
        for workflows, error in ((frozenset({"refund", "refnud"}), UnknownWorkflow), (frozenset[str](), InvalidRequest)):
            with pytest.raises(error) as refused:
                app.rule(OWNER, view.id, wish(view, words="7.99", scope=RulingScope(workflows=workflows)))
            assert refused.value.field == "scope.workflows"

    @pytest.mark.parametrize(
        ("scope", "field"),
        [
            ({"applicability": {"plans": ["Plus"]}}, "scope.applicability.plans"),
            ({"applicability": {"regions": ["EU", "DE", "XX"]}}, "scope.applicability.regions"),
            ({"applicability": {"workflows": ["refnud"]}}, "scope.applicability.workflows"),
            ({"workflows": ["refund"], "applicability": {"workflows": ["delivery"]}}, "scope.workflows"),
        ],
    )
    def test_a_scope_that_no_request_can_fall_under_is_refused(self, app: App, scope: dict[str, object], field: str) -> None:
        view = conflict(app)
        for act in (app.rule, app.preview):
            with pytest.raises(InvalidRequest) as refused:
                act(OWNER, view.id, wish(view, words="7.99", scope=RulingScope.model_validate(scope)))
            assert refused.value.field == field
            assert refused.value.remedy

    def test_a_condition_in_words_that_nobody_declared_is_refused(self, app: App) -> None:
        view = conflict(app)
        conditions = {side(view, "7.99"): Applicability(plans=frozenset({"plus", "platinum"}))}
        with pytest.raises(InvalidRequest, match="platinum") as refused:
            app.rule(OWNER, view.id, wish(view, RulingOutcome.BOTH_HOLD, conditions=conditions))
        assert refused.value.field == f"conditions.{side(view, '7.99')}.plans"
        assert "basic, gold, plus" in refused.value.remedy

    @pytest.mark.parametrize("char", ["\0", "\x1b", "\x85", "\u202e", "\u2066", "\ud800"])
    def test_a_reason_that_would_not_be_read_as_it_stands_is_refused(self, char: str) -> None:
        with pytest.raises(ValidationError):
            RulingRequest(outcome=RulingOutcome.NOT_A_CONFLICT, seen=("a", "b"), reason=f"It{char} fell.")
        plain = "It fell.\n\tSiehe Ausgangsmail, \u200fשלום, 😀"
        assert RulingRequest(outcome=RulingOutcome.NOT_A_CONFLICT, seen=("a", "b"), reason=plain).reason == plain

    def test_a_second_ruling_for_the_same_requests_is_refused_until_the_first_is_undone(self, app: App, clock: Clock) -> None:
        view = conflict(app)
        first = app.rule(OWNER, view.id, wish(view, words="7.99", scope=RulingScope(workflows=frozenset({"refund"}))))
        with pytest.raises(AlreadyRuled, match="ada") as refused:
            app.rule(SUPPORT, view.id, wish(view, words="9.99"))
        assert "revoke" in refused.value.remedy
        clock.pass_time(minutes=1)
        app.revoke(SUPPORT, first.id)
        assert app.rule(SUPPORT, view.id, wish(view, words="9.99")).author == "bo"

    def test_of_two_owners_at_once_one_rules_and_the_other_is_told(self, app: App) -> None:
        view = conflict(app)
        together = Barrier(2)

        def attempt(who: Principal) -> Ruling | AlreadyRuled:
            together.wait()
            try:
                return app.rule(who, view.id, wish(view, words="7.99" if who is OWNER else "9.99"))
            except AlreadyRuled as refused:
                return refused

        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(attempt, [OWNER, SUPPORT]))
        (made,) = [one for one in results if isinstance(one, Ruling)]
        assert app.records.rulings_of([view.id]) == [made]
        assert len(app.records.audit_of(f"conflict:{view.id}", Action.CONFLICT_RULED)) == 1
        assert verify(app.records.audit_records()).broken is None

    def test_whoever_waited_for_another_ruling_sees_it_whatever_the_clocks_say(self, app: App, clock: Clock, folder: Path) -> None:
        view = conflict(app)
        ahead = Clock()
        ahead.pass_time(minutes=5)
        with open_company(folder, ahead) as other:
            made = other.rule(SUPPORT, view.id, wish(view, words="9.99"))
        with pytest.raises(AlreadyRuled):
            app.rule(OWNER, view.id, wish(view, words="7.99"))
        assert app.records.rulings_of([view.id]) == [made]

    def test_an_unknown_conflict_and_an_unknown_ruling_are_not_found(self, app: App) -> None:
        view = conflict(app)
        with pytest.raises(NotFound):
            app.rule(OPERATOR, "none", wish(view, words="7.99"))
        with pytest.raises(NotFound):
            app.revoke(OPERATOR, "none")


class TestPreview:
    def test_it_tells_which_answers_would_change_and_changes_nothing_but_is_audited(self, app: App) -> None:
        before = ask(app)
        ask(app, "How do I send a product back?")
        view = conflict(app)
        request = wish(view, words="7.99")
        entries = len(app.records.audit_records())
        found = app.preview(OWNER, view.id, request)
        (change,) = found.changed
        assert (found.answers, found.replayed, found.workflows) == (1, 1, {"refund": 1})
        assert (change.context_id, change.question) == (before.context_id, PRICE)
        assert (change.gained, change.lost) == (("helpcenter:faq.txt",), ("handbook:pricing.txt",))
        assert len(app.records.audit_records()) == entries + 1
        (looked,) = app.records.audit_of(f"conflict:{view.id}", Action.RULING_PREVIEWED)
        wished = Ruling.model_validate(looked.entry.detail["ruling"])
        assert (looked.entry.actor, wished.reason, wished.side) == ("ada", "The price fell.", request.side)
        assert not app.records.rulings_of([view.id])
        assert "9.99" in told(ask(app))

    def test_a_ruling_for_what_is_told_already_changes_no_answer(self, app: App) -> None:
        ask(app)
        view = conflict(app)
        found = app.preview(OWNER, view.id, wish(view, words="9.99"))
        assert (found.replayed, found.changed, found.workflows) == (1, (), {})

    def test_what_lies_further_back_or_looked_back_is_not_answered_anew(self, app: App, clock: Clock) -> None:
        ask(app)
        clock.pass_time(days=31)
        ask(app, release=1)
        view = conflict(app)
        found = app.preview(OWNER, view.id, wish(view, words="7.99"))
        assert (found.answers, found.replayed) == (1, 0)

    def test_what_was_told_too_long_ago_to_count_is_forgotten(self, app: App, clock: Clock) -> None:
        reply = ask(app)
        stored = app.records.conflicts([conflict(app).id])[0]
        texts = [(side.document, text) for side in stored.sides for text in side.texts]
        clock.pass_time(days=30)
        app.ingest([], "test", Silent())
        assert app.records.served_contexts(texts, reply.served_at) == [reply.context_id]
        clock.pass_time(days=1, minutes=1)
        app.ingest([], "test", Silent())
        assert app.records.served_contexts(texts, reply.served_at) == []

    def test_answers_that_leaned_on_a_side_are_counted_by_workflow(self, app: App) -> None:
        for _ in range(3):
            ask(app)
        view = conflict(app)
        leaned = {one.document: one.leaned for one in view.sides}
        assert leaned["handbook:pricing.txt"].workflows == {"refund": 3}
        assert leaned["helpcenter:faq.txt"].answers == 0, "it lost and was not told"
        assert view.severity.served > 0
