"""What is known of the customer, and from where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from context_service.errors import InvalidRequest, UnknownCustomer
from context_service.model.access import Principal
from context_service.model.context import CustomerFacts, CustomerRef
from context_service.model.document import Revision
from context_service.model.source import Company
from context_service.policy import Situation, admitted
from context_service.policy.applies import Regions
from context_service.records.protocol import RecordStore

TESTED = ("region", "plan", "product", "segment", "language")
"""Attributes of a customer that applicability can test."""

REQUEST = "request"
"""Provenance of a fact that the caller sent."""

PLURALS = {"products": "product"}
"""A fact that lists several values -> the attribute they are values of."""


@dataclass(frozen=True)
class Customer:
    """The customer of a request: the facts used, and the record they come from when there is one."""

    facts: CustomerFacts
    record: Revision | None


def read_customer(records: RecordStore, principal: Principal, ref: CustomerRef, situation: Situation, release: int) -> Customer:
    """Facts from the customer's own record, filled up by the request where the record says nothing.

    Raises UnknownCustomer when an id is given and no record of it may be read by this principal; whether one exists is not told.
    """
    own = _own_record(records, principal, ref.id, situation, release) if ref.id else None
    attributes: dict[str, JsonValue] = {}
    provenance: dict[str, str] = {}
    for facts, origin in _layers(own, ref):
        known = {PLURALS.get(name, name) for name in attributes}
        for name, value in facts.items():
            if PLURALS.get(name, name) not in known and _several(value):
                attributes[name] = value
                provenance[name] = origin
    return Customer(CustomerFacts(id=ref.id, attributes=attributes, provenance=provenance), own)


def situation_values(facts: CustomerFacts, company: Company, regions: Regions, workflow: str, channel: str) -> dict[str, frozenset[str]]:
    """What applicability is held against: attribute -> values it may have; an attribute nobody knows is missing.

    Values are compared without regard to case. One that the company has not declared tells nothing: the attribute stays unknown when a
    record says it. Raises InvalidRequest when the request says it.
    """
    declared = _declared(company)
    values = {"workflow": frozenset({workflow}), "channel": frozenset({channel})}
    for name, value in facts.attributes.items():
        attribute = PLURALS.get(name, name)
        if attribute not in TESTED:
            continue
        several = _known(declared.get(attribute), _several(value))
        if not several and facts.provenance.get(name) == REQUEST:
            raise _undeclared(name, attribute, declared.get(attribute, {}))
        if several:
            values[attribute] = values.get(attribute, frozenset()) | several
    if "region" in values:
        values["region"] = frozenset().union(*(regions.expand(region) for region in values["region"]))
    return values


def _declared(company: Company) -> dict[str, dict[str, str]]:
    """For each attribute whose values the company declares: folded value -> value as declared."""
    regions = {*company.regions, *(member for members in company.regions.values() for member in members)}
    words = {"region": regions, "plan": company.plans, "product": company.products}
    return {attribute: {word.casefold(): word for word in values} for attribute, values in words.items() if values}


def _known(declared: Mapping[str, str] | None, values: frozenset[str]) -> frozenset[str]:
    if declared is None:
        return values
    return frozenset(declared[value.casefold()] for value in values if value.casefold() in declared)


def _undeclared(name: str, attribute: str, declared: Mapping[str, str]) -> InvalidRequest:
    return InvalidRequest(
        f"The {attribute} of the customer is none that the company has declared.",
        remedy=f"Send one of {', '.join(sorted(declared.values()))}, or leave it out." if declared else "Send a value, or leave it out.",
        field=f"customer.attributes.{name}",
    )


def _own_record(records: RecordStore, principal: Principal, customer: str, situation: Situation, release: int) -> Revision:
    named = [one for one in records.customer_records(customer, release) if one.key.rpartition("/")[2] == customer]
    today = records.current_resources([one.document for one in named])
    for revision in named:
        rules = today.get(revision.document, ())
        if rules and admitted(principal, (revision.resource, *rules), situation):
            return revision
    raise UnknownCustomer(
        f"No customer `{customer}` is known to you.",
        remedy="Check the id and your grant, or leave the id out and send what you know as `attributes`.",
        field="customer.id",
    )


def _layers(own: Revision | None, ref: CustomerRef) -> Iterable[tuple[Mapping[str, JsonValue], str]]:
    if own:
        yield own.facts, own.ref
    yield ref.attributes, REQUEST


def _several(value: JsonValue) -> frozenset[str]:
    values = value if isinstance(value, list) else [value]
    return frozenset(text for one in values if one is not None and (text := str(one).strip()))
