"""The two functions that every read passes: `readable_scope()` before a search, `decide()` on each record after it.

The scope is made by asking `decide()` about every distinct access rule, so filter and decision cannot drift apart. A policy language,
should one be needed, goes behind these two functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from context_service.model.access import BOUND, Access, Principal, PrincipalKind, Resource, Scope
from context_service.model.base import admits


@dataclass(frozen=True)
class Situation:
    """What a decision depends on besides who asks: the workflow (None: a person browses), the customer, the moment."""

    workflow: str | None
    customer: str | None
    now: datetime


@dataclass(frozen=True)
class Verdict:
    """Whether a read is allowed, and the name of the rule that said no."""

    allowed: bool
    reason: str


Check = Callable[[Principal, Access, Resource, Situation], str | None]
"""Returns the reason to deny, or None when it has no objection."""


def decide(principal: Principal, resource: Resource, situation: Situation) -> Verdict:
    """Decide one read. Every check has to pass; a check that fails in any way denies."""
    try:
        return _decide(principal, resource, situation)
    except Exception:  # noqa: BLE001 - whatever goes wrong inside a policy, the answer is no
        return Verdict(False, "policy_error")


def admitted(principal: Principal, rules: Iterable[Resource], situation: Situation) -> bool:
    """Whether every one of `rules` allows a read. Where there is none, nobody may."""
    asked = list(rules)
    return bool(asked) and all(decide(principal, rule, situation).allowed for rule in asked)


def readable_scope(principal: Principal, rules: Iterable[Resource], situation: Situation) -> Scope:
    """The labels `principal` may read in `situation`, out of the access rules that exist.

    A rule bound to a customer stands for one label per customer; only the label of the situation's customer can enter the scope.
    """
    resources = (_bound_to(rule, situation.customer) for rule in rules)
    labels = (resource.label for resource in resources if resource and decide(principal, resource, situation).allowed)
    return Scope(principal=principal.id, labels=frozenset(labels))


def owns(principal: Principal, resource: Resource) -> bool:
    """Whether a person answers for the resource, by name or through a team; an agent never owns anything."""
    return principal.kind is PrincipalKind.PERSON and resource.owner in principal.teams | {principal.id}


def _decide(principal: Principal, resource: Resource, situation: Situation) -> Verdict:
    access = resource.access
    if _expired(principal, situation):
        return Verdict(False, "grant_expired")
    if owns(principal, resource) and (access is None or access.customer is None):
        return Verdict(True, "owner")
    if access is None:
        return Verdict(False, "no_access_rule")
    for check in CHECKS:
        if reason := check(principal, access, resource, situation):
            return Verdict(False, reason)
    return Verdict(True, "granted")


def _bound_to(rule: Resource, customer: str | None) -> Resource | None:
    if rule.access is None or rule.access.customer != BOUND:
        return rule
    if customer is None or customer == BOUND:
        return None
    return rule.model_copy(update={"access": rule.access.model_copy(update={"customer": customer})})


def _expired(principal: Principal, situation: Situation) -> bool:
    expires_at = principal.grant.expires_at
    return expires_at is not None and situation.now >= expires_at


def _workflow(principal: Principal, access: Access, _: Resource, situation: Situation) -> str | None:
    if situation.workflow is None:
        return None if principal.kind is PrincipalKind.PERSON and not access.workflows else "workflow"
    granted = admits(principal.grant.workflows, situation.workflow)
    limited = bool(access.workflows) and situation.workflow not in access.workflows
    return None if granted and not limited else "workflow"


def _source(principal: Principal, _: Access, resource: Resource, __: Situation) -> str | None:
    return None if admits(principal.grant.sources, resource.source) else "source"


def _classification(principal: Principal, access: Access, _: Resource, __: Situation) -> str | None:
    return None if access.classification.level <= principal.grant.ceiling.level else "classification"


def _audience(principal: Principal, access: Access, _: Resource, __: Situation) -> str | None:
    return None if access.audiences & principal.grant.audiences else "audience"


def _customer(principal: Principal, access: Access, _: Resource, situation: Situation) -> str | None:
    if access.customer is None:
        return None
    same = access.customer == situation.customer
    return None if same and admits(principal.grant.customers, access.customer) else "customer"


CHECKS: tuple[Check, ...] = (_workflow, _source, _classification, _audience, _customer)
