"""Declarations of workflows: the situations in which agents ask."""

from __future__ import annotations

from enum import StrEnum
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
    rerank: int = Field(12, ge=0, le=100, description="Candidates that the reranker reads; 0 leaves it out. Voice always leaves it out.")
    resolution: tuple[RankingRule, ...] = Field(RANKING_RULES, description="Order in which rules decide between rivals.")
    risk: Risk = Field(Risk.MEDIUM, description="How much a wrong answer costs; conflicts that touch it weigh accordingly.")
    minimum_confidence: float = Field(0.15, ge=0, le=1, description="Below this the decision is `insufficient`.")
