"""How text becomes the terms that BM25 counts; one rule for every backend."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from threading import local

import snowballstemmer

ANALYSIS_VERSION = "1"
"""Changes whenever the same text would give other terms; an index built under another version is rebuilt."""

WORD = re.compile(r"[^\W_]+(?:[.,:][0-9]+)*(?:'[^\W_]+)?")
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
STOP_WORDS = frozenset(
    """
    a an and are as at be been by can could did do does for from had has have how i if in is it its me my of on or our s so that the
    their them then there these they this to us was we were what when where which who will with would you your
    """.split()
)
_stemmers = local()


def analyze(text: str) -> list[str]:
    """Terms of `text` in order, repeats kept: folded, without stop words, stemmed by Snowball English; numbers stay whole (`9.99`)."""
    words = (word.removesuffix("'s") for word in WORD.findall(_fold(text)))
    return [_stem(word) for word in words if word not in STOP_WORDS]


def _fold(text: str) -> str:
    # Compatibility forms first: they may hold capitals.
    folded = unicodedata.normalize("NFKD", text).casefold().replace("’", "'")
    return folded if folded.isascii() else BEYOND_ASCII.sub(_without_marks, folded)


def _without_marks(found: re.Match[str]) -> str:
    return "".join(char for char in found[0] if not unicodedata.combining(char))


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    if len(word) > 64:
        return word[:64]
    if not hasattr(_stemmers, "english"):
        _stemmers.english = snowballstemmer.stemmer("english")
    return str(_stemmers.english.stemWord(word))
