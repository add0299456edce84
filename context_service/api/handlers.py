"""From exceptions to problem documents."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from context_service.api.problems import HttpProblem, Problem, error_problem, keeps_its_words, problem, problem_response, validation_problem
from context_service.errors import ContextServiceError, Overloaded, Unauthenticated

CHALLENGE = {"www-authenticate": 'Bearer realm="context-service"'}

log = structlog.get_logger()


def add_handlers(api: FastAPI, new_id: Callable[[], str]) -> None:
    """Answer every exception that a request can end in with a problem; what nobody expected is left to the last net."""

    def on_error(_: Request, error: ContextServiceError) -> Response:
        incident = new_id()
        if not keeps_its_words(error):
            log.error("failed", incident=incident, code=error.code, cause=str(error))
        return problem_response(error_problem(error, incident), _headers(error))

    def on_validation(_: Request, error: RequestValidationError) -> Response:
        return problem_response(validation_problem(error.errors()))

    def on_http(_: Request, error: HTTPException) -> Response:
        return problem_response(_http_problem(error), error.headers)

    api.exception_handler(ContextServiceError)(on_error)
    api.exception_handler(RequestValidationError)(on_validation)
    api.exception_handler(HTTPException)(on_http)


def _headers(error: ContextServiceError) -> dict[str, str] | None:
    if isinstance(error, Unauthenticated):
        return CHALLENGE
    return {"retry-after": str(error.retry_after)} if isinstance(error, Overloaded) else None


def _http_problem(error: HTTPException) -> Problem:
    if isinstance(error, HttpProblem):
        return error.problem
    if error.status_code == 405:
        return problem(405, "method-not-allowed", "The path is right, the method is not.", "The Allow header names the methods; see /docs.")
    if error.status_code == 404:
        return problem(404, "not-found", "No operation has this path.", "See /docs for the paths there are.")
    return problem(error.status_code, "invalid-request", "The request could not be read.", "See /docs for the requests there are.")
