"""Operations on workspaces: people's edits, until they are staged into a draft."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from context_service.api.openapi import may_answer
from context_service.api.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from context_service.api.route import Caller
from context_service.app import App
from context_service.model.workspace import Edit, Workspace
from context_service.releases.workspace import LONGEST_TITLE

MOST_EDITIONS = 2**31 - 1
WorkspaceId = Annotated[str, Path(description="Id of the workspace.")]
CHANGE_ANSWERS = may_answer(400, 401, 403, 404, 409, 413, 415, 422, 500, 503)


class WorkspaceRequest(BaseModel):
    """A new workspace."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=LONGEST_TITLE, description="What it is about, in words for whoever approves it.")


class Seen(BaseModel):
    """Which edition of a workspace the caller saw."""

    model_config = ConfigDict(extra="forbid")

    edition: int = Field(ge=0, le=MOST_EDITIONS, description="`edition` of the workspace as you saw it; refused when it has risen since.")


class EditRequest(Seen):
    """An edit to add."""

    edit: Edit


def add_workspaces(router: APIRouter, app: App) -> None:
    """Add the operations to `router`."""
    _add_whole(router, app)
    _add_edits(router, app)


def _add_whole(router: APIRouter, app: App) -> None:
    workspaces = app.control.workspaces

    @router.post(
        "/workspaces", summary="Open a workspace", tags=["Workspaces"], responses=may_answer(400, 401, 403, 413, 415, 422, 500, 503)
    )
    def open_workspace(request: WorkspaceRequest, caller: Caller) -> Workspace:
        """For who answers for something."""
        return workspaces.open(caller, request.title)

    @router.get("/workspaces", summary="List workspaces", tags=["Workspaces"], responses=may_answer(401, 403, 422, 500, 503))
    def list_workspaces(caller: Caller, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[Workspace]:
        """Newest first, without the edits of what you may not read."""
        return page_of(workspaces.workspaces(caller), limit, offset)

    @router.get(
        "/workspaces/{workspace}", summary="Read a workspace", tags=["Workspaces"], responses=may_answer(401, 403, 404, 422, 500, 503)
    )
    def read_workspace(workspace: WorkspaceId, caller: Caller) -> Workspace:
        """Its edits, without those of what you may not read, and where it stands."""
        return workspaces.workspace(caller, workspace)

    @router.post("/workspaces/{workspace}/stage", summary="Stage a workspace", tags=["Workspaces"], responses=CHANGE_ANSWERS)
    def stage_workspace(workspace: WorkspaceId, request: Seen, caller: Caller) -> Workspace:
        """For who answers for all of its edits. Writes them into a draft of their own, as changes to the newest release; repeat it to bring
        the draft up to date. `draft` of the reply is what is compared, checked, approved and published. Answers 409 where an edit no longer
        fits the text.
        """
        return workspaces.stage(caller, workspace, edition=request.edition)

    @router.post("/workspaces/{workspace}/discard", summary="Discard a workspace", tags=["Workspaces"], responses=CHANGE_ANSWERS)
    def discard_workspace(workspace: WorkspaceId, request: Seen, caller: Caller) -> Workspace:
        """For who answers for all of its edits; an empty one is closed by who opened it. Takes back what its draft holds."""
        return workspaces.discard(caller, workspace, edition=request.edition)


def _add_edits(router: APIRouter, app: App) -> None:
    workspaces = app.control.workspaces

    @router.post("/workspaces/{workspace}/edits", summary="Add an edit", tags=["Workspaces"], responses=CHANGE_ANSWERS)
    def add_edit(workspace: WorkspaceId, request: EditRequest, caller: Caller) -> Workspace:
        """For who answers for what it changes; settings of workflows are an operator's. One about the same thing is replaced."""
        return workspaces.add(caller, workspace, request.edit, edition=request.edition)

    @router.delete(
        "/workspaces/{workspace}/edits/{edit}",
        summary="Take an edit out",
        tags=["Workspaces"],
        responses=may_answer(401, 403, 404, 409, 422, 500, 503),
    )
    def remove_edit(
        workspace: WorkspaceId,
        edit: Annotated[str, Path(description="Id of the edit.")],
        caller: Caller,
        edition: Annotated[int, Query(ge=0, le=MOST_EDITIONS, description="`edition` of the workspace as you saw it.")],
    ) -> Workspace:
        """One's own, or one about what one answers for."""
        return workspaces.remove(caller, workspace, edit, edition=edition)
