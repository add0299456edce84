"""Several questions in one turn are taken apart, and each gets its share."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from context_service.embedding.protocol import Vector
from context_service.index.embedded import open_embedded_index
from context_service.retrieval.search import Query
from context_service.retrieval.understand import Turn, expanded, questions, search_each, understand
from tests.fakes import FakeEmbedder
from tests.index_points import DIMENSION, point, unit, where


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ("Can I return my lamp?", ["Can I return my lamp?"]),
        ("How long is the warranty? Which cards do you take?", ["How long is the warranty?", "Which cards do you take?"]),
        ("How long is the warranty, and which cards do you take?", ["How long is the warranty", "which cards do you take?"]),
        ("I want to cancel my plan, and does Germany pay VAT?", ["I want to cancel my plan", "does Germany pay VAT?"]),
        (
            "If I upgrade today, when am I charged, and how long are invoices kept?",
            ["If I upgrade today, when am I charged", "how long are invoices kept?"],
        ),
        (
            "I bought a lamp. Can I return the lamp? Who repairs lamps?",
            ["I bought a lamp. Can I return the lamp?", "I bought a lamp. Who repairs lamps?"],
        ),
    ],
)
def test_a_turn_is_its_questions_with_what_was_said_before_them(turn: str, expected: list[str]) -> None:
    assert list(questions(turn)) == expected


@pytest.mark.parametrize(
    "turn",
    [
        "What is a hub and how does it work?",  # the second leans on the first
        "Is the lamp waterproof? Why?",  # too short to stand alone
        "Can I pay by card and invoice?",  # one question about two things
        "I returned a lamp and was told to wait.",  # no question
        "Where is a? Where is bcd efg? Where is cde fgh? Where is def ghi?",  # too many
        "",
        "???",
    ],
)
def test_a_turn_that_holds_one_question_stays_whole(turn: str) -> None:
    assert questions(turn) == (turn,)


def test_one_question_is_embedded_once() -> None:
    embedded: list[str] = []

    def embed(text: str) -> Vector:
        embedded.append(text)
        return FakeEmbedder().embed_query(text)

    assert understand("Can I return my lamp?", embed, {}).parts[0].text == "Can I return my lamp?"
    assert embedded == ["Can I return my lamp?"]
    assert [part.text for part in understand("Can I return lamps? Who repairs hubs?", embed, {}).parts] == [
        "Can I return lamps?",
        "Who repairs hubs?",
    ]


def test_the_best_of_each_question_comes_before_the_second_of_any(tmp_path: Path) -> None:
    with closing(open_embedded_index(tmp_path, DIMENSION)) as index:
        index.upsert(
            [
                point("a1", text="lamp return lamp return", vector=unit(1)),
                point("a2", text="lamp return", vector=unit(1)),
                point("a3", text="lamp", vector=unit(1)),
                point("b1", text="hub warranty", vector=unit(0, 1)),
            ]
        )
        turn = Turn(Query("lamp return? hub warranty?", unit(1)), (Query("lamp return", unit(1)), Query("hub warranty", unit(0, 1))))
        found = search_each(index, turn, where(), 10)
    assert found.chunks[1] == "b1"
    assert found.part_of["b1"] == 1
    assert {found.part_of[chunk] for chunk in ("a1", "a2", "a3")} == {0}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Do you need a POA?", "Do you need a POA? power of attorney"),
        ("Do you need a poa, or a power of attorney?", "Do you need a poa, or a power of attorney?"),
        ("Is the poach pan safe?", "Is the poach pan safe?"),
        ("How do I log on?", "How do I log on? sign in"),
    ],
)
def test_a_question_is_also_asked_in_the_words_of_the_texts(question: str, expected: str) -> None:
    assert expanded(question, {"POA": ["power of attorney"], "log on": ["sign in"]}) == expected


@pytest.mark.parametrize("filling", ["?" * 400_000, " " * 400_000, "and " * 100_000, "if a, " * 60_000])
def test_a_long_row_of_anything_is_looked_through_once(filling: str) -> None:
    """Looking through it once for every place in it would take longer than a test may."""
    assert len(questions(f"What is it{filling}x")) == 1
