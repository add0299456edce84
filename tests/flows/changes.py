"""People who change, approve and publish, for the tests of change control."""

from __future__ import annotations

from context_service.app import App
from context_service.model.access import Principal
from context_service.model.context import ContextReply, ContextRequest, CustomerRef
from context_service.model.release import Release
from context_service.model.workspace import Edit, Workspace
from context_service.releases.lifecycle import Releases
from tests.companies import AGENT, OPERATOR, OWNER

SUPPORT = OWNER.model_copy(update={"id": "bo", "teams": frozenset({"support-team"})})
OUTSIDER = OWNER.model_copy(update={"id": "cy", "teams": frozenset({"press-team"})})
SECOND = OPERATOR.model_copy(update={"id": "olga"})
PEOPLE = (OWNER, SUPPORT, OUTSIDER, OPERATOR, SECOND)


def register_people(app: App) -> None:
    """Whoever edits has to be known."""
    for person in PEOPLE:
        app.register(person, "test")


def releases(app: App) -> Releases:
    """Publishing, under the app's gates."""
    return app.releases


def staged(app: App, who: Principal, *edits: Edit, title: str = "A change") -> Workspace:
    """A workspace with these edits, staged."""
    workspace = app.control.workspaces.open(who, title)
    for edit in edits:
        workspace = app.control.workspaces.add(who, workspace.id, edit, edition=workspace.edition)
    return app.control.workspaces.stage(who, workspace.id, edition=workspace.edition)


def approved(app: App, workspace: Workspace, by: Principal = OPERATOR) -> str:
    """Let somebody approve what a workspace staged; returns the draft."""
    assert workspace.draft
    seen = app.control.gates.check(by, workspace.draft).digest
    app.control.gates.approve(by, workspace.draft, seen)
    return workspace.draft


def published(app: App, who: Principal, *edits: Edit, by: Principal = OPERATOR) -> Release:
    """Edits that went all the way."""
    release = releases(app).publish(by, approved(app, staged(app, who, *edits), by))
    app.control.workspaces.settle()
    return release


def ask(app: App, question: str, release: int | None = None, number: int | None = None, **attributes: str) -> ContextReply:
    """What the agent gets; of a draft, where `number` is one."""
    request = ContextRequest(query=question, workflow="refund", customer=CustomerRef(attributes=attributes), release=release)
    if number is not None:
        return app.context.compute(request, AGENT, number=number).reply
    return app.answer(request, AGENT)


def said(reply: ContextReply) -> str:
    """Everything that an answer tells."""
    return "\n".join(item.text for item in reply.items)
