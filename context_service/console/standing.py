"""Where a conflict stands, for the person who looks after it."""

from __future__ import annotations

from enum import StrEnum

from context_service.retrieval.browse import ConflictView


class Standing(StrEnum):
    """Whether somebody has to do something; the order is that of urgency."""

    OPEN = "open"
    DEPENDS = "depends"
    DECIDED = "decided"


def standing(view: ConflictView) -> Standing:
    """A conflict that hangs on an attribute of the customer is decided as soon as the customer is known: nobody has to act."""
    if view.report.winner is not None:
        return Standing.DECIDED
    return Standing.DEPENDS if view.report.needs else Standing.OPEN
