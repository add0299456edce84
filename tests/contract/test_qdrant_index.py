"""What the Qdrant index promises beyond the contract: agreement with the embedded index, and plain words when the server fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from context_service.errors import StoreError
from context_service.index.analysis import ANALYSIS_VERSION
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import IndexStore, Point
from context_service.index.qdrant import open_qdrant_index
from tests.contract.qdrant_server import qdrant_collection
from tests.index_points import DIMENSION, lexical_chunks, point, random_units, where

WORDS = "refund order invoice camera hub delivery warranty battery premium parcel return price month customer doorbell plan".split()


def corpus(count: int) -> list[Point]:
    """Points under ten labels, with texts in which some words are much more frequent than others."""
    rng = np.random.default_rng(11)
    odds = 1 / np.arange(1, len(WORDS) + 1)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(5, 40), p=odds / odds.sum())) for _ in range(count)]
    vectors = random_units(count, seed=12)
    return [point(f"chunk-{row:04}", texts[row], vector=vectors[row], label=f"label-{row % 10}") for row in range(count)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IndexStore, IndexStore]]:
    """The embedded index and the server's, with the same points."""
    with (
        qdrant_collection() as (url, name),
        closing(open_qdrant_index(url, "", DIMENSION, name)) as server,
        closing(open_embedded_index(tmp_path_factory.mktemp("embedded"), DIMENSION)) as embedded,
    ):
        for index in (server, embedded):
            index.upsert(corpus(1500))
        yield embedded, server


@pytest.mark.qdrant
def test_dense_results_are_those_of_the_embedded_index(both: tuple[IndexStore, IndexStore]) -> None:
    for number, question in enumerate(random_units(10, seed=13)):
        allowed = where(labels=[f"label-{number}", "label-3"])
        embedded, server = (index.dense(question, allowed, 20) for index in both)
        assert [hit.chunk for hit in server] == [hit.chunk for hit in embedded]
        assert [hit.score for hit in server] == pytest.approx([hit.score for hit in embedded], abs=1e-5)


@pytest.mark.qdrant
def test_lexical_results_overlap_largely_with_the_embedded_index(both: tuple[IndexStore, IndexStore]) -> None:
    """Not wholly: the server weighs terms by the whole collection and a fixed length, the embedded index by what the filter admits."""
    shared = []
    for number in range(10):
        allowed, text = where(labels=[f"label-{number}", "label-3"]), " ".join(WORDS[number % 7 :: 5])
        embedded, server = ({hit.chunk for hit in index.lexical(text, allowed, 20)} for index in both)
        shared.append(len(embedded & server) / 20)
    assert np.mean(shared) > 0.8


@pytest.mark.qdrant
def test_a_collection_of_another_analysis_takes_nothing_but_clear() -> None:
    with qdrant_collection() as (url, name):
        client = QdrantClient(url=url, check_compatibility=False)
        dense = {"dense": models.VectorParams(size=DIMENSION, distance=models.Distance.DOT)}
        client.create_collection(name, vectors_config=dense, sparse_vectors_config={"terms-older": models.SparseVectorParams()})
        client.close()
        with closing(open_qdrant_index(url, "", DIMENSION, name)) as index:
            with pytest.raises(StoreError, match="reindex"):
                index.lexical("refund", where(), 5)
            index.clear()
            index.upsert([point("a")])
            assert lexical_chunks(index, where()) == ["a"]


@pytest.mark.qdrant
def test_a_collection_deleted_by_somebody_else_is_an_error_and_not_an_empty_answer() -> None:
    with qdrant_collection() as (url, name), closing(open_qdrant_index(url, "", DIMENSION, name)) as index:
        client = QdrantClient(url=url, check_compatibility=False)
        client.delete_collection(name)
        client.close()
        with pytest.raises(StoreError, match=name):
            index.lexical("refund", where(), 5)


def test_an_unreachable_server_is_named_with_the_remedy() -> None:
    with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:9 .*CONTEXT_INDEX_URL"):
        open_qdrant_index("http://127.0.0.1:9", "", DIMENSION)


def test_a_url_that_is_none_is_named_with_the_remedy() -> None:
    with pytest.raises(StoreError, match=r"ftp://somewhere.*CONTEXT_INDEX_URL"):
        open_qdrant_index("ftp://somewhere", "", DIMENSION)


class OldServer(BaseHTTPRequestHandler):
    """Answers what opening and checking ask of a server, as one of 1.9 would."""

    collection = {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "payload_schema": {},
        "config": {
            "params": {"vectors": {"dense": {"size": DIMENSION, "distance": "Dot"}}, "sparse_vectors": {f"terms-{ANALYSIS_VERSION}": {}}},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1,
                "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
        },
    }

    def do_GET(self) -> None:
        answers: dict[str, dict[str, object]] = {
            "/": {"title": "qdrant", "version": "1.9.2"},
            "/collections/context/exists": {"result": {"exists": True}},
        }
        self.answer(answers.get(self.path, {"result": self.collection}))

    def do_PUT(self) -> None:
        self.answer({"result": {"operation_id": 1, "status": "completed"}})

    def do_POST(self) -> None:
        self.answer({"result": {"count": 0}})

    def answer(self, body: dict[str, object]) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def old_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), OldServer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_check_refuses_a_server_too_old_to_be_trusted() -> None:
    with old_server() as url, closing(open_qdrant_index(url, "", DIMENSION)) as index, pytest.raises(StoreError, match=r"1\.9\.2.*Upgrade"):
        index.check()
