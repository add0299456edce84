"""Long lists come in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

MAX_LIMIT = 200
DEFAULT_LIMIT = 50

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most entries in the reply.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000, description="Entries to pass over.")]


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T] = Field(description="The entries.")
    total: int = Field(description="Entries in the whole list.")
    limit: int = Field(description="Most entries in this part.")
    offset: int = Field(description="Entries passed over.")


def page_of(everything: Sequence[T], limit: int, offset: int) -> Page[T]:
    """The part of `everything` that was asked for."""
    return Page(items=list(everything[offset : offset + limit]), total=len(everything), limit=limit, offset=offset)
