"""What stands around every reply: headers that bind the browser, and a log that holds no key and no question."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from tests.api.conftest import bearer, browser

PATHS = ["/healthz", "/sources", "/nope", "/docs", "/console/login", "/console/nope", "/console/static/console.css"]


@pytest.mark.parametrize("path", PATHS)
def test_every_reply_binds_the_browser(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"


def test_replies_are_not_kept_by_anybody_but_assets_are_checked_again(client: TestClient, keys: dict[str, str]) -> None:
    assert client.get("/sources", headers=bearer(keys["owner"])).headers["cache-control"] == "no-store"
    assert client.get("/documents/handbook/static/x.md", headers=bearer(keys["owner"])).headers["cache-control"] == "no-store"
    asset = client.get("/console/static/console.css")
    assert asset.headers["cache-control"] == "no-cache"
    assert client.get("/console/static/console.css", headers={"if-none-match": asset.headers["etag"]}).status_code == 304


def test_only_over_tls_is_tls_demanded(api: FastAPI, client: TestClient) -> None:
    assert "strict-transport-security" not in client.get("/healthz").headers
    secure = TestClient(api, base_url="https://testserver")
    assert "max-age" in secure.get("/healthz").headers["strict-transport-security"]


def test_a_request_is_logged_by_its_route_and_principal(client: TestClient, keys: dict[str, str]) -> None:
    with capture_logs() as logs:
        client.get("/documents/handbook/regions/eu-returns.md", headers=bearer(keys["owner"]))
    (entry,) = logs
    assert entry["event"] == "request"
    assert (entry["method"], entry["route"], entry["status"]) == ("GET", "/documents/{source}/{key:path}", 200)
    assert entry["principal"] == "ada"
    assert entry["ms"] >= 0


def test_neither_key_nor_question_nor_document_is_logged(client: TestClient, keys: dict[str, str]) -> None:
    secret = "my iban is GB33BUKB20201555555555"
    with capture_logs() as logs:
        client.post("/context", json={"query": secret, "workflow": "refund", "customer": {"id": "C-1"}}, headers=bearer(keys["agent"]))
        client.post("/context", json={"query": secret, "workflow": secret}, headers=bearer(keys["agent"]))
        client.post("/context", content=secret, headers=bearer(keys["agent"]))
        client.get(f"/documents/handbook/{secret}?q={secret}", headers=bearer(keys["agent"]))
        client.get(f"/nope/{secret}", headers=bearer(keys["agent"]))
    assert len(logs) == 5
    assert keys["agent"] not in str(logs)
    assert "iban" not in str(logs).lower()
    assert "C-1" not in str(logs)


def test_pages_of_the_console_are_logged_by_their_route_too(api: FastAPI) -> None:
    with capture_logs() as logs:
        browser(api).get("/console/sources/handbook")
    assert [(entry["route"], entry["status"]) for entry in logs] == [("/console/sources/{source}", 303)]
