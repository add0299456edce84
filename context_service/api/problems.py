"""Every failure as a problem document (RFC 9457): what is wrong, with which field, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from context_service.errors import ContextServiceError, NotReady

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:context-service:problem:"
MAX_NAME = 80
"""Characters of a field's name that are repeated to the caller, who may have sent any."""
MAX_FAULTS = 20
"""Faults that one problem lists."""

TITLES: Mapping[str, str] = {
    "internal": "Something went wrong in the service",
    "invalid-request": "The request is not valid",
    "unknown-workflow": "There is no such workflow",
    "unknown-customer": "There is no such customer",
    "unknown-release": "There is no such release",
    "not-found": "There is nothing here",
    "conflict-closed": "The conflict is closed",
    "conflict-changed": "The conflict has changed",
    "already-ruled": "There is a ruling already",
    "text-changed": "The text has changed",
    "workspace-changed": "The workspace has changed",
    "workspace-closed": "The workspace is closed",
    "draft-changed": "The draft has changed",
    "too-many-reports": "You have reported too often",
    "not-an-owner": "You answer for none of this",
    "not-an-approver": "You may not approve this",
    "unauthenticated": "A key is needed",
    "forbidden": "Your grant does not cover this",
    "invalid-declaration": "A declaration of the service is wrong",
    "source-failed": "A source could not be read",
    "source-unavailable": "A source does not answer",
    "source-unreadable": "A source cannot be read",
    "store-unavailable": "A store does not answer",
    "draft-conflict": "Somebody else is doing this",
    "stale-draft": "The draft has to be checked again",
    "canary-running": "A release is on trial",
    "not-restored": "A rollback is not finished",
    "model-unavailable": "A model is not available",
    "not-ready": "Nothing has been published yet",
    "overloaded": "More is asked than can be answered",
    "invalid-json": "The body is not JSON",
    "unsupported-media-type": "The body is of another type",
    "body-too-large": "The body is too large",
    "method-not-allowed": "This path does not take that method",
}
"""Title of each code. A title never changes with the occasion; `detail` does."""


class Fault(BaseModel):
    """One thing that is wrong with the request."""

    field: str = Field(description="Where: a dotted path into the body, or the name of a parameter; empty for the body as a whole.")
    message: str = Field(description="What is wrong there.")


class Problem(BaseModel):
    """A problem document (RFC 9457). Programs read `code`, people read `detail` and `remedy`."""

    type: str = Field(description="Names the kind of problem.", examples=[TYPE_PREFIX + "invalid-request"])
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What happened this time.")
    code: str = Field(description="Stable name of the kind of problem.", examples=sorted(TITLES))
    remedy: str = Field(description="What to do next.")
    field: str | None = Field(None, description="The field that is wrong, where there is one.")
    errors: list[Fault] | None = Field(None, description="Everything that is wrong, where there is more to say.")
    incident: str | None = Field(None, description="Names this occasion in the service's log.")


class HttpProblem(HTTPException):
    """A problem of HTTP itself (the body's type, size or syntax) rather than of what was asked."""

    def __init__(self, status: int, code: str, detail: str, *, remedy: str, field: str | None = None) -> None:
        super().__init__(status, detail)
        self.problem = problem(status, code, detail, remedy, field=field)


def problem(status: int, code: str, detail: str, remedy: str, *, field: str | None = None) -> Problem:
    """A problem whose type and title follow from its code."""
    return Problem(type=TYPE_PREFIX + code, title=TITLES[code], status=status, detail=detail, code=code, remedy=remedy, field=field)


def problem_response(shown: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The HTTP response that carries `shown`."""
    return JSONResponse(shown.model_dump(exclude_none=True), shown.status, headers, media_type=MEDIA_TYPE)


def keeps_its_words(error: ContextServiceError) -> bool:
    """Whether a caller may read the error's own words: those of a failure inside the service are for its operator."""
    return error.status < 500 or isinstance(error, NotReady)


def error_problem(error: ContextServiceError, incident: str) -> Problem:
    """What the caller is told of an error of the tree."""
    if keeps_its_words(error):
        return problem(error.status, error.code, error.message, error.remedy, field=error.field)
    return incident_problem(incident, error.status, error.code)


def incident_problem(incident: str, status: int = 500, code: str = "internal") -> Problem:
    """What the caller is told of a failure that is none of its business."""
    remedy = f"Try again in a moment; if it stays, tell the operator the incident {incident}."
    told = problem(status, code, "The service could not do this. The cause is in its log.", remedy)
    return told.model_copy(update={"incident": incident})


def validation_problem(errors: Sequence[ErrorDetails]) -> Problem:
    """What is wrong with a request that was understood but does not fit its schema."""
    faults = [Fault(field=_path(error), message=_words(error)[0]) for error in errors[:MAX_FAULTS]]
    detail, remedy = _words(errors[0])
    told = problem(422, "invalid-request", detail, remedy, field=faults[0].field or None)
    return told.model_copy(update={"errors": faults})


def _path(error: ErrorDetails) -> str:
    return ".".join(shown_name(part) for part in error["loc"][1:])


def shown_name(part: str | int) -> str:
    """A field's name as it can be repeated: cut to a length, and encodable."""
    text = str(part)[:MAX_NAME]
    return text.encode("utf-8", "replace").decode("utf-8")


def _words(error: ErrorDetails) -> tuple[str, str]:
    """What is wrong in one sentence, and what to do about it."""
    field, context = _path(error), error.get("ctx", {})
    name, it = (f"`{field}`", f"`{field}`") if field else ("The body", "the body")
    match error["type"]:
        case "missing":
            return f"{name} is missing.", f"Send {it}; /docs shows how."
        case "extra_forbidden":
            return f"{name} is no field of this request.", "Take it out, or check its spelling against /docs."
        case "string_too_long":
            longest = f"{context['max_length']:,} characters"
            return f"{name} is longer than {longest}.", f"Shorten {it} to at most {longest}: the question alone, not the conversation."
        case "string_too_short":
            return f"{name} is empty.", f"Put at least {context['min_length']} character into {it}, or leave it out where it is optional."
        case "model_attributes_type" | "model_type" | "dict_type":
            return f"{name} is not an object.", f"Send {it} as a JSON object; /docs shows how."
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"{name} is wrong: {message}.", f"Correct {it}; /docs describes it."
