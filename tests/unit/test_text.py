"""Where sentences end, and what a word's stem is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.text import sentences, stem

ALPHABET = "aB1 .!?…\n\t\"')]»,-"


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t ", []),
        ("One", ["One"]),
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("First line\nSecond line", ["First line", "Second line"]),
        ("First\n\n\nSecond", ["First", "Second"]),
        ("A row | 3 | x\nA row | 4 | y", ["A row | 3 | x", "A row | 4 | y"]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("It works (mostly.) Really.", ["It works (mostly.)", "Really."]),
        ("What?! No.", ["What?!", "No."]),
        ("Version 2.5 costs 9.99 now.", ["Version 2.5 costs 9.99 now."]),
        ("Visit tidewell.example today.", ["Visit tidewell.example today."]),
        ("Then... it stopped. Really.", ["Then... it stopped.", "Really."]),
        ("No space.After the stop.", ["No space.After the stop."]),
        ("Nine. 9 cables are in the box.", ["Nine.", "9 cables are in the box."]),
    ],
)
def test_a_text_is_cut_into_its_sentences(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Keep small parts, e.g. Screws, away from children.",
        "The reader, i.e. The customer, decides.",
        "Bring cables, plugs etc. Tools are not needed.",
        "Ask Dr. Weber about it.",
        "Ask Mr. Hale or Mrs. Liu or Ms. Vogt.",
        "Go to St. Gallen with it.",
        "Tidewell Inc. Ships worldwide.",
        "Tidewell Ltd. Ships worldwide.",
        "It weighs approx. 200 grams.",
        "Prices incl. VAT are shown.",
        "See cf. Table 2 for that.",
        "Doorbell vs. Camera is a common question.",
        "The manager is J. Doyle.",
        "Zubehör, z.B. Schrauben, liegt bei.",
        "Gerät bzw. Zubehör liegt bei.",
        "See art. 5 of the terms.",
        "See sec. 12 of the terms.",
        "See fig. 3 for the wiring.",
        "Take cable no. 4 from the box.",
        "1. Unplug the hub",
        "12. Unplug the hub",
        "Read pp. 4 to 9 first.",
    ],
)
def test_an_abbreviation_an_initial_or_a_list_number_ends_no_sentence(text: str) -> None:
    assert cut(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Can I return it? No. You opened it.", ["Can I return it?", "No.", "You opened it."]),
        ("That is modern art. You will like it.", ["That is modern art.", "You will like it."]),
        ("Wait a sec. It restarts.", ["Wait a sec.", "It restarts."]),
    ],
)
def test_a_short_word_that_is_an_abbreviation_elsewhere_ends_its_sentence(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@given(st.text(ALPHABET, max_size=120) | st.text(max_size=60))
def test_spans_are_ordered_disjoint_trimmed_and_cover_every_word(text: str) -> None:
    spans = sentences(text)
    position = 0
    for start, end in spans:
        assert position <= start < end
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


@given(st.text(ALPHABET, max_size=120))
def test_no_sentence_holds_a_line_break(text: str) -> None:
    assert not any("\n" in sentence for sentence in cut(text))


@pytest.mark.parametrize(
    ("words", "root"),
    [(("return", "returns", "returned", "returning"), "return"), (("batteries", "battery"), "batteri"), (("plan", "plans"), "plan")],
)
def test_forms_of_a_word_share_a_stem(words: tuple[str, ...], root: str) -> None:
    assert {stem(word) for word in words} == {root}


def test_stems_are_the_same_in_every_thread() -> None:
    words = [f"{word}{number}s" for number in range(50) for word in ("refund", "camera", "batterie")]
    alone = [stem.__wrapped__(word) for word in words]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(stem.__wrapped__, words * 8)) == alone * 8


@pytest.mark.parametrize("marks", ["." * 400_000, "?!" * 200_000, "\n" * 400_000, " " * 400_000, '."' * 200_000])
def test_a_long_row_of_marks_is_looked_through_once(marks: str) -> None:
    """Looking through it once for every mark would take longer than a test may."""
    assert sentences(f"So{marks}x")[0][0] == 0
