"""Golden questions: what counts as a miss, and how they are declared."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from context_service.declarations.company import inspect, load
from context_service.model.applicability import Applicability, Window
from context_service.model.context import (
    ConflictReport,
    ContextReply,
    CustomerFacts,
    Decision,
    Excluded,
    Freshness,
    Item,
    Lineage,
    Ranking,
    Scores,
    Side,
    Usage,
)
from context_service.model.golden import Expectations
from context_service.model.workflow import DecidedBy, Tier
from context_service.releases.golden import asked, misses
from tests.companies import small_company

RETURNS, PROMISE = "handbook:returns.md", "website:/promise"


def item(document: str, text: str) -> Item:
    lineage = Lineage(
        chunk="c", document="d", version="v", start=0, end=1, page_from=None, page_to=None, sync_run="r", parser="p", parser_version="1"
    )
    return Item(
        chunk="c",
        text=text,
        heading_path=(),
        title="T",
        citation="file:a",
        source=document.partition(":")[0],
        source_title="S",
        document=document,
        authority="policy",
        applicability=Applicability(),
        effective=Window(),
        freshness=Freshness.FRESH,
        checked_at=None,
        modified_at=None,
        lineage=lineage,
        scores=Scores(),
    )


def beaten(winner: str, loser: str) -> ConflictReport:
    def side(document: str) -> Side:
        return Side(chunk="c", document=document, title="T", authority="policy", citation="file:a", start=0, end=1, text=None)

    return ConflictReport(id="1", kind="value", winner=side(winner), losers=(side(loser),), rule=DecidedBy.AUTHORITY, reasons=())


def reply(*items: Item, conflicts: tuple[ConflictReport, ...] = (), decision: Decision = Decision.ANSWER) -> ContextReply:
    return ContextReply(
        context_id="1",
        served_at=datetime(2026, 11, 20, tzinfo=UTC),
        release=1,
        effective_on=date(2026, 11, 20),
        decision=decision,
        confidence=1.0,
        items=items,
        facts=CustomerFacts(id=None, attributes={}, provenance={}),
        conflicts=conflicts,
        excluded=Excluded(counts={}),
        models={},
        ranking=Ranking(tier=Tier.NONE),
        usage=Usage(tokens=1, token_budget=1, milliseconds={}),
    )


THIRTY = item(RETURNS, "You can return it\nwithin 30 Days of delivery.")
HUNDRED = item(PROMISE, "Return it within 100 days.")


@pytest.mark.parametrize(
    ("expect", "answer", "missed"),
    [
        (Expectations(must_contain=("within 30 days of delivery",)), reply(THIRTY), []),
        (Expectations(must_contain=("within 30 days", "free of charge")), reply(THIRTY), ["must_contain"]),
        (Expectations(must_contain=("within 30 days",)), reply(), ["must_contain"]),
        (Expectations(must_not_contain=("within 100 days",)), reply(THIRTY), []),
        (Expectations(must_not_contain=("within 100 days",)), reply(THIRTY, HUNDRED), ["must_not_contain"]),
        (Expectations(winner=RETURNS), reply(THIRTY), []),
        (Expectations(winner=RETURNS), reply(HUNDRED), ["winner"]),
        (Expectations(winner=RETURNS), reply(THIRTY, conflicts=(beaten(RETURNS, PROMISE),)), []),
        (Expectations(winner=PROMISE), reply(THIRTY, HUNDRED, conflicts=(beaten(RETURNS, PROMISE),)), ["winner"]),
        (Expectations(decision=Decision.ANSWER), reply(THIRTY), []),
        (Expectations(decision=Decision.CONFLICTED), reply(THIRTY), ["decision"]),
        (Expectations(decision=Decision.CONFLICTED, winner=PROMISE), reply(THIRTY), ["winner", "decision"]),
    ],
)
def test_an_answer_is_held_against_what_it_has_to_be(expect: Expectations, answer: ContextReply, missed: list[str]) -> None:
    found = misses(expect, answer)
    assert [miss.what for miss in found] == missed
    assert all(miss.expected and miss.got for miss in found)


GOLDEN = """
    workflow: refund
    audiences: [customer-agents]
    questions:
      - id: thirty-days
        query: How long may I return it?
        customer: {id: C-1}
        must_contain: [within 30 days]
        effective_on: 2026-06-01
"""


def declare(folder: Path, text: str) -> Path:
    path = small_company(folder)
    (folder / "golden").mkdir(exist_ok=True)
    (folder / "golden" / "refund.yaml").write_text(dedent(text).lstrip("\n"))
    return path


def test_a_declared_question_is_asked_with_no_more_than_its_grant(tmp_path: Path) -> None:
    (question,) = load(declare(tmp_path, GOLDEN)).golden
    request, principal = asked(question)
    assert (request.workflow, request.customer.id, request.effective_on) == ("refund", "C-1", date(2026, 6, 1))
    assert principal.grant.workflows == frozenset({"refund"})
    assert principal.grant.audiences == frozenset({"customer-agents"})
    assert principal.grant.customers == frozenset({"C-1"})


@pytest.mark.parametrize(
    ("old", "new", "said", "line"),
    [
        ("workflow: refund", "workflow: returns", "No workflow `returns`", 1),
        ("[customer-agents]", "[friends]", "`friends` is not a declared audience", 2),
        ("must_contain: [within 30 days]", "", "expects nothing", 4),
        ("must_contain: [within 30 days]", "winner: nowhere:a.md", "names no declared source", 7),
        ("audiences: [customer-agents]", "audiences: []", "audiences", 2),
        ("must_contain", "must_say", "not a known field", 7),
    ],
)
def test_a_wrong_one_is_placed(tmp_path: Path, old: str, new: str, said: str, line: int) -> None:
    assert old in GOLDEN
    _, faults = inspect(declare(tmp_path, GOLDEN.replace(old, new)))
    assert said in faults[0].message
    assert {fault.path for fault in faults} == {"golden/refund.yaml"}
    assert [fault.line for fault in faults] == [line]


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    path = declare(tmp_path, GOLDEN)
    (tmp_path / "golden" / "second.yaml").write_text(dedent(GOLDEN).lstrip("\n"))
    _, faults = inspect(path)
    assert ["is asked in golden/refund.yaml already" in fault.message for fault in faults] == [True]
