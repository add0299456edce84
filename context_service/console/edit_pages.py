"""Adding an edit to a workspace: of a document, a ruling, or settings of a workflow. What was typed is kept whenever one is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from context_service.app import App
from context_service.console.change_desk import refusal
from context_service.console.edit_forms import DocumentForm, SettingsForm, offered_conditions
from context_service.console.forms import Fault
from context_service.console.paging import PageNumber, sliced
from context_service.console.rendering import ROOT, Pages
from context_service.console.ruling_form import RulingForm
from context_service.console.sessions import OwnForm, visitor
from context_service.errors import ContextServiceError, Forbidden
from context_service.model.access import Principal
from context_service.model.change import LONGEST_PASSAGE
from context_service.model.conflict import MAX_REASON
from context_service.model.document import Revision
from context_service.model.workflow import RANKING_RULES, Risk
from context_service.model.workspace import Edit, RulingEdit
from context_service.policy import owns
from context_service.retrieval.browse import DocumentView
from context_service.rulings.views import Filters
from context_service.text import sentences

DOCUMENTS_SHOWN = 50
PIECES_SHOWN = 40


class RulingEditForm(RulingForm):
    """A ruling that is to be made when the workspace is published."""

    edition: int = 0
    conflict: str = ""


@dataclass(frozen=True)
class Sentence:
    """A sentence of a document's text that can be chosen; `at` is the place of its first character."""

    at: int
    text: str


@dataclass(frozen=True)
class Stretch:
    """A piece of a document's text, by sentence."""

    heading: str
    sentences: Sequence[Sentence]


def add_pages(router: APIRouter, app: App, pages: Pages) -> None:
    """Add the pages to `router`."""
    desk = _Desk(app, pages)

    @router.get("/workspaces/{name}/documents")
    def documents_page(request: Request, name: str, source: str = "", words: str = "", page: PageNumber = 1) -> Response:
        person = visitor(app, request)
        workspace = app.control.workspaces.workspace(person, name)
        found = _own_documents(app, person, source, words) if source else []
        return pages.show(
            request,
            "workspace_documents.html",
            person,
            workspace=workspace,
            sources=[(one.id, one.title) for one in app.browse.sources(person)],
            source=source,
            sought=words,
            shown=sliced(found, page, DOCUMENTS_SHOWN),
        )

    @router.get("/workspaces/{name}/document")
    def document_form(request: Request, name: str, ref: str, at: int | None = None, page: PageNumber = 1) -> Response:
        return desk.document(request, visitor(app, request), name, ref, at=at, page=page)

    @router.post("/workspaces/{name}/document", dependencies=[OwnForm])
    def edit_document(request: Request, name: str, ref: str, form: Annotated[DocumentForm, Form()]) -> Response:
        person = visitor(app, request)
        wish = form.edit(ref)
        refused = wish if isinstance(wish, Fault) else desk.add(person, name, wish, form.edition)
        return desk.document(request, person, name, ref, form, refused) if refused else _to(name)

    _add_rulings(router, app, desk)
    _add_settings(router, app, desk)


def _add_rulings(router: APIRouter, app: App, desk: _Desk) -> None:
    @router.get("/workspaces/{name}/ruling")
    def ruling_form(request: Request, name: str, conflict: str = "") -> Response:
        return desk.ruling(request, visitor(app, request), name, RulingEditForm(conflict=conflict))

    @router.post("/workspaces/{name}/ruling", dependencies=[OwnForm])
    def edit_ruling(request: Request, name: str, form: Annotated[RulingEditForm, Form()]) -> Response:
        person = visitor(app, request)
        wish = form.request()
        if isinstance(wish, Fault):
            return desk.ruling(request, person, name, form, wish)
        refused = desk.add(person, name, RulingEdit(conflict=form.conflict, ruling=wish), form.edition)
        return desk.ruling(request, person, name, form, refused) if refused else _to(name)


def _add_settings(router: APIRouter, app: App, desk: _Desk) -> None:
    @router.get("/workspaces/{name}/settings")
    def settings_form(request: Request, name: str, workflow: str = "") -> Response:
        return desk.settings(request, visitor(app, request), name, SettingsForm(workflow=workflow))

    @router.post("/workspaces/{name}/settings", dependencies=[OwnForm])
    def edit_settings(request: Request, name: str, form: Annotated[SettingsForm, Form()]) -> Response:
        person = visitor(app, request)
        wish = form.edit()
        refused = wish if isinstance(wish, Fault) else desk.add(person, name, wish, form.edition)
        return desk.settings(request, person, name, form, refused) if refused else _to(name)


Refused = Fault | ContextServiceError


class _Desk:
    """The forms with what was typed, and what is wrong with it."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    def add(self, person: Principal, name: str, edit: Edit, edition: int) -> ContextServiceError | None:
        """Add an edit; the error where it is refused."""
        try:
            self._app.control.workspaces.add(person, name, edit, edition=edition)
        except ContextServiceError as error:
            return refusal(error)
        return None

    def document(
        self,
        request: Request,
        person: Principal,
        name: str,
        ref: str,
        form: DocumentForm | None = None,
        refused: Refused | None = None,
        *,
        at: int | None = None,
        page: int = 1,
    ) -> Response:
        workspace = self._app.control.workspaces.workspace(person, name)
        source, _, key = ref.partition(":")
        document = self._app.browse.document(person, source, key)
        revision, stretches = document.revision, list(_stretches(document))
        standing = DocumentForm.of(revision)
        shown = form.over(standing) if form else _chosen(standing, stretches, at)
        declared = self._app.declarations
        return self._page(
            request,
            "workspace_document.html",
            person,
            refused,
            workspace=workspace,
            revision=revision,
            declared=declared.sources[source],
            overrides=revision.overridden.overrides if revision.overridden else None,
            may_edit=person.operator or owns(person, revision.resource),
            form=shown,
            at=at,
            tiers=sorted(declared.company.authority, key=lambda tier: -declared.company.authority[tier]),
            offered=offered_conditions(declared, revision.governance.applicability),
            stretches=sliced(stretches, page, PIECES_SHOWN),
            longest=LONGEST_PASSAGE,
        )

    def ruling(self, request: Request, person: Principal, name: str, form: RulingEditForm, refused: Refused | None = None) -> Response:
        workspace = self._app.control.workspaces.workspace(person, name)
        view = self._app.conflict(person, form.conflict) if form.conflict else None
        every = () if view else self._app.conflicts(person, Filters()).items
        held = view.sides[0].applicability if view else None
        return self._page(
            request,
            "workspace_ruling.html",
            person,
            refused,
            workspace=workspace,
            view=view,
            choices=[one for one in every if one.may_rule],
            form=form.against(view) if view else form,
            offered=offered_conditions(self._app.declarations, held) if held else {},
            longest=MAX_REASON,
        )

    def settings(self, request: Request, person: Principal, name: str, form: SettingsForm, refused: Refused | None = None) -> Response:
        workspace = self._app.control.workspaces.workspace(person, name)
        if not person.operator:
            raise Forbidden("Settings of workflows are an operator's.", remedy="Ask one.")
        workflows = sorted(self._app.declarations.workflows.values(), key=lambda one: one.title)
        return self._page(
            request,
            "workspace_settings.html",
            person,
            refused,
            workspace=workspace,
            form=form,
            workflows=[(one.id, one.title) for one in workflows],
            rules=[rule.value for rule in RANKING_RULES],
            risks=[risk.value for risk in Risk],
        )

    def _page(self, request: Request, template: str, person: Principal, refused: Refused | None, /, **values: object) -> Response:
        fault, error = (refused, None) if isinstance(refused, Fault) else (None, refused)
        status = 422 if fault else error.status if error else 200
        return self._pages.show(request, template, person, status, fault=fault, refused=error, **values)


def _own_documents(app: App, person: Principal, source: str, words: str) -> list[Revision]:
    """The documents of a source that a person may change, with all of `words` in title or key."""
    sought = words.casefold().split()
    documents = [one for one in app.browse.documents(person, source) if person.operator or owns(person, one.resource)]
    return [one for one in documents if all(word in f"{one.title} {one.key}".casefold() for word in sought)]


def _stretches(document: DocumentView) -> Iterator[Stretch]:
    """The document's text as its source says it: those words a replacement binds."""
    before = document.revision.overridden
    text, pieces = (before.text, before.pieces) if before and before.text is not None else (document.text, document.chunks)
    for piece in pieces:
        start, end = piece.span.start, piece.span.end
        found = [Sentence(start + left, text[start + left : start + right]) for left, right in sentences(text[start:end])]
        if found:
            yield Stretch(" › ".join(piece.heading_path), found)


def _chosen(standing: DocumentForm, stretches: Sequence[Stretch], at: int | None) -> DocumentForm:
    """The form with the sentence that begins at `at`, to be replaced."""
    found = next((one.text for stretch in stretches for one in stretch.sentences if one.at == at), "")[:LONGEST_PASSAGE]
    return standing.model_copy(update={"passage": found, "replacement": found})


def _to(name: str) -> RedirectResponse:
    return RedirectResponse(f"{ROOT}/workspaces/{name}?done=added", 303)
