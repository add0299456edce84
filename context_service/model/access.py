"""Who may read what: classification, access rules, grants, principals, scope."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from pydantic import Field

from context_service.model.base import Names, NameSet, Value, canonical_json, digest


class Classification(StrEnum):
    """How sensitive a text is, from `public` up to `restricted`."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"

    @property
    def level(self) -> int:
        """Position in the order; a ceiling admits its own level and everything below."""
        return LEVELS[self]


LEVELS = {classification: level for level, classification in enumerate(Classification)}


class Access(Value):
    """Who may read a text. An empty audience admits nobody; an empty workflow set admits every workflow."""

    classification: Classification = Field(description="How sensitive the text is.")
    audiences: NameSet = Field(frozenset(), description="Groups that may read it; empty means nobody but the owner.")
    workflows: NameSet = Field(frozenset(), description="Workflows it is limited to; empty means any.")
    customer: str | None = Field(None, description="Id of the one customer whose data this is.")


class Resource(Value):
    """What an access decision is about: an item's source, owner and access rule (None: no rule was ever set)."""

    source: str
    owner: str
    access: Access | None

    @property
    def rule(self) -> Resource:
        """The same resource without its customer: the rule that many customers' records share."""
        if self.access is None or self.access.customer is None:
            return self
        return self.model_copy(update={"access": self.access.model_copy(update={"customer": BOUND})})

    @property
    def label(self) -> str:
        """The name under which the index files it; `rule@customer` for one customer's own data."""
        base = _rule_name(self.rule)
        return f"{base}@{self.access.customer}" if self.access and self.access.customer else base


@lru_cache(maxsize=20_000)
def _rule_name(rule: Resource) -> str:
    return digest(canonical_json(rule), length=16)


BOUND = "<customer>"
"""Stands for "some one customer" in a rule that customer records share."""


class Grant(Value):
    """What a principal may do and read. Every part has to admit a request; nothing is implied."""

    workflows: Names = Field(frozenset(), description="Workflows it may ask in.")
    sources: Names = Field(frozenset(), description="Sources it may read.")
    audiences: NameSet = Field(frozenset(), description="Groups it belongs to.")
    ceiling: Classification = Field(Classification.PUBLIC, description="Highest classification it may read.")
    customers: Names = Field(frozenset(), description="Customers whose own data it may read.")
    expires_at: datetime | None = Field(None, description="Moment after which it admits nothing.")


class PrincipalKind(StrEnum):
    """An agent runtime, or a person."""

    AGENT = "agent"
    PERSON = "person"


class Principal(Value):
    """Who asks. `teams` are the owner names a person answers for; `operator` may run the service."""

    id: str
    kind: PrincipalKind
    version: str | None = None
    commissioned_by: str | None = None
    teams: NameSet = frozenset()
    operator: bool = False
    grant: Grant = Grant()


class Scope(Value):
    """The access labels one request may read, made by policy alone; an empty scope reads nothing."""

    principal: str
    labels: NameSet
