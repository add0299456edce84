"""The small parts of the console: words for terms, and finding what differs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.console import words
from context_service.console.differing import Segment, differing
from context_service.console.passages import AROUND, Stretch, after, before, stretches, table_rows
from context_service.console.rendering import is_web_address
from context_service.model.access import Access, Classification
from context_service.model.applicability import Applicability, Status, Window
from context_service.model.context import Decision, Freshness, Side
from context_service.model.document import OutcomeKind, RunState
from context_service.model.rivalry import RivalryKind
from context_service.model.workflow import DecidedBy

NOW = datetime(2026, 11, 20, 7, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("table", "terms"),
    [
        (words.DECISIONS, Decision),
        (words.RULES, DecidedBy),
        (words.CONFLICT_KINDS, RivalryKind),
        (words.FRESHNESS, Freshness),
        (words.STATUS, Status),
        (words.OUTCOMES, OutcomeKind),
        (words.RUN_STATES, RunState),
    ],
)
def test_every_term_has_its_words(table: dict[str, object], terms: type[StrEnum]) -> None:
    assert set(table) == {term.value for term in terms}


def test_every_failure_says_what_happens_next() -> None:
    assert set(words.REMEDIES) == {kind.value for kind in OutcomeKind if kind.value.startswith("failed")}


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5, minutes=59), "5 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=4000), "4,000 days ago"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(age: timedelta, told: str) -> None:
    assert words.ago(NOW - age, NOW) == told


def test_what_is_missing_is_said() -> None:
    assert (words.ago(None, NOW), words.moment(None), words.day(None)) == ("never", "never", "–")
    assert words.run_counts({}) == "nothing found"
    assert words.holds_for(Applicability()) == "everyone"
    assert words.in_force(Window()) == "always"
    assert words.readable_by(None) == "nobody but the owner"
    assert words.readable_by(Access(classification=Classification.PUBLIC)) == "nobody but the owner"


def test_rules_are_told_in_sentences() -> None:
    assert words.holds_for(Applicability(regions=frozenset({"FR", "DE"}), plans=frozenset({"plus"}))) == "region DE or FR; plan plus"
    assert words.in_force(Window(since=date(2026, 1, 1), until=date(2026, 2, 1))) == "1 Jan 2026 to 1 Feb 2026"
    assert words.in_force(Window(until=date(2026, 2, 1))) == "until 1 Feb 2026"
    access = Access(
        classification=Classification.INTERNAL, audiences=frozenset({"b", "a"}), workflows=frozenset({"refund"}), customer="C-1"
    )
    assert words.readable_by(access) == "internal, for a and b; only in refund; only on behalf of customer C-1"
    assert words.run_counts({"new": 4, "failed_terminal": 1, "unchanged": 0}) == "4 new, 1 failed"
    assert words.listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("one", "other", "marked"),
    [
        ("within 30 days.", "within 14 days.", ["30"]),
        ("It costs EUR 9.99 a month", "It costs EUR 7.99 a month", ["9.99"]),
        ("Phones are open Monday to Friday from 8:00 to 18:00.", "Phones are open Monday to Friday from 9:00 to 17:00.", ["8:00", "18:00"]),
        ("The battery must not be replaced", "The battery can be replaced", ["must not"]),
        ("the same words", "The SAME words", []),
        ("two\n words", "two words", []),
        ("", "something", []),
        ("something", "", ["something"]),
    ],
)
def test_the_words_that_differ_are_marked(one: str, other: str, marked: list[str]) -> None:
    assert [segment.text for segment in differing(one, [other]) if segment.differs] == marked


def test_a_side_against_several_marks_what_any_of_them_lacks() -> None:
    found = differing("within 30 days of delivery", ["within 14 days of delivery", "within 30 days of purchase"])
    assert [segment.text for segment in found if segment.differs] == ["30", "delivery"]


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=3))
def test_marking_changes_no_character(passage: str, others: list[str]) -> None:
    segments = differing(passage, others)
    assert "".join(segment.text for segment in segments) == passage
    assert all(segment.text for segment in segments)
    assert Segment(passage, differs=False) in differing(passage, [passage]) or not passage


def side(start: int, end: int) -> Side:
    return Side(chunk="c", document="s:k", title="t", authority="a", citation="u", start=start, end=end, text=None)


def test_a_text_is_cut_at_its_disputed_passages() -> None:
    cut = stretches("one two three", [(side(8, 13), "y"), (side(0, 3), "x"), (side(1, 5), "overlapping")])
    assert cut == [Stretch("one", "x"), Stretch(" two ", None), Stretch("three", "y")]


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4))
def test_cutting_loses_no_character(text: str, spans: list[tuple[int, int]]) -> None:
    inside = [tuple(sorted((min(start, len(text)), min(end, len(text))))) for start, end in spans]
    assert "".join(stretch.text for stretch in stretches(text, [(side(start, end), "x") for start, end in inside])) == text


def test_the_surroundings_of_a_passage_are_whole_words_within_a_bound() -> None:
    text = "word " * 200 + "PASSAGE" + " word" * 200
    start = text.index("PASSAGE")
    lead, tail = before(text, start), after(text, start + 7)
    assert lead.startswith("… word ")
    assert tail.endswith(" word …")
    assert max(len(lead), len(tail)) <= AROUND + 2
    assert (before("ab PASSAGE", 3), after("PASSAGE yz", 7)) == ("ab ", " yz")


def test_rows_of_a_table_are_told_from_running_text() -> None:
    assert table_rows("Field | Value\nPlan | plus\n") == [["Field", "Value"], ["Plan", "plus"]]
    assert table_rows("Field | Value\nand then some words") == []
    assert table_rows("") == []


@pytest.mark.parametrize(
    ("address", "may_be_a_link"),
    [
        ("https://example.org/returns", True),
        ("http://127.0.0.1/returns", True),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT:alert(1)", False),
        ("data:text/html,x", False),
        ("returns.md", False),
        ("//evil.example/", False),
    ],
)
def test_only_an_address_of_the_web_becomes_a_link(address: str, may_be_a_link: bool) -> None:
    assert is_web_address(address) == may_be_a_link
