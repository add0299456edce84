"""Where a conflict stands, for every combination of what the state depends on; and which rulings decide."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import product

import pytest

from context_service.conflicts.lifecycle import covers_all, in_force, overlap, state
from context_service.model.applicability import Applicability
from context_service.model.conflict import ConflictState, Ruling, RulingOutcome, RulingScope
from tests.conflict_values import NOW, conflict, conflict_side, ruling_on

LONG, SHORT = conflict_side("long.md", "within 30 days"), conflict_side("short.md", "within 14 days")
STORED = conflict(LONG, SHORT)
WORKFLOWS = ("refund", "billing")
STANDING = ruling_on(STORED)
DISMISSING = ruling_on(STORED, RulingOutcome.NOT_A_CONFLICT)
EXPIRED = ruling_on(STORED, expires_at=NOW)
ON_OTHER_WORDS = ruling_on(conflict(conflict_side("long.md", "within 45 days"), SHORT))
REVOKED = ruling_on(STORED, revoked_at=NOW, revoked_by="ada")
FOR_REFUNDS = ruling_on(STORED, scope=RulingScope(workflows=frozenset({"refund"})))
FOR_BILLING = ruling_on(STORED, id="r2", scope=RulingScope(workflows=frozenset({"billing"})))
FOR_GERMANY = ruling_on(STORED, scope=RulingScope(applicability=Applicability(regions=frozenset({"DE"}))))

OPEN, REOPENED, RESOLVED = ConflictState.OPEN, ConflictState.REOPENED, ConflictState.RESOLVED_BY_RULE
RULED, DISMISSED, CLOSED = ConflictState.RULED, ConflictState.DISMISSED, ConflictState.CLOSED

BY_RULING: Mapping[str, tuple[tuple[Ruling, ...], ConflictState | None]] = {
    "none": ((), None),
    "one that stands": ((STANDING,), RULED),
    "one that says it is none": ((DISMISSING,), DISMISSED),
    "one that has expired": ((EXPIRED,), REOPENED),
    "one on other words": ((ON_OTHER_WORDS,), REOPENED),
    "one that was revoked": ((REVOKED,), None),
    "an expired one and a new one": ((EXPIRED, STANDING), RULED),
    "one for a part of the workflows": ((FOR_REFUNDS,), None),
    "one for some customers": ((FOR_GERMANY,), None),
    "ones for each workflow": ((FOR_REFUNDS, FOR_BILLING), RULED),
}
"""Rulings, and the state that follows from them alone; None: what is left decides."""


@pytest.mark.parametrize("name", BY_RULING)
@pytest.mark.parametrize(("closed", "returned", "decided"), list(product([False, True], repeat=3)))
def test_the_state_follows_from_life_rulings_and_rules(name: str, closed: bool, returned: bool, decided: bool) -> None:
    rulings, by_ruling = BY_RULING[name]
    if closed:
        expected = CLOSED
    elif by_ruling:
        expected = by_ruling
    elif decided:
        expected = RESOLVED
    else:
        expected = REOPENED if returned else OPEN
    stored = STORED.model_copy(update={"closed": closed, "returned": returned})
    assert state(stored, rulings, decided, WORKFLOWS, NOW) is expected


def test_a_ruling_reopens_its_conflict_at_the_moment_it_expires() -> None:
    ruling = ruling_on(STORED, expires_at=NOW + timedelta(hours=1))
    assert state(STORED, [ruling], False, WORKFLOWS, NOW + timedelta(minutes=59)) is RULED
    assert state(STORED, [ruling], False, WORKFLOWS, NOW + timedelta(hours=1)) is REOPENED


def test_a_ruling_stands_from_when_it_was_made_until_it_ends() -> None:
    ruling = ruling_on(STORED, expires_at=NOW + timedelta(days=2), revoked_at=NOW + timedelta(days=1), revoked_by="ada")
    moments = [NOW - timedelta(seconds=1), NOW, NOW + timedelta(hours=23), NOW + timedelta(days=1)]
    assert [ruling.stands_at(moment) for moment in moments] == [False, True, True, False]


def test_a_ruling_binds_words_and_not_chunks() -> None:
    moved = LONG.model_copy(update={"passages": conflict_side("long.md", "within 30 days", chunk="new").passages})
    assert in_force(STANDING, [moved, SHORT], NOW)
    assert not in_force(STANDING, [conflict_side("other.md", "within 30 days"), SHORT], NOW)


def test_only_what_waits_for_an_owner_is_open_or_reopened() -> None:
    assert {one for one in ConflictState if one.waits} == {OPEN, REOPENED}


@pytest.mark.parametrize(
    ("a", "b", "meet"),
    [
        (RulingScope(), RulingScope(), True),
        (FOR_REFUNDS.scope, RulingScope(), True),
        (FOR_REFUNDS.scope, FOR_BILLING.scope, False),
        (FOR_GERMANY.scope, FOR_REFUNDS.scope, True),
        (FOR_GERMANY.scope, RulingScope(applicability=Applicability(regions=frozenset({"US"}))), False),
        (FOR_GERMANY.scope, RulingScope(applicability=Applicability(regions=frozenset({"EU"}))), True),
        (FOR_GERMANY.scope, RulingScope(applicability=Applicability(plans=frozenset({"plus"}))), True),
        (
            RulingScope(applicability=Applicability(products=frozenset({"lamp"}))),
            RulingScope(applicability=Applicability(products=frozenset({"kettle"}))),
            True,
        ),
    ],
)
def test_scopes_meet_where_one_request_may_fall_under_both(a: RulingScope, b: RulingScope, meet: bool) -> None:
    def spelled(applicability: Applicability) -> dict[str, frozenset[str]]:
        found = applicability.conditions()
        return {name: frozenset({"DE", "FR"}) if values == {"EU"} else values for name, values in found.items()}

    assert overlap(a, b, spelled) is meet
    assert overlap(b, a, spelled) is meet


def test_a_scope_for_some_customers_never_covers_everything() -> None:
    assert covers_all([STANDING], [])
    assert not covers_all([], WORKFLOWS)
    assert not covers_all([FOR_GERMANY], WORKFLOWS)


def test_a_ruling_loses_its_ground_when_the_side_it_names_says_nothing_of_it_any_more() -> None:
    other = conflict_side("mid.md", "within 20 days")
    three = conflict(LONG, SHORT, other)
    for outcome in (RulingOutcome.SIDE_WINS, RulingOutcome.FIX_AT_SOURCE):
        ruling = ruling_on(three, outcome)
        assert in_force(ruling, [LONG, SHORT], NOW), "the loser that is gone is no loss"
        assert not in_force(ruling, [SHORT, other], NOW)
    assert in_force(ruling_on(three, RulingOutcome.NOT_A_CONFLICT), [SHORT, other], NOW)


@pytest.mark.parametrize("decided", [False, True])
def test_what_took_the_place_of_a_ruled_one_waits_until_it_is_ruled_on(decided: bool) -> None:
    heir = STORED.model_copy(update={"unsettled": True})
    assert state(heir, [], decided, WORKFLOWS, NOW) is REOPENED
    assert state(heir, [STANDING], decided, WORKFLOWS, NOW) is RULED
    assert state(heir, [REVOKED], decided, WORKFLOWS, NOW) is REOPENED


def test_sides_that_say_themselves_when_they_hold_wait_for_nobody() -> None:
    apart = STORED.model_copy(update={"told_apart": True})
    assert state(apart, [], False, WORKFLOWS, NOW) is RESOLVED
    assert state(apart, [EXPIRED], False, WORKFLOWS, NOW) is REOPENED


def test_what_the_own_order_of_a_workflow_leaves_open_waits() -> None:
    left_open = STORED.model_copy(update={"undecided_in": frozenset({"billing"})})
    assert state(left_open, [], True, WORKFLOWS, NOW) is OPEN
    assert state(left_open, [STANDING], True, WORKFLOWS, NOW) is RULED
