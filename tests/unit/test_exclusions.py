"""What was set aside: counted by reason, the first of each reason named."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from context_service.model.access import Access, Classification
from context_service.model.applicability import Applicability, Window
from context_service.model.context import Excluded, Freshness
from context_service.model.document import Governance
from context_service.policy.applies import Fit, Match
from context_service.retrieval.exclusions import MAX_EXAMPLES, exclusions
from context_service.retrieval.gate import Text
from tests.contract.records_values import state

DAY = date(2026, 11, 20)


def text(key: str, **governance: Any) -> Text:
    revision, _, chunks = state(key, 1)
    access = Access(classification=Classification.PUBLIC)
    stands = Governance(owner="o", authority="policy", rank=80, access=access).model_copy(update=governance)
    return Text(chunks[0], revision.model_copy(update={"governance": stands}), Fit(Match.YES), {}, Freshness.FRESH, None)


def aside(reasons: dict[str, str], keys: dict[str, str] | None = None) -> Excluded:
    """Exclusions of chunks, each of a document of its own name unless `keys` say otherwise."""
    return exclusions(reasons, {chunk: text((keys or {}).get(chunk, chunk)) for chunk in reasons}, DAY)


def examples(excluded: Excluded) -> list[tuple[str, str]]:
    return [(example.document.partition(":")[2], example.reason) for example in excluded.examples]


def test_every_chunk_is_counted_and_reasons_come_in_one_order() -> None:
    excluded = aside({"a": "expired", "b": "draft", "c": "expired"})
    assert excluded.counts == {"draft": 1, "expired": 2}
    assert list(excluded.counts) == ["draft", "expired"]


def test_the_first_of_each_reason_is_named_before_the_second_of_any() -> None:
    excluded = aside({"a": "expired", "b": "expired", "c": "draft", "d": "expired"})
    assert examples(excluded) == [("a", "expired"), ("c", "draft"), ("b", "expired"), ("d", "expired")]


def test_a_document_is_named_once_with_the_reason_of_its_best_chunk() -> None:
    assert examples(aside({"a": "expired", "b": "draft"}, {"a": "x", "b": "x"})) == [("x", "expired")]
    assert examples(aside({"a": "draft", "b": "draft", "c": "draft"}, {"a": "x", "b": "x", "c": "y"})) == [("x", "draft"), ("y", "draft")]


def test_no_more_than_a_few_are_named_and_all_are_counted() -> None:
    excluded = aside({f"chunk-{number}": "expired" for number in range(9)})
    assert len(excluded.examples) == MAX_EXAMPLES
    assert excluded.counts == {"expired": 9}


def test_nothing_set_aside_is_nothing_to_tell() -> None:
    assert aside({}) == Excluded(counts={})


def test_an_example_says_where_the_text_stands() -> None:
    example = aside({"a": "draft"}).examples[0]
    assert (example.document, example.title, example.citation) == ("handbook:a", "Title of a", "https://example.org/a")


@pytest.mark.parametrize(
    ("reason", "governance", "because"),
    [
        (
            "not_applicable",
            {"applicability": Applicability(regions=frozenset({"FR", "DE"}), plans=frozenset({"plus"}))},
            "It holds only for plan plus; region DE, FR.",
        ),
        ("not_effective", {"effective": Window(until=date(2025, 12, 31))}, "On 2026-11-20 it does not hold (from ever to 2025-12-31)."),
        (
            "not_effective",
            {"effective": Window(since=date(2031, 1, 1))},
            "On 2026-11-20 it does not hold (from 2031-01-01 to further notice).",
        ),
        ("superseded", {}, "A newer document declares that it replaces this one."),
        ("expired", {}, "Nobody has confirmed it for longer than its source promises."),
        ("duplicate", {}, "Another source of higher standing says the same."),
        ("conflict", {}, "What it says here lost against another source."),
        ("withdrawn", {}, "Its owner has withdrawn it."),
        ("draft", {}, "It is not finished yet."),
    ],
)
def test_every_reason_is_given_in_a_sentence(reason: str, governance: dict[str, Any], because: str) -> None:
    found = exclusions({"a": reason}, {"a": text("a", **governance)}, DAY)
    assert found.examples[0].because == because
