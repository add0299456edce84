"""Where a conflict stands: a pure function of what lives, what was ruled and what the rules decide by themselves.

Nothing but happenings and rulings is stored, so a ruling that expires at midnight reopens its conflict at midnight.

| living sides | full ruling stands | ruling lost its ground | came back | rules decide | state            |
| ------------ | ------------------ | ---------------------- | --------- | ------------ | ---------------- |
| no           | any                | any                    | any       | any          | closed           |
| yes          | not_a_conflict     | any                    | any       | any          | dismissed        |
| yes          | another            | any                    | any       | any          | ruled            |
| yes          | no                 | yes                    | any       | any          | reopened         |
| yes          | no                 | no                     | any       | yes          | resolved_by_rule |
| yes          | no                 | no                     | yes       | no           | reopened         |
| yes          | no                 | no                     | no        | no           | open             |

A ruling loses its ground when a side changes or when it expires, and when an edit puts another conflict in the place of the one that was
ruled on; one that was revoked has never been. The rules decide where those of every workflow do, in its own order, and where the sides' own
words say for which case each holds. Rulings for some requests only leave the conflict's state as it is, unless together they cover every
workflow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from context_service.model.applicability import Applicability
from context_service.model.conflict import Conflict, ConflictSide, ConflictState, Ruling, RulingOutcome, RulingScope

SEVERAL = {"product"}
"""Attributes of which one customer may have several values, so that two scopes with different ones may meet."""


def state(conflict: Conflict, rulings: Sequence[Ruling], decided: bool, workflows: Collection[str], now: datetime) -> ConflictState:  # noqa: FBT001 - a fact of the table above
    """Where a conflict stands. `decided`: the rules choose a side without any ruling; `workflows` are all that are declared."""
    if conflict.closed:
        return ConflictState.CLOSED
    standing = [ruling for ruling in rulings if in_force(ruling, conflict.sides, now)]
    if covers_all(standing, workflows):
        dismissed = all(ruling.outcome is RulingOutcome.NOT_A_CONFLICT for ruling in standing)
        return ConflictState.DISMISSED if dismissed else ConflictState.RULED
    if conflict.unsettled or any(ruling.revoked_at is None and not in_force(ruling, conflict.sides, now) for ruling in rulings):
        return ConflictState.REOPENED
    if conflict.told_apart or (decided and not conflict.undecided_in):
        return ConflictState.RESOLVED_BY_RULE
    return ConflictState.REOPENED if conflict.returned else ConflictState.OPEN


def in_force(ruling: Ruling, sides: Sequence[ConflictSide], now: datetime) -> bool:
    """Whether a ruling decides: it stands, and every side says what it said when it was ruled on."""
    return ruling.stands_at(now) and not changed(ruling, sides)


def changed(ruling: Ruling, sides: Sequence[ConflictSide]) -> bool:
    """Whether a side says something that was not ruled on, or the side that the ruling names says nothing of it any more."""
    ruled = {(side.document, text) for side in ruling.sides for text in side.texts}
    said = {(side.document, text) for side in sides for text in side.texts}
    named = {(side.document, text) for side in ruling.sides if side.id == ruling.side for text in side.texts}
    return not said <= ruled or bool(named and not named & said)


def covers_all(rulings: Sequence[Ruling], workflows: Collection[str]) -> bool:
    """Whether rulings without conditions on the customer cover every workflow together."""
    scopes = [ruling.scope.workflows for ruling in rulings if not ruling.scope.applicability.conditions()]
    covered = frozenset().union(*(scope for scope in scopes if scope != "*"))
    return "*" in scopes or bool(scopes and set(workflows) <= covered)


def overlap(a: RulingScope, b: RulingScope, conditions: Callable[[Applicability], Mapping[str, frozenset[str]]]) -> bool:
    """Whether some request may fall under both scopes. `conditions` spells an applicability out, groups expanded."""
    if a.workflows != "*" and b.workflows != "*" and not a.workflows & b.workflows:
        return False
    ours, theirs = conditions(a.applicability), conditions(b.applicability)
    return all(ours[name] & theirs[name] for name in ours.keys() & theirs.keys() - SEVERAL)
