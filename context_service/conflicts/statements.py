"""What a sentence states, taken apart so that two sentences can be compared: words, values, polarity, and what it is about.

This is the metadata stage's reading of text: it compares sentences that are near-copies of each other once their values are masked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from context_service.conflicts.values import VALUE, read_values
from context_service.text import sentences, stem

NEGATION = re.compile(
    r"\b(?:(?<!or )not(?! only)|no longer|no(?!\.)|never|cannot|neither|nor"
    r"|(?:ca|wo|do|does|did|is|are|was|were|must|should|could|would|has|have|had)n't)\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
LIST_BREAK = re.compile(r",\s+(?:and\s+|or\s+)?|\s+(?:and|or)\s+", re.IGNORECASE)
CONDITION = re.compile(
    r"\b(?:after|before|counting|during|except|excluding|for|from|if|in|including|on|once|only|provided|unless|until|when|where|while"
    r"|with|without)\b",
    re.IGNORECASE,
)
"""Words that limit what stands beside them."""

FILLER = frozenset(
    "a an and are as at be been being but by can could customer customers do does each every for from had has have if in into is it its may"
    " member members must of on or our shall should so than that the their them then there these they this those to under user users was we"
    " were will with would you your".split()
)
"""Words that do not tell what a sentence is about. Roles of the reader (customer, member) are among them: every sentence has one."""

POINTING = re.compile(r"(?:\W*[\w'’]+){0,3}?\W*\b(?:it|its|they|them|their|this|these|those)\b", re.IGNORECASE)
"""A word near the beginning of a sentence that points back at what it is about."""

TYPOGRAPHY = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-"})

MIN_WORDS = 2
"""Fewer content words than this, and a sentence cannot be told from a fragment."""

MAX_ITEM_WORDS = 4
"""Items of a plain list are names; longer ones are clauses."""


@dataclass(frozen=True)
class Statement:
    """One sentence taken apart. `start` and `end` count characters of the text it came from."""

    start: int
    end: int
    words: frozenset[str]
    values: tuple[tuple[str, str], ...]
    negated: bool
    lead: tuple[str, ...]
    items: frozenset[str]

    @property
    def comparable(self) -> bool:
        """Whether it says something that another sentence could contradict."""
        return len(self.words) >= MIN_WORDS


def statements(text: str) -> list[Statement]:
    """The statements of a text, one per sentence that says enough to be compared.

    A sentence about `it` is about what the sentence before it is about; the first one of a text, and nobody knows about what, is left out.
    """
    found: list[Statement] = []
    before: frozenset[str] = frozenset()
    for start, end in sentences(text):
        statement = read_statement(text[start:end], start)
        pointing = POINTING.match(text, start, end) is not None
        if pointing:
            statement = replace(statement, words=statement.words | before, lead=(*sorted(before), *statement.lead))
        if statement.comparable and (before or not pointing):
            found.append(statement)
        before = statement.words
    return found


def read_statement(sentence: str, offset: int = 0) -> Statement:
    """Take one sentence apart."""
    plain = _plain(sentence)
    values, _ = read_values(plain)
    _, words = read_values(main := _main_clause(plain))
    lead, items = _enumeration(plain)
    return Statement(
        start=offset,
        end=offset + len(sentence),
        words=content_words(NEGATION.sub(" ", words)),
        values=values,
        negated=bool(NEGATION.search(main)),
        lead=lead,
        items=items,
    )


def content_words(text: str) -> frozenset[str]:
    """Stems of the words that tell what a text is about."""
    return frozenset(stem(word) for word in WORD.findall(_plain(text).casefold()) if word not in FILLER)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).translate(TYPOGRAPHY).split())


def _main_clause(sentence: str) -> str:
    """The sentence without a closing aside that adds neither value nor condition, such as `, no questions asked`."""
    head, comma, aside = sentence.rpartition(",")
    if not comma or VALUE.search(aside) or not VALUE.search(head) or LIST_BREAK.search(aside.strip()) or CONDITION.search(aside):
        return sentence
    return head


def _enumeration(sentence: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """What leads up to a plain list of three or more items, and the items; the first item still has the lead's words before it."""
    segments = [words for segment in LIST_BREAK.split(sentence) if (words := WORD.findall(segment.casefold()))]
    if len(segments) < 3 or any(len(words) > MAX_ITEM_WORDS or CONDITION.search(" ".join(words)) for words in segments[1:]):
        return (), frozenset()
    return tuple(segments[0]), frozenset(item_name(words) for words in segments[1:])


def item_name(words: Iterable[str]) -> str:
    """The name of a list's item, without articles and the like."""
    return " ".join(word for word in words if word not in FILLER)
