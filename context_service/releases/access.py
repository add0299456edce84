"""Who gains and who loses when an access rule changes."""

from __future__ import annotations

from context_service.model.access import Resource
from context_service.policy.gains import gains
from context_service.releases.views import AccessChange


def access_change(before: Resource, after: Resource) -> AccessChange | None:
    """What changes for readers; None when nothing does."""
    gain, lose = tuple(gains(before, after)), tuple(gains(after, before))
    return AccessChange(gains=gain, loses=lose) if gain or lose else None
