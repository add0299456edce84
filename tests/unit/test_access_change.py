"""Who gains and who loses when a rule changes; held against what the policy itself says of every reader."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from context_service.model.access import Access, Classification, Grant, Principal, PrincipalKind, Resource
from context_service.policy import Situation, decide
from context_service.releases.access import access_change

NOW = datetime(2026, 11, 20, tzinfo=UTC)
AUDIENCES, WORKFLOWS, CUSTOMERS, OWNERS = ["a", "b"], ["v", "w"], ["C-1", "C-2"], ["ann", "bob"]


def names(words: list[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.sets(st.sampled_from(words)).map(frozenset)


access = st.builds(
    Access,
    classification=st.sampled_from(Classification),
    audiences=names(AUDIENCES),
    workflows=names(WORKFLOWS),
    customer=st.sampled_from([None, *CUSTOMERS]),
)
resource = st.builds(Resource, source=st.just("s"), owner=st.sampled_from(OWNERS), access=st.none() | access)


def readers() -> list[tuple[Principal, Situation]]:
    agents = [
        Principal(
            id="agent",
            kind=PrincipalKind.AGENT,
            grant=Grant(workflows="*", sources="*", audiences=frozenset({audience}), ceiling=ceiling, customers="*"),
        )
        for audience, ceiling in product(AUDIENCES, Classification)
    ]
    asking = [Situation(workflow=workflow, customer=customer, now=NOW) for workflow, customer in product(WORKFLOWS, [None, *CUSTOMERS])]
    people = [Principal(id=owner, kind=PrincipalKind.PERSON) for owner in OWNERS]
    browsing = Situation(workflow=None, customer=None, now=NOW)
    return [*product(agents, asking), *((person, browsing) for person in people)]


READERS = readers()


@given(resource, resource)
def test_whoever_gains_is_noticed(before: Resource, after: Resource) -> None:
    wider = any(decide(who, after, when).allowed and not decide(who, before, when).allowed for who, when in READERS)
    change = access_change(before, after)
    if wider:
        assert change
        assert change.gains


@given(resource, resource)
def test_whoever_loses_is_noticed(before: Resource, after: Resource) -> None:
    tighter = any(decide(who, before, when).allowed and not decide(who, after, when).allowed for who, when in READERS)
    change = access_change(before, after)
    if tighter:
        assert change
        assert change.loses


@given(resource)
def test_the_same_rule_changes_nothing(one: Resource) -> None:
    assert access_change(one, one) is None


def test_it_names_who() -> None:
    rule = Access(classification=Classification.INTERNAL, audiences=frozenset({"staff"}), workflows=frozenset({"refund"}))
    wider = Access(classification=Classification.PUBLIC, audiences=frozenset({"staff", "agents"}))
    change = access_change(Resource(source="s", owner="o", access=rule), Resource(source="s", owner="o", access=wider))
    assert change
    assert change.gains == ("audience agents", "clearance public", "every workflow")
    assert change.loses == ()
