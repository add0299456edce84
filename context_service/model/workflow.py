"""Declarations of workflows: the situations in which agents ask."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Literal

from pydantic import Field

from context_service.model.base import Names, Value
from context_service.model.source import Identifier


class DecidedBy(StrEnum):
    """The rules that can decide a conflict, in their default order; `unresolved` is what is left when none does."""

    STATUS = "status"
    EFFECTIVE_WINDOW = "effective_window"
    RULING = "ruling"
    SPECIFICITY = "specificity"
    AUTHORITY = "authority"
    SUPERSEDES = "supersedes"
    RECENCY = "recency"
    DUPLICATE = "duplicate"
    UNRESOLVED = "unresolved"


RankingRule = Literal[DecidedBy.RULING, DecidedBy.SPECIFICITY, DecidedBy.AUTHORITY, DecidedBy.SUPERSEDES, DecidedBy.RECENCY]
RANKING_RULES: tuple[RankingRule, ...] = (
    DecidedBy.RULING,
    DecidedBy.SPECIFICITY,
    DecidedBy.AUTHORITY,
    DecidedBy.SUPERSEDES,
    DecidedBy.RECENCY,
)
"""The rules that rank rivals which both passed the gates, in the default order."""


class Tier(StrEnum):
    """What puts the candidates of a search in order, from the slowest on."""

    THOROUGH = "thorough"
    """A cross-encoder reads question and text together, for a few candidates."""
    FAST = "fast"
    """Late interaction with token vectors that were made at ingest."""
    NONE = "none"
    """The order of the search."""


class Step(IntEnum):
    """How far load has lowered what an answer takes; each step includes those before it."""

    FULL = 0
    FAST = 1
    """No tier above `fast`."""
    LEAN = 2
    """No reranking, and fewer candidates."""


EVERY_CHANNEL = "*"

TIERS: Mapping[str, Tier] = {"voice": Tier.FAST, EVERY_CHANNEL: Tier.THOROUGH}
"""The tier of each channel where a workflow says nothing."""


class Risk(StrEnum):
    """How much a wrong answer in a workflow costs."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class MustInclude(Value):
    """A text that every answer in the workflow carries, such as a legal notice."""

    document: str = Field(description="`source:key` of the document.")
    section: str | None = Field(None, description="Heading of the section; left out, the document's first section.")


class Workflow(Value):
    """`workflows/*.yaml`: what one kind of conversation may use and how its answers are made."""

    id: Identifier = Field(description="Name that requests use.")
    title: str = Field(description="What people call it.")
    sources: Names = Field("*", description="Sources it may draw on, or `*`.")
    channels: Names = Field("*", description="Channels it is held on, or `*`.")
    must_include: tuple[MustInclude, ...] = Field((), description="Texts that every answer carries.")
    token_budget: int = Field(1200, ge=1, le=100_000, description="Tokens of text in an answer unless the request says otherwise.")
    items: int = Field(6, ge=1, le=50, description="Most items in an answer.")
    rerank: int = Field(12, ge=0, le=100, description="Candidates that the cross-encoder of the thorough tier reads; 0 leaves it out.")
    ranking: dict[str, Tier] = Field(
        {}, description="Rerank tier by channel, `*` for all others: thorough, fast or none. Left out, voice is fast and the rest thorough."
    )
    resolution: tuple[RankingRule, ...] = Field(RANKING_RULES, description="Order in which rules decide between rivals.")
    risk: Risk = Field(Risk.MEDIUM, description="How much a wrong answer costs; conflicts that touch it weigh accordingly.")
    minimum_confidence: float = Field(0.15, ge=0, le=1, description="Below this the decision is `insufficient`.")

    def tier(self, channel: str, step: Step = Step.FULL) -> Tier:
        """The tier that answers on a channel are given at a step of load."""
        if step is Step.LEAN:
            return Tier.NONE
        wanted = next(by[name] for by in (self.ranking, TIERS) for name in (channel, EVERY_CHANNEL) if name in by)
        if wanted is Tier.THOROUGH and (step is Step.FAST or not self.rerank):
            return Tier.FAST
        return wanted
