"""Claims from text: sentences, lists and table cells, with what limits them, and nothing from what was cut off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.conflicts.candidates import keys
from context_service.conflicts.extract import Source, extract
from context_service.conflicts.words import Vocabulary
from context_service.model.claim import Claim, Modality, ValueKind

WORDS = Vocabulary(
    {"plan": ["free", "plus", "premium"], "product": ["doorbell", "camera"], "region": ["EU", "US"]}, {"EU": ["European Union"]}
)


def read(text: str, *, title: str = "Returns", headings: tuple[str, ...] = (), table_head: str = "") -> list[Claim]:
    return extract(Source("chunk", "document", text, title, headings, table_head), WORDS)


def one(text: str) -> Claim:
    [claim] = read(text)
    return claim


def test_a_sentence_becomes_a_claim_with_its_place_in_the_text() -> None:
    text = "Hello.\n\nYou can return a camera within 30 days. Shipping costs EUR 5."
    claims = read(text)
    assert [text[claim.start : claim.end] for claim in claims] == ["You can return a camera within 30 days.", "Shipping costs EUR 5."]


def test_values_are_masked_out_of_the_subject_and_the_signature() -> None:
    short, long = one("Refunds are paid within 5 business days."), one("Refunds are paid within ten business days.")
    assert short.subject == long.subject
    assert short.signature == long.signature
    assert short.values != long.values


def test_modality_tells_duty_leave_and_denial() -> None:
    said = {
        "The battery must be replaced by us.": Modality.MUST,
        "The battery can be replaced by you.": Modality.MAY,
        "The battery must not be replaced by you.": Modality.MUST_NOT,
        "The battery can't be replaced by you.": Modality.MUST_NOT,
        "The battery is not part of it.": Modality.IS_NOT,
        "The battery is part of it.": Modality.IS,
        "You do not have to replace the battery.": Modality.MAY,
    }
    assert {text: one(text).modality for text in said} == said


def test_a_denying_word_counts_as_the_word_it_denies() -> None:
    claim = one("Smoking in the warehouse is prohibited.")
    assert claim.denied == ("allow",)
    assert "allow" in claim.subject


def test_conditions_and_exceptions_are_told() -> None:
    claim = one("You can return a camera within 30 days if it is unused, except opened batteries.")
    assert claim.condition == "if it is unused"
    assert claim.exception == "except opened batteries."
    assert {"unus", "batteri"} <= claim.limits


def test_the_companys_names_are_told_by_attribute() -> None:
    claim = one("Premium members in the European Union can return a doorbell plan within 90 days.")
    assert claim.applies == {"plan": frozenset({"premium"}), "region": frozenset({"EU"}), "product": frozenset({"doorbell"})}


def test_a_plans_name_in_lower_case_is_a_word_unless_a_plan_is_meant() -> None:
    assert one("Delivery to the warehouse is free for us.").applies == {}
    assert one("The free plan holds 2 cameras.").applies["plan"] == frozenset({"free"})


def test_a_sentence_that_ends_in_a_list_has_its_items() -> None:
    claim = one("We accept Visa, Mastercard, PayPal and SEPA direct debit.")
    assert claim.items == frozenset({"mastercard", "paypal", "sepa direct debit"})
    [listed] = claim.values
    assert (listed.kind, listed.canonical) == (ValueKind.LIST, "mastercard; paypal; sepa direct debit")


def test_lines_under_a_colon_are_one_list_and_hang_under_it() -> None:
    text = "We deliver to these countries:\n\nGermany\nFrance\nSouth Korea"
    listed = [claim for claim in read(text) if any(value.kind is ValueKind.LIST for value in claim.values)]
    assert [(claim.start, claim.end) for claim in listed] == [(0, len(text))]
    assert listed[0].items == frozenset({"germani", "franc", "south korea"})
    assert all("countri" in claim.context for claim in read(text) if claim.start > 0)


def test_a_cell_is_a_claim_of_its_row_and_column() -> None:
    text = "Function | Free | Plus\nLive view | yes | no\nDevices per home | 1 | 4"
    claims = read(text)
    assert [text[claim.start : claim.end] for claim in claims] == ["yes", "no", "1", "4"]
    assert [claim.values[0].canonical for claim in claims] == ["yes", "no", "1", "4"]
    assert claims[3].subject == frozenset({"devic", "per", "home", "plus"}) | {word for word in claims[3].subject if word == "plan"}
    assert claims[3].applies == {"plan": frozenset({"plus"})}


def test_a_cell_keeps_its_lineage_and_what_its_table_is_about() -> None:
    [claim] = read("Plan | Price per month\nPlus | EUR 9.99", title="Prices", headings=("Prices", "Home plans"))
    assert (claim.chunk, claim.document, claim.start, claim.end) == ("chunk", "document", 30, 38)
    assert [value.canonical for value in claim.values] == ["9.99 EUR"]
    assert claim.label == frozenset({"price", "per", "month"})
    assert {"plus", "price", "month"} <= claim.subject
    assert "home" in claim.context


def test_rows_cut_off_from_their_head_have_its_columns() -> None:
    [claim] = read("Live view | no", table_head="Function | Free")
    assert claim.label == frozenset({"free"})


def test_a_row_that_does_not_fit_its_head_gives_nothing() -> None:
    assert read("Function | Free | Plus\nLive view | yes") == []


def test_lines_broken_at_a_fixed_width_are_read_as_one_sentence() -> None:
    text = "We keep the videos of every camera that you own for as long as\nthe subscription runs, and delete them 30 days after\nits end."
    [claim] = read(text)
    assert (claim.start, claim.end) == (0, len(text))


def test_a_sentence_that_empty_lines_broke_is_put_together_again() -> None:
    text = "We keep the videos of every camera that you own for 30\n\ndays after the subscription ends, and delete\n\nthem then."
    [claim] = read(text)
    assert (claim.start, claim.end) == (0, len(text))
    assert [value.canonical for value in claim.values] == ["2592000 second"]


def test_a_list_in_a_sentence_that_was_cut_is_none() -> None:
    claim = one("and whoever pays by card, by Visa, Mastercard, PayPal or Amex, pays nothing else.")
    assert claim.items == frozenset()


def test_a_question_denies_nothing() -> None:
    claim = one("Why can't I return the battery?")
    assert (claim.modality, claim.denied) == (Modality.IS, ())


def test_each_negation_denies_the_word_after_it_or_its_own() -> None:
    assert one("Batteries cannot be returned without a receipt.").denied == ("return", "receipt")
    assert one("Gift cards are non-refundable.").denied == ("refund",)
    assert one("You are not allowed to open the battery.").denied == ("open",)


def test_a_sentence_that_was_cut_off_gives_no_claim() -> None:
    assert read("The warehouse does not accept the") == []


@pytest.mark.parametrize("endless", ["1-", "one-", "0 1 ", "a.", "a", "1,", "not "])
def test_what_is_too_long_to_be_a_sentence_gives_no_claim_and_takes_no_time(endless: str) -> None:
    found = read(f"A refund takes 5 days.\n\nA refund of {endless * 20_000}\n\nA return takes 9 days.")
    assert [claim.values[0].canonical for claim in found] == ["432000 second", "777600 second"]


def test_a_pronoun_refers_to_the_sentence_before_it_and_a_chain_of_them_to_the_first() -> None:
    found = read("The kettle is red. It costs EUR 20. It is delivered within 2 days.")
    assert [claim.referent[:1] for claim in found] == [(), ("kettl",), ("kettl",)]


def test_a_value_in_the_title_is_a_claim_without_length() -> None:
    title, body = read("You can return it to the warehouse.", title="30-day returns")
    assert title.headline
    assert not body.headline
    assert keys(title) == ()


def test_claims_about_the_same_thing_share_most_keys() -> None:
    left = one("Refunds are paid out within 5 business days after the parcel arrives at the warehouse.")
    right = one("Refunds are paid out to your card within 10 business days after the parcel arrives at our warehouse.")
    other = one("The camera records video in the dark with infrared light at night.")
    assert len(set(keys(left)) & set(keys(right))) >= 3
    assert not set(keys(left)) & set(keys(other))


TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=400) | st.lists(
    st.sampled_from(
        ["We accept ", "not", "must", "EUR 5", "30 days", ", ", " and ", ".", ":", "\n", "\n\n", " | ", "if ", "Plus", "a", "[x](y)"]
    )
).map(" ".join)


@given(TEXTS)
def test_any_text_is_read_and_every_claim_lies_inside_it(text: str) -> None:
    claims = read(text)
    assert all(0 <= claim.start <= claim.end <= len(text) for claim in claims)
    assert len({claim.id for claim in claims}) == len(claims)
    assert all(0 <= key < 2**63 for claim in claims for key in keys(claim))


@given(TEXTS)
def test_the_same_text_gives_the_same_claims(text: str) -> None:
    assert read(text) == read(text)
