"""Whether a person may make an edit, and whether it can be made: asked when it is added, and again when it is staged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from context_service.declarations.company import Declarations
from context_service.embedding.protocol import Embedder
from context_service.errors import Forbidden, InvalidRequest, NotAnOwner, NotFound, UnknownWorkflow
from context_service.ingest.prepare import Prepared
from context_service.model.access import Principal, PrincipalKind
from context_service.model.applicability import Applicability
from context_service.model.conflict import Ruling, RulingRequest
from context_service.model.document import Revision
from context_service.model.workspace import (
    DocumentEdit,
    Edit,
    PlacedEdit,
    RulingEdit,
    SetApplicability,
    SetAuthority,
    TextOverride,
    WorkflowSettings,
)
from context_service.records.protocol import RecordStore
from context_service.releases.overrides import edited, overrides_of, with_edits
from context_service.releases.reader import Reader


class SeenConflict(Protocol):
    """A conflict as somebody sees it."""

    @property
    def mine(self) -> bool:
        """Whether they answer for a side."""
        ...

    @property
    def owners(self) -> tuple[str, ...]:
        """Who answers for its sides."""
        ...


class Ruler(Protocol):
    """How rulings are made; `Rulings` is one."""

    def check(self, principal: Principal, conflict: str, request: RulingRequest) -> None:
        """Raise what `rule` would raise now."""
        ...

    def rule(self, principal: Principal, conflict: str, request: RulingRequest) -> Ruling:
        """Make a ruling."""
        ...

    def conflict(self, principal: Principal, conflict: str) -> SeenConflict:
        """A conflict as this principal may see it. Raises NotFound."""
        ...


@dataclass(frozen=True)
class Tools:
    """What workspaces work with."""

    records: RecordStore
    declarations: Declarations
    embedder: Embedder
    ruler: Ruler
    now: Callable[[], datetime]
    new_id: Callable[[], str]


class EditChecks:
    """Decides about edits by today's access and the newest release."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._records = tools.records

    def person(self, principal: Principal) -> None:
        """Raise Forbidden unless this is somebody who answers for something."""
        if principal.kind is not PrincipalKind.PERSON or not (principal.operator or principal.teams):
            raise Forbidden("Workspaces are for people who answer for documents.", remedy="Ask an owner or an operator.")

    def check(self, principal: Principal, edit: Edit) -> None:
        """Raise what stands against an edit: see `Workspaces.add`."""
        if isinstance(edit, RulingEdit):
            self._tools.ruler.check(principal, edit.conflict, edit.ruling)  # asks for the right too
            return
        self.right(principal, edit)
        if isinstance(edit, WorkflowSettings):
            self._settings(edit)
        else:
            self._document(edit)

    def still(self, placed: PlacedEdit) -> None:
        """That an edit which was possible when it was added still is, for who added it; its passages are looked for when it is staged."""
        author = next((one for one in self._records.principals() if one.id == placed.by), None)
        if author is None:
            raise NotAnOwner(f"{placed.by}, who made an edit, is no longer registered.", remedy="Take the edit out and make it again.")
        if isinstance(placed.edit, DocumentEdit):
            self.right(author, placed.edit)
        else:
            self.check(author, placed.edit)

    def right(self, principal: Principal, edit: Edit) -> None:
        """Raise NotFound, NotAnOwner or Forbidden where the edit is not this principal's to make."""
        if not isinstance(edit, DocumentEdit):
            if not principal.operator:
                self._right_of_others(principal, edit)
            return
        revision = self.revision(edit.document)
        reader = self._reader(principal)
        if not reader.readable([revision]):
            raise _no_document(edit.document)
        if not reader.answers_for(revision):
            owner = revision.governance.owner
            raise NotAnOwner(f"You do not answer for {edit.document}.", remedy=f"Ask {owner}, or an operator.", field="document")

    def answers_for(self, principal: Principal, placed: PlacedEdit) -> bool:
        """Whether an edit is one's own, or about what one answers for; an operator answers for every one."""
        if principal.operator or placed.by == principal.id:
            return True
        try:
            self.right(principal, placed.edit)
        except (NotFound, Forbidden):
            return False
        return True

    def may_see(self, principal: Principal, placed: PlacedEdit) -> bool:
        """Whether an edit may be shown: one's own, or one about a document or conflict that one may see."""
        if placed.by == principal.id or isinstance(placed.edit, WorkflowSettings):
            return True
        if isinstance(placed.edit, RulingEdit):
            return self._sees(principal, placed.edit.conflict)
        source, _, key = placed.edit.document.partition(":")
        revision = self._records.revision_of(source, key, self._records.traffic().newest)
        return revision is not None and bool(self._reader(principal).readable([revision]))

    def revision(self, ref: str) -> Revision:
        """A document's state in the newest release. Raises NotFound."""
        source, _, key = ref.partition(":")
        revision = self._records.revision_of(source, key, self._records.traffic().newest)
        if revision is None or source not in self._tools.declarations.sources:
            raise _no_document(ref)
        return revision

    def state(self, ref: str) -> Prepared:
        """The same with its text. Raises NotFound."""
        revision = self.revision(ref)
        version = self._records.version(revision.version)
        if version is None:
            raise _no_document(ref)
        return Prepared(revision, version, tuple(self._records.chunks_of(revision.document, self._records.traffic().newest)))

    def _right_of_others(self, principal: Principal, edit: RulingEdit | WorkflowSettings) -> None:
        """The right to what is no document's, for who is no operator."""
        if isinstance(edit, WorkflowSettings):
            raise Forbidden("The settings of a workflow are an operator's.", remedy="Ask an operator.", field="workflow")
        view = self._tools.ruler.conflict(principal, edit.conflict)
        if not view.mine:
            remedy = f"Ask {' or '.join(view.owners)}, or an operator."
            raise NotAnOwner("You answer for none of the documents that disagree here.", remedy=remedy, field="conflict")

    def _sees(self, principal: Principal, conflict: str) -> bool:
        try:
            self._tools.ruler.conflict(principal, conflict)
        except NotFound:
            return False
        return True

    def _reader(self, principal: Principal) -> Reader:
        return Reader(self._records, principal, self._tools.now())

    def _document(self, edit: DocumentEdit) -> None:
        state = self.state(edit.document)
        access = state.revision.governance.access
        if access and access.customer:
            raise InvalidRequest(
                "A customer's own record is changed where it is kept.", remedy="Change it at its source.", field="document"
            )
        company = self._tools.declarations.company
        if isinstance(edit, SetAuthority) and edit.authority and edit.authority not in company.authority:
            remedy = f"Use one of {', '.join(company.authority)}."
            raise InvalidRequest(f"Authority tier `{edit.authority}` is not declared.", remedy=remedy, field="authority")
        if isinstance(edit, SetApplicability) and edit.applicability:
            self._words(edit.applicability)
        if isinstance(edit, TextOverride) and edit.replacement is None and not _is_overridden(state.revision, edit):
            raise InvalidRequest("No replacement of these words stands.", remedy="Read the document's overrides.", field="passage")
        edited(state, [edit], state.revision.added_in + 1, company, self._tools.embedder.count_tokens)

    def _words(self, applicability: Applicability) -> None:
        company = self._tools.declarations.company
        regions = {*company.regions, *(member for members in company.regions.values() for member in members)}
        workflows = self._tools.declarations.workflows.keys()
        declared = {"regions": regions, "plans": company.plans, "products": company.products, "workflows": workflows}
        for field, known in declared.items():
            strangers = sorted(getattr(applicability, field) - set(known))
            if strangers:
                remedy = f"Use some of {', '.join(sorted(known))}."
                raise InvalidRequest(f"`{strangers[0]}` is not declared.", remedy=remedy, field=f"applicability.{field}")

    def _settings(self, edit: WorkflowSettings) -> None:
        declared = self._tools.declarations
        if edit.workflow not in declared.workflows:
            remedy = f"Use one of {', '.join(sorted(declared.workflows))}."
            raise UnknownWorkflow(f"No workflow `{edit.workflow}` is declared.", remedy=remedy, field="workflow")
        for include in (edit.settings.must_include or ()) if edit.settings else ():
            source, _, key = include.document.partition(":")
            if self._records.revision_of(source, key, self._records.traffic().newest) is None:
                remedy = "Write `source:key` of a document that stands."
                raise InvalidRequest(f"There is no document `{include.document}`.", remedy=remedy, field="settings.must_include")


def _no_document(ref: str) -> NotFound:
    return NotFound(f"No document `{ref}` that you may read.", remedy="Check its source and key.", field="document")


def _is_overridden(revision: Revision, edit: TextOverride) -> bool:
    standing = overrides_of(revision)
    return with_edits(standing, [edit]) != standing
