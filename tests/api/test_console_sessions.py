"""Logging in to the console: people only, by a cookie that holds no key, with forms that no other site can send."""

from __future__ import annotations

import base64
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from fastapi import FastAPI
from itsdangerous import TimestampSigner
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from context_service.app import App, utc_now
from context_service.console.sessions import COOKIE, LIFETIME
from context_service.model.audit import Action
from context_service.policy.keys import key_hash
from tests.api.conftest import browser
from tests.api.console_client import log_in, token_of
from tests.companies import OWNER, SESSION_SECRET


def pages(api: FastAPI) -> list[tuple[str, str]]:
    """Every page and form of the console, as (method, path)."""
    console = next(route.app for route in api.routes if isinstance(route, Mount) and route.path == "/console")
    assert isinstance(console, FastAPI)
    found = [(method, route.path) for route in _routes(console) for method in route.methods or ()]
    return [(method, f"/console{path}") for method, path in found]


def _routes(console: FastAPI) -> list[Route]:
    included = [route for holder in console.routes for route in getattr(getattr(holder, "original_router", None), "routes", [holder])]
    return [route for route in included if isinstance(route, Route)]


def test_every_page_but_the_login_sends_a_visitor_to_log_in_and_back(api: FastAPI) -> None:
    asked = [path for method, path in pages(api) if method == "GET" and path != "/console/login"]
    assert len(asked) == 27
    for path in asked:
        reply = browser(api).get(path.replace("{number}", "1") + "?ref=handbook:returns.md&old=1&new=1&base=1&number=1")
        assert reply.status_code == 303, path
        assert reply.headers["location"].startswith("/console/login?then=%2Fconsole%2F"), path


def test_every_form_is_refused_without_the_token_of_its_session(api: FastAPI, keys: dict[str, str]) -> None:
    forms = [path for method, path in pages(api) if method == "POST"]
    assert sorted(forms) == [
        "/console/ask",
        "/console/conflicts/{conflict}/rule",
        "/console/drafts/{draft}/approve",
        "/console/drafts/{draft}/check",
        "/console/drafts/{draft}/discard",
        "/console/drafts/{draft}/publish",
        "/console/freshness/{source}/pause",
        "/console/freshness/{source}/resume",
        "/console/freshness/{source}/sync",
        "/console/golden/promote",
        "/console/golden/{name}/drop",
        "/console/login",
        "/console/logout",
        "/console/releases/restore",
        "/console/releases/{number}/pin",
        "/console/releases/{number}/rollback",
        "/console/releases/{number}/unpin",
        "/console/rulings/{ruling}/undo",
        "/console/trial/take-back",
        "/console/trial/widen",
        "/console/verify",
        "/console/workspaces",
        "/console/workspaces/{name}/discard",
        "/console/workspaces/{name}/document",
        "/console/workspaces/{name}/edits/{edit}/remove",
        "/console/workspaces/{name}/ruling",
        "/console/workspaces/{name}/settings",
        "/console/workspaces/{name}/stage",
    ]
    owner, other = log_in(browser(api), keys["owner"]), browser(api)
    strange = token_of(other.get("/console/login").text)
    for path in forms:
        for sent in ({}, {"csrf": ""}, {"csrf": "wrong"}, {"csrf": strange}, {"csrf": "\udcff"}):
            fields = {"key": keys["owner"], "query": "x"} | {name: value.encode("utf-8", "replace") for name, value in sent.items()}
            reply = owner.post(path, data=fields)
            assert reply.status_code == 403, (path, sent)
            assert "another session" in reply.text


def test_a_file_in_place_of_the_token_is_refused(owner: TestClient) -> None:
    assert owner.post("/console/logout", files={"csrf": b"x"}).status_code == 403


def test_a_person_logs_in_and_out(owner: TestClient) -> None:
    page = owner.get("/console/")
    assert page.status_code == 200
    assert "ada" in page.text
    reply = owner.post("/console/logout", data={"csrf": token_of(page.text)})
    assert (reply.status_code, reply.headers["location"]) == (303, "/console/login")
    assert owner.get("/console/").status_code == 303


def test_an_agent_cannot_log_in(api: FastAPI, keys: dict[str, str]) -> None:
    client = browser(api)
    token = token_of(client.get("/console/login").text)
    reply = client.post("/console/login", data={"csrf": token, "key": keys["agent"]})
    assert reply.status_code == 403
    assert "for people" in reply.text
    assert client.get("/console/").status_code == 303


@pytest.mark.parametrize("key", ["", "wrong", "ctx_" + "A" * 43, "\u0000", "x" * 10_000])
def test_a_key_that_nobody_holds_does_not_log_in_and_is_not_repeated(api: FastAPI, key: str) -> None:
    client = browser(api)
    token = token_of(client.get("/console/login").text)
    reply = client.post("/console/login", data={"csrf": token, "key": key})
    assert reply.status_code == 401
    assert "Nobody holds this key" in reply.text
    assert len(key) < 10 or key not in reply.text


def test_logging_in_is_audited(app: App, api: FastAPI, keys: dict[str, str]) -> None:
    before = len(app.records.audit_of("principal:ada", Action.SESSION_OPENED))
    log_in(browser(api), keys["owner"])
    assert len(app.records.audit_of("principal:ada", Action.SESSION_OPENED)) == before + 1


@pytest.mark.parametrize(("base", "secure"), [("http://testserver", False), ("https://testserver", True)])
def test_the_cookie_is_kept_from_scripts_and_other_sites_and_over_tls_from_plain_http(
    api: FastAPI, keys: dict[str, str], base: str, secure: bool
) -> None:
    client = TestClient(api, base_url=base, follow_redirects=False)
    token = token_of(client.get("/console/login").text)
    reply = client.post("/console/login", data={"csrf": token, "key": keys["owner"]})
    cookie = SimpleCookie(reply.headers["set-cookie"])[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert cookie["path"] == "/console"
    assert bool(cookie["secure"]) == secure
    assert int(cookie["max-age"]) == LIFETIME.total_seconds()


def test_the_cookie_holds_no_key(owner: TestClient, keys: dict[str, str]) -> None:
    held = base64.b64decode(str(owner.cookies[COOKIE]).partition(".")[0] + "==").decode()
    assert "holder" in held
    assert keys["owner"] not in held


@pytest.mark.parametrize("change", ["secret", "age", "holder", "agent", "torn"])
def test_a_cookie_that_was_not_signed_here_and_lately_opens_nothing(api: FastAPI, keys: dict[str, str], change: str) -> None:
    since = utc_now() - (LIFETIME + timedelta(minutes=1) if change == "age" else timedelta())
    holder = key_hash({"holder": "nobody's", "agent": keys["agent"]}.get(change, keys["owner"]))
    session = f'{{"holder": "{holder}", "since": "{since.isoformat()}"}}'
    secret = "another" if change == "secret" else SESSION_SECRET
    signed = TimestampSigner(secret).sign(base64.b64encode(session.encode())).decode()
    client = browser(api)
    client.cookies.set(COOKIE, signed[:-3] if change == "torn" else signed, domain="testserver.local", path="/console")
    assert client.get("/console/").status_code == 303


def test_such_a_cookie_with_nothing_wrong_would_open(api: FastAPI, keys: dict[str, str]) -> None:
    session = f'{{"holder": "{key_hash(keys["owner"])}", "since": "{utc_now().isoformat()}"}}'
    signed = TimestampSigner(SESSION_SECRET).sign(base64.b64encode(session.encode())).decode()
    client = browser(api)
    client.cookies.set(COOKIE, signed, domain="testserver.local", path="/console")
    assert client.get("/console/").status_code == 200


def test_a_key_that_is_replaced_ends_its_session(app: App, api: FastAPI) -> None:
    person = OWNER.model_copy(update={"id": "replaced-person"})
    client = log_in(browser(api), app.register(person, "test"))
    assert client.get("/console/").status_code == 200
    app.register(person, "test")
    assert client.get("/console/").status_code == 303


@pytest.mark.parametrize(
    ("then", "led_to"),
    [
        ("/console/conflicts?source=crm", "/console/conflicts?source=crm"),
        ("", "/console/"),
        ("https://evil.example/console/", "/console/"),
        ("//evil.example/", "/console/"),
        ("/\\evil.example/", "/console/"),
        ("/console/\\evil", "/console/"),
        ("/console/\r\nSet-Cookie: x=y", "/console/"),
        ("javascript:alert(1)", "/console/"),
    ],
)
def test_after_logging_in_one_stays_inside_the_console(api: FastAPI, keys: dict[str, str], then: str, led_to: str) -> None:
    client = browser(api)
    token = token_of(client.get("/console/login").text)
    reply = client.post("/console/login", data={"csrf": token, "key": keys["owner"], "then": then})
    assert reply.headers["location"] == led_to


def test_the_way_back_is_kept_through_a_mistyped_key(api: FastAPI) -> None:
    client = browser(api)
    token = token_of(client.get("/console/login").text)
    reply = client.post("/console/login", data={"csrf": token, "key": "wrong", "then": "/console/ask"})
    assert 'value="/console/ask"' in reply.text
