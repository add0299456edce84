"""Every failure is a problem document that names the part that is wrong and what to do about it, and tells nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from context_service.api.middleware import MAX_BODY
from context_service.api.problems import TITLES, TYPE_PREFIX
from context_service.app import App
from context_service.errors import ContextServiceError, InvalidDeclaration, NotReady, Unauthenticated
from context_service.model.access import Principal
from context_service.model.context import ContextReply, ContextRequest
from context_service.model.workflow import Step
from context_service.retrieval.service import ContextService
from tests.api.conftest import bearer, browser, served

SECRET = "postgresql://admin:hunter2@db.internal"
GOOD = {"query": "Can I return it?", "workflow": "refund"}
JSON = {"content-type": "application/json"}


class Failing(ContextService):
    """A pipeline that ends in an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def answer(self, request: ContextRequest, principal: Principal, step: Step = Step.FULL) -> ContextReply:
        raise self._error


def body(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()


BAD_BODIES: dict[str, tuple[bytes, int, str, str | None]] = {
    "a query of 100 kB": (body(query="a" * 100_000), 422, "invalid-request", "query"),
    "an empty query": (body(query=""), 422, "invalid-request", "query"),
    "no query": (b'{"workflow": "refund"}', 422, "invalid-request", "query"),
    "a query that is no text": (body(query=5), 422, "invalid-request", "query"),
    "a field that does not exist": (body(qurey="x"), 422, "invalid-request", "qurey"),
    "a nested field of the wrong type": (
        body(customer={"attributes": {"region": 1}}),
        422,
        "invalid-request",
        "customer.attributes.region",
    ),
    "a nested field that does not exist": (body(customer={"name": "Lena"}), 422, "invalid-request", "customer.name"),
    "a budget below one": (body(token_budget=0), 422, "invalid-request", "token_budget"),
    "a budget beyond all numbers": (b'{"query": "a", "workflow": "refund", "token_budget": 1e999}', 422, "invalid-request", "token_budget"),
    "a day that does not exist": (body(effective_on="2026-02-30"), 422, "invalid-request", "effective_on"),
    "a workflow nobody declared": (body(workflow="nope"), 422, "unknown-workflow", "workflow"),
    "a release that is a yes": (body(release=True), 422, "invalid-request", "release"),
    "a release in quotes": (body(release="1"), 422, "invalid-request", "release"),
    "a budget in quotes": (body(token_budget="100"), 422, "invalid-request", "token_budget"),
    "a release to come": (body(release=2**40), 422, "unknown-release", "release"),
    "a list": (b"[]", 422, "invalid-request", None),
    "null": (b"null", 422, "invalid-request", None),
    "nothing": (b"", 422, "invalid-request", None),
    "half an object": (b'{"query": ', 400, "invalid-json", None),
    "words": (b"hello", 400, "invalid-json", None),
    "NaN": (b'{"query": "a", "workflow": "refund", "token_budget": NaN}', 400, "invalid-json", None),
    "infinity": (b'{"token_budget": -Infinity}', 400, "invalid-json", None),
    "a key twice": (b'{"query": "a", "workflow": "refund", "query": "b"}', 400, "invalid-json", "query"),
    "a lone surrogate": (b'{"query": "\\ud83d", "workflow": "refund"}', 400, "invalid-json", None),
    "a lone surrogate as a key": (b'{"\\udc00": 1}', 400, "invalid-json", None),
    "a NUL": (b'{"query": "a\\u0000b", "workflow": "refund"}', 400, "invalid-json", None),
    "bytes that are not UTF-8": (b'{"query": "\xff"}', 400, "invalid-json", None),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), 400, "invalid-json", None),
    "lists nested 100,000 deep": (b"[" * 100_000, 400, "invalid-json", None),
    "objects nested 30,000 deep": (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, 400, "invalid-json", None),
    "a number of 100,000 digits": (b'{"token_budget": ' + b"9" * 100_000 + b"}", 400, "invalid-json", None),
    "a body of more than 256 KiB": (body(query="a" * MAX_BODY), 413, "body-too-large", None),
}


@pytest.fixture
def agent(keys: dict[str, str]) -> dict[str, str]:
    return bearer(keys["agent"]) | JSON


@pytest.mark.parametrize(("sent", "status", "code", "field"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_bad_input_gets_a_problem_that_names_its_part(
    client: TestClient, agent: dict[str, str], sent: bytes, status: int, code: str, field: str | None
) -> None:
    told = the_problem(client.post("/context", content=sent, headers=agent))
    assert (told["status"], told["code"], told.get("field")) == (status, code, field)


def the_problem(reply: Any) -> dict[str, Any]:
    """The reply's problem document, after checking that it is a whole one."""
    told: dict[str, Any] = reply.json()
    assert reply.headers["content-type"] == "application/problem+json"
    assert told["status"] == reply.status_code
    assert told["type"] == TYPE_PREFIX + told["code"]
    assert told["title"] == TITLES[told["code"]]
    assert told["detail"]
    assert told["remedy"]
    assert len(reply.content) < 5_000
    return told


def test_a_query_that_is_too_long_is_told_the_maximum(client: TestClient, agent: dict[str, str]) -> None:
    told = the_problem(client.post("/context", content=body(query="a" * 5_000), headers=agent))
    assert "4,000 characters" in told["detail"]
    assert "4,000 characters" in told["remedy"]


def test_every_fault_of_a_request_is_listed_up_to_a_bound(client: TestClient, agent: dict[str, str]) -> None:
    two = the_problem(client.post("/context", content=b'{"query": "", "extra": 1}', headers=agent))
    assert [fault["field"] for fault in two["errors"]] == ["query", "workflow", "extra"]
    many = json.dumps({f"field-{number}": 1 for number in range(1_000)}).encode()
    assert len(the_problem(client.post("/context", content=many, headers=agent))["errors"]) == 20


def test_a_field_name_that_the_caller_made_up_is_repeated_only_in_part(client: TestClient, agent: dict[str, str]) -> None:
    told = the_problem(client.post("/context", content=body(**{"x" * 100_000: 1}), headers=agent))
    assert told["field"] == "x" * 80


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/json5", "nonsense"])
def test_a_body_of_another_type_is_refused_by_its_type(client: TestClient, keys: dict[str, str], content_type: str | None) -> None:
    headers = bearer(keys["agent"]) | ({"content-type": content_type} if content_type else {})
    told = the_problem(client.post("/context", content=body(), headers=headers))
    assert (told["status"], told["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_known_by_its_type(client: TestClient, keys: dict[str, str], content_type: str) -> None:
    headers = bearer(keys["agent"]) | {"content-type": content_type}
    assert client.post("/context", content=body(), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/conflicts?limit=0", "limit"),
        ("/conflicts?limit=201", "limit"),
        ("/conflicts?offset=-1", "offset"),
        ("/conflicts?limit=many", "limit"),
        ("/sources?offset=9999999999", "offset"),
        ("/conflicts?soruce=handbook", "soruce"),
        ("/sources/handbook/documents?page=2", "page"),
    ],
)
def test_a_parameter_out_of_its_bounds_is_named(client: TestClient, keys: dict[str, str], path: str, field: str) -> None:
    told = the_problem(client.get(path, headers=bearer(keys["owner"])))
    assert (told["status"], told["field"]) == (422, field)


@pytest.mark.parametrize("path", ["/nope", "/context/", "/sources/handbook", "/documents/handbook", "/console/static/nope.css", "/%00"])
def test_a_path_that_does_not_exist_is_a_problem_or_a_page(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 404
    if not path.startswith("/console"):
        the_problem(reply)


@pytest.mark.parametrize("key", ["nope.md", "..%2f..%2fetc%2fpasswd", "%00", "a%0d%0aSet-Cookie:%20x", "%ff", "👻", "a" * 5_000])
def test_a_document_that_does_not_exist_is_a_problem(client: TestClient, keys: dict[str, str], key: str) -> None:
    reply = client.get(f"/documents/handbook/{key}", headers=bearer(keys["owner"]))
    assert reply.json()["code"] == "not-found"
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("DELETE", "/context", "POST"), ("PUT", "/conflicts", "GET"), ("TRACE", "/healthz", "GET")]
)
def test_a_method_that_a_path_does_not_take_is_a_problem_that_names_the_right_one(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    reply = client.request(method, path)
    assert the_problem(reply)["code"] == "method-not-allowed"
    assert reply.headers["allow"] == allowed


def test_a_body_in_pieces_is_cut_off_at_the_limit(client: TestClient, agent: dict[str, str]) -> None:
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield b"x" * 4_096

    reply = client.post("/context", content=pieces(), headers=agent)
    assert the_problem(reply)["code"] == "body-too-large"


def test_a_declared_length_beyond_the_limit_is_refused_unread(client: TestClient, agent: dict[str, str]) -> None:
    reply = client.post("/context", content=b"{}", headers=agent | {"content-length": str(MAX_BODY + 1)})
    assert the_problem(reply)["code"] == "body-too-large"


def every_error() -> list[type[ContextServiceError]]:
    """The whole tree, from its base."""
    found = [ContextServiceError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return found


def raised(kind: type[ContextServiceError]) -> ContextServiceError:
    """An error of that kind whose words hold something that is nobody's business."""
    if kind is InvalidDeclaration:
        return InvalidDeclaration(f"Wrong: {SECRET}", remedy="Mend it.", path="/etc/context.yaml")
    return kind(f"Broken: {SECRET}", remedy="Mend it.", field="query")


@pytest.mark.parametrize("kind", every_error())
def test_every_error_of_the_tree_is_mapped(app: App, keys: dict[str, str], kind: type[ContextServiceError]) -> None:
    client = browser(served(replace(app, context=Failing(raised(kind)))))
    with capture_logs() as logs:
        reply = client.post("/context", json=GOOD, headers=bearer(keys["agent"]))
    told = the_problem(reply)
    assert (told["status"], told["code"]) == (kind.status, kind.code)
    assert ("www-authenticate" in reply.headers) == (kind is Unauthenticated)
    if kind.status < 500 or kind is NotReady:
        assert told["field"] == "query"
        assert told["remedy"] == "Mend it."
    else:
        assert "hunter2" not in reply.text
        cause = next(entry for entry in logs if entry["event"] == "failed")
        assert cause["incident"] == told["incident"]
        assert SECRET in cause["cause"]


def test_every_code_has_a_title_and_no_two_kinds_share_a_code() -> None:
    codes = [kind.code for kind in every_error()]
    assert len(set(codes)) == len(codes)
    assert set(codes) <= TITLES.keys()


def test_what_nobody_expected_is_an_incident_that_leaks_nothing(app: App, keys: dict[str, str]) -> None:
    client = browser(served(replace(app, context=Failing(RuntimeError(SECRET)))))
    with capture_logs() as logs:
        reply = client.post("/context", json=GOOD, headers=bearer(keys["agent"]))
    told = the_problem(reply)
    assert (told["status"], told["code"]) == (500, "internal")
    assert "hunter2" not in reply.text
    cause = next(entry for entry in logs if entry["event"] == "unexpected")
    assert cause["incident"] == told["incident"]
    assert SECRET in cause["trace"]
    assert reply.headers["x-content-type-options"] == "nosniff"
