"""Filling the budget, reporting the conflicts, deciding: the last steps of the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from context_service.embedding.protocol import Embedder, Reranker
from context_service.model.context import ConflictReport, ContextRequest, Decision, Item, Lineage, Scores
from context_service.model.rivalry import Passage
from context_service.model.source import Source
from context_service.model.workflow import Workflow
from context_service.policy.injection import FLAG
from context_service.retrieval.assemble import CountTokens, Evidence, Excerpt, excerpt
from context_service.retrieval.confidence import Signals, confidence
from context_service.retrieval.gate import Text
from context_service.retrieval.search import Found, Query
from context_service.retrieval.select import Selection
from context_service.text import sentences

DEMOTED = "demoted"
"""Mark of a text that was ranked after fresher ones for its age."""

MOST_JUDGED = 4
"""Sentences of one side that are embedded to judge how much it bears on the question."""

LEADING = 3
"""Items that lead an answer."""

LEAST = 40
"""Tokens that are held back for each text still to come, so that a small budget tells the sentences of several that bear on the question
and not two of them whole. See docs/decisions for what it is worth.
"""

CHARACTERS = 4
"""Of a token, about: enough to tell how little a short text needs."""


@dataclass
class Answer:
    """What the reply says."""

    decision: Decision
    confidence: float
    items: tuple[Item, ...]
    conflicts: tuple[ConflictReport, ...]
    tokens: int
    budget: int
    signals: Signals
    asks_for: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


class Judge:
    """Tells how much sentences bear on the question: by the cross-encoder where it has been asked anyway, else by the vectors of the few
    that share most with the question, so that a fast answer stays fast however many sentences there are.
    """

    def __init__(self, query: Query, embedder: Embedder, reranker: Reranker | None) -> None:
        self._query = query
        self._embedder = embedder
        self._reranker = reranker
        self._known: dict[str, float] = {}

    def best(self, texts: Sequence[str]) -> float:
        """The highest score among `texts`; scores of one judge compare with each other only."""
        if not texts:
            return float("-inf")
        if self._reranker:
            return max(self._reranker.score(self._query.text, texts))
        return max(self._cosine(text) for text in self._likeliest(texts))

    def _likeliest(self, texts: Sequence[str]) -> list[str]:
        if len(texts) <= MOST_JUDGED:
            return [*texts]
        evidence = Evidence(self._query.text, texts)
        return sorted(dict.fromkeys(texts), key=lambda text: (-evidence.weigh(text), text))[:MOST_JUDGED]

    def _cosine(self, text: str) -> float:
        if text not in self._known:
            self._known[text] = float(self._embedder.embed_documents([text])[0] @ self._query.vector)
        return self._known[text]


def compose(
    count_tokens: CountTokens,
    judge: Judge,
    sources: Mapping[str, Source],
    workflow: Workflow,
    request: ContextRequest,
    found: Found,
    selection: Selection,
) -> Answer:
    """Fill the token budget with the selected texts, report the conflicts that touch them, and decide."""
    budget = request.token_budget or workflow.token_budget
    excerpts = _fill(count_tokens, workflow, request.query, selection, budget)
    items = tuple(_item(sources, selection, chunk, told) for chunk, told in excerpts.items())
    conflicts = _touching(selection, excerpts)
    scores = [selection.scores[chunk].reranked for chunk in excerpts if chunk in selection.scores]
    best_score = max((score for score in scores if score is not None), default=None)
    signals = Signals(best_score, found.best_cosine)
    sure = confidence(selection.tier, signals) if excerpts else 0.0
    bearing = _bearing(judge, selection, excerpts, conflicts)
    decision, asks_for = _decide(sure, workflow.minimum_confidence, bearing)
    return Answer(
        decision=decision,
        confidence=sure,
        items=items if decision is not Decision.INSUFFICIENT else (),
        conflicts=conflicts if decision is not Decision.INSUFFICIENT else (),
        tokens=sum(told.tokens for told in excerpts.values()) if decision is not Decision.INSUFFICIENT else 0,
        budget=budget,
        signals=signals,
        asks_for=asks_for,
        unknown=_unknown(selection, excerpts, conflicts),
        notices=(*selection.notices, *_too_small(selection, excerpts, budget)),
    )


def _too_small(selection: Selection, told: Mapping[str, Excerpt], budget: int) -> tuple[str, ...]:
    found = [*selection.must, *selection.order]
    return (f"Nothing that was found fits into {budget} tokens; ask for more.",) if found and not told else ()


def _fill(count_tokens: CountTokens, workflow: Workflow, query: str, selection: Selection, budget: int) -> dict[str, Excerpt]:
    evidence = Evidence(query, [selection.texts[chunk].chunk.text for chunk in selection.order])
    excerpts: dict[str, Excerpt] = {}
    chunks, most = [*selection.must, *selection.order], workflow.items + len(selection.must)
    left = budget
    for number, chunk in enumerate(chunks, 1):
        if len(excerpts) >= most or left <= 0:
            break
        text = selection.texts[chunk].chunk
        to_come = chunks[number : number + most - len(excerpts) - 1] if chunk not in selection.must else []
        for allowed in dict.fromkeys((max(left // 2, left - _held_back(selection, to_come)), left)):
            if told := excerpt(text.text, text.flags, selection.removed.get(chunk, ()), allowed, evidence, count_tokens):
                excerpts[chunk] = told
                left -= told.tokens
                break
    return excerpts


def _held_back(selection: Selection, to_come: Iterable[str]) -> int:
    """Tokens that the texts to come have to themselves."""
    return sum(min(LEAST, len(selection.texts[chunk].chunk.text) // CHARACTERS) for chunk in to_come)


def _touching(selection: Selection, told: Mapping[str, Excerpt]) -> tuple[ConflictReport, ...]:
    """Reports with a side among the items, in a fixed order."""
    reports = {report.id: report for report in selection.reports if _chunks(report) & told.keys()}
    return tuple(reports[key] for key in sorted(reports))


def _chunks(report: ConflictReport) -> set[str]:
    sides = [*report.losers, *([report.winner] if report.winner else [])]
    return {side.chunk for side in sides}


def _bearing(judge: Judge, selection: Selection, told: Mapping[str, Excerpt], conflicts: Iterable[ConflictReport]) -> list[ConflictReport]:
    """The open conflicts on which the answer to this very question hangs.

    A missing fact about the customer is asked for when it touches one of the first items: a question too many costs less than the wrong
    rule. Sources that disagree stop the conversation, so there a side's own words have to bear on the question at least as much as
    anything else that is told.
    """
    leading = _leading(selection, told)
    bearing = []
    for report in conflicts:
        passages = selection.open_passages.get(report.id, ())
        near = any(passage.chunk in leading for passage in passages)
        if passages and (
            near if report.needs else judge.best(_words(selection, passages)) >= judge.best(_other_words(told, selection, passages))
        ):
            bearing.append(report)
    return bearing


def _leading(selection: Selection, told: Iterable[str]) -> list[str]:
    """The told chunks nearest to the question: by the score of the tier that read them, else in order."""
    scored = {chunk: selection.scores.get(chunk, Scores()).reranked for chunk in told}
    by_score = sorted((chunk for chunk, score in scored.items() if score is not None), key=lambda chunk: -(scored[chunk] or 0.0))
    return (by_score or list(scored))[:LEADING]


def _words(selection: Selection, passages: Iterable[Passage]) -> list[str]:
    return [selection.texts[one.chunk].chunk.text[one.start : one.end] for one in passages]


def _other_words(told: Mapping[str, Excerpt], selection: Selection, passages: Iterable[Passage]) -> list[str]:
    disputed = set(_words(selection, passages))
    spoken = (excerpt.text[start:end] for excerpt in told.values() for start, end in sentences(excerpt.text))
    return [words for words in spoken if words not in disputed]


def _decide(sure: float, minimum: float, bearing: Sequence[ConflictReport]) -> tuple[Decision, tuple[str, ...]]:
    if sure < minimum:
        return Decision.INSUFFICIENT, ()
    needs = tuple(sorted({need for report in bearing for need in report.needs}))
    if needs:
        return Decision.NEEDS_INFORMATION, needs
    return (Decision.CONFLICTED if bearing else Decision.ANSWER), ()


def _unknown(selection: Selection, told: Iterable[str], conflicts: Iterable[ConflictReport]) -> tuple[str, ...]:
    """Attributes nobody knows that some item, or an open conflict, depends on."""
    from_items = {name for chunk in told for name in selection.texts[chunk].fit.unknown}
    return tuple(sorted(from_items | {need for report in conflicts for need in report.needs}))


def _item(sources: Mapping[str, Source], selection: Selection, chunk_id: str, told: Excerpt) -> Item:
    text = selection.texts[chunk_id]
    chunk, revision = text.chunk, text.revision
    headings_lost = any(cut.start == cut.end for cut in told.removed)
    return Item(
        chunk=chunk.id,
        text=told.text,
        heading_path=() if headings_lost else chunk.heading_path,
        title=revision.ref if headings_lost else revision.title,
        citation=revision.url,
        source=revision.source,
        source_title=sources[revision.source].title,
        document=revision.ref,
        authority=revision.governance.authority,
        applicability=revision.governance.applicability,
        effective=revision.governance.effective,
        freshness=text.freshness,
        checked_at=text.checked_at,
        modified_at=revision.governance.modified,
        marks=_marks(selection, text),
        removed=told.removed,
        must_include=chunk_id in selection.must,
        lineage=Lineage(
            chunk=chunk.id,
            document=chunk.document,
            version=chunk.version,
            start=chunk.span.start,
            end=chunk.span.end,
            page_from=chunk.span.page_from,
            page_to=chunk.span.page_to,
            sync_run=revision.run,
            parser=revision.parser,
            parser_version=revision.parser_version,
        ),
        scores=selection.scores.get(chunk_id, Scores()),
    )


def _marks(selection: Selection, text: Text) -> tuple[str, ...]:
    """What an agent has to be careful about."""
    marks = [f"open_conflict:{report}" for report, sides in selection.open_passages.items() if any(side.chunk == text.id for side in sides)]
    marks += [f"depends_on:{name}" for name in text.fit.unknown]
    if text.treatment != "serve":
        marks.append(text.freshness.value)
    if text.treatment == "demote":
        marks.append(DEMOTED)
    if FLAG in text.chunk.flags:
        marks.append(FLAG)
    return tuple(sorted(marks))
