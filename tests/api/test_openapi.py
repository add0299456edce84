"""What the service says of itself is true, is complete, and can be read with no network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from context_service.api.openapi import MEANINGS
from context_service.api.problems import MEDIA_TYPE
from context_service.model.context import MAX_QUERY, ContextRequest
from tests.api.conftest import bearer

EXAMPLES = 25
"""Requests per operation and mode: the whole run stays within seconds."""

FRESHNESS = ["/freshness/{source}/sync", "/freshness/{source}/pause", "/freshness/{source}/resume", "/verifications"]
RELEASES = ["/releases/{number}/rollback", "/releases/{number}/pin", "/releases/{number}/unpin"]
DRAFTS = [f"/drafts/{{draft}}/{verb}" for verb in ("check", "approve", "discard", "publish", "canary", "widen", "take-back")]
WORKSPACES = ["/workspaces", *(f"/workspaces/{{workspace}}/{verb}" for verb in ("edits", "stage", "discard"))]
FEEDBACK = ["/context/{context}/feedback", "/feedback/{feedback}/promote", "/golden/run"]
PATHS = {
    "POST": [
        "/context",
        "/sources/{source}/sync",
        "/conflicts/{conflict}/ruling",
        "/conflicts/{conflict}/ruling/preview",
        *FRESHNESS,
        *RELEASES,
        *DRAFTS,
        *WORKSPACES,
        *FEEDBACK,
    ],
    "DELETE": ["/rulings/{ruling}", "/workspaces/{workspace}/edits/{edit}", "/golden/{golden}"],
    "GET": [
        "/sources",
        "/sources/{source}/documents",
        "/sources/{source}/runs",
        "/documents/{source}/{key}",
        "/conflicts",
        "/conflicts/{conflict}",
        "/releases",
        "/releases/{number}",
        "/releases/{base}/diff/{number}",
        "/drafts",
        "/drafts/{draft}",
        "/drafts/{draft}/diff",
        "/drafts/{draft}/impact",
        "/workspaces",
        "/workspaces/{workspace}",
        "/trial",
        "/feedback",
        "/golden",
        "/freshness",
        "/events",
        "/metrics",
        "/healthz",
        "/readyz",
    ],
}
WITHOUT_INPUT = {"/healthz", "/readyz"}


def generated() -> Iterator[tuple[str, str, GenerationMode]]:
    """Every operation, with requests that fit its description and, where it takes any input, with some that do not."""
    for method, paths in PATHS.items():
        for path in paths:
            yield method, path, GenerationMode.POSITIVE
            if path not in WITHOUT_INPUT:
                yield method, path, GenerationMode.NEGATIVE


@pytest.mark.parametrize(("method", "path", "mode"), list(generated()))
def test_every_operation_answers_as_it_is_described(
    api: FastAPI, keys: dict[str, str], method: str, path: str, mode: GenerationMode
) -> None:
    described = schemathesis.openapi.from_asgi("/openapi.json", api)

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    def answers_as_described(case: Case[Any]) -> None:
        case.call_and_validate(headers=bearer(keys["owner"]), excluded_checks=[positive_data_acceptance])

    # Which workflows and customers there are is not for everybody to read, so a request can fit its description and still be refused.
    answers_as_described()


def operations(api: FastAPI) -> Iterator[tuple[str, dict[str, object]]]:
    for path, methods in api.openapi()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_operations_that_are_tried_are_all_there_are(api: FastAPI) -> None:
    tried = {f"{method} {path}" for method, paths in PATHS.items() for path in paths}
    assert {name for name, _ in operations(api)} == tried


def test_every_operation_has_a_summary_a_description_and_its_problems(api: FastAPI) -> None:
    for name, operation in operations(api):
        assert operation["summary"], name
        assert operation["description"], name
        responses = operation["responses"]
        assert isinstance(responses, dict)
        problems = {status: told for status, told in responses.items() if status != "200"}
        assert "500" in problems, name
        for status, told in problems.items():
            assert told["description"] == MEANINGS[int(status)], name
            assert told["content"][MEDIA_TYPE]["schema"]["$ref"] == "#/components/schemas/Problem", name


def test_every_operation_but_the_probes_says_that_it_needs_a_key(api: FastAPI) -> None:
    for name, operation in operations(api):
        assert ("security" in operation) == (name not in {"GET /healthz", "GET /readyz"}), name
        responses = operation["responses"]
        assert isinstance(responses, dict)
        assert ("401" in responses) == ("security" in operation), name


def test_every_reference_in_the_description_leads_somewhere(api: FastAPI) -> None:
    text = str(api.openapi())
    named = set(re.findall(r"#/components/schemas/([^'\"]+)", text))
    assert named <= api.openapi()["components"]["schemas"].keys()


def test_the_examples_of_a_question_are_questions(api: FastAPI) -> None:
    examples = api.openapi()["paths"]["/context"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) >= 3
    for example in examples.values():
        ContextRequest.model_validate(example["value"])


def test_the_bounds_of_a_question_are_described(api: FastAPI) -> None:
    assert api.openapi()["components"]["schemas"]["ContextRequest"]["properties"]["query"]["maxLength"] == MAX_QUERY


def test_the_documentation_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "//" not in page.replace("<!doctype", "")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 4
    for address in loaded:
        reply = client.get(address)
        assert reply.status_code == 200, address
        assert reply.content, address


def test_the_documentation_page_holds_no_inline_script_or_style(client: TestClient) -> None:
    page = client.get("/docs").text
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "<style" not in page
    assert not re.search(r"\sstyle=|\son\w+=", page)
