"""Who may reach what: nothing but the probes and the documentation without a key."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from context_service.app import App
from context_service.ingest.progress import Silent
from tests.api.conftest import bearer, browser, registered, served
from tests.companies import AGENT, OWNER

QUESTION = {"query": "Can I return my kettle?", "workflow": "refund", "customer": {"id": "C-1"}}

OPEN = ["/healthz", "/readyz", "/docs", "/openapi.json", "/docs/static/docs.js", "/docs/static/swagger/swagger-ui.css"]


def governed(api: FastAPI) -> Iterator[tuple[str, str]]:
    """Every operation but the probes, with something in the place of each part of its path."""
    for path, methods in api.openapi()["paths"].items():
        if path not in OPEN:
            yield from ((method.upper(), re.sub(r"\{\w+\}", "1", path)) for method in methods)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer ", "Bearer wrong", "Basic dXNlcjpwYXNz", "wrong", "Bearer \xff\xfe"])
def test_every_governed_operation_refuses_whoever_holds_no_key(api: FastAPI, client: TestClient, header: str | None) -> None:
    headers = {} if header is None else {b"authorization": header.encode("latin-1")}
    asked = list(governed(api))
    assert len(asked) > 40
    for method, path in asked:
        reply = client.request(method, path, headers=headers)
        assert reply.status_code == 401, (method, path)
        assert reply.headers["www-authenticate"].startswith("Bearer")
        assert reply.json()["code"] == "unauthenticated"
        assert "Bearer" in reply.json()["remedy"]


def test_a_stranger_is_refused_before_the_body_is_looked_at(client: TestClient) -> None:
    reply = client.post("/context", content=b"{broken", headers={"content-type": "application/json"})
    assert reply.status_code == 401


def test_the_scheme_of_a_key_may_be_written_in_any_case(client: TestClient, keys: dict[str, str]) -> None:
    assert client.get("/sources", headers={"Authorization": f"bEARER {keys['owner']}"}).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_probes_and_documentation_need_no_key(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_key_that_was_replaced_no_longer_works(app: App, client: TestClient) -> None:
    principal = AGENT.model_copy(update={"id": "replaced-agent"})
    old, new = registered(app, principal), registered(app, principal)
    assert client.get("/sources", headers=old).status_code == 401
    assert client.get("/sources", headers=new).status_code == 200


def test_an_agent_gets_context_for_its_customer(client: TestClient, keys: dict[str, str]) -> None:
    reply = client.post("/context", json=QUESTION, headers=bearer(keys["agent"]))
    assert reply.status_code == 200
    told = reply.json()
    assert told["decision"] == "answer"
    assert any("within 45 days" in item["text"] for item in told["items"])
    assert not any("within 30 days" in item["text"] for item in told["items"])


@pytest.mark.parametrize(
    ("role", "request_", "status", "code"),
    [
        ("agent", {"workflow": "delivery"}, 403, "forbidden"),
        ("stranger", {}, 403, "forbidden"),
        ("owner", {"customer": {"id": "C-2"}}, 422, "unknown-customer"),
        ("agent", {"customer": {"id": "C-404"}}, 422, "unknown-customer"),
        ("agent", {"workflow": "nope"}, 422, "unknown-workflow"),
        ("agent", {"release": 99}, 422, "unknown-release"),
    ],
)
def test_context_is_bounded_by_the_grant(
    client: TestClient, keys: dict[str, str], role: str, request_: dict[str, object], status: int, code: str
) -> None:
    reply = client.post("/context", json=QUESTION | request_, headers=bearer(keys[role]))
    assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_a_text_outside_the_grant_looks_like_one_that_does_not_exist(client: TestClient, keys: dict[str, str]) -> None:
    own = bearer(keys["operator"])
    hidden = client.get("/documents/handbook/staff/goodwill.md", headers=own)
    missing = client.get("/documents/handbook/staff/badwill.md", headers=own)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"].replace("goodwill", "badwill") == missing.json()["detail"]


def test_an_owner_reads_what_its_team_answers_for(client: TestClient, keys: dict[str, str]) -> None:
    assert client.get("/documents/handbook/staff/goodwill.md", headers=bearer(keys["owner"])).status_code == 200


def test_a_principal_without_a_grant_sees_no_source(client: TestClient, keys: dict[str, str]) -> None:
    own = bearer(keys["stranger"])
    assert client.get("/sources", headers=own).json()["items"] == []
    assert client.get("/sources/handbook/documents", headers=own).status_code == 404
    assert client.get("/conflicts", headers=own).json()["total"] == 0


@pytest.mark.parametrize("role", ["agent", "owner", "stranger"])
def test_only_an_operator_may_sync(client: TestClient, keys: dict[str, str], role: str) -> None:
    reply = client.post("/sources/handbook/sync", headers=bearer(keys[role]))
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


def test_an_operator_syncs_and_what_changed_is_published(own_app: App) -> None:
    key = registered(own_app, OWNER.model_copy(update={"operator": True}))
    client = browser(served(own_app))
    assert client.post("/sources/handbook/sync", headers=key).json()["release"] is None
    (own_app.declarations.folders["handbook"] / "returns.md").unlink()
    reply = client.post("/sources/handbook/sync", headers=key).json()
    assert reply["release"]["number"] == 2
    assert reply["runs"][0]["counts"] == {"deleted": 1, "failed_terminal": 1, "unchanged": 6}
    assert client.get("/documents/handbook/returns.md", headers=key).status_code == 404


def test_a_sync_beside_another_is_refused(own_app: App) -> None:
    key = registered(own_app, OWNER.model_copy(update={"operator": True}))
    with own_app.records.exclusive("draft"):
        reply = browser(served(own_app)).post("/sources/handbook/sync", headers=key)
    assert (reply.status_code, reply.json()["code"]) == (409, "draft-conflict")


def test_a_sync_of_an_unknown_source_names_the_way_to_the_known_ones(client: TestClient, keys: dict[str, str]) -> None:
    reply = client.post("/sources/nope/sync", headers=bearer(keys["operator"]))
    assert (reply.status_code, reply.json()["field"]) == (404, "source")


def test_an_ingest_without_changes_publishes_nothing(own_app: App) -> None:
    assert own_app.ingest([], "test", Silent()).release is None
