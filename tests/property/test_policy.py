"""Over any grants, rules and situations: the filter before a search and the decision after it say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from context_service.model.access import BOUND, Access, Classification, Grant, Principal, PrincipalKind, Resource
from context_service.policy import Situation, decide, owns, readable_scope

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CUSTOMERS = ["C-1", "C-2", "", BOUND]
words = st.sampled_from(["a", "b", "c", "*"])
word_sets = st.frozensets(words, max_size=3)
names = st.one_of(st.just("*"), word_sets)
classifications = st.sampled_from(Classification)
customers = st.one_of(st.none(), st.sampled_from(CUSTOMERS))
accesses = st.builds(Access, classification=classifications, audiences=word_sets, workflows=word_sets, customer=customers)
resources = st.builds(Resource, source=words, owner=words, access=st.one_of(st.none(), accesses))
grants = st.builds(
    Grant,
    workflows=names,
    sources=names,
    audiences=word_sets,
    ceiling=classifications,
    customers=st.one_of(st.just("*"), st.frozensets(st.sampled_from(CUSTOMERS))),
    expires_at=st.one_of(st.none(), st.sampled_from([NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)])),
)
principals = st.builds(Principal, id=words, kind=st.sampled_from(PrincipalKind), teams=word_sets, operator=st.booleans(), grant=grants)
situations = st.builds(Situation, workflow=st.one_of(st.none(), words), customer=customers, now=st.just(NOW))


def a_customers_own(resource: Resource) -> bool:
    return resource.access is not None and resource.access.customer is not None


@given(principals, st.lists(resources, max_size=6), situations)
def test_the_scope_is_what_the_decision_allows(principal: Principal, found: list[Resource], situation: Situation) -> None:
    scope = readable_scope(principal, [resource.rule for resource in found], situation)
    for resource in found:
        if resource.access and resource.access.customer == BOUND:
            continue  # stands for "some one customer" in a rule; no document is bound to it
        assert (resource.label in scope.labels) is decide(principal, resource, situation).allowed


@given(principals, st.lists(resources, max_size=6), situations)
def test_a_scope_holds_the_labels_of_one_customer_at_most(principal: Principal, found: list[Resource], situation: Situation) -> None:
    scope = readable_scope(principal, [resource.rule for resource in found], situation)
    assert {label.partition("@")[2] for label in scope.labels} <= {"", situation.customer}


@given(st.lists(resources, max_size=6), situations, st.sampled_from(PrincipalKind), words)
def test_an_empty_grant_makes_an_empty_scope_but_for_what_one_owns(
    found: list[Resource], situation: Situation, kind: PrincipalKind, name: str
) -> None:
    principal = Principal(id=name, kind=kind)
    scope = readable_scope(principal, [resource.rule for resource in found], situation)
    assert scope.labels <= {resource.label for resource in found if owns(principal, resource) and not a_customers_own(resource)}
    if kind is PrincipalKind.AGENT:
        assert not scope.labels


@given(principals, resources, situations)
def test_a_smaller_grant_never_allows_more(principal: Principal, resource: Resource, situation: Situation) -> None:
    lesser = principal.model_copy(update={"grant": principal.grant.model_copy(update={"ceiling": Classification.PUBLIC})})
    if decide(lesser, resource, situation).allowed:
        assert decide(principal, resource, situation).allowed


@given(principals, resources, situations)
def test_whatever_is_allowed_is_owned_or_passes_every_part_of_the_grant(
    principal: Principal, resource: Resource, situation: Situation
) -> None:
    if not decide(principal, resource, situation).allowed or (owns(principal, resource) and not a_customers_own(resource)):
        return
    access, grant = resource.access, principal.grant
    assert access is not None
    assert access.audiences & grant.audiences
    assert access.classification.level <= grant.ceiling.level
    assert access.customer in (None, situation.customer)
    assert grant.expires_at is None or grant.expires_at > situation.now
