"""How the answers of a release on trial compare with those of the release that the other conversations read meanwhile."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from pydantic import Field

from context_service.errors import InvalidRequest
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import Value
from context_service.model.context import Decision
from context_service.model.release import Traffic
from context_service.records.protocol import RecordStore

MOST_ANSWERS = 10_000
"""Answers that are compared: the newest of the trial. Reading so many takes about a second."""


class Served(Value):
    """The answers that one release gave. Rates are shares of the answers, 0 where there are none."""

    release: int
    answers: int = 0
    decisions: dict[str, int] = Field({}, description="Answers by decision; a decision that was never made is missing.")
    insufficient: float = Field(0.0, description="Share that told nothing, because nothing fit well enough.")
    conflicted: float = Field(0.0, description="Share that named a conflict, decided or not.")
    conflicts: int = Field(0, description="Distinct conflicts that were named.")
    p50_ms: float | None = Field(None, description="Milliseconds that half of the answers took at most; none without answers.")
    p95_ms: float | None = Field(None, description="Milliseconds that 95 of 100 answers took at most; none without answers.")


class Comparison(Value):
    """Both sides of a trial since it began. Questions that named a release or a moment are not counted: no share decided for them."""

    since: datetime
    share: float
    canary: Served
    beside: Served
    complete: bool = Field(description="Whether every answer of the trial was looked at, and not the newest alone.")


def comparison(records: RecordStore, traffic: Traffic) -> Comparison:
    """The answers of the trial that runs. Raises InvalidRequest where none does."""
    if traffic.canary is None:
        raise InvalidRequest("No release is on trial.", remedy="Publish a draft to a share of the conversations first.")
    begun = records.audit_of(f"release:{traffic.canary}", Action.RELEASE_TRIED)[-1]
    found = records.audit_latest(Action.CONTEXT_SERVED, begun.number, MOST_ANSWERS)
    shared = [record.entry for record in found if not _named_its_release(record.entry)]
    return Comparison(
        since=begun.entry.at,
        share=traffic.share,
        canary=_served(traffic.canary, shared),
        beside=_served(traffic.number, shared),
        complete=len(found) < MOST_ANSWERS,
    )


def _named_its_release(entry: AuditEntry) -> bool:
    request = cast("dict[str, object]", entry.detail["request"])
    return bool(request.keys() & {"release", "as_of"})


def _served(release: int, entries: Sequence[AuditEntry]) -> Served:
    its_own = [entry.detail for entry in entries if entry.detail["release"] == release]
    if not its_own:
        return Served(release=release)
    decisions = Counter(str(detail["decision"]) for detail in its_own)
    named = [cast("list[str]", detail["conflicts"]) for detail in its_own]
    took = sorted(float(cast("float", detail["milliseconds"])) for detail in its_own if "milliseconds" in detail)
    return Served(
        release=release,
        answers=len(its_own),
        decisions=dict(sorted(decisions.items())),
        insufficient=decisions[Decision.INSUFFICIENT.value] / len(its_own),
        conflicted=sum(map(bool, named)) / len(its_own),
        conflicts=len({conflict for some in named for conflict in some}),
        p50_ms=_quantile(took, 0.5),
        p95_ms=_quantile(took, 0.95),
    )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of all do not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
