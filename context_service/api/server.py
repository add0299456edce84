"""The HTTP API, put together."""

from __future__ import annotations

from fastapi import FastAPI

from context_service import __version__
from context_service.api.docs_page import add_docs
from context_service.api.handlers import add_handlers
from context_service.api.middleware import BodyLimit, LastNet, RequestLog, SecurityHeaders
from context_service.api.openapi import describe_problems
from context_service.api.operations import operations
from context_service.api.probes import probes
from context_service.app import App, new_id


def create_api(app: App) -> FastAPI:
    """The ASGI application over `app`, which the caller closes. Its limits, headers and log also hold for what is mounted on it."""
    api = FastAPI(
        title="Context service",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,  # clients that are generated call operations by these names
    )
    api.include_router(operations(app))
    api.include_router(probes(app))
    add_docs(api)
    add_handlers(api, new_id)
    describe_problems(api)
    # Each stands around those added before it.
    api.add_middleware(BodyLimit)
    api.add_middleware(LastNet, new_id=new_id)
    api.add_middleware(RequestLog)
    api.add_middleware(SecurityHeaders)
    return api
