"""What the service says of itself in OpenAPI: every problem that an operation may answer with."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from context_service.api.problems import MEDIA_TYPE, Fault, Problem

DESCRIPTION = """\
Governed context for customer-facing AI agents: which knowledge is current, trusted, applicable and allowed for this customer in this
workflow, and how to prove it afterwards.

Send your key as `Authorization: Bearer <key>`. Every failure is a problem document (RFC 9457, `application/problem+json`): programs read
its `code`, people its `detail` and `remedy`.
"""

TAGS = [
    {"name": "Context", "description": "What agents ask."},
    {"name": "Sources", "description": "What the knowledge is made of."},
    {"name": "Conflicts", "description": "Where the sources disagree, and what was decided."},
    {"name": "Releases", "description": "What is read, what is proposed, and how one becomes the other."},
    {"name": "Workspaces", "description": "People's changes, before they are a draft."},
    {"name": "Feedback", "description": "What runtimes say of their answers, and the questions whose answers have to hold."},
    {"name": "Freshness", "description": "How well the sources keep their promises, and what is done about it."},
    {"name": "Probes", "description": "For whoever runs the service; no key is needed."},
]

MEANINGS = {
    400: "The body is not JSON, or not without guessing.",
    401: "No key was sent, or nobody holds it.",
    403: "Your grant does not cover this.",
    404: "There is nothing of that name that you may see.",
    409: "Somebody else was first: drafts are in use, or what you saw has changed since.",
    413: "The body is too large.",
    415: "The body is not declared to be JSON.",
    422: "The request does not fit; `field` names the first part that is wrong, `errors` all of them.",
    429: "More is asked than can be answered, or you have sent too many; `Retry-After`, where it is sent, says how many seconds to wait.",
    500: "Something nobody expected; `incident` names it in the service's log.",
    503: "A store or a model does not answer, or nothing has been published yet.",
}

Responses = dict[int | str, dict[str, Any]]


def may_answer(*statuses: int) -> Responses:
    """The problems that an operation may answer with, for its documentation."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANINGS[status], "content": content} for status in statuses}


def describe_problems(api: FastAPI) -> None:
    """Make `api` describe itself with the schema of problems, to which every operation refers."""

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            schema = get_openapi(title=api.title, version=api.version, description=DESCRIPTION, routes=api.routes, tags=TAGS)
            for model in (Problem, Fault):
                shape = model.model_json_schema(ref_template="#/components/schemas/{model}")
                shape.pop("$defs", None)
                schema["components"]["schemas"][model.__name__] = shape
            api.openapi_schema = schema
        return api.openapi_schema

    api.openapi = described  # type: ignore[method-assign]  # the way FastAPI documents for extending its schema
