"""Which texts are rivals, and, at least as much, which are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest

from context_service.conflicts.compare import Subject, Vocabulary, compare, subject
from context_service.ingest.rivals import vocabulary
from context_service.model.applicability import Applicability
from context_service.model.rivalry import RivalryKind
from context_service.model.source import Company
from context_service.policy.applies import Regions, conditions

TIDEWELL = Company(
    name="Tidewell",
    authority={"policy": 80},
    regions={"EU": ("DE", "FR"), "UK": ()},
    aliases={"EU": ("European Union",), "UK": ("United Kingdom",), "US": ("United States",)},
    plans=("free", "plus", "family", "premium"),
    products=("doorbell", "camera", "hub"),
    audiences=("agents",),
)
REGIONS, WORDS = Regions(TIDEWELL.regions), vocabulary(TIDEWELL)
Applies = Mapping[str, Iterable[str]]
COPY, POLARITY, LIST = RivalryKind.EDITED_COPY, RivalryKind.POLARITY, RivalryKind.ENUMERATION


def side(text: str, applies: Applies | None = None, headings: Sequence[str] = (), name: str = "left", words: Vocabulary = WORDS) -> Subject:
    applicability = Applicability.model_validate(applies or {})
    values = [value for one in applicability.conditions().values() for value in one]
    return subject(name, f"document of {name}", text, headings, values, conditions(applicability, REGIONS), words)


def kinds(left: Subject, right: Subject) -> list[RivalryKind]:
    return [rivalry.kind for rivalry in compare(left, right)]


RETURN = "You can return a Tidewell product within 30 days of delivery for a full refund."
EU_RETURN = "Customers in the European Union can return a Tidewell product within 45 days of delivery for a full refund."
EU, PREMIUM = {"regions": ["EU"]}, {"plans": ["premium"]}
PREMIUM_RETURN = "Premium members can return a Tidewell product within 60 days of delivery for a full refund."
BOTH_RETURN = "Premium members in the European Union can return a Tidewell product within 90 days of delivery for a full refund."

RIVALS: list[tuple[str, Applies, str, Applies, RivalryKind]] = [
    (RETURN, {}, "You can return a Tidewell product within 14 days of delivery for a full refund.", {}, COPY),
    (RETURN, {}, EU_RETURN, EU, COPY),
    (RETURN, {}, PREMIUM_RETURN, PREMIUM, COPY),
    (RETURN, {}, BOTH_RETURN, EU | PREMIUM, COPY),
    (EU_RETURN, EU, PREMIUM_RETURN, PREMIUM, COPY),
    (EU_RETURN, EU, BOTH_RETURN, EU | PREMIUM, COPY),
    (PREMIUM_RETURN, PREMIUM, BOTH_RETURN, EU | PREMIUM, COPY),
    (RETURN, {}, "You can return a Tidewell product within 100 days of delivery for a full refund, no questions asked.", {}, COPY),
    ("The Plus plan costs EUR 9.99 per month.", {}, "The Plus plan costs EUR 7.99 per month.", {}, COPY),
    ("The Plus plan costs €9.99 per month.", {}, "The Plus plan costs 7.99 EUR per month.", {}, COPY),
    ("Warranty replacements ship within 5 business days.", {}, "Warranty replacements ship within 10 business days.", {}, COPY),
    (
        "Refunds are paid out within 5 business days after the parcel arrives at the warehouse.",
        {},
        "Refunds are paid out within 10 business days after the parcel arrives at the warehouse.",
        {},
        COPY,
    ),
    ("Standard delivery to Germany takes 2 working days.", {}, "Standard delivery to Germany takes 4 working days.", {}, COPY),
    ("The free trial of the Plus plan lasts 30 days.", {}, "The free trial of the Plus plan lasts 14 days.", {}, COPY),
    (
        "A late payment fee of EUR 5 is added to the next invoice.",
        {},
        "A late payment fee of EUR 8 is added to the next invoice.",
        {},
        COPY,
    ),
    ("Video history is kept for 30 days.", {}, "Video history on the Family plan is kept for 60 days.", {"plans": ["family"]}, COPY),
    (
        "Our phone lines are open Monday to Friday from 8:00 to 18:00.",
        {},
        "Our phone lines are open Monday to Friday from 9:00 to 17:00.",
        {},
        COPY,
    ),
    (
        "You may cancel your subscription at any time with 30 days notice.",
        {},
        "You may cancel your subscription at any time with 14 days notice.",
        {},
        COPY,
    ),
    (
        "Tidewell hardware is covered by a limited warranty of 2 years.",
        {},
        "Tidewell hardware is covered by a limited warranty of 1 year.",
        {},
        COPY,
    ),
    (
        "Tidewell hardware is covered by a limited warranty of 2 years.",
        {},
        "In the United Kingdom Tidewell hardware is covered by a limited warranty of 6 years.",
        {"regions": ["UK"]},
        COPY,
    ),
    ("Returns cost 10% of the price.", {}, "Returns cost 15 percent of the price.", {}, COPY),
    ("The hub supports 30 cameras.", {}, "The hub supports 50 cameras.", {}, COPY),
    ("The sale ends on 2026-11-30.", {}, "The sale ends on 2026-12-31.", {}, COPY),
    (
        "The battery of the doorbell must not be replaced by the customer.",
        {},
        "The battery of the doorbell can be replaced by the customer.",
        {},
        POLARITY,
    ),
    ("The battery of the doorbell cannot be replaced.", {}, "The battery of the doorbell can be replaced.", {}, POLARITY),
    ("The battery of the doorbell can’t be replaced.", {}, "The battery of the doorbell can be replaced.", {}, POLARITY),
    ("No fee applies to late returns.", {}, "A fee applies to late returns.", {}, POLARITY),
    ("We no longer ship to Norway.", {}, "We ship to Norway.", {}, POLARITY),
    (
        "We accept Visa, Mastercard, PayPal and SEPA direct debit.",
        {},
        "We accept Visa, Mastercard, PayPal, Apple Pay and American Express.",
        {},
        LIST,
    ),
    ("We deliver to Germany, France and Italy.", {}, "We deliver to Italy, Spain and France.", {}, LIST),
]


@pytest.mark.parametrize(("left", "of_left", "right", "of_right", "kind"), RIVALS)
def test_rivals_are_found_from_both_sides(left: str, of_left: Applies, right: str, of_right: Applies, kind: RivalryKind) -> None:
    a, b = side(left, of_left), side(right, of_right, name="right")
    assert kinds(a, b) == [kind]
    assert kinds(b, a) == [kind]
    assert compare(a, b)[0].id == compare(b, a)[0].id


DOORBELL, CAMERA, UK = {"products": ["doorbell"]}, {"products": ["camera"]}, {"regions": ["UK"]}
NO_RIVALS: dict[str, tuple[str, Applies, str, Applies]] = {
    "two products' prices": ("The doorbell costs EUR 199.", {}, "The camera costs EUR 149.", {}),
    "two products' prices, said alike": ("The price in our shop is EUR 199.", DOORBELL, "The price in our shop is EUR 149.", CAMERA),
    "two products, each named": ("The doorbell weighs 300 grams in all.", DOORBELL, "The camera weighs 500 grams in all.", CAMERA),
    "two plans' prices": ("The Plus plan costs EUR 9.99 per month.", {}, "The Premium plan costs EUR 19.99 per month.", {}),
    "two plans' rules": (
        "The Plus plan keeps clips for 30 days.",
        {"plans": ["plus"]},
        "The Family plan keeps clips for 60 days.",
        {"plans": ["family"]},
    ),
    "two countries": ("Standard delivery to Germany takes 2 working days.", {}, "Standard delivery to France takes 4 working days.", {}),
    "two regions by applicability": (
        "Customers in the European Union can return a camera within 45 days.",
        EU,
        "Customers in the United Kingdom can return a camera within 60 days.",
        UK,
    ),
    "two regions, said alike": (
        "You can return a camera within 45 days.",
        {"regions": ["DE"]},
        "You can return a camera within 60 days.",
        UK,
    ),
    "month and year": ("The Plus plan costs EUR 9.99 per month.", {}, "The Plus plan costs EUR 99 per year.", {}),
    "two currencies": ("The Plus plan costs EUR 9.99 per month.", {}, "The Plus plan costs USD 10.99 per month.", {}),
    "standard and express": (
        "Standard delivery to Germany takes 2 working days.",
        {},
        "Express delivery to Germany takes 1 working day.",
        {},
    ),
    "a condition on one side": ("You can return a camera within 30 days.", {}, "You can return an opened camera within 14 days.", {}),
    "a condition in an aside": (
        "You can return a camera within 30 days.",
        {},
        "You can return a camera within 14 days, if the box is open.",
        {},
    ),
    "an exception in an aside": (
        "You can return a camera within 30 days.",
        {},
        "You can return a camera within 14 days, unless it is sealed.",
        {},
    ),
    "a denial for a part": ("Cameras can be returned.", {}, "Opened cameras cannot be returned.", {}),
    "with and without": ("Refunds are possible with a receipt.", {}, "Refunds are possible without a receipt.", {}),
    "the same value": (RETURN, {}, RETURN, {}),
    "the same value spelt otherwise": ("The free trial lasts 30 days.", {}, "The free trial lasts 30 calendar days.", {}),
    "the same price spelt otherwise": ("The Plus plan costs €9.90 per month.", {}, "The Plus plan costs 9,9 EUR per month.", {}),
    "the same length in other units": ("Our hardware warranty lasts 24 months.", {}, "Our hardware warranty lasts 2 years.", {}),
    "working and business days": (
        "Replacement parts ship within 5 working days.",
        {},
        "Replacement parts ship within 5 business days.",
        {},
    ),
    "the same hours in another clock": ("Phone lines open at 8 am.", {}, "Phone lines open at 8:00.", {}),
    "a paraphrase": ("You can return a camera within 30 days.", {}, "Send your camera back in the first 30 days.", {}),
    "the same list in another order": ("We accept Visa, Mastercard and PayPal.", {}, "We accept PayPal, Visa and Mastercard.", {}),
    "the same list with articles": (
        "The box holds cables, screws and plugs.",
        {},
        "The box holds the cables, the screws and the plugs.",
        {},
    ),
    "lists of different verbs": ("You can order red, blue and green.", {}, "You can pay blue, red and white.", {}),
    "lists with a condition": ("We accept Visa, Mastercard and PayPal.", {}, "We accept Visa, Mastercard and PayPal for large orders.", {}),
    "lists that share nothing": ("We deliver to Germany, France and Italy.", {}, "We deliver to Norway, Sweden and Finland.", {}),
    "two models": ("The TW-200 ships with 2 cables.", {}, "The TW-300 ships with 3 cables.", {}),
    "two sections": ("Details stand in section 4 of the terms.", {}, "Details stand in section 7 of the terms.", {}),
    "two steps": ("Go back to step 2 of the guide.", {}, "Go back to step 5 of the guide.", {}),
    "a whole and a part": ("The hub supports 30 cameras.", {}, "The hub supports 30 cameras and 10 doorbells.", {}),
    "different questions about one thing": ("The warranty covers the battery.", {}, "The warranty lasts 2 years.", {}),
    "a percentage and an amount": ("Returns cost 10% of the price.", {}, "Returns cost EUR 10 of the price.", {}),
    "one word in common": ("Delivery: 2 days.", {}, "Delivery: 4 days.", {}),
    "both denied": ("The battery cannot be replaced.", {}, "The battery must never be replaced.", {}),
    "no questions asked": (
        "You can return a camera within 30 days.",
        {},
        "You can return a camera within 30 days, no questions asked.",
        {},
    ),
    "it, of two things": (
        "The kettle costs EUR 20. It is delivered to the door within 4 days.",
        {},
        "The toaster costs EUR 20. It is delivered to the door within 2 days.",
        {},
    ),
    "it, of nobody knows what": ("It is delivered to the door within 4 days.", {}, "It is delivered to the door within 2 days.", {}),
    "them, of two things": (
        "Cables lie in the box. You can order them for EUR 5 in our shop.",
        {},
        "Screws lie in the bag. You can order them for EUR 3 in our shop.",
        {},
    ),
    "it, of two things with parts": (
        "Open the kettle box. It holds a cable, a lid and a filter.",
        {},
        "Open the toaster box. It holds a cable, a tray and a brush.",
        {},
    ),
    "a range read twice": ("Phone lines open from 8:00 to 18:00.", {}, "Phone lines open from 08:00 to 18:00.", {}),
}


@pytest.mark.parametrize(("left", "of_left", "right", "of_right"), NO_RIVALS.values(), ids=NO_RIVALS)
def test_a_near_miss_is_no_rival(left: str, of_left: Applies, right: str, of_right: Applies) -> None:
    a, b = side(left, of_left), side(right, of_right, name="right")
    assert kinds(a, b) == []
    assert kinds(b, a) == []


@pytest.mark.parametrize(
    ("of_left", "of_right", "rivals"),
    [
        (["The Plus plan"], ["The Premium plan"], False),
        (["Doorbell"], ["Camera"], False),
        (["Doorbell and camera"], ["Camera"], True),
        (["Plus"], ["Prices"], True),
        (["Plus", "Prices"], ["Plus"], True),
        ([], ["Camera"], True),
    ],
)
def test_headings_that_name_different_things_keep_texts_apart(of_left: list[str], of_right: list[str], rivals: bool) -> None:
    left = side("The monthly price is EUR 5.", headings=of_left)
    right = side("The monthly price is EUR 9.", headings=of_right, name="right")
    assert bool(compare(left, right)) is rivals


def test_a_group_and_a_region_in_it_are_not_kept_apart() -> None:
    left, right = (
        side("You can return a camera within 45 days.", EU),
        side("You can return a camera within 60 days.", {"regions": ["DE"]}, name="r"),
    )
    assert kinds(left, right) == [COPY]


def test_it_is_compared_where_the_sentences_before_are_about_the_same() -> None:
    left = side("The kettle costs EUR 20. It is delivered to the door within 4 days.")
    right = side("The kettle costs EUR 20. It is delivered to the door within 2 days.", name="right")
    assert kinds(left, right) == [COPY]


def test_a_document_does_not_contradict_itself() -> None:
    left, right = side("The trial lasts 30 days."), side("The trial lasts 14 days.")
    assert compare(left, right) == []


def test_a_rivalry_points_at_the_two_sentences() -> None:
    left = side("Hello there, friend. The trial lasts 30 days. Bye.")
    right = side("Before. The trial lasts 14 days.", name="right")
    (rivalry,) = compare(left, right)
    assert left.text[rivalry.left.start : rivalry.left.end] == "The trial lasts 30 days."
    assert right.text[rivalry.right.start : rivalry.right.end] == "The trial lasts 14 days."
    assert rivalry.similarity == 1.0


def test_every_pair_of_sentences_that_disagrees_is_found() -> None:
    left = side("The trial lasts 30 days. Delivery to Germany takes 2 days.")
    right = side("The trial lasts 14 days. Delivery to Germany takes 4 days.", name="right")
    assert kinds(left, right) == [COPY, COPY]


LONG = (
    "A factory reset removes the password, the name of the camera and every motion zone that you have drawn. Hold the button for 10 seconds"
    " until the light blinks red, then let go. The camera restarts and plays a tone. Open the app and add the camera as if it were new."
)


def test_two_chunks_that_say_the_same_are_copies_as_a_whole() -> None:
    left, right = side(LONG), side(LONG.replace("Open the app", "Start the app"), name="right")
    (rivalry,) = compare(left, right)
    assert rivalry.kind is RivalryKind.DUPLICATE
    assert (rivalry.left.start, rivalry.left.end) == (0, len(left.text))
    assert (rivalry.right.start, rivalry.right.end) == (0, len(right.text))
    assert 0.9 <= rivalry.similarity < 1


def test_white_space_and_case_do_not_make_a_copy_another_text() -> None:
    assert [rivalry.similarity for rivalry in compare(side(LONG), side(LONG.upper().replace(" ", "  "), name="right"))] == [1.0]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (("10 seconds", "30 seconds"), COPY),
        (("The camera restarts", "The camera never restarts"), POLARITY),
    ],
)
def test_a_copy_with_a_contradiction_is_a_contradiction(change: tuple[str, str], kind: RivalryKind) -> None:
    assert kinds(side(LONG), side(LONG.replace(*change), name="right")) == [kind]


def test_a_text_that_says_more_is_no_copy() -> None:
    more = (
        LONG + " If it does not restart, unplug it, wait a moment, plug it in again and hold the button once more until the tone is heard."
    )
    assert kinds(side(LONG), side(more, name="right")) == []


def test_short_texts_are_never_copies() -> None:
    assert kinds(side("Call us at any time you like."), side("Call us at any time you like.", name="right")) == []


def test_a_copy_under_another_heading_is_a_copy_still() -> None:
    assert kinds(side(LONG, headings=["Camera"]), side(LONG, headings=["Doorbell"], name="right")) == [RivalryKind.DUPLICATE]
