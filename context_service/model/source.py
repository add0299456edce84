"""Declarations of the company and its sources, as people write them in YAML."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, PlainSerializer, WithJsonSchema

from context_service.model.access import Access
from context_service.model.applicability import Applicability, Status, Window
from context_service.model.base import Value
from context_service.model.gate import Thresholds

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d{1,6})([smhdw])", value) if isinstance(value, str) else None
    if not found:
        raise ValueError("write a duration as a number and a unit out of s, m, h, d, w, such as `6h` or `30d`")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _spell(value: timedelta) -> str:
    """In the largest unit that it is a whole number of, so that it can be read back."""
    unit = next(unit for unit in reversed(UNITS) if value % timedelta(**{UNITS[unit]: 1}) == timedelta(0))
    return f"{value // timedelta(**{UNITS[unit]: 1})}{unit}"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(_spell, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}[smhdw]$"}),
]
"""A length of time written as `90s`, `15m`, `6h`, `30d`, `2w`."""

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
"""Lower-case letters, digits and hyphens, beginning with a letter."""


class Webhook(Value):
    """An address that is told of events, each signed with a secret that both sides know."""

    url: str = Field(pattern=r"^https?://", description="Where events are sent by POST.")
    secret_env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$", description="Environment variable that holds the secret.")
    teams: tuple[str, ...] = Field((), description="Teams and people that hear through it.")
    allow_private: bool = Field(False, description="Whether the address may be on a private network.")


class Company(Value):
    """`context.yaml`: the words that all declarations share, and where they stand."""

    name: str = Field(description="The company's name.")
    authority: dict[str, int] = Field(description="Authority tiers and their rank; the higher rank wins.", min_length=1)
    regions: dict[str, tuple[str, ...]] = Field({}, description="Region groups and the regions in them; groups may nest.")
    aliases: dict[str, tuple[str, ...]] = Field({}, description="Other words for a region, plan or product.")
    glossary: dict[str, tuple[str, ...]] = Field(
        {}, description="What customers say, and what the texts say for it; a question is searched in both."
    )
    plans: tuple[str, ...] = Field((), description="Plans that exist.")
    products: tuple[str, ...] = Field((), description="Products that exist.")
    audiences: tuple[str, ...] = Field(description="Groups that access rules may name.")
    webhooks: dict[Identifier, Webhook] = Field({}, description="Addresses that hear of breaches, by name.")
    sources: tuple[str, ...] = Field(("**/source.yaml",), description="Globs of source declarations, from this file's folder.")
    workflows: tuple[str, ...] = Field(("workflows/*.yaml",), description="Globs of workflow declarations.")
    golden: tuple[str, ...] = Field(("golden/*.yaml",), description="Globs of golden questions.")
    gates: Thresholds = Field(Thresholds(), description="What a draft has to pass before it publishes itself.")


Treatment = Literal["serve", "mark", "demote", "withhold"]
"""What happens to text of some age, from the mildest on: nothing, a mark, a mark and a place after fresher text, no telling at all."""


class Promise(Value):
    """A source's promise of freshness, what happens to text that breaks it, and who is told."""

    every: Duration = Field(timedelta(hours=24), description="How often the source is synced.")
    cron: str | None = Field(
        None, description="When the source is synced, instead of `every`: minute, hour, day, month, weekday.", examples=["0 3 * * *"]
    )
    time_zone: str = Field("UTC", description="Time zone of `cron`, such as `Europe/Berlin`.")
    jitter: Duration | None = Field(
        None, description="A sync starts up to this much late; left out, a twentieth of `every`, and nothing with `cron`."
    )
    due: Duration = Field(timedelta(days=2), description="Age of the last successful check from which text is due.")
    stale: Duration = Field(timedelta(days=14), description="Age from which text is stale.")
    expired: Duration = Field(timedelta(days=60), description="Age from which text has expired.")
    review_within: Duration | None = Field(
        None, description="Age of the owner's last review from which text is stale; twice that, expired."
    )
    when_due: Treatment = Field("serve", description="What happens to text that is due.")
    when_stale: Treatment = Field("mark", description="What happens to text that is stale.")
    when_expired: Treatment = Field("mark", description="What happens to text that has expired.")
    notify: tuple[str, ...] = Field((), description="Who is told of a breach: webhooks and teams; left out, the owner.")
    alarm_after: int = Field(3, ge=1, le=1000, description="Failed syncs in a row after which the source counts as failing.")


class Overrides(Value):
    """What may be said of one document instead of its source's defaults; also the front matter of a Markdown or HTML file."""

    title: str | None = Field(None, description="What people call the document.")
    owner: str | None = Field(None, description="Team or person that answers for it.")
    authority: str | None = Field(None, description="Authority tier.")
    access: Access | None = Field(None, description="Who may read it.")
    applicability: Applicability | None = Field(None, description="For whom it holds.")
    effective: Window | None = Field(None, description="When it holds.")
    status: Status | None = Field(None, description="Editorial state.")
    supersedes: tuple[str, ...] | None = Field(None, description="Documents it replaces: a key of this source, or `source:key`.")
    language: str | None = Field(None, description="Language of the text.")
    reviewed: date | None = Field(None, description="Day on which the owner last confirmed the text.")
    modified: date | datetime | None = Field(None, description="Last change; stands above the date that the source itself gives.")


class Rule(Overrides):
    """Exceptions for the items whose key matches; a later rule wins over an earlier one, a document's front matter over every rule."""

    match: str = Field(description="Pattern on the item's key, with * and ?.")


class Source(Value):
    """`source.yaml`: one system that content comes from, and the rules its items start with."""

    id: Identifier = Field(description="Name of the source, unique in the company.")
    kind: str = Field(description="Kind of connector, by its entry point: docs, pdf, crm, website or an installed one.")
    title: str = Field(description="What people call it.")
    owner: str = Field(description="Team or person that answers for it.")
    authority: str = Field(description="Authority tier of its texts.")
    access: Access | None = Field(None, description="Who may read its texts; left out, nobody but the owner.")
    applicability: Applicability = Field(Applicability(), description="For whom its texts hold.")
    language: str = Field("en", description="Language of its texts.")
    freshness: Promise = Field(Promise(), description="Its promise of freshness.")
    trusted: bool = Field(True, description="Whether its syncs publish themselves once the gates pass; else each waits for an approver.")
    location: str = Field(".", description="Folder of the files, from the declaration's folder (kinds that read files).")
    options: dict[str, JsonValue] = Field({}, description="Settings of the connector; see the connector's documentation.")
    rules: tuple[Rule, ...] = Field((), description="Exceptions by item.")
