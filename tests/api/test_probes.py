"""Alive and ready are two questions, and neither answer tells anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from starlette.testclient import TestClient

from context_service.app import App
from context_service.index.embedded import open_embedded_index
from tests.api.conftest import browser, registered, served
from tests.companies import AGENT, open_test_app, small_company


def test_before_the_first_release_the_service_is_alive_and_not_ready(tmp_path: Path) -> None:
    small_company(tmp_path)
    with open_test_app(tmp_path) as app:
        client = browser(served(app))
        assert client.get("/healthz").json() == {"status": "alive"}
        reply = client.get("/readyz")
        assert (reply.status_code, reply.json()["code"]) == (503, "not-ready")
        assert "ingest" in reply.json()["remedy"]


def test_before_the_first_release_a_question_is_told_to_come_back(tmp_path: Path) -> None:
    small_company(tmp_path)
    with open_test_app(tmp_path) as app:
        reply = browser(served(app)).post("/context", json={"query": "Hello?", "workflow": "refund"}, headers=registered(app, AGENT))
        assert (reply.status_code, reply.json()["code"]) == (503, "not-ready")


def test_with_a_release_the_service_is_ready_and_says_no_more(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}


def test_a_store_that_fails_makes_the_service_unready_and_its_words_stay_inside(app: App, company: Path) -> None:
    wrong = open_embedded_index(next((company / "data" / "index").iterdir()), 32)
    try:
        reply = browser(served(replace(app, index=wrong))).get("/readyz")
    finally:
        wrong.close()
    assert (reply.status_code, reply.json()["code"]) == (503, "store-unavailable")
    assert str(company) not in reply.text
    assert "dimension" not in reply.text
