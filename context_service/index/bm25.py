"""BM25 over an inverted index in NumPy, with statistics of exactly the rows a filter admits.

The formula is Okapi BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with Lucene's
one inside the logarithm, so that no shared term ever counts against a text:

    idf(t)      = ln(1 + (N - n(t) + 0.5) / (n(t) + 0.5))
    score(d, q) = sum over t in q of idf(t) * f(t, d) * (k1 + 1) / (f(t, d) + k1 * (1 - b + b * |d| / average |d|))

N, n(t) and the average length count the admitted rows and no others. So a text that may not be read moves no score (nothing leaks through
the statistics), a later release moves no score of an earlier one, and the same request on the same release gives the same bytes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from context_service.index.analysis import analyze

K1 = 1.2
B = 0.75
POSTING = np.dtype([("term", "<u8"), ("count", "<u2")])
"""One term of one text; also how terms lie in the index file, so its byte order is fixed."""
MOST = np.iinfo(np.uint16).max
MOST_MERGED = 1_000_000
"""Postings of a merged segment: those of some 25,000 chunks, merged in about a tenth of a second."""

Number = TypeVar("Number", float, NDArray[np.float64])


@lru_cache(maxsize=100_000)
def term_key(term: str) -> int:
    """A 64-bit name of a term, the same in every process and on every machine; two terms of a million share one with odds of 1 in 10^7."""
    return int.from_bytes(blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def term_counts(text: str) -> dict[int, int]:
    """How often each term of `text` occurs, by term key."""
    return dict(Counter(term_key(term) for term in analyze(text)))


def postings_of(text: str) -> NDArray[np.void]:
    """The terms of `text` as POSTING, by rising key; a count stops at MOST."""
    counts = sorted(term_counts(text).items())
    return np.array([(key, min(count, MOST)) for key, count in counts], dtype=POSTING)


def idf(texts: int, holding: int) -> float:
    """What a term weighs that `holding` of `texts` texts contain."""
    return math.log(1 + (texts - holding + 0.5) / (holding + 0.5))


def saturation(count: Number, length: Number, average: float) -> Number:
    """What `count` occurrences weigh in a text of `length` terms where texts have `average` terms."""
    return count * (K1 + 1) / (count + K1 * (1 - B + B * length / average))


@dataclass(frozen=True)
class Segment:
    """Postings of a run of rows, sorted by term, then by row."""

    terms: NDArray[np.uint64]
    """Distinct terms, rising."""
    starts: NDArray[np.int64]
    """Where each term's postings begin, and after the last term where they end."""
    rows: NDArray[np.int32]
    counts: NDArray[np.uint16]

    @classmethod
    def build(cls, terms: NDArray[np.uint64], rows: NDArray[np.int32], counts: NDArray[np.uint16]) -> Segment:
        """From postings in any order of terms; within a term, the order given stays."""
        order = np.argsort(terms, kind="stable")
        terms = terms[order]
        begins = np.flatnonzero(np.r_[True, terms[1:] != terms[:-1]]) if len(terms) else np.empty(0, np.int64)
        return cls(terms[begins], np.append(begins, len(terms)), rows[order], counts[order])

    def merged(self, newer: Segment) -> Segment:
        """One segment of both; the rows of `newer` come after all of this one's."""
        parts = (self, newer)
        return Segment.build(
            np.concatenate([np.repeat(part.terms, np.diff(part.starts)) for part in parts]),
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.counts for part in parts]),
        )

    def postings(self, term: np.uint64) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Rows that hold the term, rising, and how often."""
        place = int(np.searchsorted(self.terms, term))
        if place == len(self.terms) or self.terms[place] != term:
            return self.rows[:0], self.counts[:0]
        span = slice(int(self.starts[place]), int(self.starts[place + 1]))
        return self.rows[span], self.counts[span]


def with_segment(segments: Sequence[Segment], newest: Segment) -> tuple[Segment, ...]:
    """The segments and one more; neighbours of like size are merged, so they stay few and a posting is seldom moved.

    None grows beyond MOST_MERGED: a search waits for the merge that comes before it.
    """
    kept = list(segments)
    while kept and len(kept[-1].rows) <= min(2 * len(newest.rows), MOST_MERGED - len(newest.rows)):
        newest = kept.pop().merged(newest)
    return (*kept, newest)


class Statistics(NamedTuple):
    """What scores depend on besides the text itself: how many texts are admitted, and their number of terms together."""

    texts: int
    terms: int


def bm25(
    segments: Iterable[Segment],
    lengths: NDArray[np.int32],
    admitted: NDArray[np.bool_],
    statistics: Statistics,
    query: Mapping[int, int],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Admitted rows that share a term with the query, rising, and their scores.

    `lengths` and `admitted` speak of every row, `statistics` of those admitted; `query` counts terms by key, and a term asked for twice
    counts twice.
    """
    texts, terms = statistics
    if not texts:
        return np.empty(0, np.intp), np.empty(0, np.float64)
    average = terms / texts
    scores = np.zeros(len(admitted))
    # One order of terms, whatever the corpus: floating-point sums depend on it.
    for key, times in sorted(query.items()):
        rows, counts = _admitted_postings(segments, np.uint64(key), admitted)
        weight = times * idf(texts, len(rows))
        scores[rows] += weight * saturation(counts, lengths[rows].astype(np.float64), average)
    found = np.flatnonzero(scores)
    return found, scores[found]


def _admitted_postings(
    segments: Iterable[Segment], term: np.uint64, admitted: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    kept_rows, kept_counts = [np.empty(0, np.int32)], [np.empty(0)]
    for segment in segments:
        rows, counts = segment.postings(term)
        keep = admitted[rows]
        kept_rows.append(rows[keep])
        kept_counts.append(counts[keep].astype(np.float64))
    return np.concatenate(kept_rows), np.concatenate(kept_counts)
