"""How long changes take from their source to being served. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import Field

from context_service.model.base import Value
from context_service.model.schedule import ServedChange

CHANGES_MEASURED = 100
"""The last changes of a source that its lag is measured on."""


class Lag(Value):
    """Seconds between a change at a source and its being served, over the last changes."""

    changes: int = Field(
        description="Changes that were measured, deletions included; those of the first sync are not: nobody waited for them."
    )
    p50_seconds: float | None = Field(description="Half of them took at most this long.")
    p95_seconds: float | None = Field(description="95 in 100 of them took at most this long.")
    last_seconds: float | None = Field(description="The last one took this long.")


def lag(changes: Sequence[ServedChange]) -> Lag:
    """The lag of these changes, newest first."""
    seconds = [found for found in map(seconds_of, changes) if found is not None]
    return Lag(
        changes=len(seconds),
        p50_seconds=percentile(seconds, 0.5),
        p95_seconds=percentile(seconds, 0.95),
        last_seconds=round(seconds[0], 3) if seconds else None,
    )


def seconds_of(change: ServedChange) -> float | None:
    """How long one change took; None for what the first sync brought.

    It began when its source says that the item changed, else when it was first seen; but not before the last check that did not find it,
    since files are moved in with the dates they had elsewhere.
    """
    if change.checked_before is None:
        return None
    began = max(change.changed_at or change.seen_at, change.checked_before)
    return max(0.0, (change.served_at - began).total_seconds())


def percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest of the values that at least `share` of them do not exceed, to the millisecond; None of none."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3) if ordered else None
