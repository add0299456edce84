"""A person's workspace: edits that are staged into a draft together, compared, approved and published."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from context_service.model.applicability import Applicability, Status, Window
from context_service.model.base import Value
from context_service.model.change import LONGEST_PASSAGE, Replacement
from context_service.model.conflict import RulingRequest
from context_service.model.workflow import MustInclude, RankingRule, Risk

MOST_EDITS = 500
"""Edits in one workspace; a larger change belongs into the source."""

Ref = Annotated[str, Field(min_length=3, max_length=2_000, pattern=r"^[^:]+:.", description="`source:key` of the document.")]


class SetAuthority(Value):
    """Another authority tier for one document."""

    kind: Literal["set_authority"] = "set_authority"
    document: Ref
    authority: str | None = Field(description="The tier; null takes an earlier override back.")


class SetApplicability(Value):
    """For whom one document holds."""

    kind: Literal["set_applicability"] = "set_applicability"
    document: Ref
    applicability: Applicability | None = Field(description="The conditions; null takes an earlier override back.")


class SetEffective(Value):
    """When one document holds."""

    kind: Literal["set_effective"] = "set_effective"
    document: Ref
    effective: Window | None = Field(description="First and last day; null takes an earlier override back.")


class SetStatus(Value):
    """The editorial state of one document; only `current` text is told."""

    kind: Literal["set_status"] = "set_status"
    document: Ref
    status: Status | None = Field(description="The state; null takes an earlier override back.")


class TextOverride(Value):
    """Other words in the place of some of a document's. It binds the words it replaces."""

    kind: Literal["text_override"] = "text_override"
    document: Ref
    passage: str = Field(min_length=1, max_length=LONGEST_PASSAGE, description="The words as the source says them.")
    replacement: str | None = Field(
        max_length=LONGEST_PASSAGE, description="What is told instead; empty takes the words out, null takes an earlier override back."
    )

    @model_validator(mode="after")
    def _replaces(self) -> TextOverride:
        if self.replacement is not None:
            Replacement(passage=self.passage, replacement=self.replacement)
        return self


class RulingEdit(Value):
    """A ruling that is made when the workspace is published."""

    kind: Literal["ruling"] = "ruling"
    conflict: str = Field(min_length=1, max_length=64)
    ruling: RulingRequest


class Settings(Value):
    """What may be set of a workflow by a release; what is left out stays as it is declared."""

    must_include: tuple[MustInclude, ...] | None = Field(None, description="Texts that every answer carries.")
    token_budget: int | None = Field(None, ge=1, le=100_000, description="Tokens of text in an answer.")
    items: int | None = Field(None, ge=1, le=50, description="Most items in an answer.")
    rerank: int | None = Field(None, ge=0, le=100, description="Candidates that the reranker reads.")
    resolution: tuple[RankingRule, ...] | None = Field(None, description="Order in which rules decide between rivals.")
    risk: Risk | None = Field(None, description="How much a wrong answer costs.")
    minimum_confidence: float | None = Field(None, ge=0, le=1, description="Below this the decision is `insufficient`.")


class WorkflowSettings(Value):
    """Other settings for a workflow, beside those that earlier releases set. They belong to the release that brings them."""

    kind: Literal["workflow_settings"] = "workflow_settings"
    workflow: str = Field(min_length=1, max_length=64)
    settings: Settings | None = Field(description="Null takes all earlier ones back.")


DocumentEdit = SetAuthority | SetApplicability | SetEffective | SetStatus | TextOverride
Edit = Annotated[DocumentEdit | RulingEdit | WorkflowSettings, Field(discriminator="kind")]


class PlacedEdit(Value):
    """An edit in its workspace."""

    id: str
    by: str
    at: datetime
    edit: Edit


class WorkspaceState(StrEnum):
    """Where a workspace stands. A staged one has rows in a draft; adding or removing an edit opens it again until it is staged anew."""

    OPEN = "open"
    STAGED = "staged"
    PUBLISHED = "published"
    DISCARDED = "discarded"

    @property
    def closed(self) -> bool:
        """Whether nothing can be done with it any more."""
        return self in (WorkspaceState.PUBLISHED, WorkspaceState.DISCARDED)


class Workspace(Value):
    """Edits of one or several people under one title. `edition` rises with every change, so that of two editors the second is told."""

    id: str
    title: str
    opened_by: str
    opened_at: datetime
    edition: int = 0
    edits: tuple[PlacedEdit, ...] = ()
    last_editor: str
    state: WorkspaceState = WorkspaceState.OPEN
    draft: str | None = Field(None, description="Id of the draft that it is staged in.")
    staged_edition: int | None = Field(None, description="The edition that the draft holds.")
    staged_digest: str | None = Field(None, description="Names what the draft changed when it was staged.")
    release: int | None = Field(None, description="The release that it was published with.")
    results: dict[str, str] = Field({}, description="Edit -> what became of it at publishing: id of the ruling, or why there is none.")
