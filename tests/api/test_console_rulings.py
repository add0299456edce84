"""Ruling in the console: what the form asks for, what it refuses, and that what was typed is never lost."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from starlette.testclient import TestClient

from context_service.app import App, utc_now
from context_service.console.conditions import offers
from context_service.console.ruling_form import RulingForm
from context_service.ingest.progress import Silent
from context_service.model.applicability import Applicability
from context_service.model.audit import Action
from context_service.model.conflict import RulingOutcome, RulingRequest, RulingScope
from context_service.model.context import ContextRequest, CustomerRef, Decision
from context_service.rulings.views import Filters
from tests.api.conftest import browser, served
from tests.api.console_client import conflict_link, log_in, text_of, token_of
from tests.companies import OPERATOR, OWNER

SUPPORT = OWNER.model_copy(update={"id": "sam", "teams": frozenset({"support-team"})})
REASON = "The carrier's contract says so. <b>Signed</b>"
DELIVERY = "Standard delivery"
QUESTION = ContextRequest(
    query="How many working days does standard delivery to Germany take?",
    workflow="refund",
    customer=CustomerRef(attributes={"region": "DE"}),
)
Fields = Mapping[str, str | Sequence[str]]


@pytest.fixture
def sam(own_app: App) -> TestClient:
    """Somebody who answers for the help center."""
    return log_in(browser(served(own_app)), own_app.register(SUPPORT, "test"))


@pytest.fixture
def ada(own_app: App) -> TestClient:
    """Somebody who answers for the handbook."""
    return log_in(browser(served(own_app)), own_app.register(OWNER, "test"))


def filled(client: TestClient, conflict: str) -> dict[str, str | list[str]]:
    """The form's hidden fields, with side A winning, as a browser would send them."""
    page = client.get(f"{conflict}/rule").text
    (first, *_) = re.findall(r'name="side" type="radio" value="(\w+)"', page)
    seen = re.findall(r'name="seen" value="(\w+)"', page)
    return {"csrf": token_of(page), "seen": seen, "outcome": "side_wins", "side": first, "reason": REASON, "step": "preview"}


def settle(client: TestClient, conflict: str, fields: Fields) -> tuple[int, str]:
    """The status and the page that answers the form."""
    reply = client.post(f"{conflict}/rule", data=dict(fields))
    return reply.status_code, reply.text


def ruled(client: TestClient, conflict: str, **fields: str | list[str]) -> str:
    """Rule, and return the conflict's page."""
    reply = client.post(f"{conflict}/rule", data={**filled(client, conflict), **fields, "step": "rule"})
    assert reply.status_code == 303, text_of(reply.text)
    assert reply.headers["location"] == f"{conflict}?done=ruled"
    return client.get(reply.headers["location"]).text


def undo(client: TestClient, page: str) -> str:
    """Undo the ruling that `page` offers to undo, and return the conflict's page."""
    (address,) = re.findall(r'action="(/console/rulings/\w+/undo)"', page)
    reply = client.post(address, data={"csrf": token_of(page)})
    assert reply.status_code == 303
    return client.get(reply.headers["location"]).text


def test_the_form_offers_four_outcomes_the_sides_and_the_companys_words(sam: TestClient) -> None:
    told = text_of(sam.get(conflict_link(sam, DELIVERY) + "/rule").text)
    for words in ("One side wins", "Both hold, each under its own conditions", "Not a conflict", "mended at its source"):
        assert words in told
    assert told.count("Regions DE EU FR US Plans basic plus Products kettle lamp Segments") == 3
    assert told.count("Workflows Delivery Returns and refunds") == 3, "as a condition of each side, and in the scope"
    assert told.count("Channels chat email voice") == told.count("Languages en") == 3


def test_what_would_change_is_shown_before_anything_is_ruled(own_app: App, sam: TestClient) -> None:
    own_app.answer(QUESTION, OWNER)
    conflict = conflict_link(sam, DELIVERY)
    status, page = settle(sam, conflict, {**filled(sam, conflict), "step": "changes"})
    told = text_of(page)
    assert status == 200
    assert re.search(
        r"\d+ answers? would change \d+ answers? of the last 30 days leaned on a side; \d+ questions? (was|were) answered", told
    )
    assert re.search(r"Returns and refunds \d", told)
    assert f"{QUESTION.query}" in told
    assert "Sources disagree Answer − words no longer told: helpcenter:delivery.md" in told
    assert REASON in told
    assert not own_app.records.audit_of(f"conflict:{conflict.rpartition('/')[2]}", Action.CONFLICT_RULED)
    assert "Nobody has ruled on it" in sam.get(conflict).text


def test_the_preview_carries_everything_on_to_the_ruling(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    fields = {**filled(sam, conflict), "workflows": ["refund"], "customers": ["regions|DE", "plans|plus"], "until": "2999-01-31"}
    page = settle(sam, conflict, fields)[1]
    hidden = [(name, html.unescape(value)) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)]
    carried: dict[str, list[str]] = {}
    for name, value in hidden:
        carried.setdefault(name, []).append(value)
    assert settle(sam, conflict, {**carried, "step": "rule"})[0] == 303
    (made,) = own_app.records.rulings_of([conflict.rpartition("/")[2]])
    assert (made.author, made.reason, made.side) == ("sam", REASON, fields["side"])
    assert made.scope == RulingScope(
        workflows=frozenset({"refund"}), applicability=Applicability(regions=frozenset({"DE"}), plans=frozenset({"plus"}))
    )
    assert made.expires_at is not None
    assert made.expires_at.isoformat() == "2999-02-01T00:00:00+00:00"


def test_a_ruling_decides_the_next_answer_and_undo_takes_it_back(own_app: App, sam: TestClient) -> None:
    assert own_app.answer(QUESTION, OWNER).decision is Decision.CONFLICTED
    conflict = conflict_link(sam, DELIVERY)
    page = ruled(sam, conflict)
    told = text_of(page)
    assert "Ruled. It decides from the next answer on." in told
    assert "“Delivery estimates” is told, the other side is not." in told
    assert REASON in told
    assert "History Ruled" in told
    assert own_app.answer(QUESTION, OWNER).decision is Decision.ANSWER
    after = text_of(undo(sam, page))
    assert "The ruling is undone" in after
    assert "undone by sam" in after
    assert "Nobody has decided" in after
    assert own_app.answer(QUESTION, OWNER).decision is Decision.CONFLICTED


def test_both_sides_can_hold_each_under_its_own_conditions(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    first, second = list(filled(sam, conflict)["seen"])
    told = text_of(ruled(sam, conflict, outcome="both_hold", holds=[f"{first}|regions|EU", f"{second}|regions|US"]))
    assert "“Delivery estimates” holds for region EU; “Delivery” holds for region US." in told
    reply = own_app.answer(QUESTION, OWNER)
    assert reply.decision is Decision.ANSWER
    assert not any("2 working days" in item.text for item in reply.items)


def test_not_a_conflict_is_said_of_all_sides(sam: TestClient) -> None:
    told = text_of(ruled(sam, conflict_link(sam, DELIVERY), outcome="not_a_conflict"))
    assert "Not a conflict" in told
    assert "agents are told both" in told


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"outcome": ""}, "outcome", "Choose what you decide."),
        ({"outcome": "nope"}, "outcome", "Choose what you decide."),
        ({"side": ""}, "side", "Choose which side you mean."),
        ({"side": "nope", "outcome": "fix_at_source"}, "side", "Choose which side you mean."),
        ({"outcome": "both_hold"}, "holds", "Say for whom"),
        ({"reason": " "}, "reason", "Say why"),
        ({"reason": "x" * 2_001}, "reason", "at most 2,000 characters"),
        ({"until": "soon"}, "until", "Choose a day"),
        ({"until": "9999-12-31"}, "until", "Choose a day"),
        ({"until": "2020-01-01"}, "until", "expired already"),
        ({"workflows": ["nope"]}, "workflows", "no workflow that is declared"),
        ({"customers": ["regions|Mars"]}, "customers", "no region that the company has declared"),
    ],
)
def test_what_is_missing_is_said_at_its_field_and_the_rest_is_kept(sam: TestClient, fields: Fields, field: str, message: str) -> None:
    conflict = conflict_link(sam, DELIVERY)
    sent = {**filled(sam, conflict), "workflows": ["delivery"], "customers": ["plans|plus"], **fields}
    status, page = settle(sam, conflict, sent)
    assert status == 422
    found = re.search(rf'<p class="fault" id="{field}-fault" role="alert">(.*?)</p>', page)
    assert found
    assert message in html.unescape(found[1])
    assert "workflows" in fields or re.search(r'value="delivery" checked', page)
    assert "customers" in fields or re.search(r'value="plans\|plus" checked', page)
    assert html.escape(str(sent["reason"]), quote=False).replace("'", "&#39;") in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"seen": ["only one"], "side": "only one"}, "at least 2 items"),
        ({"reason": "Signed \u202e"}, "`reason` holds a character that steers a screen"),
        ({"seen": ["one", "another"], "side": "one"}, "A side has changed since you saw it"),
    ],
)
def test_what_the_service_refuses_is_said_and_the_rest_is_kept(sam: TestClient, fields: Fields, words: str) -> None:
    conflict = conflict_link(sam, DELIVERY)
    status, page = settle(sam, conflict, {**filled(sam, conflict), **fields})
    assert status in (409, 422)
    assert words in text_of(page)
    assert "Signed" in page


def test_going_back_to_the_form_keeps_it_and_finds_no_fault(sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    status, page = settle(sam, conflict, {**filled(sam, conflict), "outcome": "", "step": "edit"})
    assert status == 200
    assert 'role="alert"' not in page
    assert "Signed" in page


def test_whoever_answers_for_no_side_can_look_and_not_rule(own_app: App, ada: TestClient, sam: TestClient) -> None:
    conflict = conflict_link(ada, DELIVERY)
    page = ada.get(conflict).text
    assert "Rule on it" not in page
    assert "support-team can rule on it" in text_of(page)
    assert "you answer for no side" in text_of(ada.get(f"{conflict}/rule").text)
    for step in ("preview", "rule"):
        status, answer = settle(ada, conflict, {**filled(ada, conflict), "step": step})
        assert status == 403
        assert "You answer for none of the documents" in text_of(answer)
        assert "Signed" in answer
        assert "See what would change" not in answer
    theirs = ruled(sam, conflict)
    assert "/undo" not in ada.get(conflict).text
    (address,) = re.findall(r'action="(/console/rulings/\w+/undo)"', theirs)
    assert ada.post(address, data={"csrf": token_of(ada.get("/console/").text)}).status_code == 403
    assert own_app.answer(QUESTION, OWNER).decision is Decision.ANSWER


def test_an_operator_may_rule_and_undo(own_app: App) -> None:
    client = log_in(browser(served(own_app)), own_app.register(OPERATOR, "test"))
    assert "undone by omar" in text_of(undo(client, ruled(client, conflict_link(client, DELIVERY))))


def test_of_two_owners_the_second_sees_the_ruling_of_the_first(own_app: App, ada: TestClient, sam: TestClient) -> None:
    conflict = conflict_link(ada, "7.99")
    fields = filled(ada, conflict)
    ruled(sam, conflict, reason="Sam was first.")
    status, page = settle(ada, conflict, {**fields, "step": "rule"})
    told = text_of(page)
    assert status == 409
    assert "A ruling is in force for some of the same requests" in told
    assert "Sam was first." in told
    assert "Nothing was ruled" in told
    assert "Signed" in page
    assert len(own_app.records.rulings_of([conflict.rpartition("/")[2]])) == 1


def test_of_two_owners_at_the_same_moment_one_rules_and_the_other_loses_nothing(own_app: App, ada: TestClient, sam: TestClient) -> None:
    conflict = conflict_link(ada, "7.99")
    people = ((ada, "ada"), (sam, "sam"))
    wishes = {client: {**filled(client, conflict), "reason": f"So says {name}.", "step": "rule"} for client, name in people}
    start = Barrier(len(wishes))

    def post(client: TestClient) -> tuple[int, str]:
        start.wait()
        return settle(client, conflict, wishes[client])

    with ThreadPoolExecutor(len(wishes)) as pool:
        answers = dict(zip(wishes, pool.map(post, wishes), strict=True))
    assert sorted(status for status, _ in answers.values()) == [303, 409]
    (refused,) = [client for client, (status, _) in answers.items() if status == 409]
    told = text_of(answers[refused][1])
    assert "A ruling is in force for some of the same requests" in told
    assert str(wishes[refused]["reason"]) in answers[refused][1]
    (made,) = own_app.records.rulings_of([conflict.rpartition("/")[2]])
    assert made.reason in told, "the ruling of the first is shown beside it"


def test_whoever_may_not_read_a_side_learns_nothing_of_it_and_cannot_rule(own_app: App, ada: TestClient) -> None:
    narrow = OWNER.model_copy(update={"id": "di", "grant": OWNER.grant.model_copy(update={"sources": frozenset({"handbook"})})})
    client = log_in(browser(served(own_app)), own_app.register(narrow, "test"))
    conflict = conflict_link(ada, "7.99")
    fields = filled(ada, conflict)
    assert client.get(conflict).status_code == client.get(f"{conflict}/rule").status_code == 404
    for step in ("preview", "changes", "rule"):
        status, page = settle(client, conflict, {**fields, "csrf": token_of(client.get("/console/").text), "step": step})
        assert status == 404
        assert "7.99" not in page
        assert "Signed" in page
    assert not own_app.records.rulings_of([conflict.rpartition("/")[2]])


PARTIAL = {"hx-request": "true"}


def test_the_page_is_shown_before_past_questions_are_answered_and_asks_for_what_would_change(own_app: App, sam: TestClient) -> None:
    own_app.answer(QUESTION, OWNER)
    conflict = conflict_link(sam, DELIVERY)
    page = settle(sam, conflict, filled(sam, conflict))[1]
    assert "are being answered anew" in text_of(page)
    assert "would change" not in text_of(page).partition("Past answers")[2]
    assert f'hx-post="{conflict}/rule"' in page
    part = sam.post(f"{conflict}/rule", data={**filled(sam, conflict), "step": "changes"}, headers=PARTIAL)
    assert part.status_code == 200
    assert re.search(r"[1-9]\d* answers? would change", text_of(part.text))
    assert "<html" not in part.text


def test_a_part_of_the_page_that_is_refused_says_why(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    fields = {**filled(sam, conflict), "step": "changes"}
    rewrite(own_app, "delivery-estimates.md", "4 working", "6 working")
    part = sam.post(f"{conflict}/rule", data=fields, headers=PARTIAL)
    assert part.status_code == 409
    assert "A side has changed since you saw it" in text_of(part.text)
    assert "<html" not in part.text


def test_a_page_whose_session_has_ended_leads_to_the_login(own_app: App) -> None:
    reply = browser(served(own_app)).get("/console/conflicts", headers=PARTIAL)
    assert (reply.status_code, reply.headers["hx-redirect"]) == (401, "/console/login")


def test_a_side_that_changed_meanwhile_is_shown_as_it_stands_now(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    fields = {**filled(sam, conflict), "outcome": "both_hold"}
    fields["holds"] = [f"{side}|regions|EU" for side in fields["seen"]]
    rewrite(own_app, "delivery-estimates.md", "4 working", "6 working")
    status, page = settle(sam, conflict, {**fields, "step": "rule"})
    told = text_of(page)
    assert status == 409
    assert "A side has changed since you saw it" in told
    assert "6 working days" in told
    assert "Signed" in page
    assert len(re.findall(r'value="\w+\|regions\|EU" checked', page)) == 1
    assert re.findall(r'name="seen" value="(\w+)"', page) == filled(sam, conflict)["seen"]
    assert filled(sam, conflict)["seen"] != fields["seen"]


def test_a_ruling_ends_when_a_side_changes(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    ruled(sam, conflict)
    rewrite(own_app, "delivery-estimates.md", "4 working", "6 working")
    told = text_of(sam.get(conflict).text)
    assert "Delivery estimates / Delivery Reopened" in told
    assert "ended when a side changed" in told
    assert "A side changed" in told


def test_a_conflict_that_closed_meanwhile_can_be_seen_and_not_ruled_on(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    fields = filled(sam, conflict)
    rewrite(own_app, "delivery-estimates.md", "4 working", "2 working")
    status, page = settle(sam, conflict, {**fields, "step": "rule"})
    assert status == 409
    assert "no longer disagrees, so there is nothing left to rule on" in text_of(page)
    assert "Signed" in page
    assert "See what would change" not in page
    seen = sam.get(conflict).text
    assert "Closed" in text_of(seen)
    assert "/rule" not in seen
    assert "Delivery" in text_of(sam.get("/console/conflicts?state=closed").text)
    assert conflict not in sam.get("/console/conflicts").text


def test_a_conflict_that_one_may_not_read_any_more_keeps_what_was_typed(sam: TestClient) -> None:
    fields = filled(sam, conflict_link(sam, DELIVERY))
    for step in ("preview", "rule"):
        status, page = settle(sam, "/console/conflicts/none", {**fields, "step": step})
        assert status == 404
        assert "The conflict is gone" in page
        assert "Signed" in page
        assert "<b>" not in page
    assert sam.get("/console/conflicts/none/rule").status_code == 404


def test_a_ruling_that_does_not_exist_cannot_be_undone(sam: TestClient) -> None:
    assert sam.post("/console/rulings/none/undo", data={"csrf": token_of(sam.get("/console/").text)}).status_code == 404


def test_undoing_twice_is_undoing_once(own_app: App, sam: TestClient) -> None:
    page = ruled(sam, conflict_link(sam, DELIVERY))
    assert undo(sam, page) == undo(sam, page)
    assert len([one for one in own_app.records.audit_records() if one.entry.action is Action.RULING_REVOKED]) == 1


def test_nothing_is_ruled_without_the_token_of_the_session(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    fields = filled(sam, conflict)
    assert settle(sam, conflict, {**fields, "csrf": "x", "step": "rule"})[0] == 403
    assert not own_app.records.rulings_of([conflict.rpartition("/")[2]])


def test_an_expired_ruling_decides_no_more(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    (view,) = [one for one in own_app.conflicts(SUPPORT, Filters()).items if one.id == conflict.rpartition("/")[2]]
    soon = utc_now() + timedelta(milliseconds=300)
    seen = tuple(side.id for side in view.sides)
    wish = RulingRequest(outcome=RulingOutcome.SIDE_WINS, seen=seen, side=seen[0], reason="For now.", expires_at=soon)
    own_app.rule(SUPPORT, view.id, wish)
    while utc_now() < soon:
        pass
    told = text_of(sam.get(conflict).text)
    assert "One side wins expired" in told
    assert "Reopened" in told


def test_every_attribute_of_applicability_is_offered_with_the_values_that_the_reader_may_know_of(app: App) -> None:
    handbook = app.declarations.sources["handbook"].model_copy(update={"applicability": Applicability(segments=frozenset({"schools"}))})
    crm = app.declarations.sources["crm"].model_copy(update={"applicability": Applicability(segments=frozenset({"secret"}))})
    declarations = replace(app.declarations, sources={"handbook": handbook, "crm": crm})
    found = {offer.field: offer for offer in offers(declarations, ["handbook"], [Applicability(channels=frozenset({"post"}))])}
    assert list(found) == list(Applicability.model_fields)
    assert found["segments"].options == [("schools", "schools")]
    assert ("post", "post") in found["channels"].options
    assert {field for field, offer in found.items() if offer.typed} == {"segments", "channels", "languages"}
    closed = {name: one.model_copy(update={"channels": frozenset({"chat"})}) for name, one in declarations.workflows.items()}
    again = {offer.field: offer for offer in offers(replace(declarations, workflows=closed), [], [])}
    assert (again["channels"].options, again["channels"].typed) == ([("chat", "chat")], None)


def test_conditions_can_be_typed_where_nobody_declares_the_values(own_app: App, sam: TestClient) -> None:
    conflict = conflict_link(sam, DELIVERY)
    first, second = list(filled(sam, conflict)["seen"])
    typed = {f"{first}|segments": "schools, clubs ,", f"{second}|languages": "pt-BR", "channels": "post"}
    fields: dict[str, str | list[str]] = {"outcome": "both_hold", "typed_for": list(typed), "typed": list(typed.values())}
    fields["holds"] = [f"{first}|regions|EU"]
    page = settle(sam, conflict, {**filled(sam, conflict), **fields, "step": "edit"})[1]
    assert all(f'value="{value}"' in page for value in typed.values())
    ruled(sam, conflict, **fields)
    (made,) = own_app.records.rulings_of([conflict.rpartition("/")[2]])
    assert made.conditions == {
        first: Applicability(regions=frozenset({"EU"}), segments=frozenset({"schools", "clubs"})),
        second: Applicability(languages=frozenset({"pt-BR"})),
    }
    assert made.scope.applicability == Applicability(channels=frozenset({"post"}))


def test_conditions_that_no_applicability_knows_are_left_aside() -> None:
    form = RulingForm(outcome="not_a_conflict", seen=["a", "b"], reason="x", customers=["nope|x", "regions|", "regions|EU", "junk"])
    wish = form.request()
    assert isinstance(wish, RulingRequest)
    assert wish.scope.applicability == Applicability(regions=frozenset({"EU"}))


def rewrite(app: App, name: str, old: str, new: str) -> None:
    """Change a text of the help center at its source, and publish."""
    path = app.declarations.folders["helpcenter"] / name
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    assert app.ingest(["helpcenter"], "test", Silent()).release
