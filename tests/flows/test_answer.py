"""What an answer keeps to: texts it must carry, the fast path of voice, the token budget, and both sides of an open conflict."""

from __future__ import annotations

from pathlib import Path

import pytest

from context_service.model.context import ContextReply, ContextRequest, Decision
from context_service.text import sentences
from tests.fakes import FakeEmbedder
from tests.flows.small import AGENT, SmallCompany, documents

TEXTS = {
    "kettle": "The kettle holds two litres of water. It boils them in four minutes. Its lid locks while the water boils.",
    "lamp": "The lamp shines for ten hours. Its battery is charged over night.",
    "notice": "This call may be recorded for training.",
    "repair-desk": "A repair of the kettle takes 5 days at the workshop.",
    "repair-shop": "A repair of the kettle takes 9 days at the workshop.",
}
MUST = "must_include: [{document: notes:notice.txt}, {document: notes:missing.txt}]\n"


@pytest.fixture
def company(tmp_path: Path) -> SmallCompany:
    written = SmallCompany.write(tmp_path / "company", TEXTS)
    written.ingest()
    return written


def answer(company: SmallCompany, question: str, channel: str = "chat", token_budget: int | None = None) -> ContextReply:
    request = ContextRequest(query=question, workflow="support", channel=channel, token_budget=token_budget)
    with company.open() as app:
        return app.answer(request, AGENT)


def test_what_a_workflow_must_include_comes_first_in_every_answer(company: SmallCompany) -> None:
    workflow = company.folder / "workflows" / "support.yaml"
    workflow.write_text(workflow.read_text() + MUST)
    reply = answer(company, "How long does the lamp shine?")
    assert documents(reply)[:2] == ["notes:notice.txt", "notes:lamp.txt"]
    assert [item.must_include for item in reply.items][:2] == [True, False]
    assert reply.notices == ("`notes:missing.txt` must be part of every answer here and cannot be told to this customer.",)


def test_voice_leaves_the_reranker_out_and_says_which_models_were_used(company: SmallCompany) -> None:
    spoken, written = (answer(company, "How long does the lamp shine?", channel) for channel in ("voice", "chat"))
    assert (set(spoken.models), set(written.models)) == ({"embedder"}, {"embedder", "reranker"})
    assert all(item.scores.reranked is None for item in spoken.items)
    assert documents(spoken)[0] == "notes:lamp.txt"


@pytest.mark.parametrize("budget", [5, 8, 13, 21, 34])
def test_an_answer_keeps_to_its_budget_in_whole_sentences(company: SmallCompany, budget: int) -> None:
    reply = answer(company, "How long does the kettle boil water, and how much does it hold?", token_budget=budget)
    count = FakeEmbedder().count_tokens
    assert reply.usage.tokens == sum(count(item.text) for item in reply.items) <= budget
    whole = {text[start:end] for text in TEXTS.values() for start, end in sentences(text)}
    told = [part.strip() for item in reply.items for part in item.text.split("[…]")]
    assert {part[start:end] for part in told for start, end in sentences(part)} <= whole


def test_a_budget_in_which_nothing_fits_is_told(company: SmallCompany) -> None:
    reply = answer(company, "How long does the lamp shine?", token_budget=1)
    assert (reply.decision, reply.items) == (Decision.INSUFFICIENT, ())
    assert reply.notices == ("Nothing that was found fits into 1 tokens; ask for more.",)


def test_equal_sources_that_disagree_are_both_told_and_marked(company: SmallCompany) -> None:
    reply = answer(company, "How many days does a repair of the kettle take at the workshop?")
    sides = {item.document: item.marks for item in reply.items if "repair" in item.document}
    (conflict,) = reply.conflicts
    assert reply.decision is Decision.CONFLICTED
    assert sides == dict.fromkeys(("notes:repair-desk.txt", "notes:repair-shop.txt"), (f"open_conflict:{conflict.id}",))
    assert conflict.winner is None
    assert {side.text for side in conflict.losers} == {TEXTS["repair-desk"], TEXTS["repair-shop"]}
