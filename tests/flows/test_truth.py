"""The service is held to every line of the answer key."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from context_service.app import App
from context_service.cli.demo import AGENT
from context_service.ingest.pipeline import Report
from context_service.model.access import Classification, Grant, Principal, PrincipalKind
from context_service.model.context import ConflictReport, ContextReply
from context_service.model.document import RunState
from context_service.model.workflow import DecidedBy
from context_service.policy import Situation, decide
from context_service.rulings.views import Filters
from tests.flows.conftest import Answer
from tests.flows.truth import Planted, Question, faults, truth

READER = Principal(
    id="reader",
    kind=PrincipalKind.PERSON,
    grant=Grant(
        workflows="*", sources="*", audiences=frozenset({"customer-agents", "staff"}), ceiling=Classification.RESTRICTED, customers="*"
    ),
)


@pytest.mark.parametrize("question", truth().questions, ids=lambda question: question.id)
def test_a_question_gets_the_reply_of_the_key(answer: Answer, question: Question) -> None:
    reply = answer(question)
    found = faults(question, reply)
    assert not found, _explained(question, reply, found)


@pytest.mark.parametrize("conflict", truth().conflicts, ids=lambda conflict: conflict.id)
def test_a_conflict_is_decided_by_the_rule_of_the_key(answer: Answer, conflict: Planted) -> None:
    questions = [question for question in truth().questions if conflict.id in question.conflicts]
    assert questions, f"no question of the key meets the conflict {conflict.id}"
    for question in questions:
        reply = answer(question)
        assert any(_matches(report, conflict) for report in reply.conflicts), _explained(question, reply, [f"does not report {conflict}"])


@pytest.mark.parametrize("conflict", truth().conflicts, ids=lambda conflict: conflict.id)
def test_both_sides_of_a_conflict_stand_in_the_documents(app: App, conflict: Planted) -> None:
    for side in conflict.sides:
        source, _, key = side.document.partition(":")
        revision = app.records.revision_of(source, key, app.records.head())
        assert revision, f"{side.document} is not in the release"
        version = app.records.version(revision.version)
        assert version
        assert side.says in " ".join(version.text.split())


def test_every_planted_conflict_is_found_and_nothing_else(app: App) -> None:
    """Planted statements that meet in a chain of conflicts may contradict each other too; nothing beside them does."""
    planted = {
        conflict.id: {side.document for side in conflict.sides}
        for conflict in truth().conflicts
        if conflict.rule is not DecidedBy.DUPLICATE
    }
    found = [{side.document for side in view.sides} for view in app.conflicts(READER, Filters()).items]
    assert [name for name, documents in planted.items() if not any(len(documents & sides) > 1 for sides in found)] == []
    chains: list[set[str]] = []
    for documents in planted.values():
        linked = [chain for chain in chains if chain & documents]
        chains = [*(chain for chain in chains if chain not in linked), documents.union(*linked)]
    assert [sides for sides in found if not any(sides <= chain for chain in chains)] == []


def test_every_item_of_the_company_was_read(ingested: tuple[Path, Report]) -> None:
    for run in ingested[1].runs:
        assert run.state is RunState.SUCCEEDED, run.reason
        assert set(run.counts) == {"new"}, f"{run.source}: {run.counts}"


def test_the_company_has_the_size_it_claims(app: App) -> None:
    revisions = app.records.revisions_in(app.records.head())
    documents = Counter(app.declarations.sources[revision.source].kind for revision in revisions)
    customers = [revision for revision in revisions if revision.key.startswith("Account/")]
    suffixes = {Path(revision.key).suffix for revision in revisions if app.declarations.sources[revision.source].kind == "docs"}
    assert documents["docs"] >= 40
    assert suffixes >= {".md", ".html", ".docx", ".xlsx", ".pptx", ".eml"}
    assert documents["pdf"] == 8
    assert len(customers) >= 200
    assert documents["website"] >= 30
    assert len(truth().conflicts) >= 15
    assert len({conflict.kind for conflict in truth().conflicts}) >= 6


def test_the_spans_of_everything_told_are_the_stored_text(app: App, answer: Answer) -> None:
    for question in truth().questions:
        for item in answer(question).items:
            version = app.records.version(item.lineage.version)
            chunk = app.records.chunks([item.chunk])[item.chunk]
            assert version
            assert version.text[item.lineage.start : item.lineage.end] == chunk.text


def test_what_an_agent_may_not_read_is_not_even_named(app: App, answer: Answer) -> None:
    revisions = app.records.revisions_in(app.records.head())
    for question in truth().questions:
        situation = Situation(question.workflow, question.customer, truth().now())
        reply = answer(question).model_dump_json()
        forbidden = [revision for revision in revisions if not decide(AGENT, revision.resource, situation).allowed]
        assert len(forbidden) > 300, "the customers' records are hidden from each other"
        assert not [revision.ref for revision in forbidden if f'"{revision.ref}"' in reply]


def _matches(report: ConflictReport, conflict: Planted) -> bool:
    sides = [*report.losers, *([report.winner] if report.winner else [])]
    winner = report.winner.document if report.winner else None
    wanted = {side.document for side in conflict.sides}
    return wanted <= {side.document for side in sides} and (report.rule, winner) == (conflict.rule, conflict.winner)


def _explained(question: Question, reply: ContextReply, found: list[str]) -> str:
    """What a person needs to see why a line of the key does not hold."""
    items = [f"  {item.document} › {' › '.join(item.heading_path)}: {' '.join(item.text.split())[:160]}" for item in reply.items]
    conflicts = [f"  {_decided(report)}" for report in reply.conflicts]
    head = f"{question.id}: {question.ask!r} for {question.customer or question.attributes} in {question.workflow}"
    return "\n".join([head, *found, f"decision {reply.decision.value}, {reply.confidence:.0%}", "items", *items, "conflicts", *conflicts])


def _decided(report: ConflictReport) -> str:
    losers = ", ".join(side.document for side in report.losers)
    return f"{report.rule.value}: {report.winner.document if report.winner else 'nobody'} over {losers}"
