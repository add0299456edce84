"""Are two chunks copies of each other, and is one of them out of date?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from context_service.conflicts.words import GENRES, WORD, content_words, plain
from context_service.model.rivalry import Passage, Rivalry, RivalryKind

DUPLICATE_OVERLAP = 0.9
"""Share of common word triples from which two chunks are copies of each other, be it with an edit."""

STALE_OVERLAP = 0.7
"""Share from which one is a copy that did not follow the other's changes."""

MIN_WORDS = 30
"""Shorter chunks repeat each other innocently: a phone number, a heading."""


@dataclass(frozen=True)
class Copy:
    """A chunk as its copies are told by: text, the values it states, what it names (products, plans, models), since when it stands, where
    that is known, and the stems of its document's title that it speaks of."""

    chunk: str
    document: str
    text: str
    values: frozenset[tuple[str, str]]
    names: frozenset[str]
    dated: date | None
    title: frozenset[str] = frozenset()


def compare_copies(left: Copy, right: Copy) -> Rivalry | None:
    """The rivalry between two chunks that say the same; None when they do not, or belong to one document.

    The longer one counts: a text that says more than the other is no copy of it, and what it adds would be lost. Words that differ make an
    edit: one side did not follow it, the older where their ages tell. Texts that state other values or name other things are no copies,
    however alike: two products' pages from one template.
    """
    a, b = _words(left.text), _words(right.text)
    if left.document == right.document or min(len(a), len(b)) < MIN_WORDS or (left.values, left.names) != (right.values, right.names):
        return None
    if _titled_apart(left, right) and _titled_apart(right, left):
        return None
    overlap = _overlap(a, b)
    if overlap >= DUPLICATE_OVERLAP and content_words(left.text) == content_words(right.text):
        return _whole(left, right, RivalryKind.DUPLICATE, overlap)
    if overlap >= STALE_OVERLAP and left.dated and right.dated and left.dated != right.dated:
        return _whole(left, right, RivalryKind.STALE_COPY, overlap)
    return _whole(left, right, RivalryKind.NEAR_DUPLICATE, overlap) if overlap >= DUPLICATE_OVERLAP else None


def _titled_apart(side: Copy, other: Copy) -> bool:
    """Whether a title says what the text is about, and the other text does not speak of that."""
    return bool(side.title - GENRES - other.title - content_words(other.text))


def _words(text: str) -> list[str]:
    return WORD.findall(plain(text).casefold())


def _overlap(a: Sequence[str], b: Sequence[str]) -> float:
    triples_a, triples_b = set(zip(a, a[1:], a[2:], strict=False)), set(zip(b, b[1:], b[2:], strict=False))
    return len(triples_a & triples_b) / max(len(triples_a), len(triples_b))


def _whole(left: Copy, right: Copy, kind: RivalryKind, overlap: float) -> Rivalry:
    passages = (Passage(chunk=side.chunk, start=0, end=len(side.text)) for side in (left, right))
    return Rivalry(left=next(passages), right=next(passages), kind=kind, similarity=round(overlap, 4))
