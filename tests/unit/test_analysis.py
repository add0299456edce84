"""How text becomes terms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from context_service.index.analysis import STOP_WORDS, analyze


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Refunds are refunded when you refund", ["refund", "refund", "refund"]),
        ("The Plus plan costs EUR 9.99 per month.", ["plus", "plan", "cost", "eur", "9.99", "per", "month"]),
        ("open 8:00-18:00, call 1,000.50", ["open", "8:00", "18:00", "call", "1,000.50"]),
        ("version 2.1.", ["version", "2.1"]),
        ("The customer's, the customer’s, the customers'", ["custom", "custom", "custom"]),
        ("What's it? It's here.", ["here"]),
        ("don't don’t", ["don't", "don't"]),
        ("Café CAFE\u0301 cafe", ["cafe", "cafe", "cafe"]),
        ("ﬁre ℡ ① Straße", ["fire", "tel", "1", "strass"]),
        ("snake_case, hy-phen, sl/ash", ["snake", "case", "hy", "phen", "sl", "ash"]),
        ("Возврат денег", ["возврат", "денег"]),
        ("the of AND to", []),
        ("", []),
        ("?! — …", []),
    ],
)
def test_text_becomes_folded_stemmed_terms_without_stop_words(text: str, terms: list[str]) -> None:
    assert analyze(text) == terms


def test_a_question_meets_its_answer_in_the_same_terms() -> None:
    answer = "You can return a Tidewell product within 30 days of delivery."
    assert set(analyze("returning products within 30 days?")) <= set(analyze(answer))


def test_an_overlong_word_is_cut_and_not_lost() -> None:
    assert analyze("a" * 200) == ["a" * 64]


def test_no_stop_word_comes_out_whatever_its_case() -> None:
    assert analyze(" ".join(word.upper() for word in STOP_WORDS)) == []


def test_odd_strings_pass() -> None:
    assert analyze("\ud800 \x00 \u202e refund \U0001f4a9") == ["refund"]


def test_threads_get_the_same_terms() -> None:
    words = [f"{stem}{ending}" for stem in ("refund", "order", "charg", "deliver") for ending in ("ing", "ed", "s", "er", "y")] * 200
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(analyze, words))
    assert found == [analyze(word) for word in words]
