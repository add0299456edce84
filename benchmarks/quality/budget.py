"""Whether a small token budget still tells the answer: against what the uncut first twenty hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.quality.company import SUPPORT, Company, covered
from benchmarks.quality.corpora import Asked
from context_service.embedding.protocol import Reranker
from context_service.model.context import ContextReply
from context_service.text import sentences

BUDGETS = (500, 1000, 2000)


@dataclass(frozen=True)
class Kept:
    """Share of the questions whose gold passage is told at all, and whose answering sentence is."""

    passage: float
    sentence: float


def kept(company: Company, reranker: Reranker, every: Sequence[Asked]) -> dict[str, Kept]:
    """By budget, `uncut` first. Of a gold passage without a quoted answer, the sentence that the cross-encoder likes best counts."""
    answering = {asked: _answering(company, reranker, asked) for asked in every}
    told = {"uncut": [company.ask(asked) for asked in every]}
    told |= {str(budget): [company.ask(asked, SUPPORT, budget) for asked in every] for budget in BUDGETS}
    return {name: _share(company, every, replies, answering) for name, replies in told.items()}


def _share(company: Company, every: Sequence[Asked], replies: Sequence[ContextReply], answering: dict[Asked, set[str]]) -> Kept:
    passage = [_has_passage(company, asked, reply) for asked, reply in zip(every, replies, strict=True)]
    sentence = [_has_sentence(asked, reply, answering[asked]) for asked, reply in zip(every, replies, strict=True)]
    return Kept(sum(passage) / len(every), sum(sentence) / len(every))


def _has_passage(company: Company, asked: Asked, reply: ContextReply) -> bool:
    return any(company.covers(asked, item.chunk) for item in reply.items)


def _has_sentence(asked: Asked, reply: ContextReply, answering: set[str]) -> bool:
    if not answering:
        return any(covered(asked, item.document.partition(":")[2], item.text) for item in reply.items)
    return any(one in _words(item.text) for item in reply.items for one in answering)


def _answering(company: Company, reranker: Reranker, asked: Asked) -> set[str]:
    """The best sentence of each gold passage; nothing where the labels quote the answer."""
    if any(place.quote for place in asked.places):
        return set()
    best = set()
    for place in asked.places:
        texts = [chunk.text for name, chunk in company.chunks.items() if company.keys[name] == place.document]
        told = [_words(text[start:end]) for text in texts for start, end in sentences(text)]
        if told:
            scores = reranker.score(asked.question, told)
            best.add(told[scores.index(max(scores))])
    return best


def _words(text: str) -> str:
    return " ".join(text.split())
