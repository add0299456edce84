"""Which claims contradict each other, which are exceptions or follow each other in time, and which are about different things."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.conflicts.detect import Place, Side, detect, title_rivals
from context_service.conflicts.extract import Source, extract
from context_service.conflicts.words import Vocabulary, content_words
from context_service.model.applicability import Window
from context_service.model.rivalry import Relation, Rivalry, RivalryKind

WORDS = Vocabulary({"plan": ["free", "plus", "premium"], "product": ["doorbell", "camera"], "region": ["EU", "US"]}, {})


def sides(
    text: str,
    document: str,
    *,
    title: str = "Returns and refunds",
    region: str = "",
    window: Window = Window(),  # noqa: B008 - a frozen value
) -> list[Side]:
    conditions = {"region": frozenset({region})} if region else {}
    place = Place(document, WORDS.mentioned(title), conditions, WORDS.explain([region] if region else []), window, content_words(title))
    claims = extract(Source(f"chunk of {document}", document, text, title), WORDS)
    return [Side(claim, place, {**conditions, **place.names, **claim.applies}) for claim in claims]


def between(left: list[Side], right: list[Side]) -> list[Rivalry]:
    return [rivalry for one in left for other in right if (rivalry := detect(one, other))]


def kinds(left: str, right: str) -> list[tuple[RivalryKind, Relation]]:
    return [(rivalry.kind, rivalry.relation) for rivalry in between(sides(left, "left"), sides(right, "right"))]


VALUE = (RivalryKind.VALUE, Relation.CONFLICT)

DIFFERENT = [
    ("You can return a product within 30 days.", "You can return a product within 14 days."),
    ("A late payment fee of EUR 5 is added.", "A late payment fee of €8.00 is added."),
    ("You get a full refund within 30 days of delivery.", "Within 14 days of delivery you get a refund in full."),
    ("Standard delivery to the warehouse takes two days.", "Standard delivery to the warehouse takes one week."),
    ("Data is deleted 30 days after cancellation.", "Data is deleted 3 months after cancellation."),
    ("The refund reaches your bank within 5 business days.", "The refund reaches your bank within 5 days."),
    ("Refunds are available up to 10 times.", "Refunds are available at least 10 times."),
    ("Contact us about returns at a@example.org.", "Contact us about returns at b@example.org."),
    ("Last updated: March 1, 2021", "Last updated: 2 March 2021"),
    ("Our phone line for returns is open from 8:00 to 18:00.", "Our phone line for returns is open from 9 am to 5 pm."),
    ("Call +49 30 1234567 about returns.", "Call +49 30 7654321 about returns."),
    ("Last modified Mon, 3 Jan 2022", "Last modified Tue, 4 Jan 2022"),
    ("The cable for returns is 2 m long.", "The cable for returns is 3 meters long."),
    ("Returns are accepted within a month.", "Returns are accepted within 14 days."),
]
SAME = [
    ("You can return a product within 30 days.", "You can return a product within thirty (30) days."),
    ("You can return a product within 24 hours.", "You can return a product within one day."),
    ("You can return a product within 30 days.", "You can return a product within one month."),
    ("The refund costs EUR 5 per order.", "The refund costs USD 6 per order."),
    ("Call +49 30 1234567 about returns.", "Call 030 1234567 about returns."),
    ("Returns are open until 12/31/2025.", "Returns are open until 31.12.2025."),
    ("The cable for returns is 2 m long.", "The cable for returns is 200 cm long."),
    ("Returned orders in April 2020 count.", "Returned orders on April 8, 2020 count."),
    ("Frozen accounts are deleted after 180 days.", "Trial accounts are deleted after 30 days."),
    ("We delete your data from our servers in 30 days.", "We delete your data from our backups in 60 days."),
    ("The TW-200 returns in 30 days.", "The TW-300 returns in 14 days."),
    ("Response: refunds within 24 hours.", "Resolution: refunds within 72 hours."),
    ("The Plus plan costs EUR 9.99 per month.", "The Premium plan costs EUR 14.99 per month."),
    ("Refunds in the EU take 5 days.", "Refunds in the US take 9 days."),
]


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_values_of_one_subject_that_differ_are_a_conflict(left: str, right: str) -> None:
    assert kinds(left, right) == [VALUE]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_equal_values_and_different_subjects_are_none(left: str, right: str) -> None:
    assert kinds(left, right) == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("The doorbell battery can be replaced by the customer.", "The doorbell battery must not be replaced by the customer."),
        ("Opened batteries can be returned to the warehouse.", "Opened batteries can't be returned to the warehouse."),
        ("Returns of opened batteries are allowed.", "Returns of opened batteries are prohibited."),
        ("We share your address with the carrier.", "We never share your address with the carrier."),
        ("You must register the doorbell before use.", "You are not required to register the doorbell before use."),
        ("Gift cards are refundable after purchase.", "Gift cards are non-refundable after purchase."),
        ("Refunds are issued with a receipt.", "Refunds are issued without a receipt."),
        ("Login by code is enabled for every agent.", "Login by code is disabled for every agent."),
        (
            "You may not rent the camera, and you may not sell the recordings.",
            "You may not rent the camera, and you may sell the recordings.",
        ),
    ],
)
def test_a_denial_of_what_the_other_says_is_a_conflict(left: str, right: str) -> None:
    assert kinds(left, right) == [(RivalryKind.POLARITY, Relation.CONFLICT)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("You can return a product within 30 days.", "You cannot return a product after 30 days."),
        ("You can return a product if it is unused.", "You cannot return a product unless it is unused."),
        ("We add a picture to your profile.", "We add a picture to your profile, but we do not look at it."),
        ("We do not sell your personal data.", "We never sell your personal data."),
        ("We do and will not charge you for exports.", "We do not and will not charge you for exports."),
        ("Who can use the warehouse account", "How you can't use the warehouse account"),
        ("You can cancel at any time.", "You can cancel without penalty."),
    ],
)
def test_a_denial_of_something_else_is_none(left: str, right: str) -> None:
    assert kinds(left, right) == []


ENUMERATION = (RivalryKind.ENUMERATION, Relation.CONFLICT)
LISTS = [
    ("We accept Visa, Mastercard, PayPal and SEPA debit.", "We accept Visa, Mastercard, PayPal and Apple Pay."),
    ("We ship to Germany, France and Italy.", "We ship to Germany, France, Italy and Spain."),
    ("All fees are exclusive of taxes, levies, or duties imposed by law.", "All fees are exclusive of taxes or duties imposed by law."),
    ("Fees exclude the taxes, levies, or duties imposed by law.", "Fees exclude the taxes, tolls, or duties imposed by law."),
    (
        "If you sell goods, including firearms, alcohol, or drugs, we expect you to follow the law.",
        "If you sell goods, including firearms, alcohol, tobacco, or drugs, we expect you to follow the law.",
    ),
    ("We ship to these countries: Germany, France and Italy.", "We ship to these countries:\n\nGermany\nFrance\nSpain"),
]


@pytest.mark.parametrize(("left", "right"), LISTS)
def test_lists_after_the_same_words_with_other_members_are_a_conflict(left: str, right: str) -> None:
    assert kinds(left, right) == [ENUMERATION]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("We accept Visa, Mastercard, PayPal and Amex.", "We accept PayPal, Amex, Visa and Mastercard."),
        ("We ship to Germany, France and Italy.", "We ship to the following countries:\n\nGermany\nFrance\nItaly"),
        ("Leave the street and the tree out.", "Leave out the street, the tree and the neighbour's drive."),
        ("We collect names, emails and", "We collect names, emails and addresses."),
        ("When you visit, we may set a cookie, and we may read it.", "When you visit, we may set a cookie, read it, and delete it."),
    ],
)
def test_the_same_members_in_another_order_and_what_is_no_list_are_none(left: str, right: str) -> None:
    assert kinds(left, right) == []


def test_a_limit_in_the_text_makes_an_exception() -> None:
    left, right = "Returns are accepted within 30 days.", "Returns of opened software are accepted within 14 days."
    assert kinds(left, right) == [(RivalryKind.VALUE, Relation.EXCEPTION)]


def test_a_narrower_applicability_makes_an_exception() -> None:
    text = "You can return a product within {} days."
    [rivalry] = between(sides(text.format(30), "left"), sides(text.format(45), "right", region="EU"))
    assert rivalry.relation is Relation.EXCEPTION


def test_texts_for_different_regions_are_not_compared() -> None:
    text = "You can return a product within {} days."
    assert between(sides(text.format(30), "left", region="US"), sides(text.format(45), "right", region="EU")) == []


def test_windows_that_follow_each_other_make_a_succession() -> None:
    text = "You can return a product within {} days."
    old, new = Window(until=date(2025, 12, 31)), Window(since=date(2026, 1, 1))
    [rivalry] = between(sides(text.format(30), "left", window=old), sides(text.format(45), "right", window=new))
    assert rivalry.relation is Relation.SUCCESSION


def test_headings_that_name_different_products_keep_texts_apart() -> None:
    text = "The warranty lasts {} years."
    left, right = sides(text.format(2), "left", title="Doorbell warranty"), sides(text.format(3), "right", title="Camera warranty")
    assert between(left, right) == []


DELIVERY = "The {} costs EUR 20. It is delivered to the front door by courier within {} days."


def test_pronouns_that_stand_for_different_things_keep_sentences_apart() -> None:
    kettle, lamp = sides(DELIVERY.format("kettle", 2), "left", title="Buying"), sides(DELIVERY.format("lamp", 4), "right", title="Buying")
    assert between(kettle, lamp) == []
    other = sides(DELIVERY.format("kettle", 4), "right", title="Buying")
    assert [rivalry.kind for rivalry in between(kettle, other)] == [RivalryKind.VALUE]


def test_a_pronoun_at_the_start_of_a_text_stands_for_its_heading() -> None:
    kettle, lamp = (
        sides(f"It is delivered to the front door by courier within {days} days.", good, title=good)
        for days, good in ((2, "Kettle"), (4, "Lamp"))
    )
    assert between(kettle, lamp) == []


WARRANTY = "Broken parts of the housing are replaced free of charge within {} years."


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ("Warranty of the kettle", "Warranty of the toaster", 0),
        ("Warranty of the kettle", "Kettle warranty FAQ", 1),
        ("Warranty policy", "Warranty guide", 1),
        ("Warranty", "Warranty of the toaster", 1),
        ("Warranty of parts", "Warranty of housing", 1),
    ],
)
def test_texts_of_a_series_that_are_about_different_things_by_their_titles_are_not_compared(left: str, right: str, found: int) -> None:
    assert len(between(sides(WARRANTY.format(2), "left", title=left), sides(WARRANTY.format(3), "right", title=right))) == found


def test_a_short_line_is_compared_only_under_headings_that_have_something_in_common() -> None:
    left, right = "Last updated: March 1, 2021", "Last updated: March 2, 2021"
    assert between(sides(left, "left", title="Privacy"), sides(right, "right", title="Delivery")) == []


def test_a_document_that_contradicts_itself_is_found() -> None:
    text = "You can return a product within 30 days.\n\nYou can return a product within 14 days."
    found = between(sides(text, "left"), sides(text, "left"))
    assert {rivalry.kind for rivalry in found} == {RivalryKind.INTERNAL}


def test_a_title_that_its_text_contradicts_is_found() -> None:
    claims = extract(Source("chunk", "document", "Your returns reach us within 14 days.", "30-day returns"), WORDS)
    [rivalry] = title_rivals(claims)
    assert (rivalry.kind, rivalry.left.start, rivalry.left.end) == (RivalryKind.INTERNAL, 0, 0)


def test_a_title_that_its_text_repeats_is_fine() -> None:
    text = "Your returns reach us within 30 days. Opened returns reach us within 14 days."
    assert list(title_rivals(extract(Source("chunk", "document", text, "30-day returns"), WORDS))) == []


SENTENCES = st.sampled_from([text for pair in (*DIFFERENT, *SAME) for text in pair] + ["We accept Visa, Amex, and cash."])


@given(st.lists(SENTENCES, min_size=1, max_size=6).map(" ".join))
def test_an_unchanged_copy_contradicts_nothing_that_its_original_does_not(text: str) -> None:
    original, copy = sides(text, "left"), sides(text, "right")
    for one, other in zip(original, copy, strict=True):
        assert detect(one, other) is None


@given(SENTENCES, SENTENCES)
def test_detection_is_symmetric(left: str, right: str) -> None:
    for one in sides(left, "left"):
        for other in sides(right, "right"):
            there, back = detect(one, other), detect(other, one)
            assert (there and there.id) == (back and back.id)
            assert (there and there.relation) == (back and back.relation)
