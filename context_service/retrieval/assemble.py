"""From settled texts to what fits an answer: parts that lost are out, whole sentences only, inside the token budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rank_bm25 import BM25Plus

from context_service.index.analysis import analyze
from context_service.model.context import Removed
from context_service.policy.injection import FLAG, instructing_sentences
from context_service.text import sentences

CountTokens = Callable[[str], int]
GAP = " […] "
"""Stands in an item's text where something was taken out."""

MIN_TERMS = 3
"""With fewer terms left, a text has nothing to say."""

OPENING = 100
"""Characters in which most texts have said something."""


@dataclass(frozen=True)
class Excerpt:
    """What is told of a text, what was taken out of it, and its size in tokens."""

    text: str
    removed: tuple[Removed, ...]
    tokens: int


class Evidence:
    """Weighs sentences against the question: a small BM25 over the sentences of all candidates."""

    def __init__(self, query: str, texts: Iterable[str]) -> None:
        self._query = analyze(query)
        self._texts = texts

    @cached_property
    def _model(self) -> BM25Plus:
        """Made when the first text is too long; most answers have none."""
        corpus = [analyze(text[start:end]) for text in self._texts for start, end in sentences(text)]
        return BM25Plus([terms for terms in corpus if terms] or [["nothing"]])

    def weigh(self, sentence: str) -> float:
        """How much a sentence has of what is asked; 0.0 is nothing."""
        terms = analyze(sentence)
        model = self._model
        length = model.k1 * (1 - model.b + model.b * len(terms) / model.avgdl)
        counts = {term: terms.count(term) for term in set(self._query)}
        return float(sum(model.idf.get(term, 0.0) * n * (model.k1 + 1) / (length + n) for term, n in counts.items() if n))


def excerpt(
    text: str, flags: frozenset[str], removed: Sequence[Removed], budget: int, evidence: Evidence, count: CountTokens
) -> Excerpt | None:
    """What of `text` can be told within `budget` tokens; None when nothing is left that says something.

    Sentences that instruct the agent are taken out. When the rest is too long, the sentences that bear most on the question stay, in
    their order.
    """
    words = kept(text, flags, removed)
    if not words:
        return None
    taken = [*removed, *_instructions(text, flags)]
    tokens = count(words)
    if tokens <= budget:
        return Excerpt(words, _ordered(taken), tokens)
    return _shorten(text, taken, budget, evidence, count)


def kept(text: str, flags: frozenset[str], removed: Sequence[Removed]) -> str:
    """`text` without the parts that were taken out; empty when what is left says nothing."""
    words = _join(text, _subtract(text, [*removed, *_instructions(text, flags)]))
    return words if _says_something(words) else ""


def _says_something(words: str) -> bool:
    """The opening tells nearly always, without looking at the rest."""
    opening = words[:OPENING].rpartition(" ")[0]
    return len(analyze(opening)) >= MIN_TERMS or len(analyze(words)) >= MIN_TERMS


def _instructions(text: str, flags: frozenset[str]) -> list[Removed]:
    if FLAG not in flags:
        return []
    return [Removed(start=start, end=end, reason=FLAG) for start, end in instructing_sentences(text)]


def _shorten(text: str, taken: Sequence[Removed], budget: int, evidence: Evidence, count: CountTokens) -> Excerpt | None:
    spans = [(start, end) for left, right in _subtract(text, taken) for start, end in _shift(sentences(text[left:right]), left)]
    chosen: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda span: (-evidence.weigh(text[slice(*span)]), span)):
        if count(_join(text, sorted([*chosen, span]))) <= budget:
            chosen.append(span)
    words = _join(text, sorted(chosen))
    if not _says_something(words):
        return None
    left_out = [Removed(start=start, end=end, reason="budget") for start, end in spans if (start, end) not in chosen]
    return Excerpt(words, _ordered([*taken, *left_out]), count(words))


def _shift(spans: Iterable[tuple[int, int]], by: int) -> list[tuple[int, int]]:
    return [(start + by, end + by) for start, end in spans]


def _subtract(text: str, taken: Sequence[Removed]) -> list[tuple[int, int]]:
    """The stretches of `text` between what was taken."""
    spans, position = [], 0
    for cut in sorted(taken, key=lambda cut: cut.start):
        if cut.start > position:
            spans.append((position, cut.start))
        position = max(position, cut.end)
    spans.append((position, len(text)))
    return [(start, end) for start, end in spans if text[start:end].strip()]


def _join(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The spans in order: as they stood where only white space lies between them, else with a mark for the gap."""
    parts: list[str] = []
    previous = 0
    for number, (start, end) in enumerate(spans):
        between = text[previous:start]
        if number:
            parts.append(between if not between.strip() else GAP)
        parts.append(text[start:end] if number and not between.strip() else text[start:end].strip())
        previous = end
    return "".join(parts).strip()


def _ordered(removed: Iterable[Removed]) -> tuple[Removed, ...]:
    return tuple(sorted(removed, key=lambda cut: (cut.start, cut.end, cut.reason)))
