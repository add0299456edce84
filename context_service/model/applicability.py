"""For whom and when a text holds."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from functools import lru_cache

from pydantic import Field, model_validator

from context_service.model.base import NameSet, Value, canonical_json, digest


class Applicability(Value):
    """Conditions a text holds under; an empty set sets no condition."""

    regions: NameSet = Field(frozenset(), description="Regions, by name or by a group from the company's taxonomy.")
    plans: NameSet = Field(frozenset(), description="Plans.")
    products: NameSet = Field(frozenset(), description="Products.")
    segments: NameSet = Field(frozenset(), description="Customer segments.")
    workflows: NameSet = Field(frozenset(), description="Workflows.")
    channels: NameSet = Field(frozenset(), description="Channels, such as chat or voice.")
    languages: NameSet = Field(frozenset(), description="Languages of the customer.")

    def conditions(self) -> dict[str, frozenset[str]]:
        """The conditions that are set, by the name of the attribute they test."""
        return {ATTRIBUTE[name]: values for name in ATTRIBUTE if (values := getattr(self, name))}


ATTRIBUTE = {
    "regions": "region",
    "plans": "plan",
    "products": "product",
    "segments": "segment",
    "workflows": "workflow",
    "channels": "channel",
    "languages": "language",
}
"""Field of Applicability -> attribute of the asking situation that it tests."""


class Window(Value):
    """Days on which a text holds, both ends included; an open end has no limit."""

    since: date | None = Field(None, alias="from", description="First day on which it holds.")
    until: date | None = Field(None, alias="to", description="Last day on which it holds.")

    model_config = {"populate_by_name": True, "serialize_by_alias": True}

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if self.since and self.until and self.until < self.since:
            raise ValueError("`to` lies before `from`")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether the text holds on `day`."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


class Status(StrEnum):
    """Editorial state at the source; only `current` text is ever served."""

    CURRENT = "current"
    DRAFT = "draft"
    WITHDRAWN = "withdrawn"


class Facet(Value):
    """What the index filters on besides access: applicability and status, shared by many chunks under one key."""

    applicability: Applicability = Applicability()
    status: Status = Status.CURRENT

    @property
    def key(self) -> str:
        """Stable name of this combination."""
        return _facet_key(self)


@lru_cache(maxsize=20_000)
def _facet_key(facet: Facet) -> str:
    return digest(canonical_json(facet), length=16)
