"""What makes a conflict the same one in the next release: the documents, and what the sides are about once their values are masked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from context_service.conflicts.values import mask, read_values
from context_service.model.base import digest
from context_service.model.rivalry import Passage, RivalryKind

MEASURE = re.compile(r"⟨[^⟩]*⟩")
WORD = re.compile(r"[^\W_]+")
About = tuple[str, str]
"""A document's id, and what a side of it is about (`signature`)."""

SAME_SUBJECT = 0.6
"""Share of common words from which what a document says is about the same as before."""

FEWEST_WORDS = 2
"""A passage with fewer words besides its values, such as a cell of a table, is told apart by the headings above it."""


def passage_words(passage: Passage, text: str, headings: Iterable[str]) -> str:
    """The words of a passage of a chunk: those of its headings where the passage is empty, which means the headings."""
    return text[passage.start : passage.end] if passage.end > passage.start else " › ".join(headings)


@lru_cache(maxsize=10_000)
def signature(text: str, headings: tuple[str, ...]) -> str:
    """What a passage is about: its words without its values. Another amount in the same sentence has the same signature."""
    words = _words(MEASURE.sub(" ", mask(text, read_values(text))))
    return " ".join(words if len(words) >= FEWEST_WORDS else [*_words(" ".join(headings)), *words])


def successors(ended: Mapping[str, Collection[About]], begun: Mapping[str, Collection[About]]) -> dict[str, str]:
    """Begun conflict -> the ended one whose place it took; each at most once.

    Between the same documents, of which one at least says much the same as before: who rewrites one side leaves the other.
    """
    between: dict[frozenset[str], list[str]] = defaultdict(list)
    for old, sides in ended.items():
        between[_documents(sides)].append(old)
    kin = {(new, old): _kinship(ended[old], sides) for new, sides in begun.items() for old in between.get(_documents(sides), ())}
    found: dict[str, str] = {}
    taken: set[str] = set()
    for new, old in sorted(kin, key=lambda pair: (-kin[pair], pair)):
        if kin[new, old] >= SAME_SUBJECT and new not in found and old not in taken:
            found[new] = old
            taken.add(old)
    return found


def _documents(sides: Collection[About]) -> frozenset[str]:
    return frozenset(document for document, _ in sides)


def _kinship(before: Collection[About], after: Collection[About]) -> float:
    """The highest share of common words of what one document said before and says after; both are between the same documents."""
    return max(_common(a, b) for document, a in before for other, b in after if document == other)


def _common(a: str, b: str) -> float:
    words, others = set(a.split()), set(b.split())
    return len(words & others) / max(1, len(words | others))


def conflict_id(kind: RivalryKind, sides: Iterable[About]) -> str:
    """The lasting name of a conflict between sides, each a document's id and a signature."""
    named = sorted(digest(document, about) for document, about in sides)
    return digest("conflict", kind.value, *named, length=24)


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold())
