"""Ruling on a conflict: fill in, see what would change, rule, undo. What was typed is kept whenever a ruling is refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from context_service.app import App
from context_service.console.conditions import Offer, offers
from context_service.console.conflict_pages import sides_of, titles_of, workflow_titles
from context_service.console.forms import Fault
from context_service.console.rendering import Pages, conflict_url, is_partial
from context_service.console.ruling_form import RulingForm, Step, form_field
from context_service.console.sessions import OwnForm, visitor
from context_service.errors import ContextServiceError, NotFound
from context_service.model.access import Principal
from context_service.model.conflict import MAX_REASON, RulingRequest
from context_service.rulings.views import ConflictView, Preview


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""
    desk = _Desk(app, pages)

    @router.get("/conflicts/{conflict}/rule")
    def ruling_form(request: Request, conflict: str) -> Response:
        person = visitor(app, request)
        view = app.conflict(person, conflict)
        return desk.form(request, person, view, RulingForm().against(view))

    @router.post("/conflicts/{conflict}/rule", dependencies=[OwnForm])
    def settle(request: Request, conflict: str, form: Annotated[RulingForm, Form()]) -> Response:
        person = visitor(app, request)
        wish = form.request()
        try:
            if isinstance(wish, Fault) or form.step is Step.EDIT:
                return desk.again(request, person, conflict, form, wish)
            if form.step is Step.PREVIEW:
                app.rulings.check(person, conflict, wish)
                return desk.preview(request, person, conflict, form, wish)
            if form.step is Step.CHANGES:
                return desk.changes(request, person, conflict, form, wish)
            app.rule(person, conflict, wish)
        except ContextServiceError as error:
            if error.status >= 500:
                raise
            return desk.refusal(request, person, conflict, form, error)
        return RedirectResponse(f"{conflict_url(conflict)}?done=ruled", 303)

    @router.post("/rulings/{ruling}/undo", dependencies=[OwnForm])
    def undo(request: Request, ruling: str) -> Response:
        undone = app.revoke(visitor(app, request), ruling)
        return RedirectResponse(f"{conflict_url(undone.conflict)}?done=undone", 303)


class _Desk:
    """The pages an owner goes through on the way to a ruling."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    def form(
        self, request: Request, person: Principal, view: ConflictView, form: RulingForm, status: int = 200, **more: object
    ) -> Response:
        given = {"fault": None, "refused": None, **more}
        return self._pages.show(
            request,
            "rule.html",
            person,
            status,
            conflict=view,
            sides=sides_of(view),
            titles=titles_of(view),
            form=form,
            offers=self._offers(person, view),
            workflows=workflow_titles(self._app),
            longest=MAX_REASON,
            **given,
        )

    def again(self, request: Request, person: Principal, conflict: str, form: RulingForm, wish: RulingRequest | Fault) -> Response:
        """The form as it was sent, with its fault unless the sender only came back to change something."""
        fault = wish if isinstance(wish, Fault) and form.step is not Step.EDIT else None
        return self.form(request, person, self._app.conflict(person, conflict), form, 422 if fault else 200, fault=fault)

    def preview(
        self, request: Request, person: Principal, conflict: str, form: RulingForm, wish: RulingRequest, found: Preview | None = None
    ) -> Response:
        """The ruling as it would be made, with what it would change when that is `found`; else the page asks for it once it is shown."""
        view = self._app.conflict(person, conflict)
        return self._pages.show(
            request,
            "preview.html",
            person,
            conflict=view,
            sides={side.side.id: side for side in sides_of(view)},
            preview=found,
            wish=wish,
            form=form,
            workflows=workflow_titles(self._app),
        )

    def changes(self, request: Request, person: Principal, conflict: str, form: RulingForm, wish: RulingRequest) -> Response:
        """Which past answers the ruling would change: a part of the page for one that asks for it, else the whole page."""
        found = self._app.preview(person, conflict, wish)
        if not is_partial(request):
            return self.preview(request, person, conflict, form, wish, found)
        return self._pages.show(request, "_changes.html", person, preview=found, workflows=workflow_titles(self._app))

    def refusal(self, request: Request, person: Principal, conflict: str, form: RulingForm, error: ContextServiceError) -> Response:
        """Why it was refused, how the conflict stands now, and what was typed."""
        if is_partial(request):
            return self._pages.show(request, "_refused.html", person, error.status, refused=error)
        try:
            view = self._app.conflict(person, conflict)
        except NotFound:
            return self._pages.show(request, "gone.html", person, error.status, refused=error, form=form)
        field = form_field(error.field)
        fault = Fault(field=field, message=error.message) if field else None
        return self.form(request, person, view, form.against(view), error.status, refused=error, fault=fault)

    def _offers(self, person: Principal, view: ConflictView) -> list[Offer]:
        sources = [source.id for source in self._app.browse.sources(person)]
        return offers(self._app.declarations, sources, [side.applicability for side in view.sides])
