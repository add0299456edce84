"""The small parts of the console: words for terms, and finding what differs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.conflicts.severity import WEIGHTS
from context_service.console import claim_words, words
from context_service.console.differing import Segment, differing
from context_service.console.passages import (
    AROUND,
    Stretch,
    after,
    before,
    rows_around,
    stretches,
    table_rows,
    table_spans,
    table_stretches,
)
from context_service.console.rendering import is_web_address
from context_service.console.revisions import Edit, Kept, edits
from context_service.console.trend import WEEKS_SHOWN, Week, trend
from context_service.model.access import Access, Classification
from context_service.model.applicability import Applicability, Status, Window
from context_service.model.claim import Bound, Modality, TypedValue, ValueKind
from context_service.model.conflict import ConflictEvent, ConflictState, Happening, RuledSide, Ruling, RulingOutcome, RulingScope, Severity
from context_service.model.context import Decision, Freshness
from context_service.model.document import OutcomeKind, RunState
from context_service.model.rivalry import Passage, Relation, RivalryKind
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
        (words.RELATIONS, Relation),
        (words.STATES, ConflictState),
        (words.HAPPENINGS, Happening),
        (words.RULING_OUTCOMES, RulingOutcome),
        (claim_words.MODALITIES, Modality),
        (claim_words.VALUE_KINDS, ValueKind),
    ],
)
def test_every_term_has_its_words(table: dict[str, object], terms: type[StrEnum]) -> None:
    assert set(table) == {term.value for term in terms}


def test_every_failure_says_what_happens_next() -> None:
    assert set(words.REMEDIES) == {kind.value for kind in OutcomeKind if kind.value.startswith("failed")}


def test_every_part_of_severity_is_explained() -> None:
    assert set(words.SEVERITY_PARTS) == set(Severity.model_fields) - {"score"} == set(WEIGHTS)
    assert [words.severity_level(score) for score in (0.0, 0.34, 0.35, 0.6, 1.0)] == ["Low", "Low", "Medium", "High", "High"]


@pytest.mark.parametrize(
    ("outcome", "side", "conditions", "told"),
    [
        ("side_wins", "1", {}, "“Prices” is told, the other side is not."),
        ("fix_at_source", "2", {}, "“faq:x” is not told until its text changes."),
        ("not_a_conflict", None, {}, "The sides do not contradict each other; all are told."),
        ("both_hold", None, {"1": Applicability(regions=frozenset({"EU"}))}, "“Prices” holds for region EU."),
    ],
)
def test_a_ruling_is_told_in_a_sentence(outcome: str, side: str | None, conditions: dict[str, Applicability], told: str) -> None:
    sides = tuple(RuledSide(id=name, document=name, ref=ref, texts=frozenset()) for name, ref in (("1", "handbook:prices"), ("2", "faq:x")))
    ruling = Ruling(
        id="r",
        conflict="c",
        outcome=RulingOutcome(outcome),
        side=side,
        conditions=conditions,
        reason="x",
        author="ada",
        made_at=NOW,
        sides=sides,
    )
    assert words.ruling_sentence(ruling, {"handbook:prices": "Prices"}) == told


@pytest.mark.parametrize(
    ("kind", "canonical", "magnitude", "unit", "bound", "told"),
    [
        ("duration", "2592000 second", "2592000", "second", "most", "at most 30 days"),
        ("duration", "864000 working second", "864000", "working second", "exact", "10 working days"),
        ("duration", "5400 second", "5400", "second", "exact", "90 minutes"),
        ("duration", "12 month", "12", "month", "least", "at least 1 year"),
        ("duration", "0.5 month", "0.5", "month", "exact", "0.5 months"),
        ("size", "2000000000 byte", "2000000000", "byte", "exact", "2 GB"),
        ("size", "1536 byte", "1536", "byte", "exact", "1,536 byte"),
        ("percent", "5", "5", None, "least", "at least 5%"),
        ("money", "1299 EUR", "1299", "EUR", "exact", "1299 EUR"),
        ("count", "1200 lamp", "1200", "lamp", "exact", "1,200"),
        ("list", "amex; visa", "2", None, "exact", "2 items"),
        ("date", "2026-03-01", None, None, "exact", "1 Mar 2026"),
        ("date", "03-01", None, None, "exact", "03-01"),
        ("time", "09:00", None, None, "exact", "09:00"),
        ("flag", "no", None, None, "exact", "no"),
    ],
)
def test_a_value_is_told_as_people_write_it(
    kind: str, canonical: str, magnitude: str | None, unit: str | None, bound: str, told: str
) -> None:
    value = TypedValue(kind=ValueKind(kind), canonical=canonical, magnitude=magnitude, unit=unit, bound=Bound(bound))
    assert claim_words.value_words(value) == told


def test_a_scope_is_told_in_words() -> None:
    assert words.ruling_scope(RulingScope()) == "in every workflow, for everyone"
    some = RulingScope(workflows=frozenset({"refund"}), applicability=Applicability(plans=frozenset({"plus"})))
    assert words.ruling_scope(some) == "in refund, for plan plus"


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


def side(start: int, end: int) -> Passage:
    return Passage(chunk="c", start=start, end=end)


def test_a_text_is_cut_at_its_disputed_passages() -> None:
    cut = stretches("one two three", [(side(8, 13), "y"), (side(0, 3), "x"), (side(1, 5), "overlapping")])
    assert cut == [Stretch("one", "x"), Stretch(" two ", None), Stretch("three", "y")]


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4))
def test_cutting_loses_no_character(text: str, spans: list[tuple[int, int]]) -> None:
    inside = [tuple(sorted((min(start, len(text)), min(end, len(text))))) for start, end in spans]
    assert "".join(stretch.text for stretch in stretches(text, [(side(start, end), "x") for start, end in inside])) == text


def test_a_text_is_cut_where_claims_begin_and_a_disputed_passage_stays_whole() -> None:
    claims = [(side(0, 7), "list"), (side(0, 3), "one"), (side(5, 6), "inside"), (side(8, 13), "three")]
    assert stretches("one two three", [(side(4, 7), "x")], claims) == [
        Stretch("one", None, ("list", "one")),
        Stretch(" ", None),
        Stretch("two", "x", ("inside",)),
        Stretch(" ", None),
        Stretch("three", None, ("three",)),
    ]
    assert stretches("", [], [(side(0, 0), "heading")]) == []


TABLE = "Plan | Lamps\nbasic | one\n\nplus | seven\n"


def test_the_cells_of_a_table_are_cut_where_a_conflict_or_a_claim_says_something_of_them() -> None:
    start = TABLE.index("seven")
    cells = table_stretches(TABLE, [(side(start, start + 5), "x")], [(side(start, start + 5), "y")])
    assert cells[2] == [[Stretch("plus", None)], [Stretch("seven", "x", ("y",))]]
    assert cells[0] == [[Stretch("Plan", None)], [Stretch("Lamps", None)]]


def test_a_row_of_a_table_is_shown_under_its_head_with_those_around_it() -> None:
    text = "\n".join(["A | B", *(f"{number} | x" for number in range(9))])
    start = text.index("7 | x")
    shown = [text[slice(*row[0])] for row in rows_around(text, side(start + 4, start + 5))]
    assert shown == ["A", "5", "6", "7", "8"]
    assert rows_around("no table", side(0, 2)) == []
    assert rows_around("A | B", side(0, 1)) == [[(0, 1), (4, 5)]]


@given(st.lists(st.lists(st.text("ab |", max_size=4), min_size=1, max_size=3), max_size=4))
def test_the_cells_stand_where_the_table_says(rows: list[list[str]]) -> None:
    text = "\n".join(" | ".join(row) for row in rows)
    assert table_rows(text) == [[text[start:end] for start, end in row] for row in table_spans(text)]
    assert table_rows(text) in ([], [line.split(" | ") for line in text.splitlines() if line.strip()])


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


def test_what_happened_is_counted_by_the_week_it_happened_in() -> None:
    def event(days_ago: int, happening: Happening) -> ConflictEvent:
        return ConflictEvent(at=NOW - timedelta(days=days_ago), happening=happening, actor="x", release=1)

    events = [
        event(0, Happening.OPENED), event(4, Happening.RETURNED), event(5, Happening.OPENED), event(5, Happening.CLOSED),
        event(5, Happening.RULED), event(5, Happening.CHANGED), event(5, Happening.REVOKED), event(7 * WEEKS_SHOWN, Happening.OPENED),
    ]  # fmt: skip
    weeks = trend(events, NOW.date())
    assert len(weeks) == WEEKS_SHOWN
    assert weeks[-2:] == [Week(date(2026, 11, 9), 1, 2), Week(date(2026, 11, 16), 2, 0)]
    assert sum(week.found + week.settled for week in weeks) == 5


def test_changes_are_told_by_paragraph_and_word() -> None:
    found = edits("One.\n\nTwo days.\n\nThree.", "One.\n\nTen days.\n\nThree.\n\nFour.")
    assert found == [
        Kept(["One."]),
        Edit([Segment("Two", True), Segment(" days.", False)], [Segment("Ten", True), Segment(" days.", False)]),
        Kept(["Three."]),
        Edit((), [Segment("Four.", True)]),
    ]


@given(st.lists(st.text("ab c", min_size=1, max_size=6), max_size=6), st.lists(st.text("ab c", min_size=1, max_size=6), max_size=6))
def test_the_changes_hold_both_texts(old: list[str], new: list[str]) -> None:
    found = edits("\n\n".join(old), "\n\n".join(new))

    def told(one: Kept | Edit, side: str) -> list[str]:
        return list(one.paragraphs) if isinstance(one, Kept) else ["".join(part.text for part in getattr(one, side))]

    for side, text in (("before", old), ("after", new)):
        assert [part for one in found for part in told(one, side) if part] == [part.strip() for part in text if part.strip()]
