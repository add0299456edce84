"""BM25: the formula, the inverted index, and whose statistics count."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from context_service.index.bm25 import MOST, Segment, Statistics, bm25, idf, postings_of, saturation, term_counts, term_key, with_segment

TEXTS = ["refund order", "refund refund invoice", "hub", "", "refund order order parcel camera"]
Scores = dict[int, float]


def segment(texts: list[str], first_row: int = 0) -> Segment:
    terms = [postings_of(text) for text in texts]
    rows = np.repeat(np.arange(first_row, first_row + len(texts), dtype=np.int32), [len(one) for one in terms])
    together = np.concatenate(terms)
    return Segment.build(together["term"], rows, together["count"])


def lengths(texts: list[str]) -> NDArray[np.int32]:
    return np.array([sum(term_counts(text).values()) for text in texts], np.int32)


def scores(segments: tuple[Segment, ...], query: str, admitted: list[bool] | None = None) -> Scores:
    allowed = np.array(admitted or [True] * len(TEXTS))
    statistics = Statistics(int(allowed.sum()), int(lengths(TEXTS)[allowed].sum()))
    rows, found = bm25(segments, lengths(TEXTS), allowed, statistics, term_counts(query))
    return dict(zip(rows.tolist(), found.tolist(), strict=True))


def test_scores_are_those_of_the_formula_worked_by_hand() -> None:
    """Five texts of 2, 3, 1, 0 and 5 terms: average 2.2; `order` is in two of them, once in row 0 and twice in row 4."""
    weight = math.log(1 + (5 - 2 + 0.5) / (2 + 0.5))
    expected = {
        0: weight * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 2.2)),
        4: weight * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 5 / 2.2)),
    }
    assert scores((segment(TEXTS),), "order") == pytest.approx(expected, rel=1e-12)


def test_statistics_count_admitted_rows_and_no_others() -> None:
    """Without the rows 2 and 4: three texts of 2, 3 and 0 terms, and `refund` is in two of them."""
    weight, average = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5)), 5 / 3
    expected = {
        0: weight * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / average)),
        1: weight * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / average)),
    }
    assert scores((segment(TEXTS),), "refund", [True, True, False, True, False]) == pytest.approx(expected, rel=1e-12)


def test_nothing_admitted_or_nothing_shared_scores_nothing() -> None:
    index = (segment(TEXTS),)
    assert scores(index, "refund", [False] * 5) == {}
    assert scores(index, "zebra") == {}
    assert scores(index, "") == {}
    assert scores((), "refund") == {}
    assert scores(index, "refund", [False, False, False, True, False]) == {}


def test_a_term_of_every_text_still_counts_in_favour() -> None:
    assert idf(10, 10) > 0
    assert idf(10, 1) > idf(10, 9)


def test_repeats_weigh_more_but_never_more_than_k1_plus_one_times() -> None:
    weights = [saturation(float(count), 10.0, 10.0) for count in (1, 2, 10, 1000)]
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(1)
    assert weights[-1] < 2.2


def test_segments_give_the_same_scores_however_the_rows_are_cut_and_merged() -> None:
    whole = scores((segment(TEXTS),), "refund order hub")
    for cut in range(len(TEXTS) + 1):
        parts = (segment(TEXTS[:cut]), segment(TEXTS[cut:], cut)) if 0 < cut < len(TEXTS) else (segment(TEXTS),)
        assert scores(parts, "refund order hub") == whole
        merged = parts[0].merged(parts[1]) if len(parts) == 2 else parts[0]
        assert scores((merged,), "refund order hub") == whole


def test_many_small_segments_become_few() -> None:
    segments: tuple[Segment, ...] = ()
    for row in range(1000):
        segments = with_segment(segments, segment(["refund order"], row))
    assert len(segments) <= 10
    rows = np.concatenate([one.postings(np.uint64(term_key("refund")))[0] for one in segments])
    assert rows.tolist() == list(range(1000))


def test_an_empty_segment_is_no_matter() -> None:
    segments = with_segment(with_segment((), segment([""])), segment(["refund"], 1))
    assert [one.postings(np.uint64(term_key("refund")))[0].tolist() for one in segments][-1] == [1]


def test_term_keys_are_the_same_in_every_process() -> None:
    """Stored indexes hold these numbers: a change makes them unreadable and needs a new layout version."""
    assert term_key("refund") == 15685397089556917362
    assert term_key("\ud800") != term_key("refund")


def test_postings_are_sorted_by_term_and_a_count_never_wraps_around() -> None:
    postings = postings_of("refund " * (MOST + 10) + "order")
    assert sorted(postings["term"].tolist()) == postings["term"].tolist()
    assert set(postings["count"].tolist()) == {1, MOST}
