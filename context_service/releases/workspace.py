"""Workspaces: people's edits, staged into a draft of their own and published like any other draft.

Edits are kept as they were asked for; the draft's rows follow from them and from the newest release each time the workspace is staged. So
nothing is lost when a sync brings another text meanwhile: staging again says which edits no longer fit.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import JsonValue

from context_service.errors import ContextServiceError, Forbidden, InvalidRequest, NotFound, StaleDraft, WorkspaceChanged, WorkspaceClosed
from context_service.ingest.drafts import Drafts
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditEntry
from context_service.model.release import Draft
from context_service.model.workspace import (
    MOST_EDITS,
    Edit,
    PlacedEdit,
    RulingEdit,
    TextOverride,
    WorkflowSettings,
    Workspace,
    WorkspaceState,
)
from context_service.records.protocol import RecordWriter
from context_service.releases.diff import Differ
from context_service.releases.edit_checks import EditChecks, Tools
from context_service.releases.staging import Staging

LONGEST_TITLE = 200
DRAFT = "draft"

EditsOf = Callable[[Workspace], tuple[PlacedEdit, ...]]


class Workspaces:
    """What people propose to change. Safe to share between threads; staging and discarding hold the draft lock."""

    def __init__(self, tools: Tools, drafts: Drafts, differ: Differ) -> None:
        self._tools = tools
        self._records = tools.records
        self._checks = EditChecks(tools)
        self._drafts = drafts
        self._differ = differ
        self._staging = Staging(tools, self._checks, drafts)

    def open(self, principal: Principal, title: str) -> Workspace:
        """A new workspace. Raises Forbidden for who answers for nothing, InvalidRequest for a title that is blank or too long."""
        self._checks.person(principal)
        title = title.strip()
        if not 1 <= len(title) <= LONGEST_TITLE:
            raise InvalidRequest("The title is blank or too long.", remedy=f"Use 1 to {LONGEST_TITLE} characters.", field="title")
        workspace = Workspace(
            id=self._tools.new_id(), title=title, opened_by=principal.id, opened_at=self._tools.now(), last_editor=principal.id
        )
        with self._records.writing() as tx:
            self._put(tx, workspace, principal, {"opened": title})
        return workspace

    def workspaces(self, principal: Principal) -> list[Workspace]:
        """Every workspace, newest first, without the edits of what this principal may not read. Raises Forbidden."""
        self._checks.person(principal)
        self.settle()
        return [self._shown(principal, one) for one in self._records.workspaces()]

    def workspace(self, principal: Principal, name: str) -> Workspace:
        """One of them. Raises Forbidden or NotFound."""
        self._checks.person(principal)
        self.settle()
        return self._shown(principal, _found(self._records.workspace(name)))

    def add(self, principal: Principal, name: str, edit: Edit, *, edition: int) -> Workspace:
        """Add an edit; one about the same thing is replaced. `edition` is the one that the editor saw.

        Raises NotFound (no such workspace, document or conflict that you may see), NotAnOwner, Forbidden (settings are an operator's),
        WorkspaceChanged, WorkspaceClosed, TextChanged, UnknownWorkflow, InvalidRequest, and for a ruling what making it would raise.
        """
        self._checks.person(principal)
        _open(self._records.workspace(name), edition)
        self._checks.check(principal, edit)

        def added(workspace: Workspace) -> tuple[PlacedEdit, ...]:
            replaced = [one for one in workspace.edits if _about(one.edit) == _about(edit)]
            kept = tuple(one for one in workspace.edits if one not in replaced)
            if len(kept) >= MOST_EDITS:
                raise InvalidRequest(f"A workspace holds {MOST_EDITS} edits.", remedy="Publish it, and open another.", field="edit")
            return (*kept, PlacedEdit(id=self._tools.new_id(), by=principal.id, at=self._tools.now(), edit=edit))

        return self._changed(principal, name, edition, added, {"added": edit.model_dump(mode="json")})

    def remove(self, principal: Principal, name: str, edit: str, *, edition: int) -> Workspace:
        """Take an edit out: one's own, or one about what one answers for.

        Raises NotFound, NotAnOwner, Forbidden, WorkspaceChanged or WorkspaceClosed.
        """
        self._checks.person(principal)

        def removed(workspace: Workspace) -> tuple[PlacedEdit, ...]:
            found = next((one for one in workspace.edits if one.id == edit and self._checks.may_see(principal, one)), None)
            if found is None:
                raise NotFound("No edit of that id that you may see.", remedy="Read the workspace again.", field="edit")
            if found.by != principal.id:
                self._checks.right(principal, found.edit)
            return tuple(one for one in workspace.edits if one is not found)

        return self._changed(principal, name, edition, removed, {"removed": edit})

    def stage(self, principal: Principal, name: str, *, edition: int) -> Workspace:
        """Write the edits into the workspace's draft, as changes to the newest release, and look for what they contradict.

        Repeating it brings the draft up to date: with the edits, and with what was published since. Raises Forbidden for who does not
        answer for all of them, what `add` raises where an edit no longer fits, InvalidRequest when there is nothing to stage,
        DraftConflict while a sync or another staging runs.
        """
        self._checks.person(principal)
        with self._records.exclusive(DRAFT):
            workspace = _open(self._records.workspace(name), edition)
            if not workspace.edits:
                raise InvalidRequest("The workspace holds no edit.", remedy="Add one first.", field="workspace")
            self._check_whole(principal, workspace)
            draft = self._staging.stage(workspace)
            return self._staged(principal, workspace, draft)

    def discard(self, principal: Principal, name: str, *, edition: int) -> Workspace:
        """Close a workspace and take back what its draft holds; an empty one is closed by who opened it, or an operator.

        Raises Forbidden for who does not answer for all of its edits, NotFound, WorkspaceChanged, WorkspaceClosed or DraftConflict.
        """
        self._checks.person(principal)
        with self._records.exclusive(DRAFT):
            found = _open(self._records.workspace(name), edition)
            self._check_whole(principal, found)
            draft = self._staging.draft_of(found)
            if draft:
                self._drafts.discard(draft.id, principal.id, f"The workspace {name} was discarded.")
            with self._records.writing() as tx:
                workspace = _open(tx.held_workspace(name), edition)
                closed = workspace.model_copy(update={"state": WorkspaceState.DISCARDED, "edition": edition + 1})
                tx.put_workspace(closed)
                tx.audit(self._entry(Action.WORKSPACE_DISCARDED, closed, principal.id, {}))
        return self._shown(principal, closed)

    def require_staged(self, draft: Draft) -> Workspace:
        """The workspace that a draft was staged from. Raises StaleDraft when it was edited since, or others changed its documents."""
        workspace = self.of(draft)
        staged = workspace is not None and workspace.state is WorkspaceState.STAGED and not draft.stale
        if workspace is None or not staged or workspace.staged_digest != self._digest(draft):
            raise StaleDraft("The draft does not hold what its workspace says.", remedy="Stage the workspace again, then publish it.")
        return workspace

    def of(self, draft: Draft) -> Workspace | None:
        """The workspace that a draft belongs to; None for a sync's."""
        return next((one for one in self._records.workspaces() if one.draft == draft.id), None)

    def settle(self) -> None:
        """Close workspaces whose draft everybody reads, and make their rulings; one on trial waits.

        What an interruption left is finished by the next call.
        """
        staged = {one.draft: one for one in self._records.workspaces() if one.state is WorkspaceState.STAGED}
        if staged:
            read = {move.number for move in self._records.head_moves()}
            published = {one.draft: one.number for one in self._records.releases() if one.draft in staged and one.number in read}
            for draft, number in published.items():
                self._close(staged[draft], number)

    def _check_whole(self, principal: Principal, workspace: Workspace) -> None:
        """Raise Forbidden unless the person answers for every edit. It names none: some may not be for these eyes."""
        empty = not workspace.edits and (principal.operator or principal.id == workspace.opened_by)
        edited = bool(workspace.edits) and all(self._checks.answers_for(principal, one) for one in workspace.edits)
        if not empty and not edited:
            raise Forbidden("You do not answer for everything that this workspace changes.", remedy="Ask an operator.", field="workspace")

    def _close(self, workspace: Workspace, release: int) -> None:
        people = {one.id: one for one in self._records.principals()}
        rulings = [(one, one.edit) for one in workspace.edits if isinstance(one.edit, RulingEdit)]
        results = {placed.id: self._ruled(edit, people.get(placed.by)) for placed, edit in rulings}
        with self._records.writing() as tx:
            held = tx.held_workspace(workspace.id)
            if held and held.state is WorkspaceState.STAGED:
                tx.put_workspace(held.model_copy(update={"state": WorkspaceState.PUBLISHED, "release": release, "results": results}))

    def _ruled(self, edit: RulingEdit, author: Principal | None) -> str:
        """The ruling's id, or why none was made."""
        if author is None:
            return "Its author is no longer registered."
        try:
            return self._tools.ruler.rule(author, edit.conflict, edit.ruling).id
        except ContextServiceError as error:
            return str(error)

    def _staged(self, principal: Principal, workspace: Workspace, draft: Draft) -> Workspace:
        with self._records.writing() as tx:
            held = _found(tx.held_workspace(workspace.id))
            # Somebody may have edited it meanwhile: then the draft holds an older edition, and the workspace stays open.
            state = WorkspaceState.STAGED if held.edition == workspace.edition else WorkspaceState.OPEN
            update = {"draft": draft.id, "staged_edition": workspace.edition, "staged_digest": self._digest(draft), "state": state}
            staged = held.model_copy(update=update)
            tx.put_workspace(staged)
            tx.audit(self._entry(Action.WORKSPACE_STAGED, staged, principal.id, {"draft": draft.id}))
        return self._shown(principal, staged)

    def _digest(self, draft: Draft) -> str:
        return self._differ.digest(self._records.traffic().newest, draft.number)

    def _changed(self, principal: Principal, name: str, edition: int, edits: EditsOf, detail: dict[str, JsonValue]) -> Workspace:
        with self._records.writing() as tx:
            workspace = _open(tx.held_workspace(name), edition)
            update = {"edits": edits(workspace), "edition": edition + 1, "last_editor": principal.id, "state": WorkspaceState.OPEN}
            changed = workspace.model_copy(update=update)
            self._put(tx, changed, principal, detail)
        return self._shown(principal, changed)

    def _put(self, tx: RecordWriter, workspace: Workspace, principal: Principal, detail: dict[str, JsonValue]) -> None:
        tx.put_workspace(workspace)
        tx.audit(self._entry(Action.WORKSPACE_EDITED, workspace, principal.id, detail))

    def _shown(self, principal: Principal, workspace: Workspace) -> Workspace:
        edits = tuple(one for one in workspace.edits if self._checks.may_see(principal, one))
        results = {one.id: workspace.results[one.id] for one in edits if one.id in workspace.results}
        return workspace.model_copy(update={"edits": edits, "results": results})

    def _entry(self, action: Action, workspace: Workspace, actor: str, detail: dict[str, JsonValue]) -> AuditEntry:
        whole = {"edition": workspace.edition, **detail}
        return AuditEntry(at=self._tools.now(), actor=actor, action=action, subject=f"workspace:{workspace.id}", detail=whole)


def _found(workspace: Workspace | None) -> Workspace:
    if workspace is None:
        raise NotFound("No workspace of that id.", remedy="List them.", field="workspace")
    return workspace


def _open(workspace: Workspace | None, edition: int) -> Workspace:
    """The workspace, unless it is closed or not the one that was seen."""
    found = _found(workspace)
    if found.state.closed:
        raise WorkspaceClosed(f"The workspace has been {found.state.value}.", remedy="Open a new one.", field="workspace")
    if found.edition != edition:
        raise WorkspaceChanged(f"{found.last_editor} has edited the workspace since you saw it.", remedy="Read it again.", field="edition")
    return found


def _about(edit: Edit) -> tuple[str, ...]:
    """What an edit is about; a later one about the same replaces it."""
    match edit:
        case TextOverride():
            return edit.kind, edit.document, " ".join(edit.passage.split())
        case RulingEdit():
            return edit.kind, edit.conflict
        case WorkflowSettings():
            return edit.kind, edit.workflow
        case _:
            return edit.kind, edit.document
