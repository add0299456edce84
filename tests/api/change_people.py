"""People who change, approve and publish over HTTP."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from context_service.app import App
from context_service.model.access import Principal
from tests.api.conftest import browser, registered, served
from tests.companies import AGENT, OPERATOR, OWNER

Json = dict[str, Any]

SUPPORT = OWNER.model_copy(update={"id": "bo", "teams": frozenset({"support-team"})})
OUTSIDER = OWNER.model_copy(update={"id": "cy", "teams": frozenset({"press-team"})})
SECOND = OPERATOR.model_copy(update={"id": "olga"})

RETURNS = "handbook:returns.md"
RETURN = {"query": "How many days do I have to return a product for a full refund?", "workflow": "refund"}
RETURN["customer"] = {"attributes": {"region": "US"}}  # type: ignore[assignment]  # JSON has no one type
SHORTER = {
    "kind": "text_override",
    "document": RETURNS,
    "passage": "within 30 days of delivery",
    "replacement": "within 21 days of delivery",
}
CHEAPER = {"kind": "text_override", "document": "helpcenter:faq.md", "passage": "EUR 7.99", "replacement": "EUR 6.99"}


class People:
    """A client for each."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._api = served(app)
        self.owner, self.support, self.outsider = self.client(OWNER), self.client(SUPPORT), self.client(OUTSIDER)
        self.operator, self.second, self.agent = self.client(OPERATOR), self.client(SECOND), self.client(AGENT)

    def client(self, principal: Principal) -> TestClient:
        """A client in the name of `principal`."""
        client = browser(self._api)
        client.headers.update(registered(self.app, principal))
        return client

    def staged(self, *edits: Json, who: TestClient | None = None) -> Any:
        """A workspace of the owner, or of `who`, with these edits, staged."""
        who = who or self.owner
        workspace = done(who.post("/workspaces", json={"title": "A change"}))
        for edit in edits:
            path = f"/workspaces/{workspace['id']}/edits"
            workspace = done(who.post(path, json={"edition": workspace["edition"], "edit": edit}))
        return done(who.post(f"/workspaces/{workspace['id']}/stage", json={"edition": workspace["edition"]}))

    def approved(self, *edits: Json, who: TestClient | None = None) -> str:
        """The id of a draft with these edits that an operator has approved."""
        draft: str = self.staged(*edits, who=who)["draft"]
        digest = done(self.operator.post(f"/drafts/{draft}/check"))["digest"]
        done(self.operator.post(f"/drafts/{draft}/approve", json={"digest": digest}))
        return draft

    def published(self, *edits: Json, who: TestClient | None = None) -> int:
        """The number of a release with these edits."""
        draft = self.approved(*edits, who=who)
        return int(done(self.operator.post(f"/drafts/{draft}/publish", json={"reason": "the law changed"}))["number"])

    def told(self, **more: object) -> str:
        """What the agent is told about returns."""
        return "\n".join(item["text"] for item in done(self.agent.post("/context", json=RETURN | more))["items"])


def done(reply: Any) -> Any:
    """The body of a reply that is no problem."""
    assert reply.status_code == 200, reply.text
    return reply.json()


def refused(reply: Any) -> tuple[int, str]:
    """Status and code of a problem, which names its remedy."""
    problem = reply.json()
    assert problem["remedy"], problem
    return reply.status_code, problem["code"]
