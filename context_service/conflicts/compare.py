"""Are two chunks rivals? Pure comparison of two texts and what stands around them.

Subject agreement is a gate, never a score: texts that apply to different products or plans, or stand under headings that name different
ones, are not compared at all, and a word that only one sentence has must be explained by what that text applies to. Two products' prices
are no conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from context_service.conflicts.statements import FILLER, Statement, content_words, item_name, statements
from context_service.model.rivalry import Passage, Rivalry, RivalryKind
from context_service.text import stem

DUPLICATE_OVERLAP = 0.9
"""Share of common word triples from which two chunks are copies of each other."""

MIN_DUPLICATE_WORDS = 30
"""Shorter chunks repeat each other innocently: a phone number, a heading."""

MIN_SHARED_WORDS = 2
MIN_SHARED_LEAD = 2
MAX_FIRST_ITEM = 2


@dataclass(frozen=True)
class Subject:
    """A chunk as the comparison sees it: its text, the company's names in its headings, the words its applicability explains, and its
    conditions with groups expanded."""

    chunk: str
    document: str
    text: str
    statements: tuple[Statement, ...]
    heading_names: frozenset[str]
    explained: frozenset[str]
    conditions: Mapping[str, frozenset[str]]


class Vocabulary:
    """The company's own names as stems, and the words that stand for each applicability value."""

    def __init__(self, names: Iterable[str], synonyms: Mapping[str, Iterable[str]]) -> None:
        self.names = frozenset(word for name in names for word in content_words(name))
        self._synonyms = {value: frozenset(word for one in words for word in content_words(one)) for value, words in synonyms.items()}

    def explain(self, values: Iterable[str]) -> frozenset[str]:
        """Stems that a text may use because it applies to these values alone."""
        explained = {stem("plan"), stem("product"), stem("region")}
        for value in values:
            explained |= content_words(value) | self._synonyms.get(value, frozenset())
        return frozenset(explained)


def subject(
    chunk: str,
    document: str,
    text: str,
    headings: Iterable[str],
    applies_to: Iterable[str],
    conditions: Mapping[str, frozenset[str]],
    words: Vocabulary,
) -> Subject:
    """Prepare a chunk for comparison. `applies_to` are its applicability's values as written, `conditions` with groups expanded."""
    return Subject(
        chunk=chunk,
        document=document,
        text=text,
        statements=tuple(statements(text)),
        heading_names=frozenset(word for heading in headings for word in content_words(heading)) & words.names,
        explained=words.explain(applies_to),
        conditions=conditions,
    )


def compare(left: Subject, right: Subject) -> list[Rivalry]:
    """Every rivalry between two chunks of different documents, by kind; none when the chunks are about different things."""
    if left.document == right.document:
        return []
    contradictions = list(_rival_statements(left, right))
    if not contradictions and (overlap := _copied(left, right)):
        return [_whole(left, right, overlap)]
    return [] if _apart(left, right) else contradictions


def _apart(left: Subject, right: Subject) -> bool:
    """Whether the two are about different things: by the names in their headings, or by what they apply to."""
    if left.heading_names and right.heading_names and not left.heading_names & right.heading_names:
        return True
    return any(
        not left.conditions[attribute] & right.conditions[attribute] for attribute in left.conditions.keys() & right.conditions.keys()
    )


def _rival_statements(left: Subject, right: Subject) -> Iterator[Rivalry]:
    for a in left.statements:
        for b in right.statements:
            kind = _list_rivals(a, b) or _rivals(a, b, left.explained, right.explained)
            if kind:
                yield _rivalry(left, a, right, b, kind)


def _rivals(a: Statement, b: Statement, explained_a: frozenset[str], explained_b: frozenset[str]) -> RivalryKind | None:
    if not _same_subject(a, b, explained_a, explained_b):
        return None
    if a.negated != b.negated:
        return RivalryKind.POLARITY
    differ = sorted(a.values) != sorted(b.values)
    return RivalryKind.EDITED_COPY if differ and _kinds(a) == _kinds(b) else None


def _kinds(statement: Statement) -> list[str]:
    return sorted(kind for kind, _ in statement.values)


def _same_subject(a: Statement, b: Statement, explained_a: frozenset[str], explained_b: frozenset[str]) -> bool:
    """The same words, but for those that the side's own applicability explains."""
    shared = a.words & b.words
    extra_a, extra_b = a.words - b.words, b.words - a.words
    return len(shared) >= MIN_SHARED_WORDS and extra_a <= explained_a and extra_b <= explained_b


def _list_rivals(a: Statement, b: Statement) -> RivalryKind | None:
    """Two lists after the same words that share an item and differ in another, whatever their order."""
    common = _common_prefix(a.lead, b.lead)
    first_a, first_b = a.lead[common:], b.lead[common:]
    says_something = any(word not in FILLER for word in a.lead[:common])
    if common < MIN_SHARED_LEAD or not says_something or max(len(first_a), len(first_b)) > MAX_FIRST_ITEM:
        return None
    all_a, all_b = a.items | {item_name(first_a)}, b.items | {item_name(first_b)}
    return RivalryKind.ENUMERATION if all_a != all_b and (all_a & all_b) else None


def _common_prefix(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        count += 1
    return count


def _copied(left: Subject, right: Subject) -> float:
    """How much two chunks are copies (1.0: word for word), or 0.0 when they are not; copies state the same values.

    The longer one counts: a text that says more than the other is no copy of it, and what it adds would be lost.
    """
    a, b = left.text.casefold().split(), right.text.casefold().split()
    if min(len(a), len(b)) < MIN_DUPLICATE_WORDS or _values(left) != _values(right):
        return 0.0
    shingles_a, shingles_b = set(zip(a, a[1:], a[2:], strict=False)), set(zip(b, b[1:], b[2:], strict=False))
    overlap = len(shingles_a & shingles_b) / max(len(shingles_a), len(shingles_b))
    return overlap if overlap >= DUPLICATE_OVERLAP else 0.0


def _values(side: Subject) -> frozenset[tuple[str, str]]:
    return frozenset(value for statement in side.statements for value in statement.values)


def _whole(left: Subject, right: Subject, overlap: float) -> Rivalry:
    return Rivalry(
        left=Passage(chunk=left.chunk, start=0, end=len(left.text)),
        right=Passage(chunk=right.chunk, start=0, end=len(right.text)),
        kind=RivalryKind.DUPLICATE,
        similarity=round(overlap, 4),
    )


def _rivalry(left: Subject, a: Statement, right: Subject, b: Statement, kind: RivalryKind) -> Rivalry:
    similarity = len(a.words & b.words) / max(1, len(a.words | b.words))
    return Rivalry(
        left=Passage(chunk=left.chunk, start=a.start, end=a.end),
        right=Passage(chunk=right.chunk, start=b.start, end=b.end),
        kind=kind,
        similarity=round(similarity, 4),
    )
