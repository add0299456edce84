"""From an agent's complaint to a golden question that the next draft is held by."""

from __future__ import annotations

import pytest

from context_service.app import App
from context_service.model.access import Principal
from tests.api.change_people import RETURN, SHORTER, SUPPORT, People, done, refused
from tests.companies import AGENT

WRONG = {"verdict": "wrong", "note": "They meant the law.", "expected": {"must_contain": ["within 30 days"]}}
PLAN = "Which plan does customer Marcus Hale have and how many days do I have to return a product?"
STAFF: Principal = AGENT.model_copy(
    update={"id": "staff-agent", "grant": AGENT.grant.model_copy(update={"audiences": frozenset({"customer-agents", "staff"})})}
)
OTHER: Principal = AGENT.model_copy(update={"id": "another-agent"})


@pytest.fixture
def people(own_app: App) -> People:
    return People(own_app)


def reported(people: People) -> str:
    """The id of a report of the agent about its answer."""
    context = done(people.agent.post("/context", json=RETURN))["context_id"]
    return str(done(people.agent.post(f"/context/{context}/feedback", json=WRONG))["id"])


def test_a_report_is_seen_by_owners_and_becomes_a_question(people: People) -> None:
    feedback = reported(people)
    (seen,) = done(people.owner.get("/feedback"))["items"]
    assert (seen["id"], seen["by"], seen["note"], seen["query"]) == (feedback, "refund-agent", WRONG["note"], RETURN["query"])
    question = done(people.owner.post(f"/feedback/{feedback}/promote", json={}))
    assert question["expect"]["must_contain"] == ["within 30 days"]
    assert [one["id"] for one in done(people.owner.get("/golden?workflow=refund"))["items"]] == [question["id"]]
    assert done(people.owner.get("/golden?workflow=delivery"))["items"] == []
    assert done(people.owner.post("/golden/run", json={}))["failed"] == 0
    draft = people.staged(SHORTER)["draft"]
    run = done(people.operator.post("/golden/run", json={"draft": draft}))
    assert (run["failed"], run["outcomes"][0]["misses"][0]["what"]) == (1, "must_contain")
    assert "21 days" in run["outcomes"][0]["misses"][0]["got"]
    assert done(people.owner.post("/golden/run", json={"draft": draft}))["outcomes"][0]["misses"][0]["got"] == ""
    check = done(people.owner.post(f"/drafts/{draft}/check"))
    assert [one["gate"] for one in check["results"] if not one["passed"]] == ["golden"]
    assert done(people.owner.delete(f"/golden/{question['id']}"))["id"] == question["id"]
    assert done(people.owner.get("/golden"))["total"] == 0


def test_an_answer_that_another_got_is_not_there(people: People) -> None:
    context = done(people.agent.post("/context", json=RETURN))["context_id"]
    other = people.client(OTHER)
    for name in (context, "none"):
        assert refused(other.post(f"/context/{name}/feedback", json=WRONG)) == (404, "not-found")
    assert refused(people.owner.post(f"/context/{context}/feedback", json=WRONG)) == (404, "not-found")
    done(people.operator.post(f"/context/{context}/feedback", json=WRONG))


def test_one_answer_is_not_reported_on_without_end(people: People) -> None:
    context = done(people.agent.post("/context", json=RETURN))["context_id"]
    replies = [people.agent.post(f"/context/{context}/feedback", json=WRONG) for _ in range(21)]
    assert [reply.status_code for reply in replies] == [200] * 20 + [422]
    assert replies[-1].json()["field"] == "context_id"


def test_a_customers_words_are_for_who_answers_for_what_was_told(people: People) -> None:
    feedback = reported(people)
    question = done(people.owner.post(f"/feedback/{feedback}/promote", json={}))["id"]
    assert done(people.outsider.get("/feedback"))["items"] == []
    assert done(people.outsider.get("/golden"))["items"] == []
    assert done(people.outsider.post("/golden/run", json={}))["outcomes"] == []
    assert refused(people.outsider.post(f"/feedback/{feedback}/promote", json={})) == (403, "not-an-owner")
    assert refused(people.outsider.delete(f"/golden/{question}")) == (403, "not-an-owner")


def asked_for(people: People, customer: str, query: str = PLAN) -> str:
    """The id of a report on an answer for one customer."""
    context = done(people.agent.post("/context", json=RETURN | {"query": query, "customer": {"id": customer}}))["context_id"]
    return str(done(people.agent.post(f"/context/{context}/feedback", json=WRONG))["id"])


def test_nobody_asks_about_a_customer_whom_they_may_not_read(people: People) -> None:
    feedback = asked_for(people, "C-2")
    probe = {"expect": {"must_contain": ["Marcus Hale"]}}
    assert [one["id"] for one in done(people.owner.get("/feedback"))["items"]] == [feedback]
    assert refused(people.owner.post(f"/feedback/{feedback}/promote", json=probe)) == (403, "forbidden")
    question = done(people.operator.post(f"/feedback/{feedback}/promote", json=probe))
    assert question["customer"]["id"] == "C-2"
    (seen,) = done(people.owner.get("/golden"))["items"]
    assert (seen["id"], seen["query"]) == (question["id"], PLAN)
    assert (seen["customer"]["id"], seen["grant"]["audiences"]) == (None, [])
    outcomes = [done(people.owner.post("/golden/run", json={}))["outcomes"][0]]
    done(people.operator.post(f"/feedback/{feedback}/promote", json={"expect": {"must_contain": ["Lena Vogt"]}}))
    outcomes.append(done(people.owner.post("/golden/run", json={}))["outcomes"][0])
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["misses"] == [{"what": "answer", "expected": "an answer that you may read", "got": ""}]
    assert refused(people.owner.delete(f"/golden/{question['id']}")) == (403, "forbidden")
    assert done(people.operator.post("/golden/run", json={}))["outcomes"][0]["misses"][0]["expected"] == "Lena Vogt"
    done(people.operator.delete(f"/golden/{question['id']}"))


def test_who_may_read_the_customer_makes_the_question(people: People) -> None:
    question = done(people.owner.post(f"/feedback/{asked_for(people, 'C-1', RETURN['query'])}/promote", json={}))
    (seen,) = done(people.owner.get("/golden"))["items"]
    assert (seen["customer"]["id"], seen["grant"]) == ("C-1", question["grant"])
    done(people.owner.delete(f"/golden/{question['id']}"))


def test_nobody_asks_for_an_answer_that_tells_a_document_they_may_not_read(people: People) -> None:
    staff = people.client(STAFF)
    asked = RETURN | {"query": "May staff give a voucher without the team lead? How long does standard delivery to Germany take?"}
    answer = done(staff.post("/context", json=asked))
    assert {"handbook:staff/goodwill.md", "helpcenter:delivery.md"} <= {item["document"] for item in answer["items"]}
    feedback = done(staff.post(f"/context/{answer['context_id']}/feedback", json=WRONG))["id"]
    assert [one["id"] for one in done(people.support.get("/feedback"))["items"]] == [feedback]
    assert refused(people.support.post(f"/feedback/{feedback}/promote", json={})) == (403, "forbidden")
    question = done(people.owner.post(f"/feedback/{feedback}/promote", json={}))
    (seen,) = done(people.support.get("/golden"))["items"]
    assert (seen["id"], seen["grant"]["audiences"]) == (question["id"], [])
    assert done(people.support.post("/golden/run", json={}))["outcomes"][0]["misses"][0]["what"] == "answer"
    assert refused(people.support.delete(f"/golden/{question['id']}")) == (403, "forbidden")


def test_what_a_draft_would_tell_is_no_more_asked_for_than_what_is_told(people: People) -> None:
    """The answer told nothing hidden when it was reported; in the draft it does."""
    staff = people.client(STAFF)
    answer = done(staff.post("/context", json=RETURN | {"query": "How long does standard delivery to Germany take?"}))
    assert not any(item["document"].startswith("handbook:staff") for item in answer["items"])
    expected = {"verdict": "good", "expected": {"must_not_contain": ["EUR 15"]}}
    feedback = done(staff.post(f"/context/{answer['context_id']}/feedback", json=expected))["id"]
    done(people.support.post(f"/feedback/{feedback}/promote", json={}))
    assert done(people.support.post("/golden/run", json={}))["failed"] == 0
    longer = {
        "kind": "text_override",
        "document": "handbook:staff/goodwill.md",
        "passage": "Staff may give a voucher of EUR 15",
        "replacement": "How long standard delivery to Germany may take: standard delivery to Germany takes a voucher of EUR 16",
    }
    draft = people.staged(longer)["draft"]
    told = done(people.operator.post("/golden/run", json={"draft": draft}))["outcomes"][0]
    assert "handbook:staff/goodwill.md" in told["documents"]
    assert told["misses"] == []
    app = people.app
    number = next(one.number for one in app.records.drafts() if one.id == draft)
    (hidden,) = app.control.feedback.run(SUPPORT, number)
    assert [miss.what for miss in hidden.misses] == ["answer"]


def test_who_reports_without_end_is_told_to_wait(people: People) -> None:
    replies = []
    for _ in range(11):
        context = done(people.agent.post("/context", json=RETURN))["context_id"]
        replies += [people.agent.post(f"/context/{context}/feedback", json=WRONG) for _ in range(20)]
        if replies[-1].status_code != 200:
            break
    assert [reply.status_code for reply in replies] == [200] * 200 + [429] * 20
    assert refused(replies[-1]) == (429, "too-many-reports")
    context = done(people.client(OTHER).post("/context", json=RETURN))["context_id"]
    done(people.client(OTHER).post(f"/context/{context}/feedback", json=WRONG))


@pytest.mark.parametrize(
    ("change", "field"),
    [({"verdict": "awful"}, "verdict"), ({"note": "x" * 2_001}, "note"), ({"expected": {"decision": "maybe"}}, "expected.decision")],
)
def test_a_report_that_makes_no_sense_is_refused(people: People, change: dict[str, object], field: str) -> None:
    context = done(people.agent.post("/context", json=RETURN))["context_id"]
    reply = people.agent.post(f"/context/{context}/feedback", json=WRONG | change)
    assert (*refused(reply), reply.json()["field"]) == (422, "invalid-request", field)


def test_a_question_has_to_expect_something_and_to_be_there(people: People) -> None:
    context = done(people.agent.post("/context", json=RETURN))["context_id"]
    feedback = done(people.agent.post(f"/context/{context}/feedback", json={"verdict": "outdated"}))["id"]
    assert refused(people.owner.post(f"/feedback/{feedback}/promote", json={})) == (422, "invalid-request")
    assert refused(people.owner.post("/feedback/none/promote", json={})) == (404, "not-found")
    assert refused(people.owner.delete("/golden/none")) == (404, "not-found")
    done(people.owner.post(f"/feedback/{feedback}/promote", json={"expect": {"decision": "answer"}}))


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"release": 7}, "unknown-release", "release"),
        ({"draft": "none"}, "unknown-release", "draft"),
        ({"release": 1, "draft": "none"}, "invalid-request", "draft"),
    ],
)
def test_questions_are_asked_of_what_can_be_read(people: People, body: dict[str, object], code: str, field: str) -> None:
    reply = people.operator.post("/golden/run", json=body)
    assert (*refused(reply), reply.json()["field"]) == (422, code, field)
