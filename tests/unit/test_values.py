"""Typed values: every spelling of one value reads the same, and numbers that belong to names are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.conflicts.values import mask, read_values
from context_service.model.claim import Bound, ValueKind

SPELLINGS = {
    "1299 USD": ["$1,299.00", "USD 1299", "1,299 dollars", "US$ 1.299,00", "1299.00 USD"],
    "9.99 EUR": ["€9.99", "9,99 €", "EUR 9.99", "9.99 euros"],
    "10 USD": ["ten dollars", "$10", "ten (10) dollars"],
    "2592000 second": ["30 days", "thirty days", "thirty (30) days", "30-day", "720 hours"],
    "432000 working second": ["5 business days", "five working days"],
    "1 month": ["one month", "1 month", "1-month"],
    "24 month": ["2 years", "two years", "24 months"],
    "86400 second": ["24 hours", "1 day", "one day"],
    "2021-03-01": ["2021-03-01", "March 1, 2021", "1 March 2021", "1st of March 2021", "Mar. 1, 2021"],
    "12.5": ["12.5%", "12,5 percent", "12.5 per cent"],
    "10000000000 byte": ["10 GB", "10GB", "10,000 MB"],
    "17:00": ["17:00", "5 pm", "5:00 p.m.", "5.00pm"],
    "privacy@example.org": ["privacy@example.org", "Privacy@Example.org"],
    "example.org/help": ["https://example.org/help", "https://www.example.org/help/"],
    "3125551234": ["(312) 555-1234", "312.555.1234"],
    "18005550100": ["1-800-555-0100", "+1 800 555 0100"],
    "02079460018": ["020 7946 0018", "(020) 7946 0018"],
    "2 metre": ["2 m", "200 cm", "2 meters", "2 metres", "2-meter"],
    "1500 gram": ["1.5 kg", "1500 g", "1,5 kilograms"],
    "2025-12-31": ["31.12.2025", "12/31/2025", "31/12/2025", "Wed, Dec. 31, 2025"],
    "25 peopl": ["25 people", "twenty-five people"],
    "1500000 user": ["1.5 million users", "1,500,000 users"],
}


@pytest.mark.parametrize(("canonical", "text"), [(canonical, text) for canonical, texts in SPELLINGS.items() for text in texts])
def test_every_spelling_of_a_value_reads_the_same(canonical: str, text: str) -> None:
    assert [found.value.canonical for found in read_values(f"We say {text} here.")] == [canonical]


@pytest.mark.parametrize(
    "text",
    [
        "Basecamp 3 is older.",
        "The Hub 2 pairs with it.",
        "See section 4 and Article 49(1)(b).",
        "The TW-200 is out of stock.",
        "3. You must be a human.",
        "Turn on two-factor authentication.",
        "We answer 24/7.",
        "It is one of our products.",
        "Use version 1.2.3 of it.",
        "It came with 5.1.2 on it.",
        "Your order 88-204417 is here.",
        "It may not work.",
    ],
)
def test_numbers_that_belong_to_names_are_no_values(text: str) -> None:
    assert read_values(text) == []


def test_prices_in_two_currencies_have_two_measures() -> None:
    measures = [found.value.measure for found in read_values("It costs EUR 9 or USD 10.")]
    assert measures == ["money EUR", "money USD"]


def test_working_days_and_days_have_two_measures() -> None:
    assert len({found.value.measure for found in read_values("5 days, 5 business days")}) == 2


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("up to 10 devices", Bound.MOST),
        ("within 30 days", Bound.MOST),
        ("no more than 10 devices", Bound.MOST),
        ("at least 10 devices", Bound.LEAST),
        ("after 30 days", Bound.LEAST),
        ("10 or more devices", Bound.LEAST),
        ("exactly 10 devices", Bound.EXACT),
    ],
)
def test_limits_are_told_from_values(text: str, bound: Bound) -> None:
    assert [found.value.bound for found in read_values(text)] == [bound]


def test_a_period_without_a_figure_is_one() -> None:
    assert [found.value.canonical for found in read_values("Pay within a month.")] == ["1 month"]
    assert read_values("It happens many times a month.") == []


def test_a_date_with_two_readings_is_held_against_the_same_writing_alone() -> None:
    [ambiguous], [clear] = read_values("Since 1/2/2021."), read_values("Since 13/2/2021.")
    assert ambiguous.value.measure != clear.value.measure


def test_what_limits_a_count_is_not_what_is_counted() -> None:
    [found] = read_values("children under 13 without consent")
    assert found.value.unit is None


def test_an_address_is_one_contact() -> None:
    [found] = read_values("Write to Basecamp, LLC, 30 North Racine Avenue, Suite 200, Chicago, IL 60607 USA.")
    assert (found.value.kind, found.value.unit) == (ValueKind.CONTACT, "address")


def test_masking_leaves_the_words_around_the_values() -> None:
    sentence = "Pay EUR 5 within 14 days."
    assert mask(sentence, read_values(sentence)).split() == ["Pay", "⟨money", "EUR⟩", "within", "⟨duration", "second⟩", "."]


@given(st.text(max_size=300))
def test_reading_any_text_gives_values_in_order_inside_it(text: str) -> None:
    found = read_values(text)
    edges = [edge for one in found for edge in (one.start, one.end)]
    assert edges == sorted(edges)
    assert all(0 <= one.start < one.end <= len(text) for one in found)


@given(st.integers(min_value=1, max_value=9_999_999))
def test_thousands_separators_change_nothing(amount: int) -> None:
    [plain], [separated] = read_values(f"We say {amount} euros."), read_values(f"We say {amount:,} euros.")
    assert plain.value == separated.value
