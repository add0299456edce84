"""What lost is not told, by whatever way it might come into an answer; and what won is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from context_service.app import App
from context_service.errors import NotFound
from context_service.ingest.progress import Silent
from context_service.model.conflict import ConflictState, RulingOutcome, RulingRequest, RulingScope
from context_service.model.context import ContextReply, ContextRequest, CustomerRef, Decision
from context_service.model.rivalry import RivalryKind
from context_service.model.workflow import DecidedBy
from context_service.rulings.views import ConflictView, Filters
from tests.companies import AGENT, OPERATOR
from tests.flows.disputes import FILES, Clock, open_company, write

Open = Callable[..., App]
REPAIR = "How long does a repair of the kettle take?"
FIVE, NINE = "A repair of the kettle takes 5 days at the workshop.", "A repair of the kettle takes 9 days at the workshop."
RECORDED = "This call may be recorded for training purposes."
LAMPS = [
    f"{first}{last}" for first in ("amber", "black", "coral", "dark", "east", "fawn", "gold") for last in ("ol", "in", "ex", "um", "ar")
]
MANY = {f"handbook/texts/{name}.txt": f"The {name} lamp shines all night in the garden." for name in LAMPS}
GARDEN = "Which lamp shines all night in the garden?"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens the company with other texts: path -> text, and rules of the handbook for some of them."""
    apps: list[App] = []

    def company(texts: dict[str, str], *rules: dict[str, object], refund: str = "", **more: str) -> App:
        folder = tmp_path / "company"
        for name, text in (FILES | more | texts).items():
            if "/texts/" not in name or name in texts:
                write(folder / name, text)
        (folder / "helpcenter/texts").mkdir(exist_ok=True)
        source = folder / "handbook/source.yaml"
        declared = yaml.safe_load(source.read_text())
        source.write_text(yaml.safe_dump(declared | {"rules": [*rules, *declared["rules"]]}))
        if refund:
            workflow = folder / "workflows/refund.yaml"
            workflow.write_text(f"id: refund\ntitle: Returns\nminimum_confidence: 0.01\n{refund}")
        apps.append(open_company(folder, Clock()))
        apps[-1].__enter__()
        apps[-1].ingest([], "test", Silent())
        return apps[-1]

    yield company
    for app in apps:
        app.__exit__(None, None, None)


def ask(app: App, query: str, **more: object) -> ContextReply:
    return app.answer(ContextRequest.model_validate({"query": query, "workflow": "refund"} | more), AGENT)


def told(reply: ContextReply) -> str:
    return "\n".join(item.text for item in reply.items)


def the_conflict(app: App) -> ConflictView:
    (view,) = app.conflicts(OPERATOR, Filters()).items
    return view


def rule(app: App, outcome: RulingOutcome, words: str = "", **more: object) -> str:
    view = the_conflict(app)
    side = next(one.id for one in view.sides if words in one.text) if words else None
    wish = {"outcome": outcome, "side": side, "seen": [one.id for one in view.sides], "reason": "Because."}
    return app.rule(OPERATOR, view.id, RulingRequest.model_validate(wish | more)).id


class TestTextsThatEveryAnswerCarries:
    MUST = "must_include: [{document: 'helpcenter:notice.txt'}]\n"
    TEXTS = MANY | {"helpcenter/texts/notice.txt": f"{RECORDED} {NINE}", "handbook/texts/repair.txt": FIVE}

    def test_they_are_told_without_what_lost_and_with_what_won(self, opened: Open) -> None:
        app = opened(self.TEXTS, refund=self.MUST)
        reply = ask(app, GARDEN)
        assert RECORDED in told(reply)
        assert "9 days" not in told(reply)
        assert FIVE in told(reply)
        assert [report.rule for report in reply.conflicts] == [DecidedBy.AUTHORITY]

    def test_what_is_to_be_fixed_at_its_source_is_not_told_with_them(self, opened: Open) -> None:
        app = opened(self.TEXTS, refund=self.MUST)
        rule(app, RulingOutcome.FIX_AT_SOURCE, "9 days")
        reply = ask(app, GARDEN)
        assert RECORDED in told(reply)
        assert "9 days" not in told(reply)

    def test_an_open_side_among_them_is_marked_and_not_told_alone(self, opened: Open) -> None:
        texts = MANY | {"handbook/texts/notice.txt": f"{RECORDED} {NINE}", "handbook/texts/repair.txt": FIVE}
        app = opened(texts, refund="must_include: [{document: 'handbook:notice.txt'}]\n")
        reply = ask(app, GARDEN)
        marked = {item.document for item in reply.items if any(mark.startswith("open_conflict:") for mark in item.marks)}
        assert marked == {"handbook:notice.txt", "handbook:repair.txt"}


class TestExceptions:
    """A text that says itself for which case it holds is told beside the general one, unless an owner says otherwise."""

    GENERAL = "You can return a kettle within 30 days of delivery."
    SPECIAL = "You can return a kettle within 7 days of delivery if the box was opened."
    TEXTS = {"handbook/texts/general.txt": GENERAL, "handbook/texts/special.txt": SPECIAL}
    QUESTION = "Within how many days of delivery can I return a kettle?"

    def test_both_are_told_and_nobody_has_to_decide(self, opened: Open) -> None:
        app = opened(self.TEXTS)
        view = the_conflict(app)
        assert (view.relation.value, view.state) == ("exception", ConflictState.RESOLVED_BY_RULE)
        assert not app.records.conflicts([view.id])[0].notified
        reply = ask(app, self.QUESTION)
        assert (reply.decision, reply.conflicts) == (Decision.ANSWER, ())
        assert "30 days" in told(reply)
        assert "7 days" in told(reply)

    def test_a_ruling_between_them_decides(self, opened: Open) -> None:
        app = opened(self.TEXTS)
        ruling = rule(app, RulingOutcome.SIDE_WINS, "30 days")
        reply = ask(app, self.QUESTION)
        assert "30 days" in told(reply)
        assert "7 days" not in told(reply)
        assert [(report.ruling, report.conflicts) for report in reply.conflicts] == [(ruling, (the_conflict(app).id,))]

    @pytest.mark.parametrize(
        ("outcome", "decision"),
        [(RulingOutcome.SIDE_WINS, Decision.NEEDS_INFORMATION), (RulingOutcome.NOT_A_CONFLICT, Decision.ANSWER)],
    )
    def test_what_is_unknown_is_asked_for_only_where_it_would_change_what_is_told(
        self, opened: Open, outcome: RulingOutcome, decision: Decision
    ) -> None:
        app = opened(self.TEXTS)
        rule(app, outcome, "30 days" if outcome is RulingOutcome.SIDE_WINS else "", scope={"applicability": {"plans": ["plus"]}})
        assert ask(app, self.QUESTION).decision is decision


class TestSuperseded:
    NEW = {"match": "new.txt", "supersedes": ["handbook:old.txt"]}
    TEXTS = {"handbook/texts/old.txt": f"{FIVE} The workshop opens on every Saturday morning.", "handbook/texts/new.txt": NINE}

    def test_a_document_that_was_replaced_is_not_told(self, opened: Open) -> None:
        reply = ask(opened(self.TEXTS, self.NEW), REPAIR)
        assert "9 days" in told(reply)
        assert "5 days" not in told(reply)

    def test_what_a_ruling_prefers_is_told_though_its_document_was_replaced_and_nothing_else_of_it(self, opened: Open) -> None:
        app = opened(self.TEXTS, self.NEW)
        rule(app, RulingOutcome.SIDE_WINS, "5 days")
        reply = ask(app, REPAIR)
        assert told(reply).split() == FIVE.split()
        assert {cut.reason for item in reply.items for cut in item.removed} == {"superseded"}


class TestScopes:
    TEXTS = {"handbook/texts/repair.txt": FIVE, "helpcenter/texts/repair.txt": NINE}
    PLUS = {"applicability": {"plans": ["plus"]}}

    @pytest.mark.parametrize("outcome", [RulingOutcome.SIDE_WINS, RulingOutcome.FIX_AT_SOURCE])
    def test_what_would_not_change_the_answer_is_not_asked_for(self, opened: Open, outcome: RulingOutcome) -> None:
        app = opened(self.TEXTS)
        rule(app, outcome, "5 days" if outcome is RulingOutcome.SIDE_WINS else "9 days", scope=self.PLUS)
        for plan in ({"plan": "plus"}, {"plan": "basic"}, {}):
            reply = ask(app, REPAIR, customer=CustomerRef(attributes=plan))
            assert reply.decision is Decision.ANSWER
            assert told(reply) == FIVE

    def test_what_would_change_it_is_asked_for(self, opened: Open) -> None:
        app = opened(self.TEXTS)
        ruling = rule(app, RulingOutcome.SIDE_WINS, "9 days", scope=self.PLUS)
        reply = ask(app, REPAIR)
        assert (reply.decision, reply.asks_for) == (Decision.NEEDS_INFORMATION, ("plan",))
        assert [report.ruling for report in reply.conflicts] == [ruling]

    def test_a_ruling_for_some_workflows_leaves_the_state_alone_and_is_seen(self, opened: Open) -> None:
        app = opened(self.TEXTS)
        rule(app, RulingOutcome.SIDE_WINS, "9 days", scope=RulingScope(workflows=frozenset({"refund"})).model_dump())
        view = the_conflict(app)
        assert view.state is ConflictState.RESOLVED_BY_RULE
        assert [one.in_force for one in view.rulings] == [True]


class TestHeadings:
    TEXTS = {"handbook/texts/kettle.txt": "# Return a kettle within 30 days\nYou can return a kettle within 14 days of delivery."}
    QUESTION = "Can I return a kettle after delivery?"

    def test_a_heading_that_lost_is_not_told_above_the_words_that_won(self, opened: Open) -> None:
        app = opened(self.TEXTS)
        assert ask(app, self.QUESTION).decision is Decision.CONFLICTED
        rule(app, RulingOutcome.SIDE_WINS, "14 days")
        reply = ask(app, self.QUESTION)
        assert "14 days" in told(reply)
        assert [(item.heading_path, item.title) for item in reply.items] == [((), "handbook:kettle.txt")]
        assert [report.losers[0].title for report in reply.conflicts] == ["handbook:kettle.txt"]

    def test_a_heading_that_won_is_shown_in_its_own_words(self, opened: Open) -> None:
        app = opened(self.TEXTS)
        (report,) = ask(app, self.QUESTION).conflicts
        assert any("30 days" in (one.text or "") for one in report.losers)

    def test_words_that_lost_to_their_heading_are_not_told(self, opened: Open) -> None:
        app = opened(self.TEXTS | {"handbook/texts/lamp.txt": "You can return a lamp whenever you want to return a lamp."})
        rule(app, RulingOutcome.SIDE_WINS, "30 days")
        reply = ask(app, self.QUESTION)
        assert "14 days" not in told(reply)


class TestAccess:
    """A side that the caller may not read leaves no trace."""

    COMPANY = {"context.yaml": FILES["context.yaml"].replace("audiences: [customer-agents]", "audiences: [customer-agents, staff]")}
    SECRET = {"match": "secret.txt", "access": {"classification": "public", "audiences": ["staff"]}, "authority": "policy"}
    TEXTS = {"handbook/texts/secret.txt": FIVE, "handbook/texts/repair.txt": NINE}
    STAFF = OPERATOR.model_copy(update={"grant": OPERATOR.grant.model_copy(update={"audiences": frozenset({"customer-agents", "staff"})})})

    @pytest.mark.parametrize("outcome", [None, *RulingOutcome])
    def test_neither_the_other_side_nor_what_was_ruled_on_it_is_told(self, opened: Open, outcome: RulingOutcome | None) -> None:
        app = opened(self.TEXTS, self.SECRET, **self.COMPANY)
        (view,) = app.conflicts(self.STAFF, Filters()).items
        assert app.conflicts(OPERATOR, Filters()).items == ()
        plain = ask(app, REPAIR)
        if outcome:
            sides = {"5" if "5 days" in one.text else "9": one.id for one in view.sides}
            wanted: dict[str, object] = {"outcome": outcome, "seen": list(sides.values()), "reason": "The hidden page is right."}
            if outcome in (RulingOutcome.SIDE_WINS, RulingOutcome.FIX_AT_SOURCE):
                wanted["side"] = sides["5"]
            if outcome is RulingOutcome.BOTH_HOLD:
                wanted["conditions"] = {sides["5"]: {"plans": ["plus"]}}
            made = app.rule(self.STAFF, view.id, RulingRequest.model_validate(wanted))
            with pytest.raises(NotFound) as hidden:
                app.revoke(OPERATOR, made.id)
            with pytest.raises(NotFound) as missing:
                app.revoke(OPERATOR, "none")
            assert str(hidden.value) == str(missing.value)
        reply = ask(app, REPAIR)
        kept = {"context_id", "served_at", "usage"}
        assert reply.model_dump(exclude=kept) == plain.model_dump(exclude=kept)
        assert told(reply) == NINE
        assert (reply.conflicts, reply.excluded.counts) == ((), {})
        assert not any(word in reply.model_dump_json() for word in ("secret", "5 days", "hidden", view.id))


class TestOrderOfTheRules:
    TEXTS = {"handbook/texts/repair.txt": FIVE, "helpcenter/texts/repair.txt": NINE}

    def test_a_conflict_that_one_workflow_cannot_decide_waits_for_its_owners(self, opened: Open) -> None:
        app = opened(self.TEXTS, refund="resolution: [ruling, specificity]\n")
        view = the_conflict(app)
        assert view.state is ConflictState.OPEN
        stored = app.records.conflicts([view.id])[0]
        assert (sorted(stored.undecided_in), sorted(stored.notified)) == (["refund"], ["policy-team", "support-team"])
        assert view.undecided_in == ("refund",)
        assert ask(app, REPAIR).decision is Decision.CONFLICTED

    def test_one_that_a_workflow_decides_in_its_own_order_does_not(self, opened: Open) -> None:
        app = opened(self.TEXTS, refund="resolution: [recency, authority]\n")
        assert the_conflict(app).state is ConflictState.RESOLVED_BY_RULE


class TestCopiesWithAnEdit:
    KETTLE = (
        "To descale the kettle, fill it with one part of vinegar and two parts of water. Let it stand over night with the lid open. Pour "
        "it out in the morning and rinse the kettle twice with fresh water from the tap before you boil anything in it again."
    )
    TEXTS = {"handbook/texts/descale.txt": KETTLE, "handbook/texts/cleaning.txt": KETTLE.replace("over night", "until morning")}
    ASKED = "How do I descale the kettle with vinegar?"

    def test_one_of_them_is_told_and_nobody_has_to_decide_which(self, opened: Open) -> None:
        app = opened(self.TEXTS)
        reply = ask(app, self.ASKED)
        assert (len(reply.items), reply.decision) == (1, Decision.ANSWER)
        view = the_conflict(app)
        assert (view.kind, view.state) == (RivalryKind.NEAR_DUPLICATE, ConflictState.RESOLVED_BY_RULE)
        assert view.report.winner is not None

    def test_a_ruling_says_which(self, opened: Open) -> None:
        app = opened(self.TEXTS)
        told_first = ask(app, self.ASKED).items[0].text
        view = the_conflict(app)
        other = next(side for side in view.sides if side.text != told_first)
        wanted = {"outcome": "side_wins", "side": other.id, "seen": [side.id for side in view.sides], "reason": "It is clearer."}
        app.rule(OPERATOR, view.id, RulingRequest.model_validate(wanted))
        assert [item.text for item in ask(app, self.ASKED).items] == [other.text]

    def test_the_older_one_is_stale(self, opened: Open) -> None:
        app = opened(
            {"handbook/texts/descale.txt": self.KETTLE, "helpcenter/texts/cleaning.txt": self.TEXTS["handbook/texts/cleaning.txt"]}
        )
        view = the_conflict(app)
        assert (view.kind, view.state) == (RivalryKind.STALE_COPY, ConflictState.RESOLVED_BY_RULE)
        assert [("over night" in item.text) for item in ask(app, self.ASKED).items] == [True]
