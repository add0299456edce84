"""What the live CRM providers share: a full listing now and then, in between only what changed, and never a secret in a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import Field, JsonValue, ValidationError

from context_service.errors import TerminalSourceError, TransientSourceError
from context_service.ingest.connector import Done, Event, Failed, Gone, Pull
from context_service.model.base import Value, canonical_json, digest
from ingestors.crm_record import Columns, Record, RecordShape, column, identity, record_event
from ingestors.http import NEXT_SYNC, Reply

BASE_URL = r"^https?://[^/?#@]+/?$"
OVERLAP = timedelta(minutes=5)
"""Read again before the last sync: clocks differ, transactions take time to commit, search indexes lag."""
FULL_EVERY = timedelta(days=7)
"""The providers forget deletions after 15 (Salesforce) and 90 days (HubSpot) and never report a record whose sharing was taken away."""


class LiveObject(Value):
    """How the records of one kind are found in a live CRM."""

    key: str | None = Field(None, description="Column of the id; left out, the CRM's own.", min_length=1)
    customer: str | None = Field(None, description="Column of the customer's id; left out, the record is the customer.", min_length=1)


class LiveOptions(Value):
    """What the `options` of all live providers have in common."""

    base_url: str = Field(description="Address of the CRM's API.", pattern=BASE_URL)
    objects: dict[str, LiveObject] = Field(description="Kinds of records to read.", min_length=1)
    fields: dict[str, dict[str, str]] = Field(description="For each kind of record, fact: column. Other columns are not asked for.")
    allow_private: bool = Field(False, description="Whether the host may be on a private network, and be spoken to without TLS.")


def live_shapes(options: LiveOptions, own_key: str, names: re.Pattern[str]) -> tuple[RecordShape, ...]:
    """The shapes of the kinds asked for. Raises TerminalSourceError for a kind without facts, and for whatever is no plain name:
    names are the only thing of the options that goes into a query."""
    if options.base_url.startswith("http:") and not options.allow_private:
        raise TerminalSourceError("`options.base_url` would send secrets without TLS.", remedy="Write an https address.")
    shapes = tuple(_shape(name, kind, options, own_key) for name, kind in options.objects.items())
    for name in (name for shape in shapes for name in (shape.object, *columns_of(shape))):
        if not names.fullmatch(name):
            raise TerminalSourceError(f"{name!r} is no name of an object or a field.", remedy="Write the name that the API uses.")
    return shapes


def _shape(name: str, kind: LiveObject, options: LiveOptions, own_key: str) -> RecordShape:
    facts = options.fields.get(name)
    if not facts:
        raise TerminalSourceError(f"`options.fields` names no columns for {name}.", remedy=f"Add `{name}: {{fact: column}}`.")
    return RecordShape(object=name, key=kind.key or own_key, customer=kind.customer, facts=facts)


def columns_of(shape: RecordShape) -> list[str]:
    """Every column that a shape reads, each once."""
    return list(dict.fromkeys([shape.key, *([shape.customer] if shape.customer else []), *shape.facts.values()]))


class TooOldError(Exception):
    """The provider can no longer tell what changed or was deleted since then; only a full listing can."""


class Provider(Protocol):
    """One CRM's way of listing records; records are columns by name."""

    def begin(self) -> datetime | None:
        """Sign in; the server's present time where it tells."""
        ...

    def everything(self, shape: RecordShape) -> Iterator[Columns]:
        """All records of a kind."""
        ...

    def changed(self, shape: RecordShape, since: datetime) -> Iterator[Columns]:
        """The records changed since then; may raise TooOldError at any point."""
        ...

    def deleted(self, shape: RecordShape, since: datetime, until: datetime) -> list[str]:
        """The ids deleted between the two moments, maybe more; may raise TooOldError."""
        ...

    def url(self, shape: RecordShape, record: str) -> str:
        """The address of a record."""
        ...


class Cursor(Value):
    """Where a sync left off: the moment of the last sync and of the last full one, and the shapes they were made with."""

    shapes: str
    since: datetime
    full: datetime

    @classmethod
    def read(cls, pull: Pull, shapes: str) -> Cursor | None:
        """The cursor of the pull; None when it is missing, of other shapes, or a full listing is due."""
        try:
            cursor = cls.model_validate_json(pull.cursor or "")
        except ValidationError:
            return None
        due = cursor.shapes != shapes or pull.now - cursor.full > FULL_EVERY or not pull.known
        return None if due else cursor


class LiveSync:
    """One sync with a live CRM."""

    def __init__(self, pull: Pull, shapes: tuple[RecordShape, ...], provider: Provider) -> None:
        self._pull = pull
        self._shapes = shapes
        self._provider = provider
        self._settled: set[str] = set()

    def events(self) -> Iterator[Event]:
        """What changed, or everything when that cannot be told; Done last."""
        now = self._provider.begin() or self._pull.now
        mark = digest(canonical_json([shape.model_dump() for shape in self._shapes]))
        cursor = Cursor.read(self._pull, mark)
        if cursor:
            try:
                yield from self._changes(cursor.since - OVERLAP, now)
            except TooOldError:
                cursor = None
        if cursor is None:
            yield from self._everything()
        left_off = Cursor(shapes=mark, since=now, full=cursor.full if cursor else now)
        yield Done(cursor=left_off.model_dump_json(), complete=cursor is None)

    def _changes(self, since: datetime, now: datetime) -> Iterator[Event]:
        for shape in self._shapes:
            gone = self._provider.deleted(shape, since, now)
            for columns in self._provider.changed(shape, since):
                yield from self._event(shape, columns)
            for key in (f"{shape.object}/{record}" for record in gone):
                if key in self._pull.known and key not in self._settled:
                    self._settled.add(key)
                    yield Gone(key)

    def _everything(self) -> Iterator[Event]:
        for shape in self._shapes:
            for columns in self._provider.everything(shape):
                yield from self._event(shape, columns)

    def _event(self, shape: RecordShape, columns: Columns) -> Iterator[Event]:
        own = identity(column(columns, shape.key))
        key = f"{shape.object}/{own}"
        if key in self._settled:
            return
        self._settled.add(key)
        customer = identity(column(columns, shape.customer)) if shape.customer else own
        if not own:
            yield Failed(f"{shape.object}/?", f"A record has no id in {shape.key}.", transient=False)
        elif not customer:
            # Without a customer the record would be readable on behalf of every customer.
            yield Failed(key, f"It has no customer in {shape.customer}, so nobody may read it.", transient=False)
        else:
            yield record_event(self._pull, Record(shape, own, customer, columns, self._provider.url(shape, own)))


def secret(environ: Mapping[str, str], name: str) -> str:
    """A secret from the environment. Raises TerminalSourceError naming the variable when it is not set."""
    value = environ.get(name, "")
    if not value:
        raise TerminalSourceError(f"The environment variable {name} is not set.", remedy=f"Put the CRM's secret into {name}.")
    return value


def json_object(reply: Reply) -> dict[str, JsonValue]:
    """The JSON object a reply holds. Raises TransientSourceError when it holds something else, such as a maintenance page."""
    try:
        found = json.loads(reply.body, parse_constant=lambda _name: None)
    except (ValueError, RecursionError) as error:
        raise _no_object(reply) from error
    if not isinstance(found, dict):
        raise _no_object(reply)
    return found


def _no_object(reply: Reply) -> TransientSourceError:
    return TransientSourceError(
        f"{reply.url.partition('?')[0]} answered {reply.status} with something that is no JSON object.", remedy=NEXT_SYNC
    )
