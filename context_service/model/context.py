"""The request and the reply of `POST /context`."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from context_service.model.applicability import Applicability, Window
from context_service.model.base import Value
from context_service.model.workflow import DecidedBy, Step, Tier

MAX_QUERY = 4_000
"""Characters of a query; a spoken turn has a few hundred."""


class CustomerRef(Value):
    """The customer of the conversation: an id known to the CRM, attributes the runtime knows, or both (attributes fill gaps only)."""

    id: str | None = Field(None, min_length=1, max_length=128, description="Id of the customer in the CRM source.")
    attributes: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=256)]] = Field(
        {},
        max_length=32,
        description="Known facts, such as region or plan. A fact of the CRM record is never overridden.",
    )


class Standpoint(Value):
    """Which state is read, and by the rules of which day. Left out: what is served, today. Access is always today's."""

    release: int | None = Field(None, ge=1, strict=True)
    as_of: datetime | None = None
    draft: str | None = None
    effective_on: date | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether another state is named than the one that is served."""
        return any(named is not None for named in (self.release, self.as_of, self.draft))


NOW = Standpoint()
"""What is served, today."""


class ContextRequest(BaseModel):
    """A question in the middle of a conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str = Field(min_length=1, max_length=MAX_QUERY, description="The question, in the customer's words.")
    customer: CustomerRef = Field(CustomerRef(), description="For whom the answer must hold.")
    workflow: str = Field(min_length=1, max_length=64, description="Declared workflow the conversation is in.")
    channel: str = Field("chat", min_length=1, max_length=32, description="Channel of the conversation; `voice` takes the fast path.")
    token_budget: int | None = Field(
        None, ge=1, le=100_000, strict=True, description="Tokens of text in the answer; default from the workflow."
    )
    conversation_id: str | None = Field(None, max_length=128, description="Identifies the conversation.")
    release: int | None = Field(None, ge=1, strict=True, description="Read this release instead of the current one.")
    as_of: datetime | None = Field(None, description="Read the release that was served at this moment (with time zone).")
    draft: str | None = Field(None, max_length=64, description="For people: read this draft, as it would be published.")
    effective_on: date | None = Field(None, description="Rules that hold on this day; default today.")

    @property
    def standpoint(self) -> Standpoint:
        """What the request reads."""
        return Standpoint(release=self.release, as_of=self.as_of, draft=self.draft, effective_on=self.effective_on)

    @field_validator("query")
    @classmethod
    def _says_something(cls, query: str) -> str:
        if not any(char.isalnum() for char in query):
            raise ValueError("a question needs at least one letter or digit")
        return query


class Decision(StrEnum):
    """What the agent should do with the context."""

    ANSWER = "answer"
    NEEDS_INFORMATION = "needs_information"
    CONFLICTED = "conflicted"
    INSUFFICIENT = "insufficient"


class Freshness(StrEnum):
    """A text's age against its source's promise."""

    FRESH = "fresh"
    DUE = "due"
    STALE = "stale"
    EXPIRED = "expired"


class Lineage(Value):
    """Where a text comes from, down to the character: enough to find it again years later."""

    chunk: str
    document: str
    version: str
    start: int
    end: int
    page_from: int | None
    page_to: int | None
    sync_run: str
    parser: str
    parser_version: str


class Scores(Value):
    """How the item was found: ranks in each branch (1 is best) and the scores that ordered it."""

    dense_rank: int | None = None
    lexical_rank: int | None = None
    fused: float = 0.0
    reranked: float | None = None


class Removed(Value):
    """A part of the text that was taken out, and why. `conflict` names the report, or the ruling where no rival stood beside it.

    An empty part means the headings: the item stands without them, under its document's name.
    """

    start: int
    end: int
    reason: str
    conflict: str | None = None


class Item(Value):
    """One piece of context. `text` is safe to use as knowledge; `marks` say what to be careful about."""

    chunk: str
    text: str
    heading_path: tuple[str, ...]
    title: str
    citation: str
    source: str
    source_title: str
    document: str
    authority: str
    applicability: Applicability
    effective: Window
    freshness: Freshness
    checked_at: datetime | None
    modified_at: datetime | None
    marks: tuple[str, ...] = ()
    removed: tuple[Removed, ...] = ()
    must_include: bool = False
    lineage: Lineage
    scores: Scores


class Side(Value):
    """One side of a conflict as the reply shows it. A loser's words are not repeated: only where they stand."""

    chunk: str
    document: str
    title: str
    authority: str
    citation: str
    start: int
    end: int
    text: str | None = Field(description="The side's own words; null for a side that lost, so that no agent follows it.")


class Reason(Value):
    """A step of the resolution: a rule, whether it decided, and what it saw."""

    rule: DecidedBy
    decided: bool
    because: str


class ConflictReport(Value):
    """A conflict that touched this answer: who won, by which rule, and why no earlier rule decided."""

    id: str
    kind: str
    winner: Side | None
    losers: tuple[Side, ...]
    rule: DecidedBy
    reasons: tuple[Reason, ...]
    ruling: str | None = Field(None, description="Id of the ruling that decided, or on which it hangs.")
    conflicts: tuple[str, ...] = Field((), description="Ids under which the owners see it: `GET /conflicts/{id}`.")
    needs: tuple[str, ...] = ()


class CustomerFacts(Value):
    """What is known of the customer: attributes used, and which source said so. `unknown` lists attributes that would have mattered."""

    id: str | None
    attributes: dict[str, JsonValue]
    provenance: dict[str, str]
    unknown: tuple[str, ...] = ()


class Excluded(Value):
    """Texts this caller may know of that were found and set aside, counted by reason, with the few most relevant named."""

    counts: dict[str, int]
    examples: tuple[ExcludedText, ...] = ()


class ExcludedText(Value):
    """One text that was set aside."""

    document: str
    title: str
    citation: str
    reason: str
    because: str


class Ranking(Value):
    """How the candidates were put in order."""

    tier: Tier = Field(description="What read them: `thorough` (a cross-encoder), `fast` (late interaction) or `none`.")
    step: Step = Field(
        Step.FULL, description="How far load lowered that: 0 not, 1 no tier above `fast`, 2 no reranking and fewer candidates."
    )


class Usage(Value):
    """What the answer cost: tokens of text, milliseconds by stage."""

    tokens: int
    token_budget: int
    milliseconds: dict[str, float]


class ContextReply(Value):
    """The answer of `/context`. Everything but `usage.milliseconds`, `context_id` and `served_at` follows from release, request and day."""

    context_id: str
    served_at: datetime
    release: int
    effective_on: date
    decision: Decision
    asks_for: tuple[str, ...] = ()
    confidence: float
    items: tuple[Item, ...]
    facts: CustomerFacts
    conflicts: tuple[ConflictReport, ...]
    excluded: Excluded
    notices: tuple[str, ...] = ()
    models: dict[str, str]
    ranking: Ranking
    usage: Usage


Excluded.model_rebuild()
