"""What people see of conflicts and rulings: the shapes that API, CLI and console share."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from context_service.model.applicability import Applicability, Status, Window
from context_service.model.base import Value
from context_service.model.conflict import ConflictEvent, ConflictState, Ruling, Severity
from context_service.model.context import ConflictReport, Decision, Freshness, Lineage
from context_service.model.rivalry import Relation, RivalryKind


class Leaned(Value):
    """How often a side was told in the last 30 days."""

    answers: int = Field(description="Answers that told it.")
    workflows: dict[str, int] = Field(description="The same by workflow.")


class SideView(Value):
    """One side of a conflict in its own words, with what stands for its document."""

    id: str = Field(description="Names the side as it stands; a ruling says with it which words were seen.")
    document: str = Field(description="`source:key`.")
    title: str
    source_title: str
    citation: str
    owner: str
    authority: str
    rank: int
    status: Status
    applicability: Applicability
    effective: Window
    supersedes: tuple[str, ...] = Field(description="Documents that it declares to replace, as `source:key`.")
    reviewed: date | None = Field(description="Day on which its owner last confirmed it.")
    freshness: Freshness
    modified_at: datetime | None = Field(description="Last change at the source.")
    author: str | None = Field(description="Who made that change, where the source says so.")
    release: int = Field(description="Release that brought the document as it stands.")
    lineage: Lineage
    heading_path: tuple[str, ...]
    chunk: str = Field(description="Chunk of the first passage.")
    start: int = Field(description="First character of the passage in the chunk's text.")
    end: int = Field(description="Character after the passage.")
    text: str = Field(description="The passage's words.")
    chunk_text: str = Field(description="The chunk's text, to show the passage in its place.")
    repeated: int = Field(description="How many more times the document says it.")
    leaned: Leaned


class RulingView(Value):
    """A ruling, and whether it decides today."""

    ruling: Ruling
    in_force: bool
    ended: str | None = Field(description="Why it no longer decides: revoked, expired, sides_changed or closed; null while it does.")


class ConflictView(Value):
    """A conflict as its owners see it."""

    id: str
    kind: RivalryKind
    relation: Relation
    release: int = Field(description="The release or draft it is read from; for a closed one, the last release in which it lived.")
    state: ConflictState
    severity: Severity
    sides: tuple[SideView, ...]
    owners: tuple[str, ...] = Field(description="Who answers for the sides.")
    sources: tuple[str, ...]
    mine: bool = Field(description="Whether you answer for one of the sides.")
    may_rule: bool = Field(description="Whether you may rule on it now.")
    first_seen: datetime
    changed_at: datetime = Field(description="When something last happened to it.")
    report: ConflictReport = Field(
        description=(
            "How it would be decided for a customer nobody knows, with the rulings in force. No winner and no `needs`: open, or both "
            "sides are told (see the rulings)."
        )
    )
    undecided_in: tuple[str, ...] = Field((), description="Workflows whose own order of rules decides nothing here.")
    events: tuple[ConflictEvent, ...] = Field(description="What happened to it, oldest first.")
    rulings: tuple[RulingView, ...] = Field(description="Newest first.")
    notices: tuple[str, ...] = Field((), description="What has to be said where this is not what is served today.")


class Filters(Value):
    """Which conflicts are wanted; what is left out is not looked at."""

    state: ConflictState | None = None
    source: str | None = None
    kind: RivalryKind | None = None
    mine: bool = False
    min_severity: float = 0.0


class ConflictList(Value):
    """The conflicts that were asked for, those that wait for an owner first, then by severity; counts before filtering by state."""

    items: tuple[ConflictView, ...]
    counts: dict[ConflictState, int]
    notices: tuple[str, ...] = ()


class AnswerChange(Value):
    """A past answer that would be another today with the ruling. Only documents that you may read are named."""

    context_id: str
    served_at: datetime
    workflow: str
    question: str
    decision_without: Decision
    decision_with: Decision
    gained: tuple[str, ...] = Field(description="Documents whose words would be told in addition.")
    lost: tuple[str, ...] = Field(description="Documents of which words would no longer be told.")


class Preview(Value):
    """What a ruling would do to the questions of the last 30 days that touched the conflict, answered anew."""

    answers: int = Field(description="Past answers that leaned on one of the sides.")
    replayed: int = Field(description="How many of them were answered anew, newest first; at most 50.")
    changed: tuple[AnswerChange, ...]
    workflows: dict[str, int] = Field(description="Changed answers by workflow.")
