"""Query understanding, piece by piece: several questions in a turn, other words for a thing, acronyms of the corpus, spelling."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from benchmarks.quality.company import Company
from benchmarks.quality.corpora import Asked
from benchmarks.quality.ladder import DEPTH, Variant
from context_service.embedding.protocol import Reranker
from context_service.index.analysis import STOP_WORDS, WORD
from context_service.retrieval import search as ranking
from context_service.retrieval.understand import questions

JOINTS = (" And ", " Also, ", " ", " Another thing: ")
JOINED = 24
"""Turns of two questions that are made of each set."""

GLOSSARY = {"poa": ("power of attorney",), "mail": ("email",), "laptop": ("device",), "quit": ("cancel",), "police": ("law enforcement",)}
"""What a company of that trade would declare."""

LONGEST = 4
"""A word up to this length is never taken for misspelt."""

ALIKE = 0.82
"""Likeness from which a word of the vocabulary is taken for the one that was meant."""

_NAMING = r"(?:[A-Z][\w-]*|of|and|for|the|in|on|to)"
_DEFINED = re.compile(rf"({_NAMING}(?:\s+{_NAMING}){{1,7}})\s+\([“\"‘']?([A-Z]{{2,8}})[”\"’']?\)")


def joined(every: Sequence[Asked]) -> list[Asked]:
    """Turns of two questions each, joined in several ways."""
    single = [asked for asked in every if len(asked.parts) == 1 and questions(asked.question) == (asked.question,)]
    pairs = zip(single[::2], single[1::2], strict=False)
    made = (Asked(_turn(a, b, JOINTS[n % len(JOINTS)]), (*a.parts, *b.parts), "joined") for n, (a, b) in enumerate(pairs))
    return [asked for asked, _ in zip(made, range(JOINED), strict=False)]


def _turn(a: Asked, b: Asked, joint: str) -> str:
    first, second = (f"{one.question.strip().rstrip('?')}?" for one in (a, b))
    return f"{first}{joint}{second}"


@dataclass(frozen=True)
class Asking:
    """The reranked search with something done to the question first."""

    company: Company
    full: Variant
    reranker: Reranker

    def rewritten(self, rewrite: Callable[[str], str]) -> Callable[[str], list[str]]:
        """Searched in other words; the reranker reads the customer's own."""

        def rank(question: str) -> list[str]:
            found = self.full.found(rewrite(question))
            texts = [self.company.chunks[one.chunk].indexed_text for one in found[:DEPTH]]
            return [one.chunk for one in [*ranking.rerank(found[:DEPTH], self.reranker.score(question, texts)), *found[DEPTH:]]]

        return rank

    def rewritten_throughout(self, rewrite: Callable[[str], str]) -> Callable[[str], list[str]]:
        """The reranker reads the other words too."""
        rank = self.rewritten(lambda question: question)
        return lambda question: rank(rewrite(question))


def acronyms(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Acronym -> the words it stands for, where the texts define it: `Internet Tax Freedom Act (ITFA)`."""
    found: dict[str, Counter[str]] = {}
    for text in texts:
        for match in _DEFINED.finditer(text):
            if long := _initials(match[1], match[2]):
                found.setdefault(match[2].casefold(), Counter())[long] += 1
    return {short: (longs.most_common(1)[0][0],) for short, longs in found.items()}


def _initials(words: str, short: str) -> str:
    """The last words whose initials, or capitals alone, spell the acronym; empty when none do."""
    every = words.split()
    for start in range(len(every) - 1, -1, -1):
        initials = "".join(word[0] for word in every[start:])
        if short in (initials.upper(), "".join(letter for letter in initials if letter.isupper())):
            return " ".join(every[start:])
    return ""


class Speller:
    """Puts the nearest word of the texts it was given in the place of one that they lack."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._known = {word.casefold() for text in texts for word in WORD.findall(text) if word.isalpha()}
        self._by_length: dict[int, list[str]] = {}
        for word in sorted(self._known):
            self._by_length.setdefault(len(word), []).append(word)

    def corrected(self, question: str) -> str:
        """The question in words that the texts use, as far as one is alike."""
        return WORD.sub(lambda match: self._nearest(match[0]), question)

    def _nearest(self, word: str) -> str:
        plain = word.casefold()
        if len(plain) <= LONGEST or not plain.isalpha() or plain in self._known or plain in STOP_WORDS:
            return word
        near = [other for size in range(len(plain) - 2, len(plain) + 3) for other in self._by_length.get(size, ()) if other[0] == plain[0]]
        return next(iter(get_close_matches(plain, near, 1, ALIKE)), word)
