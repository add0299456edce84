"""Who may know of a source, which is less than reading its texts."""

from __future__ import annotations

from context_service.model.access import Principal, Resource
from context_service.model.base import admits
from context_service.model.source import Source
from context_service.policy.decide import owns


def may_see(principal: Principal, source: Source) -> bool:
    """Whether a principal may know that there is such a source, and how fresh it is."""
    return answers_for(principal, source) or admits(principal.grant.sources, source.id)


def answers_for(principal: Principal, source: Source) -> bool:
    """Whether a principal runs the service or the source, and so may know how much it holds and what failed, though not read it."""
    return principal.operator or owns(principal, source_resource(source))


def source_resource(source: Source) -> Resource:
    """What an access decision about a source as a whole looks at."""
    return Resource(source=source.id, owner=source.owner, access=source.access)
