"""Entries of the audit log and the chain that makes tampering visible."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from context_service.model.base import Value, canonical_json, digest

GENESIS = "0" * 64
"""The hash before the first entry."""


class Action(StrEnum):
    """What can be audited, as `subject:verb`."""

    CONTEXT_SERVED = "context:served"
    SYNC_FINISHED = "sync:finished"
    RELEASE_PUBLISHED = "release:published"
    RELEASE_TRIED = "release:tried"
    RELEASE_WIDENED = "release:widened"
    RELEASE_TAKEN_BACK = "release:taken_back"
    RELEASE_ROLLED_BACK = "release:rolled_back"
    RELEASE_RESTORED = "release:restored"
    RELEASE_PINNED = "release:pinned"
    RELEASE_UNPINNED = "release:unpinned"
    RELEASE_RETIRED = "release:retired"
    DRAFT_HELD = "draft:held"
    DRAFT_SPLIT = "draft:split"
    DRAFT_DISCARDED = "draft:discarded"
    PRINCIPAL_REGISTERED = "principal:registered"
    DOCUMENT_READ = "document:read"
    DOCUMENT_VERIFIED = "document:verified"
    SYNC_ASKED = "sync:asked"
    SCHEDULE_PAUSED = "schedule:paused"
    SCHEDULE_RESUMED = "schedule:resumed"
    SESSION_OPENED = "session:opened"
    CONFLICT_RULED = "conflict:ruled"
    RULING_REVOKED = "ruling:revoked"
    RULING_PREVIEWED = "ruling:previewed"
    WORKSPACE_EDITED = "workspace:edited"
    WORKSPACE_STAGED = "workspace:staged"
    WORKSPACE_DISCARDED = "workspace:discarded"
    DRAFT_CHECKED = "draft:checked"
    DRAFT_APPROVED = "draft:approved"
    FEEDBACK_GIVEN = "feedback:given"
    GOLDEN_CHANGED = "golden:changed"


class AuditEntry(Value):
    """Who did what to what, when. `detail` holds what a later reader needs to reconstruct it."""

    at: datetime
    actor: str
    action: Action
    subject: str
    detail: dict[str, JsonValue] = {}


class AuditRecord(Value):
    """An entry in its place in the chain: `hash` covers the entry, its number and the hash before it."""

    number: int
    entry: AuditEntry
    previous: str
    hash: str


def chain(entry: AuditEntry, number: int, previous: str) -> AuditRecord:
    """Put `entry` after the record whose hash is `previous`."""
    sealed = digest(previous, str(number), canonical_json(entry), length=64)
    return AuditRecord(number=number, entry=entry, previous=previous, hash=sealed)
