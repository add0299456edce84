"""Checking that nobody changed the audit log afterwards.

Each record's hash covers its entry, its number and the hash before it, so a change, a removal or an insertion shows at the first record
it touches. Cutting off the end does not show by itself: keep `Finding.last_hash` somewhere else and compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from context_service.model.audit import GENESIS, AuditRecord, chain


@dataclass(frozen=True)
class Finding:
    """How far the chain holds, and what is wrong with the first record where it does not."""

    intact: int
    """How many records hold, from the first one on."""
    last_hash: str
    """The hash of the last record that holds."""
    broken: int | None = None
    """The number of the first record that does not hold; None when all do."""
    reason: str | None = None


def verify(records: Iterable[AuditRecord]) -> Finding:
    """Follow the whole chain, from record 1 on, until its end or the first record that does not hold."""
    intact, last_hash = 0, GENESIS
    for record in records:
        reason = _what_is_wrong(record, intact + 1, last_hash)
        if reason:
            return Finding(intact, last_hash, broken=record.number, reason=reason)
        intact, last_hash = record.number, record.hash
    return Finding(intact, last_hash)


def _what_is_wrong(record: AuditRecord, number: int, previous: str) -> str | None:
    if record.number != number:
        return f"Record {number} is missing: {record.number} stands in its place."
    if record.previous != previous:
        return "It does not follow the record before it: one of the two was exchanged."
    if record.hash != chain(record.entry, number, previous).hash:
        return "Its entry is not the one that was sealed."
    return None
