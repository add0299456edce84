"""`/docs`: Swagger UI from an installed package, so that the page works with no network at all."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

OWN = Path(__file__).parent / "static"
SWAGGER = ("fastapi_swagger", "resources")
"""The package and its folder that holds Swagger UI; none of its code is run."""


def add_docs(api: FastAPI) -> None:
    """Serve the page and its assets."""
    api.mount("/docs/static/swagger", StaticFiles(packages=[SWAGGER]), name="swagger")
    api.mount("/docs/static", StaticFiles(directory=OWN), name="docs-static")

    @api.get("/docs", include_in_schema=False)
    def docs() -> FileResponse:
        """The API's documentation, to read and to try."""
        return FileResponse(OWN / "docs.html")
