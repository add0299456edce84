"""The kind of route that every governed operation has: first the key, then the body, then the work."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Set
from email.message import Message
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import JsonValue
from starlette.concurrency import run_in_threadpool

from context_service.api.problems import HttpProblem, shown_name
from context_service.api.strict_json import strict_json
from context_service.app import App
from context_service.model.access import Principal

BEARER = HTTPBearer(auto_error=False, description="Key of a registered agent or person; an operator registers you and hands it over once.")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> JsonValue:
        """See `strict_json`."""
        return strict_json(await self.body())


def governed_router(app: App) -> APIRouter:
    """A router on which no operation can be reached without a valid key; `Caller` tells an operation who holds it."""

    class GovernedRoute(APIRoute):
        """Authenticates before anything of the request is parsed, so that a stranger learns and costs nothing."""

        def get_route_handler(self) -> Handler:
            handle, takes_body = super().get_route_handler(), self.body_field is not None
            parameters = set(_parameters(self.dependant))

            async def governed(request: Request) -> Response:
                request.state.principal = await run_in_threadpool(app.authenticate, _key(request))
                _check_parameters(request, parameters)
                if takes_body:
                    _check_media_type(request)
                return await handle(StrictRequest(request.scope, request.receive))

            return governed

    return APIRouter(route_class=GovernedRoute, dependencies=[Security(BEARER)])


def _key(request: Request) -> str | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _parameters(dependant: Dependant) -> Iterator[str]:
    """The names of an operation's query parameters, and of what it depends on."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for one in dependant.dependencies:
        yield from _parameters(one)


def _check_parameters(request: Request, known: Set[str]) -> None:
    """A filter that is misspelt must not pass as one that is not there."""
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        name = shown_name(unknown)
        remedy = f"Take it out, or use one of {', '.join(sorted(known))}." if known else "Take it out; this operation takes none."
        raise HttpProblem(422, "invalid-request", f"`{name}` is no parameter of this operation.", remedy=remedy, field=name)


def _check_media_type(request: Request) -> None:
    header = Message()
    header["content-type"] = request.headers.get("content-type", "text/plain")
    if header.get_content_type() != "application/json":
        raise HttpProblem(
            415, "unsupported-media-type", "The body is not declared to be JSON.", remedy="Send it with `Content-Type: application/json`."
        )


def _caller(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


Caller = Annotated[Principal, Depends(_caller)]
"""The principal that holds the request's key."""
