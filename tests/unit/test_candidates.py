"""Which claims are held against each other: those that share most of a few keys, however much else they say."""

from __future__ import annotations

from itertools import combinations

from context_service.conflicts.candidates import keys, worth_comparing
from context_service.conflicts.extract import Source, extract
from context_service.conflicts.words import Vocabulary
from context_service.model.claim import Claim

NOBODY = Vocabulary({}, {})


def claim(text: str, title: str = "Returns") -> Claim:
    [found] = extract(Source(f"chunk {text}", "document", text, title), NOBODY)
    return found


def shared(left: str, right: str) -> int:
    return len(set(keys(claim(left))) & set(keys(claim(right))))


def test_a_value_a_denial_and_a_modal_verb_move_no_key() -> None:
    said = "Opened batteries can be returned to the warehouse within 30 days."
    for other in (said.replace("30", "14"), said.replace("can", "cannot"), said.replace("can be", "are not allowed to be")):
        assert keys(claim(said)) == keys(claim(other))


def test_a_word_more_leaves_most_keys() -> None:
    said = "Refunds are paid out within 5 business days after the parcel arrives at the warehouse."
    assert shared(said, said.replace("parcel", "returned parcel")) >= 3


def test_texts_about_different_things_share_none() -> None:
    texts = ["The camera records video in the dark.", "Refunds reach your bank account.", "Staff wear gloves at the loading dock."]
    assert all(shared(left, right) == 0 for left, right in combinations(texts, 2))


def test_a_short_line_is_filed_under_its_headings_too() -> None:
    alike = set(keys(claim("Last updated: May 4, 2020", "Privacy"))), set(keys(claim("Last updated: May 4, 2020", "Delivery")))
    assert len(alike[0] & alike[1]) < len(alike[0])


def test_claims_with_few_words_in_common_are_not_worth_comparing() -> None:
    left, right = claim("Refunds reach your bank account in May."), claim("Refunds need a receipt, a card and the parcel number.")
    assert not worth_comparing(left, right)
    assert not worth_comparing(left, left)
