"""What people see of drafts and releases: the shapes that API, CLI and console share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from context_service.model.base import Value
from context_service.model.claim import Modality
from context_service.model.context import Decision


class AccessChange(Value):
    """Who may read a document after a change and who no longer."""

    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()

    @property
    def widened(self) -> bool:
        """Whether anybody gains."""
        return bool(self.gains)


class ChangeKind(StrEnum):
    """What happens to a document."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class FieldChange(Value):
    """A field of a document's or workflow's rules that changes."""

    field: str
    before: JsonValue
    after: JsonValue


class DirectiveChange(Value):
    """A sentence that tells what has to, may or must not be done, and that comes or goes."""

    modality: Modality = Field(description="`must`, `must_not` or `may`.")
    comes: bool = Field(description="Whether it is new; else it is no longer told.")
    text: str


class DocumentChange(Value):
    """What happens to one document between two numbers."""

    document: str = Field(description="`source:key`.")
    source: str
    title: str
    owner: str
    kind: ChangeKind
    text: bool = Field(description="Whether its words change.")
    fields: tuple[FieldChange, ...] = Field((), description="What changes of its rules.")
    access: AccessChange | None = None
    chunks_added: int = 0
    chunks_removed: int = 0
    chunks_kept: int = Field(0, description="Chunks that say the same to the same people.")
    claims_added: int = 0
    claims_removed: int = 0
    directives: tuple[DirectiveChange, ...] = Field((), description="Directives that come or go, in the order of the text; at most 50.")
    orphans: tuple[str, ...] = Field((), description="Owners' overrides that are not applied, and why.")


class ConflictChange(Value):
    """A conflict that opens or closes."""

    conflict: str = Field(description="`GET /conflicts/{id}`.")
    kind: str
    documents: tuple[str, ...]
    about: str = Field(description="The words of the first side.")


class SettingsChange(Value):
    """Settings of a workflow that change."""

    workflow: str
    fields: tuple[FieldChange, ...]


class Counts(Value):
    """How much changes, of what the reader may see."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    widened: int = Field(0, description="Documents that more may read.")
    tightened: int = Field(0, description="Documents that fewer may read.")
    hidden: int = Field(0, description="Documents that change and that you may not read; told to operators.")
    beyond: int = Field(0, description="Documents whose rows differ beyond the first 5,000, which alone are compared.")


class Diff(Value):
    """What differs between two numbers: releases, or drafts. Only what the reader may see in the one that has it."""

    base: int
    number: int
    counts: Counts
    documents: tuple[DocumentChange, ...]
    next: str | None = Field(None, description="Where the next page of documents begins.")
    conflicts_opened: tuple[ConflictChange, ...] = ()
    conflicts_closed: tuple[ConflictChange, ...] = ()
    settings: tuple[SettingsChange, ...] = ()


class TextPart(Value):
    """A stretch of sentences that both have, or only one."""

    kind: str = Field(description="`same`, `removed` or `added`.")
    text: str


class TextDiff(Value):
    """A document's text in two numbers, by sentence."""

    document: str
    base: int
    number: int
    change: DocumentChange | None = Field(description="Null when nothing about the document changes.")
    parts: tuple[TextPart, ...]


class AnswerSide(Value):
    """An answer as it is, or would be. Texts of documents that the reader may not see are left out."""

    decision: Decision
    confidence: float
    items: tuple[AnswerItem, ...]
    conflicts: tuple[str, ...] = Field(description="Ids of the conflicts in it.")


class AnswerItem(Value):
    """A text of an answer."""

    document: str
    title: str
    text: str


class AnswerDiff(Value):
    """A question whose answer would change: as it is now, and as it would be."""

    context_id: str | None = Field(description="The past answer; null for a golden question.")
    golden: str | None = Field(description="The golden question; null for a past answer.")
    asked_at: datetime | None
    workflow: str
    question: str
    before: AnswerSide
    after: AnswerSide
    gained: tuple[str, ...] = Field(description="Documents that would be told in addition.")
    lost: tuple[str, ...] = Field(description="Documents that would no longer be told.")
    changed: tuple[str, ...] = Field(description="Documents of which other words would be told.")


class Impact(Value):
    """What a draft would do to the questions of the last 30 days that used what it changes, and to golden questions."""

    base: int
    number: int
    answers: int = Field(description="Past answers that told a document which changes, at most 1,000.")
    replayed: int = Field(description="How many of them were computed anew, newest first.")
    workflows: dict[str, int] = Field(description="Past answers that told a document which changes, by workflow.")
    changed: tuple[AnswerDiff, ...]
    golden: tuple[AnswerDiff, ...] = Field(description="Golden questions whose answers change.")


AnswerSide.model_rebuild()
