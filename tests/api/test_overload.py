"""Overload over HTTP, with real threads: who waits is answered by stated steps, who comes too late is told when to ask again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from context_service.api.server import create_api
from context_service.app import App, assemble
from context_service.declarations.company import load
from context_service.embedding.protocol import Vector
from context_service.ingest.progress import Silent
from context_service.model.context import ContextRequest
from context_service.model.workflow import Step
from context_service.retrieval.overload import Admission
from context_service.settings import Settings
from tests.api.conftest import bearer
from tests.companies import AGENT, OPERATOR, small_company
from tests.fakes import FakeEmbedder, FakeReranker, FakeTokenEncoder
from tests.flows.truth import comparable

QUESTION = {"query": "How long can I return a doorbell?", "workflow": "refund"}
PATIENCE = 120.0


class HeldEmbedder(FakeEmbedder):
    """Lets nobody's question through while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.open.set()

    def embed_query(self, text: str) -> Vector:
        """See Embedder.embed_query."""
        assert self.open.wait(PATIENCE)
        return super().embed_query(text)


@dataclass
class House:
    """The service, its door, and the clients before it."""

    app: App
    embedder: HeldEmbedder
    client: TestClient
    pool: ThreadPoolExecutor
    headers: dict[str, str]

    def ask(self, channel: str = "chat") -> Response:
        return self.client.post("/context", json={**QUESTION, "channel": channel}, headers=self.headers)

    def come(self, requests: int) -> list[Future[Response]]:
        """Requests that come one after the other and stay, since the first one is held."""
        coming = []
        for number in range(1, requests + 1):
            coming.append(self.pool.submit(self.ask))
            self.until(lambda number=number: self.app.admission.load().inside == number)  # type: ignore[misc]
        return coming

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.002)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("house")
    config = small_company(folder)
    settings = Settings(config=config, data=folder / "data", schedule=False)
    with assemble(settings, load(config), HeldEmbedder(), FakeReranker(), FakeTokenEncoder()) as app:
        assert app.ingest([], "test", Silent()).release
        yield app


@pytest.fixture
def house(company: App) -> Iterator[House]:
    """One question is answered at a time, and each takes a tenth of a second by a clock that every look moves on."""
    app = replace(company, admission=Admission(1, 0.25, count(0.0, 0.1).__next__))
    embedder = app.embedder
    assert isinstance(embedder, HeldEmbedder)
    with TestClient(create_api(app), raise_server_exceptions=False) as client, ThreadPoolExecutor(8) as pool:
        yield House(app, embedder, client, pool, bearer(app.register(AGENT, "test")))
        embedder.open.set()


def test_those_who_wait_are_answered_by_steps_and_the_last_is_refused(house: House) -> None:
    house.embedder.open.clear()
    coming = house.come(3)
    refused = house.ask()
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["retry-after"] == "1"
    assert "1 s" in refused.json()["remedy"]
    house.embedder.open.set()
    replies = [one.result().json() for one in coming]
    assert [reply["ranking"] for reply in replies] == [
        {"tier": "thorough", "step": 0},
        {"tier": "fast", "step": 1},
        {"tier": "none", "step": 2},
    ]
    assert [len(reply["notices"]) for reply in replies] == [0, 1, 1]
    assert all("busy" in notice for reply in replies for notice in reply["notices"])
    assert [sorted(reply["models"]) for reply in replies] == [["embedder", "reranker"], ["embedder", "reranker"], ["embedder"]]


def test_when_the_queue_is_gone_answers_are_what_they_were(house: House) -> None:
    before = house.ask().json()
    house.embedder.open.clear()
    coming = house.come(3)
    house.embedder.open.set()
    assert {one.result().status_code for one in coming} == {200}
    house.until(lambda: house.app.admission.load().inside == 0)
    after = house.ask().json()
    for reply in (before, after):
        reply.pop("context_id"), reply.pop("served_at"), reply["usage"].pop("milliseconds")
    assert before == after
    assert after["ranking"] == {"tier": "thorough", "step": 0}


def test_voice_keeps_its_tier_and_hears_of_no_step_that_changed_nothing(house: House) -> None:
    reply = house.app.answer(ContextRequest.model_validate({**QUESTION, "channel": "voice"}), AGENT, Step.FAST)
    assert (reply.ranking.tier, reply.notices) == ("fast", ())


def test_an_audited_answer_is_computed_again_at_its_step_to_the_same_bytes(house: House) -> None:
    request = ContextRequest.model_validate(QUESTION)
    said = {step: house.app.answer(request, AGENT, step) for step in Step}
    for reply in said.values():
        (record,) = house.app.records.audit_of(reply.context_id)
        step = record.entry.detail["step"]
        assert isinstance(step, int)
        assert record.entry.detail["tier"] == reply.ranking.tier
        again = house.app.context.compute(request, AGENT, step=Step(step)).reply
        assert comparable(again) == comparable(reply)
    assert len({comparable(reply) for reply in said.values()}) == len(Step)


def figures(house: House) -> dict[str, float]:
    lines = [line for line in house.app.metrics(OPERATOR).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_an_operator_sees_the_load(house: House) -> None:
    before = figures(house)
    house.embedder.open.clear()
    coming = house.come(3)
    assert house.ask().status_code == 429
    after = figures(house)
    house.embedder.open.set()
    assert all(one.result().status_code == 200 for one in coming)
    assert (after["context_requests_inside"], after["context_load_step"]) == (3, 2)
    for name, more in (
        ('context_requests_admitted_total{step="full"}', 1),
        ('context_requests_admitted_total{step="fast"}', 1),
        ('context_requests_admitted_total{step="lean"}', 1),
        ("context_requests_refused_total", 1),
    ):
        assert after[name] - before[name] == more


def test_a_question_that_cannot_be_answered_frees_its_place(house: House) -> None:
    for _ in range(5):
        assert house.client.post("/context", json={**QUESTION, "workflow": "nothing"}, headers=house.headers).status_code == 422
    assert house.app.admission.load().inside == 0
