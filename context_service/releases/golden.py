"""Golden questions: asked of a release or a draft, and held against what they expect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from context_service.errors import Forbidden, InvalidRequest
from context_service.model.access import Principal, PrincipalKind
from context_service.model.context import ContextReply, ContextRequest
from context_service.model.golden import Expectations, GoldenOutcome, GoldenQuestion, Miss
from context_service.retrieval.service import ContextService

LONGEST_GOT = 300
"""Characters of an answer that a miss repeats."""

NOBODY = "golden-questions"
"""Who asks them; no key belongs to it."""


def asked(question: GoldenQuestion) -> tuple[ContextRequest, Principal]:
    """The request that a question is, and who asks it."""
    request = ContextRequest(
        query=question.query,
        customer=question.customer,
        workflow=question.workflow,
        channel=question.channel,
        effective_on=question.effective_on,
    )
    return request, Principal(id=NOBODY, kind=PrincipalKind.AGENT, grant=question.grant)


def misses(expect: Expectations, reply: ContextReply) -> tuple[Miss, ...]:
    """Where an answer is not what was expected."""
    return tuple(_misses(expect, reply))


def ask(context: ContextService, question: GoldenQuestion, number: int) -> ContextReply | Miss:
    """The answer in the release or draft `number`, without a trace in the audit log as an agent's; a miss where there is none."""
    request, principal = asked(question)
    try:
        return context.compute(request, principal, number=number).reply
    except (InvalidRequest, Forbidden) as error:
        return Miss(what="answer", expected="an answer", got=str(error)[:LONGEST_GOT])


def outcome(question: GoldenQuestion, answer: ContextReply | Miss) -> GoldenOutcome:
    """How a question fared."""
    found = (answer,) if isinstance(answer, Miss) else misses(question.expect, answer)
    documents = () if isinstance(answer, Miss) else tuple(dict.fromkeys(item.document for item in answer.items))
    return GoldenOutcome(question=question.id, workflow=question.workflow, query=question.query, misses=found, documents=documents)


def compare(
    context: ContextService, questions: Sequence[GoldenQuestion], number: int, base: int, changed: Iterable[str]
) -> list[GoldenOutcome]:
    """How each question fares in the draft `number`; for those that fail, whether they do in `base` and which sources of the `changed`
    documents (`source:key`) either answer leans on.
    """
    touched = set(changed)
    return [_compared(context, question, number, base, touched) for question in questions]


def _compared(context: ContextService, question: GoldenQuestion, number: int, base: int, changed: set[str]) -> GoldenOutcome:
    now = outcome(question, ask(context, question, number))
    if now.passed or not base:
        return now.model_copy(update={"sources": _sources(changed & {*now.documents})})
    before = outcome(question, ask(context, question, base))
    named = {question.expect.winner} if question.expect.winner else set()
    leaned = changed & {*now.documents, *before.documents, *named}
    return now.model_copy(update={"failed_before": not before.passed, "sources": _sources(leaned)})


def _sources(documents: Iterable[str]) -> frozenset[str]:
    return frozenset(document.partition(":")[0] for document in documents)


def _misses(expect: Expectations, reply: ContextReply) -> Iterator[Miss]:
    said = [_plain(item.text) for item in reply.items]
    for words in expect.must_contain:
        if not any(_plain(words) in text for text in said):
            yield Miss(what="must_contain", expected=words, got=_told(reply))
    for words in expect.must_not_contain:
        for item, text in zip(reply.items, said, strict=True):
            if _plain(words) in text:
                yield Miss(what="must_not_contain", expected=words, got=f"{item.document}: {item.text}"[:LONGEST_GOT])
    if expect.winner and not _wins(expect.winner, reply):
        yield Miss(what="winner", expected=expect.winner, got=_winners(reply))
    if expect.decision and reply.decision is not expect.decision:
        yield Miss(what="decision", expected=expect.decision.value, got=reply.decision.value)


def _wins(document: str, reply: ContextReply) -> bool:
    """Whether a document is told and no side of it lost to another."""
    told = any(item.document == document for item in reply.items)
    return told and not any(loser.document == document for report in reply.conflicts for loser in report.losers)


def _winners(reply: ContextReply) -> str:
    won = [report.winner.document for report in reply.conflicts if report.winner]
    return ", ".join(dict.fromkeys([*won, *(item.document for item in reply.items)]))[:LONGEST_GOT] or "nothing"


def _told(reply: ContextReply) -> str:
    return " … ".join(item.text for item in reply.items)[:LONGEST_GOT] or "nothing"


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
