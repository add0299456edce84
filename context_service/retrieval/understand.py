"""What a customer asks: several questions in one turn taken apart, so that each gets its share of the answer, in the texts' own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from context_service.embedding.protocol import Vector
from context_service.index.analysis import analyze
from context_service.index.protocol import IndexStore, SearchFilter
from context_service.model.workflow import Tier
from context_service.retrieval.search import Candidate, Found, Query, search
from context_service.retrieval.select import Selection
from context_service.text import sentences

MOST_QUESTIONS = 3
"""A turn with more is searched as a whole: each part would get too few of the items."""

FEWEST_TERMS = 2
"""A question of fewer terms, such as `And how long?`, says too little alone."""

_ASKING = r"who|whom|whose|what|when|where|which|why|how|can|could|do|does|did|is|are|was|were|will|would|shall|should"
_TELLING = r"(?:tell|show|explain)\s+(?:me|us)\b|i\s+(?:want|need|would\s+like|wish)\b"
_GREETING = r"(?:(?:and|also|plus|but|or|so|then|please|hi|hello)\b[\s,]*)*"
_CONDITION = r"(?:if|when|once|after|because|since|as)\b[^?]*?,\s*"
_JOINT = re.compile(rf"(?:[,;]|(?<=[^\s,;]))\s+(?:and|also|plus|but|or)\s+(?:also\s+)?(?=(?:{_ASKING})\b)", re.IGNORECASE)
_QUESTION = re.compile(rf"^{_GREETING}(?:{_CONDITION})?(?:(?:{_ASKING})\b|{_TELLING})|\?[^\w?]*$", re.IGNORECASE)
_LEANING = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|that|these|those|he|him|his|she|her|ones?|each|there|then|so)\b", re.IGNORECASE
)
"""Words that point back at what was said before."""


Glossary = Mapping[str, Sequence[str]]
"""What customers say -> what the texts say for it."""


@dataclass(frozen=True)
class Turn:
    """What a customer said, and the questions in it; one question is the whole turn."""

    whole: Query
    parts: tuple[Query, ...]


def understand(text: str, embed: Callable[[str], Vector], glossary: Glossary) -> Turn:
    """The turn, taken apart where it asks several things, each in the customer's words and those of the glossary."""

    def query(words: str) -> Query:
        said = expanded(words, glossary)
        return Query(said, embed(said))

    whole, parts = query(text), questions(text)
    return Turn(whole, (whole,) if len(parts) == 1 else tuple(query(part) for part in parts))


def expanded(question: str, glossary: Glossary) -> str:
    """The question, with what the texts say for its words behind it."""
    said = question.casefold()
    found = (meant for word, meanings in glossary.items() if _says(said, word.casefold()) for meant in meanings)
    return " ".join([question, *(meant for meant in dict.fromkeys(found) if meant.casefold() not in said)])


def _says(said: str, word: str) -> bool:
    return word in said and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said) is not None


def search_each(index: IndexStore, turn: Turn, where: SearchFilter, limit: int) -> Found:
    """What is found for each question, in turns: the best of each first. A chunk belongs to the question that ranks it best."""
    each = [search(index, part, where, limit) for part in turn.parts]
    if len(each) == 1:
        return each[0]
    ranks = [{chunk: rank for rank, chunk in enumerate(found.chunks)} for found in each]
    everything = dict.fromkeys(chunk for found in each for chunk in found.chunks)
    part_of = {chunk: min(range(len(each)), key=lambda part: (ranks[part].get(chunk, limit * 2), part)) for chunk in everything}
    own = [[one for one in found.candidates if part_of[one.chunk] == part] for part, found in enumerate(each)]
    return Found(_in_turns(own), max(found.best_cosine for found in each), part_of=part_of)


def each_part(selection: Selection, found: Found, turn: Turn, rank: Callable[[Selection, str], Selection]) -> Selection:
    """The selection with each question's candidates put in order for that question, and then taken in turns."""
    if len(turn.parts) == 1:
        return rank(selection, turn.whole.text)
    ranked = []
    for part, query in enumerate(turn.parts):
        own = [one for one in selection.candidates if found.part_of.get(one.chunk, part) == part]
        ranked.append(rank(replace(selection, candidates=own), query.text))
    return replace(
        selection,
        candidates=_in_turns([one.candidates for one in ranked]),
        notices=tuple(dict.fromkeys(notice for one in ranked for notice in one.notices)),
        tier=max((one.tier for one in ranked), key=list(Tier).index),
    )


def _in_turns(each: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    taken = {one.chunk: one for row in reversed(list(zip_longest(*each))) for one in reversed(row) if one}
    return list(taken.values())[::-1]


def questions(turn: str) -> tuple[str, ...]:
    """The questions of a turn, each to be understood alone; the turn itself when it holds one, or when one leans on another.

    What is said without asking stands before each of them.
    """
    said: list[str] = []
    asked: list[str] = []
    for start, end in sentences(turn):
        sentence = turn[start:end]
        (asked if _QUESTION.search(sentence) else said).extend(_clauses(sentence))
    alone = all(len(analyze(one)) >= FEWEST_TERMS for one in asked) and not any(_LEANING.search(one) for one in asked[1:])
    if not 1 < len(asked) <= MOST_QUESTIONS or not alone:
        return (turn,)
    return tuple(" ".join([*said, one]) for one in asked)


def _clauses(sentence: str) -> list[str]:
    """The sentence, cut where a second question is joined to a first."""
    pieces = _JOINT.split(sentence)
    return pieces if _QUESTION.search(pieces[0]) else [sentence]
