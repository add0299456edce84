"""Reading plain text: where sentences end, and what a word's stem is."""

from __future__ import annotations

import re
from functools import lru_cache
from threading import local

import snowballstemmer

_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s)|\n+")
"""It begins where its marks begin: else a long row of dots is looked through once for every dot."""
_FOLLOWING = re.compile(r"\s*(\S?)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|dr|mr|mrs|ms|st|inc|ltd|co|z\.b|bzw|ca)|\b[A-Za-z]|^\s*\d+)\.$", re.IGNORECASE
)
_NUMBERED = re.compile(r"\b(?:no|nos|art|sec|fig|para|pp)\.$", re.IGNORECASE)
"""Abbreviations only before a number: `No. 5` is one, but `No. You cannot.` is a sentence."""
_LOOK_BACK = 24
_stemmers = local()


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of `text`, in order, without the white space around them; every other character lies in exactly one span.

    A line break ends a sentence, so that a table row or a list item is one. A full stop after an abbreviation, an initial or a leading
    list number does not, nor one that is followed by a lower-case letter.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match.group()[0] != "\n" and not _ends_sentence(text, start, match.end()):
            continue
        spans.append((start, match.end()))
        start = match.end()
    spans.append((start, len(text)))
    return [trimmed for span in spans if (trimmed := _trim(text, *span))]


def _ends_sentence(text: str, start: int, end: int) -> bool:
    found = _FOLLOWING.match(text, end)
    following = found[1] if found else ""
    if following.islower():
        return False
    ending = text[max(start, end - _LOOK_BACK) : end]
    return not (_ABBREVIATION.search(ending) or (following.isdigit() and _NUMBERED.search(ending)))


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    return (left, right) if left < right else None


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The Snowball English stem of one case-folded word."""
    if not hasattr(_stemmers, "english"):  # a stemmer holds the word it works on, so each thread has its own
        _stemmers.english = snowballstemmer.stemmer("english")
    return str(_stemmers.english.stemWord(word))
