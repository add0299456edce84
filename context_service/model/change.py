"""What owners change without changing the source: lasting overrides of a document, and what they do to its stored state."""

from __future__ import annotations

from pydantic import Field, model_validator

from context_service.model.applicability import Applicability, Status, Window
from context_service.model.base import Value

LONGEST_PASSAGE = 2_000
"""Characters of a passage that is replaced, and of what replaces it: a chunk is not cut anew."""

MOST_TEXTS = 100
"""Replacements in one document; whoever needs more has to change the source."""


class Replacement(Value):
    """Words of a document and what is told in their place. It binds those words: when the source no longer says them it does nothing."""

    passage: str = Field(min_length=1, max_length=LONGEST_PASSAGE, description="The words as they stand; white space does not matter.")
    replacement: str = Field(max_length=LONGEST_PASSAGE, description="What is told instead; empty takes the words out.")

    @model_validator(mode="after")
    def _says_something(self) -> Replacement:
        if not self.passage.strip():
            raise ValueError("`passage` is blank")
        if self.passage.split() == self.replacement.split():
            raise ValueError("`replacement` is the passage itself")
        return self

    @property
    def bound(self) -> str:
        """The words it binds, whatever white space stands between them."""
        return " ".join(self.passage.split())


class OwnerOverrides(Value):
    """What an owner has said of a document; it stands above source, rules and front matter at every later sync."""

    authority: str | None = Field(None, description="Authority tier.")
    applicability: Applicability | None = Field(None, description="For whom it holds.")
    effective: Window | None = Field(None, description="When it holds.")
    status: Status | None = Field(None, description="Editorial state.")
    texts: tuple[Replacement, ...] = Field((), max_length=MOST_TEXTS, description="Words that are told otherwise.")

    @property
    def empty(self) -> bool:
        """Whether nothing is overridden."""
        return self == OwnerOverrides()
