"""Token vectors: what is kept of a text, and how a question is held against it. With the real model at the end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from context_service.embedding.open import open_token_encoder
from context_service.embedding.protocol import TokenEncoder
from context_service.embedding.token_vectors import LARGEST, TokenVectors, late_interaction, pooled, unit
from context_service.errors import ModelUnavailable
from context_service.settings import Settings

DEFAULT = Settings.model_fields["late_interaction"].default
RETURNS = "You can return a doorbell within 30 days of delivery."
NETWORK = "The hub blinks red when it has lost the network."
QUESTION = "How long can I send the doorbell back?"


def vectors(count: int, dimensions: int, seed: int = 0) -> NDArray[np.float32]:
    return unit(np.random.default_rng(seed).normal(size=(count, dimensions)))


@given(st.integers(1, 40), st.integers(1, 24), st.integers(0, 1000))
def test_what_is_packed_comes_back(count: int, pairs: int, seed: int) -> None:
    kept = TokenVectors.of(vectors(count, 2 * pairs, seed))
    packed = kept.pack()
    again = TokenVectors.unpack(packed)
    assert len(packed) == 4 + count * (2 + pairs)
    assert np.array_equal(again.codes, kept.codes)
    assert np.array_equal(again.scales, kept.scales)


def test_codes_stay_near_the_vectors_they_stand_for() -> None:
    exact = vectors(50, 96)
    kept = TokenVectors.of(exact)
    near = unit(kept.codes * kept.scales[:, None])
    assert np.abs(kept.codes).max() == LARGEST
    assert (near * exact).sum(axis=1).min() > 0.97


def test_a_vector_of_zeros_is_kept_as_one() -> None:
    assert not TokenVectors.of(np.zeros((1, 4), np.float32)).codes.any()


def test_the_score_is_the_mean_of_the_nearest_cosines() -> None:
    question = TokenVectors.of(np.eye(4, dtype=np.float32)[:2], 127)
    both, one, none = (TokenVectors.of(np.eye(4, dtype=np.float32)[rows]) for rows in ([1, 0, 3], [0, 2], [2, 3]))
    assert late_interaction(question, [both, one, none]) == pytest.approx([1.0, 0.5, 0.0], abs=1e-3)
    assert late_interaction(question, []) == []


def test_a_score_does_not_hang_on_what_else_is_scored() -> None:
    question = TokenVectors.of(vectors(17, 96, 1), 127)
    texts = [TokenVectors.of(vectors(count, 96, count)) for count in (1, 40, 90, 130)]
    assert late_interaction(question, texts) == [late_interaction(question, [text])[0] for text in texts]


def test_pooling_merges_what_lies_nearest_and_leaves_the_odd_one_alone() -> None:
    a, b, c = np.eye(3, dtype=np.float32)
    merged = pooled(unit(np.stack([a, b, a + 0.1 * c, c, b + 0.1 * c])), 2)
    assert merged.shape == (3, 3)
    assert [int(row.argmax()) for row in merged] == [0, 1, 2]
    assert np.allclose(np.linalg.norm(merged, axis=1), 1)


@pytest.mark.parametrize(("count", "factor", "left"), [(1, 2, 1), (2, 2, 1), (7, 2, 4), (9, 3, 3), (5, 1, 5)])
def test_pooling_leaves_a_share_of_the_vectors(count: int, factor: int, left: int) -> None:
    assert len(pooled(vectors(count, 8), factor)) == left


@pytest.fixture(scope="module")
def encoder() -> TokenEncoder:
    opened = open_token_encoder(DEFAULT, threads=2)
    assert opened is not None
    return opened


def test_the_default_model_tells_the_answer_from_another_text(encoder: TokenEncoder) -> None:
    answer, other = late_interaction(encoder.encode_query(QUESTION), encoder.encode_documents([RETURNS, NETWORK]))
    assert answer > other + 0.1


def test_each_text_is_encoded_by_itself(encoder: TokenEncoder) -> None:
    texts = [RETURNS, "", NETWORK * 60, RETURNS]
    together = [one.pack() for one in encoder.encode_documents(texts)]
    assert together == [encoder.encode_documents([text])[0].pack() for text in texts]
    assert together[0] == together[3]
    assert encoder.encode_documents([]) == []


def test_the_id_of_the_model_names_how_its_output_is_kept(encoder: TokenEncoder) -> None:
    assert encoder.model_id.startswith("answerai-colbert-small-v1@")
    assert encoder.model_id.endswith("/96d-7-pooled2")


def test_any_onnx_model_in_a_folder_can_be_used(tmp_path_factory: pytest.TempPathFactory) -> None:
    from shutil import copy

    from context_service.embedding.weights import locate

    folder, located = tmp_path_factory.mktemp("mine"), locate("all-minilm-l6-v2")
    copy(located.model, folder / "model.onnx")
    copy(located.tokenizer, folder / "tokenizer.json")
    own = open_token_encoder(f"onnx:{folder}", threads=1)
    assert own is not None
    assert own.encode_documents([RETURNS])[0].codes.shape[1] == 384
    answer, other = late_interaction(own.encode_query(QUESTION), own.encode_documents([RETURNS, NETWORK]))
    assert answer > other


def test_no_late_interaction_is_a_choice_and_another_backend_is_refused() -> None:
    assert open_token_encoder("none", threads=1) is None
    with pytest.raises(ModelUnavailable, match="names no late-interaction backend") as refused:
        open_token_encoder("sentence-transformers:x", threads=1)
    assert refused.value.remedy == "Write `onnx:<name>` or `none`."
