"""What is known of a customer: from the own record first, from the request where the record is silent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import JsonValue

from context_service.errors import InvalidRequest, UnknownCustomer
from context_service.model.access import Access, Classification, Grant, Principal, PrincipalKind
from context_service.model.context import CustomerFacts, CustomerRef
from context_service.model.source import Company
from context_service.policy import Situation
from context_service.policy.applies import Regions
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.retrieval.customer import Customer, read_customer, situation_values
from tests.contract.records_values import NOW, publish, put, state

COMPANY = Company(
    name="Brightwater",
    authority={"policy": 80},
    regions={"EU": ("DE", "FR"), "UK": ()},
    plans=("basic", "plus"),
    products=("kettle", "lamp"),
    audiences=("agents",),
)
REGIONS = Regions(COMPANY.regions)
AGENT = Principal(
    id="agent",
    kind=PrincipalKind.AGENT,
    grant=Grant(
        workflows="*",
        sources="*",
        audiences=frozenset({"agents"}),
        ceiling=Classification.CONFIDENTIAL,
        customers=frozenset({"C-1", "C-2"}),
    ),
)


@pytest.fixture
def records() -> Iterator[RecordStore]:
    store = open_records("sqlite://")
    yield store
    store.close()


def add(store: RecordStore, customer: str, facts: dict[str, JsonValue], key: str = "") -> None:
    access = Access(classification=Classification.CONFIDENTIAL, audiences=frozenset({"agents"}), customer=customer)
    put(store, state(key or f"Account/{customer}", store.head() + 1, source="crm", access=access, facts=facts))


def read(store: RecordStore, id: str | None, attributes: dict[str, str] | None = None, principal: Principal = AGENT) -> Customer:  # noqa: A002
    ref = CustomerRef(id=id, attributes=attributes or {})
    return read_customer(store, principal, ref, Situation("refund", id, NOW), store.head())


def test_the_record_goes_before_the_request_and_the_request_fills_gaps(records: RecordStore) -> None:
    add(records, "C-1", {"region": "DE", "plan": "plus", "segment": None, "language": "  "})
    publish(records, 1)
    customer = read(records, "C-1", {"plan": "basic", "segment": "business", "language": "de"})
    assert customer.facts.attributes == {"region": "DE", "plan": "plus", "segment": "business", "language": "de"}
    assert customer.facts.provenance == {
        "region": "crm:Account/C-1",
        "plan": "crm:Account/C-1",
        "segment": "request",
        "language": "request",
    }
    assert customer.record is not None
    assert customer.record.ref == "crm:Account/C-1"


@pytest.mark.parametrize(("fact", "sent"), [({"products": ["kettle"]}, {"product": "lamp"}), ({"product": "kettle"}, {"products": "lamp"})])
def test_one_and_several_products_are_one_fact_that_the_request_does_not_add_to(
    records: RecordStore, fact: dict[str, JsonValue], sent: dict[str, str]
) -> None:
    add(records, "C-1", fact)
    publish(records, 1)
    facts = read(records, "C-1", sent).facts
    assert situation_values(facts, COMPANY, REGIONS, "refund", "chat")["product"] == {"kettle"}


def test_without_an_id_the_request_is_all_there_is(records: RecordStore) -> None:
    customer = read(records, None, {"region": "DE", "plan": ""})
    assert customer.record is None
    assert customer.facts == CustomerFacts(id=None, attributes={"region": "DE"}, provenance={"region": "request"})


def test_an_unknown_customer_and_one_that_may_not_be_known_read_the_same(records: RecordStore) -> None:
    add(records, "C-3", {"region": "DE"})
    publish(records, 1)
    for principal, customer in ((AGENT, "C-3"), (AGENT, "C-2"), (Principal(id="x", kind=PrincipalKind.AGENT), "C-3")):
        with pytest.raises(UnknownCustomer) as caught:
            read(records, customer, principal=principal)
        assert caught.value.message == f"No customer `{customer}` is known to you."
        assert caught.value.field == "customer.id"


def test_a_record_about_a_customer_that_is_not_the_customers_own_is_no_customer_record(records: RecordStore) -> None:
    add(records, "C-1", {"subject": "Late parcel"}, key="Case/500-7")
    publish(records, 1)
    with pytest.raises(UnknownCustomer):
        read(records, "C-1")


def test_facts_are_those_of_the_release_that_is_read(records: RecordStore) -> None:
    add(records, "C-1", {"plan": "basic"})
    publish(records, 1)
    add(records, "C-1", {"plan": "plus"})
    assert read(records, "C-1").facts.attributes == {"plan": "basic"}
    publish(records, 2)
    assert read(records, "C-1").facts.attributes == {"plan": "plus"}


def values(attributes: dict[str, Any], company: Company = COMPANY, origin: str = "crm:Account/C-1") -> dict[str, set[str]]:
    facts = CustomerFacts(id="C-1", attributes=attributes, provenance=dict.fromkeys(attributes, origin))
    found = situation_values(facts, company, REGIONS, "refund", "chat")
    return {name: set(several) for name, several in found.items() if name not in ("workflow", "channel")}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, {}),
        ({"region": "DE"}, {"region": {"DE"}}),
        ({"region": "EU"}, {"region": {"DE", "FR"}}),
        ({"region": ["DE", "UK"]}, {"region": {"DE", "UK"}}),
        ({"region": " de "}, {"region": {"DE"}}),
        ({"region": "Atlantis"}, {}),
        ({"products": ["kettle", "lamp"]}, {"product": {"kettle", "lamp"}}),
        ({"products": ["kettle"], "product": "lamp"}, {"product": {"kettle", "lamp"}}),
        ({"products": ["Kettle", "toaster"]}, {"product": {"kettle"}}),
        ({"plan": "PLUS"}, {"plan": {"plus"}}),
        ({"segment": "Business"}, {"segment": {"Business"}}),
        ({"segment": ""}, {}),
        ({"language": ["de", None, " "]}, {"language": {"de"}}),
        ({"segment": 7}, {"segment": {"7"}}),
        ({"name": "Ada", "email": "a@b.example"}, {}),
        ({"workflow": "billing", "channel": "voice"}, {}),
    ],
)
def test_facts_become_what_applicability_is_held_against(attributes: dict[str, Any], expected: dict[str, set[str]]) -> None:
    assert values(attributes) == expected


def test_workflow_and_channel_are_those_of_the_request() -> None:
    facts = CustomerFacts(id=None, attributes={"workflow": "billing"}, provenance={"workflow": "request"})
    found = situation_values(facts, COMPANY, REGIONS, "refund", "voice")
    assert found == {"workflow": frozenset({"refund"}), "channel": frozenset({"voice"})}


def test_where_a_company_declares_no_plans_any_plan_is_taken() -> None:
    assert values({"plan": "gold"}, COMPANY.model_copy(update={"plans": ()})) == {"plan": {"gold"}}


@pytest.mark.parametrize(("name", "value"), [("region", "Atlantis"), ("plan", "gold"), ("product", "toaster"), ("products", "toaster")])
def test_an_undeclared_value_in_the_request_is_refused_with_those_there_are(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        values({name: value}, origin="request")
    assert caught.value.field == f"customer.attributes.{name}"
    assert "Send one of " in caught.value.remedy
