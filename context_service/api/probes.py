"""For whoever runs the service: is the process alive, can it answer? They need no key and tell nothing else."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from context_service.api.openapi import may_answer
from context_service.app import App
from context_service.errors import NotReady


class Alive(BaseModel):
    """The process runs."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The service answers."""

    status: Literal["ready"] = "ready"


def probes(app: App) -> APIRouter:
    """The operations that need no key."""
    router = APIRouter(tags=["Probes"])

    @router.get("/healthz", summary="Is the process alive", responses=may_answer(500))
    def is_alive() -> Alive:
        """Looks at nothing else: restart the process when this does not answer."""
        return Alive()

    @router.get("/readyz", summary="Can the service answer", responses=may_answer(500, 503))
    def is_ready() -> Ready:
        """Yes when records and index can be reached and a release has been published; until then send no requests here."""
        app.records.check()
        app.index.check()
        if app.records.head() == 0:
            raise NotReady("Nothing has been published yet.", remedy="Run an ingest; the first release makes the service ready.")
        return Ready()

    return router
