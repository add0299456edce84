"""Templates: everything is escaped, a name that does not exist is an error, and dates read like dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from context_service.app import App
from context_service.console import change_words, claim_words, words
from context_service.console.passages import table_rows
from context_service.console.sessions import form_token
from context_service.model.access import Principal

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
ROOT = "/console"

FILTERS: tuple[Callable[..., object], ...] = (
    words.between,
    words.day,
    words.holds_for,
    words.in_force,
    words.lasting,
    words.listed,
    words.moment,
    words.seconds,
    words.taken_out,
    claim_words.value_kind,
    claim_words.value_words,
    table_rows,
)


def source_url(source: str) -> str:
    """Address of a source's page."""
    return f"{ROOT}/sources/{quote(source, safe='')}"


def document_url(ref: str) -> str:
    """Address of a document's page. A key may hold anything a path may not, so it travels as a parameter."""
    return f"{ROOT}/document?{urlencode({'ref': ref})}"


def conflict_url(conflict: str) -> str:
    """Address of a conflict's page."""
    return f"{ROOT}/conflicts/{quote(conflict, safe='')}"


def claims_url(ref: str) -> str:
    """Address of a document's claims."""
    return f"{ROOT}/document/claims?{urlencode({'ref': ref})}"


def changes_url(ref: str, old: int, new: int) -> str:
    """Address of what changed in a document between the states that it got in two releases."""
    return f"{ROOT}/document/changes?{urlencode({'ref': ref, 'old': old, 'new': new})}"


def is_web_address(url: str) -> bool:
    """Whether `url` may become a link: other schemes could run something."""
    return url.startswith(("https://", "http://"))


def is_partial(request: Request) -> bool:
    """Whether a page that is open already asks for a part of itself (htmx), rather than a browser for a page."""
    return request.headers.get("hx-request") == "true"


class Pages:
    """Renders the console's templates for one company."""

    def __init__(self, app: App) -> None:
        self._now = app.now
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._environment.globals.update(
            company=app.declarations.company.name,
            source_url=source_url,
            document_url=document_url,
            conflict_url=conflict_url,
            changes_url=changes_url,
            claims_url=claims_url,
            words=words,
            claim_words=claim_words,
            terms=change_words,
        )
        self._environment.filters.update({filter_.__name__: filter_ for filter_ in FILTERS})
        self._environment.tests["web_address"] = is_web_address

    def show(self, request: Request, template: str, person: Principal | None, status: int = 200, /, **values: object) -> HTMLResponse:
        """The page `template` for `person` (None: nobody is logged in)."""
        return HTMLResponse(self._render(template, {**self._given(request, person), **values}), status)

    def _render(self, template: str, values: Mapping[str, object]) -> str:
        return self._environment.get_template(template).render(values)

    def _given(self, request: Request, person: Principal | None) -> dict[str, str | datetime | Principal | None]:
        return {"person": person, "csrf": form_token(request), "now": self._now()}
