"""A long list, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query

Row = TypeVar("Row")

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Slice(Generic[Row]):
    """The rows of one page, and which page that is."""

    rows: Sequence[Row]
    number: int
    last: int
    total: int


def sliced(rows: Sequence[Row], number: int, size: int) -> Slice[Row]:
    """Page `number` of `rows`, the last page where there are fewer."""
    last = max(1, -(-len(rows) // size))
    start = (min(number, last) - 1) * size
    return Slice(rows[start : start + size], min(number, last), last, len(rows))
