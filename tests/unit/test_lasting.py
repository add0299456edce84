"""What keeps a conflict the same one over releases, and what makes it another."""

from __future__ import annotations

import pytest

from context_service.conflicts.lasting import conflict_id, passage_words, signature, successors
from context_service.model.conflict import text_digest
from context_service.model.rivalry import Passage, RivalryKind

HEADINGS = ("Plans", "Prices")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Return it within 30 days.", "Return it within 14 days."),
        ("The Plus plan costs EUR 9.99 per month.", "The Plus plan costs €12 per month."),
        ("Return it within 30 days.", "return it  within\n30 days"),
        ("Support answers from 9:00 to 17:00.", "Support answers from 8:00 to 20:00."),
    ],
)
def test_another_value_in_the_same_sentence_is_about_the_same(one: str, other: str) -> None:
    assert signature(one, HEADINGS) == signature(other, HEADINGS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Return it within 30 days.", "Cancel it within 30 days."),
        ("The Plus plan costs EUR 9.99.", "The Family plan costs EUR 9.99."),
        ("You can return it.", "You cannot return it."),
    ],
)
def test_other_words_are_about_something_else(one: str, other: str) -> None:
    assert signature(one, HEADINGS) != signature(other, HEADINGS)


def test_only_a_passage_of_hardly_any_words_is_told_apart_by_its_headings() -> None:
    assert signature("EUR 9.99", ("Plus",)) != signature("EUR 9.99", ("Family",))
    assert signature("Return it within 30 days.", ("Returns",)) == signature("Return it within 30 days.", ("How to return",))


def test_the_id_follows_from_kind_documents_and_subjects_in_any_order() -> None:
    sides = [("a", "return it within"), ("b", "return within")]
    first = conflict_id(RivalryKind.VALUE, sides)
    assert conflict_id(RivalryKind.VALUE, reversed(sides)) == first
    others = [
        conflict_id(RivalryKind.POLARITY, sides),
        conflict_id(RivalryKind.VALUE, [("c", "return it within"), sides[1]]),
        conflict_id(RivalryKind.VALUE, [("a", "return within"), ("b", "return it within")]),
    ]
    assert len({first, *others}) == 4


def test_an_empty_passage_means_the_headings() -> None:
    assert passage_words(Passage(chunk="c", start=4, end=7), "You may go.", HEADINGS) == "may"
    assert passage_words(Passage(chunk="c", start=0, end=0), "You may go.", HEADINGS) == "Plans › Prices"


def test_the_digest_of_words_does_not_see_white_space() -> None:
    assert text_digest("within  30\ndays ") == text_digest("within 30 days")
    assert text_digest("within 30 days") != text_digest("within 31 days")


OLD = {("a", "return a kettle within"), ("b", "you may return a kettle within")}


@pytest.mark.parametrize(
    ("new", "follows"),
    [
        ({("a", "the kettle may come back until"), ("b", "you may return a kettle within")}, True),
        ({("a", "you can return a kettle within"), ("b", "you may return the kettle within")}, True),
        ({("a", "a repair takes"), ("b", "repairs at the workshop take")}, False),
        ({("c", "return a kettle within"), ("b", "you may return a kettle within")}, False),
        ({("a", "return a kettle within")}, False),
    ],
    ids=["one side rewritten", "both mended", "other subject", "other document", "within one document"],
)
def test_a_conflict_takes_the_place_of_one_between_the_same_documents_about_the_same(new: set[tuple[str, str]], follows: bool) -> None:
    assert successors({"old": OLD}, {"new": new}) == ({"new": "old"} if follows else {})


def test_each_conflict_has_one_heir_the_nearest_one() -> None:
    near = {("a", "return a kettle within"), ("b", "you may return the kettle within")}
    far = {("a", "bring a kettle within return"), ("b", "you may bring the kettle until")}
    assert successors({"old": OLD}, {"far": far, "near": near}) == {"near": "old"}
    assert successors({"one": OLD, "two": OLD}, {"new": near}) == {"new": "one"}
    assert successors({}, {"new": near}) == {}
