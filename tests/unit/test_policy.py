"""Who may read what: each check denies by itself, deny is the only default, and the filter says what the decision says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from context_service.model.access import BOUND, Access, Classification, Grant, Principal, PrincipalKind, Resource
from context_service.policy import Situation, Verdict, decide, owns, readable_scope

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MATRIX: dict[str, Any] = YAML(typ="safe", pure=True).load((Path(__file__).parent / "access_matrix.yaml").read_text("utf-8"))
FULL = Grant(workflows="*", sources="*", audiences=frozenset({"agents"}), ceiling=Classification.RESTRICTED, customers="*")
OWN_DATA = Resource(
    source="crm",
    owner="crm-team",
    access=Access(
        classification=Classification.CONFIDENTIAL, audiences=frozenset({"agents"}), workflows=frozenset({"refund"}), customer="C-1"
    ),
)
ASKING = Situation("refund", "C-1", NOW)


def agent(grant: Grant, **more: Any) -> Principal:
    return Principal(id="agent", kind=PrincipalKind.AGENT, grant=grant, **more)


def matrix_principal(name: str) -> Principal:
    return Principal.model_validate({"id": name, **MATRIX["principals"][name]})


def matrix_situation(row: dict[str, Any]) -> Situation:
    moment = datetime.fromisoformat(row["at"]) if "at" in row else NOW
    return Situation(row.get("in", "refund"), row.get("for"), moment)


@pytest.mark.parametrize("row", MATRIX["rows"], ids=lambda row: "-".join(str(part) for part in row.values()))
def test_decision_and_filter_follow_the_access_matrix(row: dict[str, Any]) -> None:
    principal, situation = matrix_principal(row["who"]), matrix_situation(row)
    resource = Resource.model_validate(MATRIX["resources"][row["what"]])
    assert decide(principal, resource, situation) == Verdict(row["allowed"], row["because"])
    assert (resource.label in readable_scope(principal, [resource.rule], situation).labels) is row["allowed"]


def test_the_access_matrix_uses_everything_it_names_and_every_reason() -> None:
    rows = MATRIX["rows"]
    assert len(rows) >= 40
    assert {row["who"] for row in rows} == MATRIX["principals"].keys()
    assert {row["what"] for row in rows} == MATRIX["resources"].keys()
    reasons = "granted owner workflow source classification audience customer grant_expired no_access_rule"
    assert {row["because"] for row in rows} == set(reasons.split())


def test_a_full_grant_allows() -> None:
    assert decide(agent(FULL), OWN_DATA, ASKING) == Verdict(True, "granted")


@pytest.mark.parametrize(
    ("lacking", "reason"),
    [
        ({"workflows": frozenset({"billing"})}, "workflow"),
        ({"workflows": frozenset()}, "workflow"),
        ({"sources": frozenset({"handbook"})}, "source"),
        ({"audiences": frozenset({"staff"})}, "audience"),
        ({"audiences": frozenset()}, "audience"),
        ({"ceiling": Classification.INTERNAL}, "classification"),
        ({"customers": frozenset({"C-2"})}, "customer"),
        ({"expires_at": NOW}, "grant_expired"),
    ],
)
def test_each_part_of_a_grant_is_needed_by_itself(lacking: dict[str, Any], reason: str) -> None:
    assert decide(agent(FULL.model_copy(update=lacking)), OWN_DATA, ASKING) == Verdict(False, reason)


@pytest.mark.parametrize("situation", [Situation("billing", "C-1", NOW), Situation(None, "C-1", NOW)])
def test_a_text_limited_to_a_workflow_is_read_in_no_other(situation: Situation) -> None:
    assert decide(agent(FULL), OWN_DATA, situation) == Verdict(False, "workflow")


@pytest.mark.parametrize("customer", ["C-2", None, "", BOUND, "c-1"])
def test_one_customers_data_is_read_for_that_customer_alone(customer: str | None) -> None:
    assert decide(agent(FULL), OWN_DATA, Situation("refund", customer, NOW)) == Verdict(False, "customer")


def test_a_grant_that_says_nothing_reads_nothing() -> None:
    for resource in MATRIX["resources"].values():
        assert not decide(agent(Grant()), Resource.model_validate(resource), ASKING).allowed


@pytest.mark.parametrize(
    "principal",
    [
        Principal.model_construct(id="broken", kind=PrincipalKind.AGENT, teams=frozenset(), grant=None),  # type: ignore[arg-type]  # broken on purpose
        Principal.model_construct(
            id="broken", kind=PrincipalKind.AGENT, teams=frozenset(), grant=Grant.model_construct(workflows="*", sources="*")
        ),
        agent(FULL.model_copy(update={"ceiling": "cosmic"})),
        agent(FULL.model_copy(update={"audiences": None})),
        agent(FULL.model_copy(update={"expires_at": datetime(2027, 1, 1)})),  # noqa: DTZ001 - a moment without a zone cannot be compared
        Principal.model_construct(id="broken", kind=PrincipalKind.PERSON, teams=None, grant=FULL),  # type: ignore[arg-type]  # the same
    ],
    ids=["no grant", "half a grant", "unknown ceiling", "no audiences", "naive expiry", "no teams"],
)
def test_a_policy_that_fails_denies(principal: Principal) -> None:
    verdict = decide(principal, OWN_DATA, ASKING)
    assert not verdict.allowed
    assert not readable_scope(principal, [OWN_DATA.rule], ASKING).labels


def test_what_failed_is_named_a_policy_error() -> None:
    broken = agent(FULL.model_copy(update={"audiences": None}))
    assert decide(broken, OWN_DATA, ASKING) == Verdict(False, "policy_error")


@pytest.mark.parametrize(
    ("principal", "owned"),
    [
        (Principal(id="ada", kind=PrincipalKind.PERSON, teams=frozenset({"crm-team"})), True),
        (Principal(id="crm-team", kind=PrincipalKind.PERSON), True),
        (Principal(id="ada", kind=PrincipalKind.PERSON, teams=frozenset({"crm"})), False),
        (Principal(id="ada", kind=PrincipalKind.PERSON, operator=True), False),
        (Principal(id="bot", kind=PrincipalKind.AGENT, teams=frozenset({"crm-team"})), False),
        (Principal(id="crm-team", kind=PrincipalKind.AGENT), False),
    ],
)
def test_a_person_owns_by_name_or_team_and_an_agent_never(principal: Principal, owned: bool) -> None:
    assert owns(principal, OWN_DATA) is owned


def test_an_owner_needs_a_grant_for_a_customers_own_data() -> None:
    owner = Principal(id="ada", kind=PrincipalKind.PERSON, teams=frozenset({"crm-team"}))
    assert decide(owner, OWN_DATA, ASKING).reason == "workflow"
    granted = owner.model_copy(update={"grant": FULL})
    assert decide(granted, OWN_DATA, ASKING) == Verdict(True, "granted")


def test_the_bound_customer_of_a_rule_is_nobodys_id() -> None:
    assert not readable_scope(agent(FULL), [OWN_DATA.rule], Situation("refund", BOUND, NOW)).labels


def test_a_scope_names_who_it_was_made_for() -> None:
    assert readable_scope(agent(FULL), [], ASKING).principal == "agent"


def test_two_customers_labels_share_their_rule_and_nothing_else() -> None:
    other = OWN_DATA.model_copy(update={"access": OWN_DATA.access and OWN_DATA.access.model_copy(update={"customer": "C-2"})})
    assert OWN_DATA.rule == other.rule
    assert OWN_DATA.label != other.label
    assert OWN_DATA.label.partition("@")[0] == other.label.partition("@")[0]
