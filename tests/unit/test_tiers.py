"""The fast tier: stored texts by what was made at ingest, texts that lost a part as they are told, and nothing that is not encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from context_service.ingest.token_index import encode_what_stands, keep_token_vectors
from context_service.model.base import digest
from context_service.model.context import Scores
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.retrieval.search import Candidate
from context_service.retrieval.tiers import MOST_ENCODED, LateInteractionTier, Reading, Recent
from tests.contract.records_values import put, state
from tests.fakes import FakeTokenEncoder

KETTLE, LAMP = "The kettle boils water in four minutes.", "The lamp shines for ten hours."
QUESTION = "How long does the kettle boil water?"


@pytest.fixture
def records() -> Iterator[RecordStore]:
    store = open_records("sqlite://")
    yield store
    store.close()


@pytest.fixture
def encoder() -> FakeTokenEncoder:
    return FakeTokenEncoder()


def keep(records: RecordStore, encoder: FakeTokenEncoder, *texts: str) -> None:
    keep_token_vectors(records, encoder, {digest(text): text for text in texts})


def whole(*texts: str) -> list[Reading]:
    return [Reading(text, digest(text)) for text in texts]


def told(*texts: str) -> list[Reading]:
    return [Reading(text) for text in texts]


def read(scores: Sequence[float | None] | None) -> list[float]:
    assert scores is not None
    return [score for score in scores if score is not None]


def test_stored_texts_are_scored_without_being_encoded_again(records: RecordStore, encoder: FakeTokenEncoder) -> None:
    keep(records, encoder, KETTLE, LAMP)
    encoded = list(encoder.documents)
    kettle, lamp = read(LateInteractionTier(encoder, records).scores(QUESTION, whole(KETTLE, LAMP)))
    assert kettle > lamp
    assert encoder.documents == encoded


def test_a_stored_text_that_is_not_encoded_leaves_the_tier_without_an_answer(records: RecordStore, encoder: FakeTokenEncoder) -> None:
    keep(records, encoder, KETTLE)
    tier = LateInteractionTier(encoder, records)
    assert tier.scores(QUESTION, whole(KETTLE, LAMP)) is None
    keep(records, encoder, LAMP)
    assert tier.scores(QUESTION, whole(KETTLE, LAMP)) is not None


def test_a_text_without_what_it_lost_is_scored_by_what_it_still_says(records: RecordStore, encoder: FakeTokenEncoder) -> None:
    both = f"{LAMP} {KETTLE}"
    keep(records, encoder, both, KETTLE)
    scores = LateInteractionTier(encoder, records).scores(QUESTION, [*whole(both), *told(LAMP)])
    entire, cut = read(scores)
    assert cut < entire
    assert encoder.documents[-1] == LAMP


def test_few_texts_are_encoded_while_a_request_waits_and_the_rest_is_left_unread(records: RecordStore, encoder: FakeTokenEncoder) -> None:
    texts = [f"{LAMP} Its number is {number}." for number in range(MOST_ENCODED + 2)]
    tier = LateInteractionTier(encoder, records)
    first = tier.scores(QUESTION, told(*texts))
    assert first is not None
    assert [score is None for score in first] == [False] * MOST_ENCODED + [True] * 2
    assert len(encoder.documents) == MOST_ENCODED
    assert tier.scores(QUESTION, told(*texts)) == first, "what is remembered changes no answer"
    assert len(encoder.documents) == MOST_ENCODED


def test_the_order_is_that_of_the_score_and_the_search_together(records: RecordStore, encoder: FakeTokenEncoder) -> None:
    tier = LateInteractionTier(encoder, records)
    candidates = [Candidate(chunk, Scores(fused=fused)) for chunk, fused in (("a", 0.16), ("b", 0.08), ("c", 0.08))]
    ordered = tier.order(candidates, [0.7, 0.9, 0.7])
    assert [one.chunk for one in ordered] == ["b", "a", "c"]
    assert ordered[0].scores.reranked == 0.9


def test_what_stands_is_encoded_once_and_a_kill_in_between_loses_nothing(records: RecordStore, encoder: FakeTokenEncoder) -> None:
    document = state("a.md", 1, pieces=130)
    put(records, document)

    def killed_after(batches: int) -> None:
        left = iter(range(batches))

        def step() -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt

        encode_what_stands(records, encoder, step)

    with pytest.raises(KeyboardInterrupt):
        killed_after(1)
    killed_after(10)
    assert records.without_token_vectors(encoder.model_id, "", 10) == [chunk.id for chunk in document[2]][:0]


def test_only_the_last_used_are_kept_in_memory(encoder: FakeTokenEncoder) -> None:
    asked: list[list[str]] = []

    def given(keys: Sequence[str]) -> dict[str, object]:
        asked.append(list(keys))
        return {key: encoder.encode_query(key) for key in keys}

    recent = Recent(2)
    for keys in (["a", "b"], ["a"], ["c"], ["a", "b"]):
        assert list(recent.known(keys, given)) == keys  # type: ignore[arg-type]
    assert asked == [["a", "b"], ["c"], ["b"]]
