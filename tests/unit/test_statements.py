"""Sentences taken apart: values in one spelling, words that tell what it is about, polarity, lists."""

from __future__ import annotations

import pytest

from context_service.conflicts.statements import content_words, read_statement, statements
from context_service.conflicts.values import read_values


@pytest.mark.parametrize(
    ("kind", "normal", "spellings"),
    [
        ("money eur", "9.9", "EUR 9.90|9.90 EUR|€9.90|€ 9.90|9,90 €|9.9 euros|eur 9,9|EUR9.90"),
        ("money eur", "5", "EUR 5|EUR 5.00|5 €|€5|5 euro"),
        ("money usd", "1000", "USD 1,000|$1000|$1,000.00|1.000 USD"),
        ("money gbp", "0.5", "£0.50|GBP 0,5"),
        ("money chf", "12.5", "CHF 12.50|12.50 chf"),
        ("percent", "20", "20%|20 %|20 percent|20 per cent|20.0%"),
        ("percent", "2.5", "2.5%|2,5 %"),
        ("time", "08:00", "8:00|08:00|8 am|8:00 am|8am"),
        ("time", "18:30", "18:30|6:30 pm|6:30PM"),
        ("time", "00:00", "0:00|12 am|12:00 am"),
        ("time", "12:00", "12:00|12 pm"),
        ("date", "2026-01-31", "2026-01-31"),
        ("duration", "2592000 s", "30 days|30-day|30 day|30 calendar days|30-days"),
        ("duration", "1209600 s", "14 days|2 weeks|14-day"),
        ("duration", "86400 s", "24 hours|1 day"),
        ("duration", "5400 s", "90 minutes|1.5 hours|1,5 hours|5400 seconds"),
        ("duration", "24 months", "24 months|2 years|2-year"),
        ("duration", "432000 working s", "5 business days|5 working days|5-working-day|5 working-days"),
        ("number", "1000", "1,000|1.000|1000"),
        ("number", "2.5", "2.5|2,5|2.50"),
        ("number", "0.125", "0.125"),
        ("number", "192.168.0.1", "192.168.0.1"),
        ("number", "7", "7|007"),
    ],
)
def test_every_spelling_of_a_value_is_read_as_one(kind: str, normal: str, spellings: str) -> None:
    for spelling in spellings.split("|"):
        values, masked = read_values(f"it is {spelling}, they say")
        assert values == ((kind, normal),), spelling
        assert masked.split() == ["it", "is", ",", "they", "say"], spelling


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("30 days", "30 working days"),
        ("30 days", "1 month"),
        ("1 year", "365 days"),
        ("8 am", "8 pm"),
        ("EUR 9.99", "EUR 9.90"),
        ("EUR 9.99", "USD 9.99"),
        ("1.2.3", "12.3"),
        ("20%", "20"),
    ],
)
def test_values_that_differ_stay_apart(one: str, other: str) -> None:
    assert read_values(f"it is {one} now")[0] != read_values(f"it is {other} now")[0]


@pytest.mark.parametrize(
    "sentence",
    [
        "The TW-200 has a cable.",
        "See section 4 of the terms.",
        "Follow step 3 again.",
        "It plugs into USB 3 ports.",
        "Now the Hub 2 is ready.",
        "Error 5 means that it is offline.",
        "Use cable no. 7 here.",
        "Hold the A5 sheet.",
    ],
)
def test_a_number_that_is_part_of_a_name_is_no_value(sentence: str) -> None:
    assert read_statement(sentence).values == ()


def test_a_number_in_a_name_tells_what_the_sentence_is_about() -> None:
    assert read_statement("The TW-200 has a cable.").words != read_statement("The TW-300 has a cable.").words


def test_a_day_of_a_month_is_a_value() -> None:
    assert read_statement("The offer ends on March 15 at noon.").values == (("number", "15"),)


def test_a_number_of_any_length_is_read() -> None:
    digits = "9" * 10_000
    assert read_values(f"it is {digits} now")[0] == (("number", digits),)
    assert read_values(f"it lasts {digits} days")[0][0][0] == "duration"


def test_values_keep_their_order() -> None:
    found = read_statement("Open from 8:00 to 18:00, closed after 20% of 365 days, EUR 5 each.").values
    assert [kind for kind, _ in found] == ["time", "time", "percent", "duration", "money eur"]


@pytest.mark.parametrize(
    ("sentence", "negated"),
    [
        ("The battery must not be replaced.", True),
        ("The battery cannot be replaced.", True),
        ("The battery can't be replaced.", True),
        ("The battery can’t be replaced.", True),
        ("We don’t replace the battery.", True),
        ("We never replace the battery.", True),
        ("We no longer replace the battery.", True),
        ("No fee applies to returns.", True),
        ("Neither lamp is waterproof.", True),
        ("The battery can be replaced.", False),
        ("You return not only the lamp but the cable.", False),
        ("Tell us whether or not it works.", False),
        ("It works without a battery.", False),
        ("Take cable no. 7 from the box.", False),
        ("You can return it within 30 days, no questions asked.", False),
        ("A note for the notary.", False),
    ],
)
def test_a_sentence_denies_or_does_not(sentence: str, negated: bool) -> None:
    assert read_statement(sentence).negated is negated


def test_the_words_of_a_denial_are_those_of_the_claim() -> None:
    claim = read_statement("The battery of the lamp can be replaced.").words
    for denied in ("must not be", "cannot be", "can’t be", "can never be", "can no longer be"):
        assert read_statement(f"The battery of the lamp {denied} replaced.").words == claim


@pytest.mark.parametrize(
    ("sentence", "aside"),
    [
        ("You can return it within 30 days, no questions asked.", True),
        ("You can return it within 30 days, if the box is sealed.", False),
        ("You can return it within 30 days, unless it was opened.", False),
        ("You can return it within 30 days, not counting Sundays.", False),
        ("You can return it within 30 days, for a fee of EUR 5.", False),
        ("You can return it, no questions asked.", False),
    ],
)
def test_a_closing_aside_is_left_out_only_when_it_adds_no_condition(sentence: str, aside: bool) -> None:
    plain = read_statement(sentence.partition(",")[0] + ".")
    assert (read_statement(sentence).words == plain.words) is aside


@pytest.mark.parametrize(
    ("sentence", "items"),
    [
        ("We accept Visa, Mastercard and PayPal.", {"mastercard", "paypal"}),
        ("We accept Visa, Mastercard, and the PayPal.", {"mastercard", "paypal"}),
        ("Choose red, green or blue.", {"green", "blue"}),
        ("We accept Visa and Mastercard.", set()),
        ("We accept Visa, Mastercard and PayPal for business customers.", set()),
        ("Open the app, choose the camera that you want to reset, and wait.", set()),
        ("We accept Visa.", set()),
    ],
)
def test_a_plain_list_of_names_is_read_as_a_list(sentence: str, items: set[str]) -> None:
    assert read_statement(sentence).items == items


def test_typographic_and_plain_signs_read_the_same() -> None:
    assert read_statement("It’s a 30‑day trial – really.").values == read_statement("It's a 30-day trial - really.").values


def test_statements_stand_where_their_sentences_stand() -> None:
    text = "Intro line\nThe trial lasts 30 days. Yes. Renew."
    found = statements(text)
    assert [text[one.start : one.end] for one in found] == ["Intro line", "The trial lasts 30 days."]


def test_a_sentence_with_one_word_to_compare_is_left_out() -> None:
    assert statements("Renewed. Within 30 days.") == []


@pytest.mark.parametrize(
    ("sentence", "points"),
    [
        ("It has a lid of steel.", True),
        ("You can return it in June.", True),
        ("This plan costs nothing extra.", True),
        ("These rules hold everywhere else.", True),
        ("They’re shipped in pairs of boxes.", True),
        ("When the parcel arrives we inspect it there.", False),
        ("The kettle has a lid of steel.", False),
        ("Items with a lid of steel.", False),
    ],
)
def test_a_sentence_that_points_back_is_about_what_the_one_before_is(sentence: str, points: bool) -> None:
    alone, after = statements(sentence), statements(f"Kettles cost money. {sentence}")[1:]
    assert (alone == []) is points
    assert ({"kettl", "cost"} <= after[0].words) is points


def test_words_that_tell_nothing_are_left_out() -> None:
    assert content_words("The customers of our Company should have the Plans") == content_words("company plan")
