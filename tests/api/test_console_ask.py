"""Asking in the console as an agent would."""

from __future__ import annotations

import html
import re

import pytest
from starlette.testclient import TestClient

from tests.api.console_client import ask, token_of


def test_asking_for_a_known_customer_shows_the_answer_and_why(owner: TestClient) -> None:
    status, told = ask(owner, query="Within how many days can I return my kettle for a refund?", customer="C-1")
    assert status == 200
    assert "Answer An agent can answer from the texts below." in told
    assert "region DE" in told
    assert "within 45 days of delivery" in told
    assert "is told, not" in told
    assert "Customer handbook · policy" in told
    assert "holds for region EU" in told


def test_asking_without_the_region_says_what_to_ask_for(owner: TestClient) -> None:
    status, told = ask(owner, query="Within how many days can I return my kettle for a refund?")
    assert status == 200
    assert "Ask the customer for: region" in told


def test_asking_about_what_nobody_decided_shows_both_sides(owner: TestClient) -> None:
    _, told = ask(owner, query="How many working days does standard delivery to Germany take?", customer="C-1")
    assert "Sources disagree" in told
    assert "nobody has decided" in told
    assert "2 working days" in told
    assert "4 working days" in told


def test_asking_what_nobody_answers_says_so(owner: TestClient) -> None:
    _, told = ask(owner, query="zebra xylophone quartz")
    assert "Not enough to answer" in told


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"query": ""}, "query", "Fill this in."),
        ({"query": "a" * 4_001}, "query", "at most 4,000 characters"),
        ({"query": "x", "customer": "C-2"}, "customer", "customer"),
        ({"query": "x", "customer": "c" * 129}, "customer", "at most 128 characters"),
        ({"query": "x", "effective_on": "soon"}, "effective_on", "Choose a day"),
        ({"query": "x", "workflow": "nope"}, "workflow", "No workflow"),
        ({"query": "x", "workflow": "delivery", "channel": "voice"}, "channel", "channel"),
    ],
)
def test_a_question_that_cannot_be_asked_comes_back_with_the_fault_at_its_field(
    owner: TestClient, fields: dict[str, str], field: str, message: str
) -> None:
    token = token_of(owner.get("/console/ask").text)
    reply = owner.post("/console/ask", data={"csrf": token, "workflow": "refund", "channel": "chat", **fields})
    assert 400 <= reply.status_code < 500
    found = re.search(rf'<p class="fault" id="{field}-fault" role="alert">(.*?)</p>', reply.text)
    assert found
    assert message in html.unescape(found[1])
    assert f'aria-describedby="{field}-fault' in reply.text
    assert html.escape(fields["query"]) in reply.text


def test_one_asks_with_ones_own_grant(operator: TestClient) -> None:
    status, told = ask(operator, query="Can I return it?", customer="C-1")
    assert status == 422
    assert "customer" in told
