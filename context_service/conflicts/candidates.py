"""Which claims are worth comparing: those that share keys, made from pairs of the words that tell most.

Of each claim the same few words are taken whatever else it says, so two claims with most words in common share most of their keys.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

from context_service.conflicts.words import LIGHT, content_words, weight
from context_service.model.base import digest
from context_service.model.claim import Claim

SKETCH = 5
"""Words of a claim that its keys are made of: ten pairs."""

CONTEXT_SKETCH = 4
FEW = 3.0
"""A claim of less weight is one of many with the same words; its keys name its headings too."""

MIN_COMMON = 0.5
"""Share of the shorter claim's words that the other must have."""

KEY_DIGITS = 15


def keys(claim: Claim) -> tuple[int, ...]:
    """The keys of a claim, at most twenty; none where it says nothing or is a headline, which only its own text is held against."""
    if claim.headline:
        return ()
    about = content_words(" ".join(claim.lead)) if claim.lead else claim.subject
    words = _sketch(about, SKETCH)
    pairs: list[tuple[str, ...]] = [*combinations(words, 2)] or [(word,) for word in words]
    if weight(about) < FEW:
        above = _sketch(claim.context - about, CONTEXT_SKETCH)
        pairs += [(word, "in", heading) for word in words[:2] for heading in above]
    return tuple(_key(pair) for pair in pairs)


def worth_comparing(a: Claim, b: Claim) -> bool:
    """Whether the words alone leave it open that two claims contradict each other; what stands around them need not be read otherwise."""
    if a.id == b.id:
        return False
    if a.items and b.items:
        return True
    return weight(a.subject & b.subject) >= MIN_COMMON * min(weight(a.subject), weight(b.subject))


def _sketch(words: frozenset[str], size: int) -> list[str]:
    return sorted(sorted(words, key=lambda word: (word in LIGHT, _rank(word)))[:size])


@lru_cache(maxsize=100_000)
def _rank(word: str) -> str:
    return digest(word, length=16)


@lru_cache(maxsize=100_000)
def _key(parts: tuple[str, ...]) -> int:
    return int(digest(*parts, length=KEY_DIGITS), 16)
