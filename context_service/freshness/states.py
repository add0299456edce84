"""States of freshness from two clocks: when the text was last checked at its source, and when its owner last confirmed it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from context_service.model.context import Freshness
from context_service.model.source import Promise, Treatment

ORDER = list(Freshness)


def freshness(
    promise: Promise, *, checked_at: datetime | None, reviewed: date | None, now: datetime, verified_until: datetime | None = None
) -> Freshness:
    """The worse of the two clocks. Never checked counts as expired; without a review, or a promise to review, only the check counts.

    The age of the check runs against `due`, `stale` and `expired`; that of the review against `review_within` (stale) and twice that
    (expired). Until `verified_until` an owner's verification by hand stands for the review.
    """
    by_review = Freshness.FRESH if verified_until and now < verified_until else _by_review(promise, reviewed, now)
    return max(_by_check(promise, checked_at, now), by_review, key=ORDER.index)


def worse(one: Freshness, other: Freshness) -> bool:
    """Whether `one` is worse than `other`."""
    return ORDER.index(one) > ORDER.index(other)


def treatment(promise: Promise, state: Freshness) -> Treatment:
    """What happens to text of this state."""
    match state:
        case Freshness.DUE:
            return promise.when_due
        case Freshness.STALE:
            return promise.when_stale
        case Freshness.EXPIRED:
            return promise.when_expired
    return "serve"


def _by_check(promise: Promise, checked_at: datetime | None, now: datetime) -> Freshness:
    if checked_at is None:
        return Freshness.EXPIRED
    age = now - checked_at
    if age >= promise.expired:
        return Freshness.EXPIRED
    if age >= promise.stale:
        return Freshness.STALE
    return Freshness.DUE if age >= promise.due else Freshness.FRESH


def _by_review(promise: Promise, reviewed: date | None, now: datetime) -> Freshness:
    if reviewed is None or promise.review_within is None:
        return Freshness.FRESH
    age: timedelta = now - datetime.combine(reviewed, time(), UTC)
    if age >= 2 * promise.review_within:
        return Freshness.EXPIRED
    return Freshness.STALE if age >= promise.review_within else Freshness.FRESH
