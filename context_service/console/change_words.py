"""The terms of change control in the words of people: releases, drafts, workspaces, gates, golden questions."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from context_service.console import words
from context_service.model.access import Access
from context_service.model.applicability import Applicability, Window
from context_service.model.claim import Modality
from context_service.model.gate import Check
from context_service.model.golden import Expectations
from context_service.model.release import Draft, Traffic
from context_service.model.workspace import DocumentEdit, SetApplicability, SetAuthority, SetEffective, SetStatus, TextOverride
from context_service.releases.views import DirectiveChange

RELEASE_KINDS = {"sync": "From syncs", "workspace": "From a workspace", "rollback": "An older state brought back"}
WORKSPACE_STATES = {"open": "Open", "staged": "Staged", "published": "Published", "discarded": "Discarded"}
WORKSPACE_BADGES = {"open": "info", "staged": "due", "published": "decided", "discarded": "muted"}
CHANGE_KINDS = {"added": ("decided", "new"), "removed": ("open", "goes"), "changed": ("info", "changes")}
"""What happens to a document -> the badge it gets, and its word."""

GATES = {
    "golden": "Golden questions",
    "conflicts": "New conflicts",
    "access": "Who may read",
    "coverage": "Coverage",
    "freshness": "Freshness",
}
VERDICTS = {
    "good": ("decided", "good"),
    "wrong": ("open", "wrong"),
    "outdated": ("due", "outdated"),
    "incomplete": ("due", "incomplete"),
    "not_allowed": ("open", "should not have been told"),
}
"""What a runtime says of an answer -> the badge it gets, and its words."""

EXPECTED = {
    "must_contain": "says",
    "must_not_contain": "does not say",
    "winner": "tells, beaten by no other,",
    "decision": "decides",
    "answer": "gives",
}
"""An expectation -> how it reads after `the answer`."""

DIRECTIVES = {Modality.MUST: "has to be done", Modality.MUST_NOT: "must not be done", Modality.MAY: "may be done"}

EDITS = {
    "set_authority": "Authority",
    "set_applicability": "For whom it holds",
    "set_effective": "When it holds",
    "set_status": "Status",
    "text_override": "Text",
    "ruling": "Ruling",
    "workflow_settings": "Settings of a workflow",
}
FIELDS = {
    "owner": "Owner",
    "authority": "Authority",
    "access": "Read by",
    "applicability": "Holds for",
    "effective": "In force",
    "status": "Status",
    "supersedes": "Replaces",
    "language": "Language",
    "reviewed": "Confirmed by its owner",
    "modified": "Changed at the source",
    "title": "Title",
    "url": "Address",
    "author": "Author",
    "facts": "Facts",
    "must_include": "Texts that every answer carries",
    "token_budget": "Tokens of text in an answer",
    "items": "Most items in an answer",
    "rerank": "Candidates that the reranker reads",
    "resolution": "Order of the rules",
    "risk": "Cost of a wrong answer",
    "minimum_confidence": "Least confidence",
}
"""Field of a document or of a workflow's settings -> its name."""

DONE = {
    "published": "Published. Everybody reads it from the next answer on.",
    "tried": "Published to a share of the conversations. Compare, then widen it or take it back.",
    "widened": "The share is changed.",
    "taken-back": "Taken back. Nobody reads it any more.",
    "rolled-back": "Rolled back. Everybody reads this release from the next answer on.",
    "restored": "The rollback is finished. Drafts can be opened and published again.",
    "pinned": "Pinned. It is kept until somebody unpins it.",
    "unpinned": "Unpinned. It is kept as long as the retention says.",
    "checked": "The gates were asked. What they say is below.",
    "approved": "Approved. It can be published.",
    "discarded": "Discarded. Nothing of it is left.",
    "opened": "The workspace is open. Add what you want to change.",
    "added": "Added. Agents read it when the workspace is staged, approved and published.",
    "removed": "Removed.",
    "staged": "Staged. Look at what it changes, then let somebody else approve it.",
    "promoted": "It is a golden question now, and asked before every release.",
    "dropped": "The golden question is forgotten.",
}
"""What has just been done, as its page says it."""

REFUSALS = {
    "workspace-changed": "Somebody else has edited the workspace since you saw it. Look at what it holds now, then send this again.",
    "draft-changed": "The draft is no longer what you saw. Look at what it changes now, ask its gates again, then approve that.",
}
"""Code of an error -> what is said where a form is shown again, in place of what programs are told."""

BLOCKED = {
    "stale-draft": "Ask the gates about it as it stands.",
    "draft-changed": "It has changed since its gates were asked. Ask them again.",
    "not-an-approver": "It waits for an approval.",
}
"""Code of the error that keeps a draft from being published -> what has to be done first."""


def draft_state(draft: Draft, check: Check | None) -> tuple[str, str]:
    """The badge of a draft, and its words."""
    if draft.ending:
        return "muted", "Being discarded"
    if not draft.state.standing:
        return "muted", draft.state.value.capitalize()
    if draft.stale:
        return "stale", "Stale"
    if check and check.approval:
        return "decided", "Approved"
    if check and check.passed and check.waits_for_approval:
        return "info", "Waits for an approval"
    return ("open", "Held") if draft.state.value == "held" else ("info", "Open")


def check_of(draft_gates: dict[str, JsonValue]) -> Check | None:
    """What the gates said; None when they were not asked."""
    return Check.model_validate(draft_gates) if draft_gates else None


def percent(share: float) -> str:
    """`10%`, `0.5%`."""
    return f"{100 * share:.4g}%"


def reads(number: int, traffic: Traffic) -> str:
    """Who reads a release now; empty for nobody."""
    if number == traffic.canary:
        return f"read by {percent(traffic.share)}"
    if number != traffic.number:
        return ""
    return f"read by {percent(1 - traffic.share)}" if traffic.canary else "read by everybody"


def directive(one: DirectiveChange) -> str:
    """What a directive asks, before its words."""
    return DIRECTIVES[one.modality]


def field_name(field: str) -> str:
    """The name of a field."""
    return FIELDS.get(field, field.replace("_", " "))


def field_value(field: str, value: JsonValue) -> str:
    """The value of a document's or workflow's field; a dash where there is none."""
    if value in (None, "", [], {}):
        return "everyone" if field == "applicability" else "always" if field == "effective" else "–"
    match field:
        case "access":
            return words.readable_by(Access.model_validate(value))
        case "applicability":
            return words.holds_for(Applicability.model_validate(value))
        case "effective":
            return words.in_force(Window.model_validate(value))
        case "status":
            return words.STATUS.get(str(value), str(value))
        case "resolution" if isinstance(value, list):
            return ", then ".join(words.RULES.get(str(rule), str(rule)).lower() for rule in value)
    return _plain(value)


def _plain(value: JsonValue) -> str:
    match value:
        case dict():
            return "; ".join(f"{name}: {_plain(part)}" for name, part in value.items() if part is not None)
        case list():
            return ", ".join(_plain(part) for part in value)
    return str(value)


def edit_value(edit: DocumentEdit) -> str:
    """What a document's field is set to; not for texts."""
    match edit:
        case SetAuthority():
            return edit.authority or "as its source says"
        case SetApplicability():
            return words.holds_for(edit.applicability) if edit.applicability else "as its source says"
        case SetEffective():
            return words.in_force(edit.effective) if edit.effective else "as its source says"
        case SetStatus():
            return words.STATUS[edit.status.value] if edit.status else "as its source says"
        case TextOverride():
            return edit.replacement or ""


def expectations(expect: Expectations) -> Iterator[tuple[str, str]]:
    """What an answer has to be, one by one: how it reads, and what."""
    yield from ((EXPECTED["must_contain"], said) for said in expect.must_contain)
    yield from ((EXPECTED["must_not_contain"], said) for said in expect.must_not_contain)
    if expect.winner:
        yield EXPECTED["winner"], expect.winner
    if expect.decision:
        yield EXPECTED["decision"], words.DECISIONS[expect.decision.value][0]
