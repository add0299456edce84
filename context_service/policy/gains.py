"""Who gains when an access rule changes: pure, and on the safe side, so that nothing wider passes as the same."""

from __future__ import annotations

from collections.abc import Iterator

from context_service.model.access import Access, Resource


def gains(before: Resource, after: Resource) -> Iterator[str]:
    """Who may read `after` and could not read `before`."""
    if _owner_reads(after) and (after.owner != before.owner or not _owner_reads(before)):
        yield f"owner {after.owner}"
    if after.access is None or not after.access.audiences:
        return
    yield from _admitted(before.access, after.access)


def _owner_reads(resource: Resource) -> bool:
    """A customer's own record is not its owner's to read."""
    return resource.access is None or resource.access.customer is None


def _admitted(before: Access | None, after: Access) -> Iterator[str]:
    closed = before is None or not before.audiences
    yield from (f"audience {name}" for name in sorted(after.audiences - (before.audiences if before else frozenset())))
    if before is None or closed:
        return
    if after.classification.level < before.classification.level:
        yield f"clearance {after.classification.value}"
    yield from _workflows(before.workflows, after.workflows)
    if after.customer != before.customer:
        yield f"customer {after.customer}" if after.customer else "every customer"


def _workflows(before: frozenset[str], after: frozenset[str]) -> Iterator[str]:
    """An empty set admits every workflow."""
    if not before:
        return
    yield from (f"workflow {name}" for name in sorted(after - before)) if after else ("every workflow",)
