"""Running the HTTP service: API and console over one App."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import uvicorn
from fastapi import FastAPI

from context_service.api.server import create_api
from context_service.app import App
from context_service.console.pages import mount_console
from context_service.errors import StoreError

START_SECONDS = 20.0


def build(app: App) -> FastAPI:
    """The whole HTTP service."""
    api = create_api(app)
    mount_console(api, app)
    return api


def _config(app: App, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(build(app), host=host, port=port, log_level="warning", server_header=False)


def serve(app: App, host: str, port: int) -> None:
    """Serve until interrupted."""
    uvicorn.Server(_config(app, host, port)).run()


class Background:
    """Serves from a thread until it is closed; a context manager. `url` is where it answers."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self._server = uvicorn.Server(_config(app, host, port))
        self._thread = threading.Thread(target=self._server.run, name="service", daemon=True)
        self.url = f"http://{host}:{port}"

    def __enter__(self) -> Background:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise StoreError(f"The service could not start at {self.url}.", remedy="Set CONTEXT_PORT to a free port.")
            time.sleep(0.02)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join()

    def wait(self) -> None:
        """Wait until the service ends."""
        self._thread.join()
