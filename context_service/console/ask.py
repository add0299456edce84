"""Asking as an agent would, with one's own grant, and seeing why the answer is what it is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, ValidationError

from context_service.app import App
from context_service.console.forms import Fault, Options, plain
from context_service.console.rendering import Pages
from context_service.console.sessions import OwnForm, visitor
from context_service.errors import ContextServiceError
from context_service.model.access import Principal
from context_service.model.base import admits
from context_service.model.context import MAX_QUERY, ContextRequest
from context_service.model.source import Company

CHANNELS = ("chat", "voice", "email")
"""Channels to choose from where a workflow names none."""

ATTRIBUTES = ("region", "plan", "product")
"""Facts of a customer that the form offers."""


class Question(BaseModel):
    """What was typed into the form, kept as it was typed so that the form can show it again."""

    query: str = ""
    customer: str = ""
    region: str = ""
    plan: str = ""
    product: str = ""
    workflow: str = ""
    channel: str = "chat"
    effective_on: str = ""

    def request(self) -> ContextRequest:
        """The request that it means. Raises ValidationError for what no request can hold."""
        attributes = {name: value for name in ATTRIBUTES if (value := getattr(self, name).strip())}
        return ContextRequest.model_validate(
            {
                "query": self.query.strip(),
                "customer": {"id": self.customer.strip() or None, "attributes": attributes},
                "workflow": self.workflow,
                "channel": self.channel,
                "effective_on": self.effective_on or None,
            }
        )


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""

    def page(request: Request, person: Principal, question: Question, status: int = 200, **values: object) -> Response:
        given = {"reply": None, "fault": None, **values}
        return pages.show(request, "ask.html", person, status, question=question, longest=MAX_QUERY, **_choices(app, person), **given)

    @router.get("/ask")
    def question_form(request: Request) -> Response:
        return page(request, visitor(app, request), Question())

    @router.post("/ask", dependencies=[OwnForm])
    def ask(request: Request, question: Annotated[Question, Form()]) -> Response:
        person = visitor(app, request)
        try:
            asked = question.request()
        except ValidationError as error:
            return page(request, person, question, 422, fault=_fault(error))
        try:
            reply = app.answer(asked, person)
        except ContextServiceError as error:
            if error.status >= 500:
                raise
            return page(request, person, question, error.status, fault=Fault(field=_form_field(error.field), message=str(error)))
        return page(request, person, question, reply=reply)


def _choices(app: App, person: Principal) -> dict[str, Options]:
    """The workflows of the person's own grant, and the company's words."""
    company = app.declarations.company
    workflows = [one for one in app.declarations.workflows.values() if admits(person.grant.workflows, one.id)]
    return {
        "workflows": [(one.id, one.title) for one in sorted(workflows, key=lambda one: one.title)],
        "channels": plain({channel for one in workflows for channel in (CHANNELS if one.channels == "*" else one.channels)}),
        "regions": plain(_regions(company)),
        "plans": plain(company.plans),
        "products": plain(company.products),
    }


def _regions(company: Company) -> set[str]:
    """Regions that a customer can be in: those that are no group of others."""
    groups = {name for name, members in company.regions.items() if members}
    named = set(company.regions) | {member for members in company.regions.values() for member in members}
    return named - groups


def _fault(error: ValidationError) -> Fault:
    first = error.errors()[0]
    field = _form_field(".".join(str(part) for part in first["loc"]))
    match first["type"]:
        case "string_too_short":
            return Fault(field=field, message="Fill this in.")
        case "string_too_long":
            return Fault(field=field, message=f"Shorten this to at most {first['ctx']['max_length']:,} characters.")
        case "date_from_datetime_parsing" | "date_parsing":
            return Fault(field=field, message="Choose a day, such as 2026-11-20.")
    return Fault(field=field, message=f"{first['msg']}.")


def _form_field(path: str | None) -> str:
    """The form's field for a field of the request."""
    name = (path or "").rpartition(".")[2]
    return "customer" if name == "id" else name
